"""One benchmark from file to results: choose, plan, run each workload on a cluster of its own.

Always true: all workloads are planned before the first one runs; a cluster is closed however its run ends.
Not here: how results are shown (see `results`, `report`).
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pyk8s import core
from pyk8s.api.clock import Clock, rfc3339
from pyk8s.api.identity import Identity
from pyk8s.api.tables import scheme_tables
from pyk8s.core.scheduler_interface import SchedulerEngine
from pyk8s.errors import DecodeError
from pyk8s.simulate.bench import memory
from pyk8s.simulate.bench.agreement import Agreement, compare
from pyk8s.simulate.bench.format import choose, load
from pyk8s.simulate.bench.in_process import InProcessCluster
from pyk8s.simulate.bench.ledger import Ledger
from pyk8s.simulate.bench.objects import NameSource
from pyk8s.simulate.bench.plan import Plan, Planner
from pyk8s.simulate.bench.problems import InvalidBenchmark
from pyk8s.simulate.bench.progress import Progress
from pyk8s.simulate.bench.results import WorkloadResult
from pyk8s.simulate.bench.runner import Runner

Compile = Callable[[Path | None, dict[str, bool]], bytes]
"""Compiles a KubeSchedulerConfiguration file (None: the defaults) with feature gates. Raises ValueError."""


@dataclass(frozen=True, slots=True)
class Options:
    """How workloads are run; ``sample_count`` pods are checked against the exhaustive loop."""

    seed: int = 0
    sample_count: int = 100
    is_placement_wanted: bool = False
    mode: str = "in-process"
    kubeconfig: Path | None = None
    """For the mode http: an empty cluster to use; None: one is started and ended."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A plan, and the scheduler's configuration for it."""

    plan: Plan
    config: bytes


def prepare(
    file: Path, compile_config: Compile, *, case: str = "", workload: str = "", labels: Sequence[str] = ()
) -> list[Ready]:
    """Everything that can be wrong is told here. Raises InvalidBenchmark, UnsupportedBenchmark, OSError."""
    planner = Planner(core.Scheme(scheme_tables()))
    chosen = choose(file, load(file), case=case, workload=workload, labels=labels)
    plans = [planner.plan(one) for one in chosen]
    return [Ready(plan, _compiled(plan, compile_config)) for plan in plans]


def _compiled(plan: Plan, compile_config: Compile) -> bytes:
    try:
        return compile_config(plan.scheduler_config, plan.chosen.feature_gates)
    except (ValueError, DecodeError, OSError) as error:
        field = "schedulerConfigPath" if plan.scheduler_config else "featureGates"
        path = f"[{plan.chosen.case_index}].{field}"
        raise InvalidBenchmark(str(plan.chosen.file), [f"{path}: {error}"]) from error


async def measure(ready: Ready, *, clock: Clock, options: Options, progress: Progress) -> WorkloadResult:
    """Run one workload in process. Raises WorkloadFailed, InvalidBenchmark."""

    def make_engine(*, is_indexed: bool) -> SchedulerEngine:
        made: SchedulerEngine = core.SchedulerEngine(config=ready.config, seed=options.seed, is_indexed=is_indexed)
        return made

    memory.forget_peak()
    ledger = Ledger()
    cluster = InProcessCluster(clock, ledger, make_engine)
    names = NameSource(Identity(options.seed).uid, rfc3339(clock.now_s()))
    runner = Runner(ready.plan, cluster, ledger, names, progress)
    try:
        with _without_collector():
            await runner.run(clock)
            peak_memory_bytes = memory.peak_bytes()
        agreement: Agreement | None = None
        keys = runner.sampled_keys[: options.sample_count]
        if keys:
            progress.start(f"{ready.plan.chosen.name}: agreement with the exhaustive loop", len(keys))
            agreement = compare(cluster.store, cluster.marked_revision, keys, make_engine, clock)
        placements = await cluster.placements() if options.is_placement_wanted else {}
    finally:
        await cluster.close()
    chosen = ready.plan.chosen
    return WorkloadResult(
        name=chosen.name,
        mode="in-process",
        measured=runner.measured,
        selector=chosen.selector,
        threshold=chosen.workload.threshold_value,
        peak_memory_bytes=peak_memory_bytes,
        node_count=runner.node_count,
        event_count=cluster.event_count,
        agreement=agreement,
        placements=placements,
    )


@contextmanager
def _without_collector() -> Iterator[None]:
    """Python's cycle collector off: it would walk the benchmark's millions of objects again and again."""
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
