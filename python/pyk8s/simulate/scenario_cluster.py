"""The part of a scenario that says what the cluster is (pools, manifests, an export), and what happens to its nodes.

Always true: names of pools are unique, and everything that names a pool names one that exists (see `scenario`).
Not here: reading the files that are named (see `manifests`), the nodes themselves (see `nodes`).
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pyk8s.simulate.distribution import Amount
from pyk8s.simulate.duration import Duration
from pyk8s.simulate.model import Amounts, Model, Name

NODES_MAX = 1_000_000
"""Nodes of a scenario: what the engine is made for."""
POOLS_MAX = 1_000


class Taint(Model):
    key: str
    value: str = ""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] = "NoSchedule"


class Pool(Model):
    """Equal nodes, named POOL-1, POOL-2, …; zones are dealt out in turn."""

    name: Name
    count: Annotated[int, Field(ge=0, le=NODES_MAX)]
    allocatable: Annotated[Amounts, Field(description="cpu, memory and others; pods is 110 unless given")]
    labels: dict[str, str] = Field(default={})
    taints: list[Taint] = Field(default=[])
    zones: list[Name] = Field(default=[], description="values of topology.kubernetes.io/zone, dealt out in turn")
    region: str = ""


class Cluster(Model):
    pools: Annotated[list[Pool], Field(max_length=POOLS_MAX)] = Field(default=[])
    manifests: Annotated[
        list[str],
        Field(
            description="YAML files, relative to the scenario: nodes, workloads, services, budgets, priority classes"
        ),
    ] = Field(default=[])
    export: Annotated[
        str,
        Field(description="what `kubectl get nodes,pods,… -A -o yaml` wrote; all starts as it is there"),
    ] = ""
    priority_classes: dict[str, Annotated[int, Field(ge=-(2**31), le=1_000_000_000)]] = Field(default={})

    @model_validator(mode="after")
    def _names_unique(self) -> Self:
        names = [pool.name for pool in self.pools]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"pool {name!r} is given twice; allowed: every name once")
        return self


class NodeChoice(Model):
    """Which nodes an event concerns: by name, or ``count`` of those of a pool or zone, chosen at random."""

    names: list[str] = Field(default=[])
    pool: str = ""
    zone: str = ""
    count: Annotated[int | None, Field(ge=1, description="default: all of them")] = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.names and (self.pool or self.zone or self.count):
            raise ValueError("names stand beside pool, zone or count; allowed: either names, or the others")
        if not (self.names or self.pool or self.zone or self.count):
            raise ValueError("no node is chosen; allowed: names, pool, zone, count")
        return self


class NodeAddition(Model):
    pool: str
    count: Annotated[int, Field(ge=1, le=NODES_MAX)]


ACTIONS = ("fail_nodes", "drain_nodes", "cordon_nodes", "remove_nodes", "add_nodes")


class NodeEvent(Model):
    """Something that happens to nodes at a moment; exactly one action."""

    at: Duration
    fail_nodes: Annotated[NodeChoice | None, Field(description="they stop answering; their pods are lost")] = None
    drain_nodes: Annotated[NodeChoice | None, Field(description="cordoned, and their pods evicted")] = None
    cordon_nodes: Annotated[NodeChoice | None, Field(description="no new pods")] = None
    remove_nodes: Annotated[NodeChoice | None, Field(description="gone for good, with their pods")] = None
    add_nodes: Annotated[NodeAddition | None, Field(description="more nodes of a pool")] = None
    for_: Annotated[
        Duration | None, Field(alias="for", description="how long a failure, drain or cordon lasts; default: for good")
    ] = None
    every: Annotated[Duration | None, Field(description="again and again after so long")] = None

    @model_validator(mode="after")
    def _one_action(self) -> Self:
        given = [action for action in ACTIONS if getattr(self, action) is not None]
        if len(given) != 1:
            raise ValueError(
                f"{len(given)} actions are given; allowed: exactly one of "
                "failNodes, drainNodes, cordonNodes, removeNodes, addNodes"
            )
        if self.for_ is not None and given[0] in ("remove_nodes", "add_nodes"):
            raise ValueError(
                "for stands beside removeNodes or addNodes; allowed: with failNodes, drainNodes, cordonNodes"
            )
        if self.every == 0:
            raise ValueError("every is 0; allowed: more than that")
        return self


class NodeFailures(Model):
    """Random failures: every node of the pool fails on its own, after an exponential time with this mean."""

    pool: Annotated[str, Field(description='"" for every pool')] = ""
    mean_time_between: Duration
    repair: Amount

    @model_validator(mode="after")
    def _not_at_once(self) -> Self:
        if self.mean_time_between < 1:
            raise ValueError("meanTimeBetween is below a second; allowed: 1s and more")
        return self
