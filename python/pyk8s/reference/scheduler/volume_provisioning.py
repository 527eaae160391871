"""Volumes that a driver would make: whether a class can provide one for a node, and whether there is room for it.

Always true: a driver that does not publish its capacity is believed to have enough.
Not here: asking the driver for the volume (the claim's selected-node annotation does, see `VolumeBinding`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyk8s.errors import SelectorError
from pyk8s.reference.scheduler.claims import Claim
from pyk8s.reference.scheduler.node import NodeFacts
from pyk8s.reference.scheduler.objects import Objects
from pyk8s.reference.scheduler.quantity import value
from pyk8s.reference.selector import Selection

Json = Mapping[str, Any]

NO_PROVISIONER = "kubernetes.io/no-provisioner"


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a driver has published for a class and a part of the cluster."""

    class_name: str
    limit_bytes: int | None
    """The largest volume there is room for; None when it does not say."""
    nodes: Selection | None
    """None: no node."""

    @classmethod
    def parse(cls, obj: Json) -> Capacity:
        topology = obj.get("nodeTopology")
        try:
            nodes = None if topology is None else Selection.from_label_selector(json.dumps(topology).encode())
        except SelectorError:
            nodes = None
        return cls(obj.get("storageClassName") or "", volume_limit(obj), nodes)

    def has_room(self, class_name: str, size_bytes: int, node: NodeFacts) -> bool:
        is_enough = self.limit_bytes is not None and self.limit_bytes >= size_bytes
        is_here = self.nodes is not None and self.nodes.matches(node.labels, {})
        return self.class_name == class_name and is_enough and is_here


def volume_limit(capacity: Json) -> int | None:
    """In bytes, of a CSIStorageCapacity: the largest volume when it says so, else all there is."""
    for key in ("maximumVolumeSize", "capacity"):
        if capacity.get(key) is not None:
            return value(str(capacity[key]))
    return None


def capacities(objects: Objects) -> list[Capacity]:
    return [Capacity.parse(obj) for _, obj in objects.all("CSIStorageCapacity")]


def can_provision(storage_class: Json, node: NodeFacts) -> bool:
    provisioner = storage_class.get("provisioner") or ""
    return provisioner not in ("", NO_PROVISIONER) and _is_allowed(storage_class.get("allowedTopologies"), node)


def _is_allowed(topologies: Any, node: NodeFacts) -> bool:
    """No terms allow every node, an empty term none."""
    if not topologies:
        return True
    return any(
        bool(expressions := term.get("matchLabelExpressions"))
        and all(node.labels.get(e.get("key") or "") in (e.get("values") or ()) for e in expressions)
        for term in topologies
    )


def has_room(claim: Claim, provisioner: str, node: NodeFacts, objects: Objects, published: list[Capacity]) -> bool:
    driver = objects.get("CSIDriver", provisioner)
    if claim.requested_bytes is None or driver is None or not (driver.get("spec") or {}).get("storageCapacity"):
        return True
    return any(capacity.has_room(claim.class_name, claim.requested_bytes, node) for capacity in published)
