"""Nodes of a simulation: their bytes in each state, made from a pool or from a manifest.

Always true: nodes of one pool and zone share one shape; a node's bytes follow from its shape, its name and its state.
Not here: what runs on a node (see `cluster_state`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

from pyk8s.api.quantity import Quantity
from pyk8s.simulate.pod_shape import amounts_of
from pyk8s.simulate.scenario_cluster import Pool

Json = dict[str, Any]

ZONE_LABEL = "topology.kubernetes.io/zone"
REGION_LABEL = "topology.kubernetes.io/region"
HOSTNAME_LABEL = "kubernetes.io/hostname"
POOL_LABEL = "pyk8s.io/pool"
PODS_DEFAULT = "110"
UNSCHEDULABLE = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
UNREACHABLE = tuple(
    {"key": "node.kubernetes.io/unreachable", "effect": effect} for effect in ("NoSchedule", "NoExecute")
)
NAME = "\ue000name"


@dataclass(frozen=True, slots=True)
class NodeShape:
    """A node without its name. ``states``: its JSON by (is_cordoned, is_failed), with NAME for the name."""

    pool: str
    zone: str
    allocatable: dict[str, int]
    labels: dict[str, str]
    taints: tuple[Json, ...]
    states: dict[tuple[bool, bool], bytes]

    @classmethod
    def of(cls, node: Json, pool: str = "") -> NodeShape:
        """The shape of a manifest. Raises QuantityError."""
        labels = dict((node.get("metadata") or {}).get("labels") or {})
        spec, status = node.get("spec") or {}, node.get("status") or {}
        quantities = status.get("allocatable") or status.get("capacity") or {}
        # Labels of a live cluster may name pools in any way; those of ours say it.
        return cls(
            pool=pool or labels.get(POOL_LABEL, ""),
            zone=labels.get(ZONE_LABEL, ""),
            allocatable=amounts_of({name: Quantity.of(value) for name, value in quantities.items()}),
            labels=labels,
            taints=tuple(spec.get("taints") or ()),
            states={
                (is_cordoned, is_failed): orjson.dumps(_in_state(node, is_cordoned, is_failed))
                for is_cordoned in (False, True)
                for is_failed in (False, True)
            },
        )

    def bytes(self, name: bytes, *, is_cordoned: bool, is_failed: bool) -> bytes:
        return self.states[is_cordoned, is_failed].replace(NAME.encode(), name)


def _in_state(node: Json, is_cordoned: bool, is_failed: bool) -> Json:
    spec = dict(node.get("spec") or {})
    taints = [taint for taint in spec.get("taints") or () if taint.get("key") != UNSCHEDULABLE["key"]]
    if is_cordoned:
        spec["unschedulable"] = True
        taints.append(UNSCHEDULABLE)
    else:
        spec.pop("unschedulable", None)
    if is_failed:
        taints.extend(UNREACHABLE)
    return {**node, "spec": {**spec, "taints": taints}}


@dataclass(slots=True)
class NodePool:
    """The nodes that a pool has given so far, and the shapes they take in turn."""

    pool: Pool
    made_count: int = 0
    shapes: list[NodeShape] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.shapes = [NodeShape.of(pool_node(self.pool, zone), self.pool.name) for zone in self.pool.zones or [""]]

    def take(self) -> tuple[str, NodeShape]:
        """The next node's name and shape."""
        shape = self.shapes[self.made_count % len(self.shapes)]
        self.made_count += 1
        return f"{self.pool.name}-{self.made_count}", shape


def pool_node(pool: Pool, zone: str) -> Json:
    """A node of the pool as the API serves it, with NAME for its name."""
    labels = {HOSTNAME_LABEL: NAME, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64", POOL_LABEL: pool.name}
    if zone:
        labels[ZONE_LABEL] = zone
    if pool.region:
        labels[REGION_LABEL] = pool.region
    allocatable = {"pods": PODS_DEFAULT, **pool.allocatable}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": NAME, "labels": {**labels, **pool.labels}},
        "spec": {"taints": [taint.model_dump() for taint in pool.taints]},
        "status": {"allocatable": allocatable, "capacity": allocatable},
    }
