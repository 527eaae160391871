"""A scenario: a cluster, what runs on it, what happens to it over time, the schedulers to compare, what must hold.

Always true: a `Scenario` that was made is consistent in itself; the files that it names are checked when they are read
(see `scenario_file`).
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, WithJsonSchema, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from pyk8s.simulate.duration import Duration, parse_duration
from pyk8s.simulate.model import Amounts, Json, Model, Name
from pyk8s.simulate.scenario_cluster import Cluster, NodeEvent, NodeFailures
from pyk8s.simulate.scenario_workload import Trace, Workload

WORKLOADS_MAX = 10_000
EVENTS_MAX = 100_000
SCHEDULERS_MAX = 20


class SchedulerChoice(Model):
    """A scheduler to run the scenario with: a ready-made profile, or a KubeSchedulerConfiguration file."""

    name: Name
    config: Annotated[str, Field(description="a KubeSchedulerConfiguration file; default: the profile so named")] = ""

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [{"type": "string"}, handler(schema)]}


def _by_name(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


Bound = Annotated[
    float,
    BeforeValidator(lambda value: parse_duration(value) if isinstance(value, str) else value),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}]}),
]
"""A number; of metrics in seconds also a duration."""


class Assertion(Model):
    """What must hold of a result; see docs/simulate.md for the metrics."""

    metric: Annotated[str, Field(description="such as pending.end, wait_s.p99, utilization.cpu.mean")]
    equals: Bound | None = None
    at_most: Bound | None = None
    at_least: Bound | None = None
    schedulers: Annotated[list[str], Field(description="default: all")] = Field(default=[])

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.equals is None and self.at_most is None and self.at_least is None:
            raise ValueError("nothing is asked of the metric; allowed: equals, atMost, atLeast")
        return self


class Scenario(Model):
    name: Name = "scenario"
    description: str = ""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    start: Annotated[str, Field(description="the moment 0, RFC 3339")] = "2026-01-01T00:00:00Z"
    duration: Annotated[Duration | None, Field(description="default: until nothing happens any more")] = None
    sample: Annotated[Duration | None, Field(description="between two points of the curves")] = None
    probe: Annotated[
        Amounts,
        Field(description="the pod whose room measures fragmentation; default: the largest one"),
    ] = Field(default={})
    evict_after: Annotated[
        Duration,
        Field(description="from a node's failure until its pods come again: 40s grace, 300s toleration"),
    ] = 340.0
    cluster: Cluster
    workloads: Annotated[list[Workload], Field(max_length=WORKLOADS_MAX)] = Field(default=[])
    traces: list[Trace] = Field(default=[])
    events: Annotated[list[NodeEvent], Field(max_length=EVENTS_MAX)] = Field(default=[])
    failures: list[NodeFailures] = Field(default=[])
    feature_gates: dict[str, bool] = Field(default={}, description="of the schedulers, such as GangScheduling")
    schedulers: Annotated[
        list[Annotated[SchedulerChoice, BeforeValidator(_by_name)]], Field(min_length=1, max_length=SCHEDULERS_MAX)
    ] = Field(default=[SchedulerChoice(name="spread")])
    assertions: list[Assertion] = Field(default=[])

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _unique("workloads", [f"{workload.namespace}/{workload.name}" for workload in self.workloads])
        _unique("schedulers", [scheduler.name for scheduler in self.schedulers])
        if self.duration is None and (endless := self._endless()):
            raise ValueError(f"duration is missing, and {endless} would go on for ever; allowed: a duration such as 7d")
        if self.duration == 0:
            raise ValueError("duration is 0; allowed: more than that")
        return self

    def _endless(self) -> str:
        if self.failures:
            return "failures"
        for index, event in enumerate(self.events):
            if event.every is not None:
                return f"events[{index}]"
        for index, workload in enumerate(self.workloads):
            if workload.arrivals and workload.arrivals.count is None and workload.arrivals.until is None:
                return f"workloads[{index}].arrivals"
        return ""


def _unique(what: str, names: list[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{what}: {name!r} is given twice; allowed: every name once")
        seen.add(name)


def schema() -> Json:
    """The JSON Schema of a scenario file."""
    made = Scenario.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": "A scenario of pyk8s simulate"}
