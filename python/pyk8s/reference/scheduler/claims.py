"""PersistentVolumeClaims and StorageClasses, as the volume plugins read them.

Always true: the old beta annotation for a storage class wins over the field, in claims as in volumes.
Not here: which volume a claim gets (see `volume_matching`), which claims a pod names (see `volumes`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyk8s.reference.scheduler.event import ClusterEvent, ObjectChanged
from pyk8s.reference.scheduler.objects import Objects, key_of
from pyk8s.reference.scheduler.pod import PodInfo
from pyk8s.reference.scheduler.quantity import value
from pyk8s.reference.scheduler.volumes import ClaimReference
from pyk8s.reference.selector import Selection

Json = Mapping[str, Any]

BETA_CLASS = "volume.beta.kubernetes.io/storage-class"
BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
WAIT_FOR_FIRST_CONSUMER = "WaitForFirstConsumer"


@dataclass(frozen=True, slots=True)
class Claim:
    key: str
    name: str
    namespace: str
    uid: str
    class_name: str
    volume_name: str
    is_bound: bool
    """Named its volume, and the volume's controller has completed the binding."""
    is_lost: bool
    is_deleted: bool
    selected_node: str | None
    """Where its volume is being provisioned."""
    requested_bytes: int | None
    access_modes: tuple[str, ...]
    volume_mode: str
    attributes_class: str
    selector: Selection | None
    obj: dict[str, Any]

    @classmethod
    def parse(cls, obj: dict[str, Any]) -> Claim:
        """Raises SelectorError."""
        meta, spec = obj["metadata"], obj.get("spec") or {}
        annotations = meta.get("annotations") or {}
        requests = (spec.get("resources") or {}).get("requests") or {}
        selector = spec.get("selector")
        return cls(
            key=key_of(obj),
            name=meta["name"],
            namespace=meta.get("namespace") or "",
            uid=meta.get("uid") or "",
            class_name=class_name(obj),
            volume_name=volume_name(obj),
            is_bound=bool(volume_name(obj)) and BIND_COMPLETED in annotations,
            is_lost=(obj.get("status") or {}).get("phase") == "Lost",
            is_deleted=meta.get("deletionTimestamp") is not None,
            selected_node=annotations.get(SELECTED_NODE),
            requested_bytes=value(str(requests["storage"])) if "storage" in requests else None,
            access_modes=tuple(spec.get("accessModes") or ()),
            volume_mode=spec.get("volumeMode") or "Filesystem",
            attributes_class=spec.get("volumeAttributesClassName") or "",
            selector=None if selector is None else Selection.from_label_selector(json.dumps(selector).encode()),
            obj=obj,
        )


def is_made_for(claim: Json, pod: PodInfo) -> bool:
    """Whether the pod controls the claim, as the claims of its ephemeral volumes must be."""
    owners = claim["metadata"].get("ownerReferences") or ()
    return next((owner.get("uid") or "" for owner in owners if owner.get("controller")), "") == pod.uid


def class_name(obj: Json) -> str:
    """The storage class of a claim or a volume, "" when there is none."""
    annotations = obj["metadata"].get("annotations") or {}
    return str(annotations.get(BETA_CLASS) or (obj.get("spec") or {}).get("storageClassName") or "")


def binding_mode(objects: Objects, name: str) -> str | None:
    """When claims of the class are bound: "" when its object does not say, None when there is no such class."""
    found = objects.get("StorageClass", name)
    return None if found is None else found.get("volumeBindingMode") or ""


def claim_of(pod: PodInfo, reference: ClaimReference, objects: Objects) -> dict[str, Any] | None:
    return objects.get("PersistentVolumeClaim", f"{pod.namespace}/{reference.name}")


def volume_name(claim: Json) -> str:
    return str((claim.get("spec") or {}).get("volumeName") or "")


def foreign_message(reference: ClaimReference, pod: PodInfo) -> str:
    """Why an ephemeral volume of the pod cannot use the claim."""
    namespace = pod.namespace
    return f"PVC {namespace}/{reference.name} was not created for pod {namespace}/{pod.name} (pod is not owner)"


def not_found(resource: str, name: str) -> str:
    return f'{resource} "{name}" not found'


def is_own_claim(pod: PodInfo, event: ClusterEvent, *, with_ephemeral: bool = True) -> bool:
    """Whether the event is about a claim that is there and that the pod names."""
    if not isinstance(event, ObjectChanged) or event.kind != "PersistentVolumeClaim" or event.new is None:
        return False
    key = key_of(event.new)
    return any(
        key == f"{pod.namespace}/{reference.name}" and (with_ephemeral or not reference.is_ephemeral)
        for reference in pod.shape.volumes.claims
    )
