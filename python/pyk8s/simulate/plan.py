"""A scenario with everything read that it names: what a simulation starts from.

Always true: a plan was checked whole; running it meets no bad input any more. Made once, run with every scheduler.
Not here: the scenario's own fields (see `scenario`), making plans (see `plan_builder`), running (see `simulation`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pyk8s.simulate.nodes import NodePool, NodeShape
from pyk8s.simulate.pod_shape import PodShape
from pyk8s.simulate.scenario import Scenario
from pyk8s.simulate.scenario_cluster import NodeEvent, Pool
from pyk8s.simulate.workload import WorkloadPlan

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class InitialPod:
    """A pod that is there from the start: on a node, or waiting ("")."""

    name: str
    shape: PodShape
    workload: WorkloadPlan
    node_name: str


@dataclass(slots=True)
class Plan:
    """``nodes``: (name, shape, is_cordoned) of single nodes; ``objects``: (kind, JSON) for the engine as they are."""

    scenario: Scenario
    start_s: float = 0.0
    pools: list[Pool] = field(default_factory=list)
    nodes: list[tuple[str, NodeShape, bool]] = field(default_factory=list)
    pods: list[InitialPod] = field(default_factory=list)
    workloads: list[WorkloadPlan] = field(default_factory=list)
    objects: list[tuple[str, bytes]] = field(default_factory=list)
    events: list[NodeEvent] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    resources: list[str] = field(default_factory=list)
    probe: dict[str, int] = field(default_factory=dict)

    def node_pools(self) -> dict[str, NodePool]:
        """Fresh pools for one run, by name."""
        return {pool.name: NodePool(pool) for pool in self.pools}

    @property
    def node_count(self) -> int:
        """Nodes at the start."""
        return len(self.nodes) + sum(pool.count for pool in self.pools)
