"""The part of a scenario that says what runs: services, jobs that arrive over time, traces.

Always true: a workload is either a service (replicas that run until the end, and can be scaled) or jobs (they have a
duration, and may arrive again and again).
Not here: the pods themselves (see `pod_shape`), when they come (see `arrivals`).
"""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from pyk8s.simulate.distribution import Amount, Distribution
from pyk8s.simulate.duration import UNITS_S, Duration
from pyk8s.simulate.model import Amounts, Json, Model, Name

REPLICAS_MAX = 1_000_000
RATE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:/|per )\s*(\d*(?:\.\d+)?)(s|m|h|d|w)")


def _rate(value: object) -> float:
    """Arrivals a second."""
    found = RATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"{value!r} is no rate; allowed: text such as 30/h, 0.5/s, 100/d")
    count, period_s = float(found[1]), float(found[2] or 1) * UNITS_S[found[3]]
    if count <= 0 or period_s <= 0:
        raise ValueError(f"{value!r} is no rate; allowed: more than nothing, such as 30/h")
    return count / period_s


Rate = Annotated[
    float,
    BeforeValidator(_rate),
    WithJsonSchema({"type": "string", "pattern": RATE.pattern, "description": "arrivals a time: 30/h, 0.5/s"}),
]


class Arrivals(Model):
    """When jobs arrive: evenly (``every`` or ``rate``), or at random (``poisson``); exactly one of them."""

    every: Duration | None = None
    rate: Rate | None = None
    poisson: Rate | None = None
    count: Annotated[int | None, Field(ge=1, description="so many arrivals at most")] = None
    until: Annotated[Duration | None, Field(description="none after this moment; default: to the end")] = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = [way for way in ("every", "rate", "poisson") if getattr(self, way) is not None]
        if len(given) != 1:
            raise ValueError(f"{', '.join(given) or 'nothing'} is given; allowed: exactly one of every, rate, poisson")
        if self.every == 0:
            raise ValueError("every is 0; allowed: more than that")
        return self


class Scale(Model):
    at: Duration
    replicas: Annotated[int, Field(ge=0, le=REPLICAS_MAX)]


class Workload(Model):
    """Pods of one kind. ``template`` is a whole PodTemplateSpec; ``requests`` and the next ones are the short form."""

    name: Name
    namespace: Name = "default"
    template: Annotated[Json | None, Field(description="a PodTemplateSpec: metadata and spec")] = None
    requests: Amounts = Field(default={})
    labels: dict[str, str] = Field(default={})
    node_selector: dict[str, str] = Field(default={})
    priority: Annotated[int | None, Field(ge=-(2**31), le=2_000_001_000)] = None
    priority_class_name: str = ""
    scheduler_name: str = ""
    at: Annotated[Duration, Field(description="when it starts")] = 0.0
    replicas: Annotated[Amount, Field(description="pods; of jobs: pods of each arrival")] = Distribution(fixed=1)
    arrivals: Annotated[Arrivals | None, Field(description="jobs come again and again; default: once")] = None
    duration: Annotated[Amount | None, Field(description="how long a pod runs; default: until the end")] = None
    scale: list[Scale] = Field(default=[])
    startup: Annotated[Duration, Field(description="from the binding until it runs")] = 0.0
    termination: Annotated[Duration, Field(description="how long a pod takes to end that was asked to")] = 2.0
    is_resubmitted: Annotated[
        bool, Field(alias="resubmit", description="pods lost to a node or to preemption come again")
    ] = True
    keeps_progress: Annotated[bool, Field(description="a job that comes again goes on where it was")] = False
    is_gang: Annotated[
        bool, Field(alias="gang", description="the pods of one arrival start together or not at all (GangScheduling)")
    ] = False

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        short = [name for name in ("requests", "labels", "node_selector") if getattr(self, name)]
        if self.template is not None and short:
            raise ValueError(f"{', '.join(short)} stand beside template; allowed: either template, or the short form")
        if self.priority is not None and self.priority_class_name:
            raise ValueError("priority stands beside priorityClassName; allowed: one of them")
        if self.arrivals is not None and self.duration is None:
            raise ValueError(
                "arrivals without duration: they would pile up for ever; allowed: arrivals with a duration"
            )
        if self.scale and self.duration is not None:
            raise ValueError("scale stands beside duration; allowed: scale of services, which have no duration")
        return self

    @property
    def is_service(self) -> bool:
        return self.duration is None


class Trace(Model):
    """Jobs or node events from a CSV file; the headers are in docs/simulate.md."""

    jobs: Annotated[str, Field(description="CSV: at, duration, cpu, memory, …")] = ""
    nodes: Annotated[str, Field(description="CSV: at, event, node, for")] = ""
    is_resubmitted: Annotated[bool, Field(alias="resubmit")] = True
    keeps_progress: bool = False

    @model_validator(mode="after")
    def _one_file(self) -> Self:
        if bool(self.jobs) == bool(self.nodes):
            raise ValueError("allowed: exactly one of jobs, nodes")
        return self
