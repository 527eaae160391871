"""Workloads ready to run: what their pods look like, and when how many of them come.

Always true: `batches` gives the same every time it is asked, whatever the scheduler does; they come in order of time.
Not here: reading them (see `scenario_file`, `manifests`, `trace`), running them (see `simulation`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pyk8s.simulate.distribution import Distribution, Draws, exponential, stream
from pyk8s.simulate.pod_shape import PodShape
from pyk8s.simulate.scenario_workload import REPLICAS_MAX, Arrivals, Scale

Json = dict[str, Any]
Kind = Literal["service", "jobs", "daemon", "existing"]

ARRIVALS_MAX = 10_000_000
"""Arrivals of one workload: as many pods as a simulation of an hour's work can take."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Pods that come at one moment; a duration of None: until the end."""

    at_s: float
    shape: PodShape
    durations: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class WorkloadPlan:
    """One workload.

    ``kind``: service (replicas kept until the end), jobs (they end on their own), daemon (one pod a node), existing
    (pods that are there from the start). ``jobs``: the batches of a trace; else they follow from the other fields.
    ``owner``: the object that owns the pods, as the engine is told of it; ``daemon``: a DaemonSet's pod spec;
    ``claims``: a StatefulSet's claims, OWN_NAME in their names.
    """

    namespace: str
    name: str
    kind: Kind
    shape: PodShape
    replicas: Distribution = field(default_factory=lambda: Distribution(fixed=1))
    at_s: float = 0.0
    arrivals: Arrivals | None = None
    duration: Distribution | None = None
    scale: tuple[Scale, ...] = ()
    startup_s: float = 0.0
    termination_s: float = 2.0
    is_resubmitted: bool = True
    keeps_progress: bool = False
    is_gang: bool = False
    jobs: tuple[Batch, ...] = ()
    owner: Json | None = None
    daemon: Json | None = None
    claims: tuple[Json, ...] = ()

    @property
    def has_ordinals(self) -> bool:
        """Its pods are numbered from 0, and one that is lost comes again under its name."""
        return self.owner is not None and self.owner.get("kind") == "StatefulSet"

    @property
    def key(self) -> str:
        return self.name if self.namespace == "default" else f"{self.namespace}/{self.name}"

    def shapes(self) -> list[PodShape]:
        """The different shapes of its pods."""
        if not self.jobs:
            return [self.shape]
        return list({id(batch.shape): batch.shape for batch in self.jobs}.values())

    def batches(self, seed: int, end_s: float) -> Iterator[Batch]:
        if self.jobs or self.kind in ("daemon", "existing"):
            yield from self.jobs
            return
        counts, durations = stream(seed, "replicas", self.key), stream(seed, "duration", self.key)
        for at_s in self._moments(seed, end_s):
            count = min(round(self.replicas.draw(counts)), REPLICAS_MAX)
            drawn = [self.duration.draw(durations) if self.duration else None for _ in range(count)]
            yield Batch(at_s, self.shape, drawn)

    def _moments(self, seed: int, end_s: float) -> Iterator[float]:
        if self.arrivals is None:
            yield self.at_s
            return
        arrivals, draws = self.arrivals, stream(seed, "arrivals", self.key)
        until_s = end_s if arrivals.until is None else min(end_s, arrivals.until)
        at_s = self.at_s + (exponential(draws, 1 / arrivals.poisson) if arrivals.poisson else 0.0)
        for _ in range(min(arrivals.count or ARRIVALS_MAX, ARRIVALS_MAX)):
            if at_s > until_s:
                return
            yield at_s
            at_s += _gap_s(arrivals, draws)


def _gap_s(arrivals: Arrivals, draws: Draws) -> float:
    if arrivals.poisson:
        return exponential(draws, 1 / arrivals.poisson)
    if arrivals.rate:
        return 1 / arrivals.rate
    assert arrivals.every, "one way is always given, and is more than nothing"
    return arrivals.every
