"""PersistentVolumes, and which of them fits a claim on a node.

Always true: a volume that names a claim serves that claim alone; among the others the smallest that is large enough
wins, of equal ones the first by name.
Not here: volumes that do not exist yet (see `volume_provisioning`).
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import Any

from pyk8s.reference.scheduler.claims import Claim, class_name
from pyk8s.reference.scheduler.node import NodeFacts
from pyk8s.reference.scheduler.node_selector import Term
from pyk8s.reference.scheduler.objects import Objects
from pyk8s.reference.scheduler.quantity import value

BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"


@dataclass(frozen=True, slots=True)
class Volume:
    name: str
    class_name: str
    capacity_bytes: int
    access_modes: frozenset[str]
    volume_mode: str
    attributes_class: str
    labels: dict[str, str]
    claim: tuple[str, str, str] | None
    """(namespace, name, uid) of the claim it is for; without a uid any of that name will do."""
    is_available: bool
    is_deleted: bool
    terms: tuple[Term, ...] | None
    """Where it can be reached; None from everywhere."""
    obj: dict[str, Any]

    @classmethod
    def parse(cls, obj: dict[str, Any]) -> Volume:
        meta, spec = obj["metadata"], obj.get("spec") or {}
        reference = spec.get("claimRef")
        required = (spec.get("nodeAffinity") or {}).get("required")
        return cls(
            name=meta["name"],
            class_name=class_name(obj),
            capacity_bytes=value(str((spec.get("capacity") or {}).get("storage", "0"))) or 0,
            access_modes=frozenset(spec.get("accessModes") or ()),
            volume_mode=spec.get("volumeMode") or "Filesystem",
            attributes_class=spec.get("volumeAttributesClassName") or "",
            labels=dict(meta.get("labels") or {}),
            claim=None
            if reference is None
            else (reference.get("namespace") or "", reference.get("name") or "", reference.get("uid") or ""),
            is_available=(obj.get("status") or {}).get("phase") == "Available",
            is_deleted=meta.get("deletionTimestamp") is not None,
            terms=None
            if required is None
            else tuple(Term.parse(term) for term in required.get("nodeSelectorTerms") or ()),
            obj=obj,
        )

    def is_reachable_from(self, node: NodeFacts) -> bool:
        return self.terms is None or any(term.matches(node) for term in self.terms)

    def is_for(self, claim: Claim) -> bool:
        return self.claim is not None and self.claim in (
            (claim.namespace, claim.name, ""),
            (claim.namespace, claim.name, claim.uid),
        )

    def could_serve(self, claim: Claim) -> bool:
        """What holds on every node, and for a volume meant for the claim too."""
        return (
            (self.claim is None or self.is_for(claim))
            and self.capacity_bytes >= (claim.requested_bytes or 0)
            and self.volume_mode == claim.volume_mode
            and self.attributes_class == claim.attributes_class
            and not self.is_deleted
        )

    def is_free_for(self, claim: Claim) -> bool:
        """What a volume that is meant for nobody must fulfil besides."""
        return (
            self.is_available
            and (claim.selector is None or claim.selector.matches(self.labels, {}))
            and self.class_name == claim.class_name
            and self.access_modes.issuperset(claim.access_modes)
        )

    def bound_to(self, claim: Claim) -> dict[str, Any]:
        """The merge patch that promises the volume to the claim."""
        reference = {
            "kind": "PersistentVolumeClaim",
            "namespace": claim.namespace,
            "name": claim.name,
            "uid": claim.uid,
            "apiVersion": "v1",
        }
        if claim.obj["metadata"].get("resourceVersion"):
            reference["resourceVersion"] = claim.obj["metadata"]["resourceVersion"]
        if self.claim is not None:
            # Promised by its maker: that it was not we who chose it must stay visible.
            return {"spec": {"claimRef": reference}}
        return {"metadata": {"annotations": {BOUND_BY_CONTROLLER: "yes"}}, "spec": {"claimRef": reference}}


def volumes_of(objects: Objects, class_names: Container[str]) -> list[Volume]:
    """The volumes of these storage classes, by name."""
    return [Volume.parse(obj) for _, obj in objects.all("PersistentVolume") if class_name(obj) in class_names]


def find_volume(claim: Claim, volumes: Iterable[Volume], node: NodeFacts, taken: Container[str]) -> Volume | None:
    """The volume that the claim would get on the node, of those not ``taken`` (names)."""
    best: Volume | None = None
    for volume in volumes:
        if volume.name in taken or volume.class_name != claim.class_name or not volume.could_serve(claim):
            continue
        if volume.is_for(claim):
            return volume if volume.is_reachable_from(node) else None
        is_better = best is None or volume.capacity_bytes < best.capacity_bytes
        if is_better and volume.is_free_for(claim) and volume.is_reachable_from(node):
            best = volume
    return best
