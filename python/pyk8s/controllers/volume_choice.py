"""Which volume a claim gets, and what both then say: the decisions of binding.

Always true: pure functions; a volume made or reserved for a claim is that claim's alone.
Not here: reading and writing (see `persistentvolume_binder`), nodes: a claim that waits for a pod is the scheduler's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pyk8s.api.quantity import Quantity
from pyk8s.controllers.label_selector import labels_of, matcher

Json = dict[str, Any]

BETA_CLASS = "volume.beta.kubernetes.io/storage-class"
BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
PROVISIONER = "volume.kubernetes.io/storage-provisioner"
BETA_PROVISIONER = "volume.beta.kubernetes.io/storage-provisioner"
NO_PROVISIONER = "kubernetes.io/no-provisioner"


def annotations_of(obj: Json) -> Json:
    found: Json = obj["metadata"].get("annotations") or {}
    return found


def class_name(obj: Json) -> str:
    return annotations_of(obj).get(BETA_CLASS) or obj["spec"].get("storageClassName") or ""


def is_waiting_for_pod(claim: Json, storage_class: Json | None) -> bool:
    """Whether the claim's volume is chosen together with the node of the first pod that uses it."""
    mode = (storage_class or {}).get("volumeBindingMode")
    return mode == "WaitForFirstConsumer" and SELECTED_NODE not in annotations_of(claim)


def is_for(volume: Json, claim: Json) -> bool:
    """Whether the volume names the claim; without a uid it means any claim of that name."""
    reference, meta = volume["spec"].get("claimRef") or {}, claim["metadata"]
    is_same_name = (reference.get("namespace"), reference.get("name")) == (meta["namespace"], meta["name"])
    return is_same_name and reference.get("uid") in (None, "", meta["uid"])


def choose(claim: Json, volumes: Iterable[Json], *, is_waiting: bool) -> Json | None:
    """The volume for the claim: one that names it, else (unless it waits for a pod) the smallest that will do."""
    fitting = [volume for volume in volumes if _fits(volume, claim)]
    reserved = [volume for volume in fitting if is_for(volume, claim)]
    if reserved:
        return min(reserved, key=lambda volume: str(volume["metadata"]["name"]))
    free = [] if is_waiting else [volume for volume in fitting if _is_free_for(volume, claim)]
    return min(free, key=lambda v: (_size(v["spec"].get("capacity")), v["metadata"]["name"]), default=None)


def _fits(volume: Json, claim: Json) -> bool:
    spec, asked = volume["spec"], claim["spec"]
    return (
        _size(spec.get("capacity")) >= _size((asked.get("resources") or {}).get("requests"))
        and all(
            (spec.get(field) or default) == (asked.get(field) or default)
            for field, default in (("volumeMode", "Filesystem"), ("volumeAttributesClassName", ""))
        )
        and not volume["metadata"].get("deletionTimestamp")
    )


def _is_free_for(volume: Json, claim: Json) -> bool:
    selector = claim["spec"].get("selector")
    return (
        not volume["spec"].get("claimRef")
        and (volume.get("status") or {}).get("phase") == "Available"
        and class_name(volume) == class_name(claim)
        and set(claim["spec"].get("accessModes") or ()) <= set(volume["spec"].get("accessModes") or ())
        and (selector is None or matcher(selector)(labels_of(volume)))
    )


def _size(amounts: Json | None) -> int:
    return Quantity.parse(str((amounts or {}).get("storage", "0"))).value()


def is_bound(claim: Json) -> bool:
    return bool(claim["spec"].get("volumeName")) and BIND_COMPLETED in annotations_of(claim)


def volume_patch(volume: Json, claim: Json) -> Json:
    """Makes the volume name the claim with its uid; empty when it does."""
    reference, meta = volume["spec"].get("claimRef") or {}, claim["metadata"]
    if reference.get("uid") == meta["uid"]:
        return {}
    wanted = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": meta["namespace"]}
    wanted |= {"name": meta["name"], "uid": meta["uid"], "resourceVersion": meta["resourceVersion"]}
    # What its maker had reserved stays marked as theirs: it is not given to others when the claim goes.
    mark = {} if reference else {"annotations": {BOUND_BY_CONTROLLER: "yes"}}
    return {"metadata": mark, "spec": {"claimRef": wanted}}


def claim_patch(volume: Json, claim: Json) -> Json:
    """Makes the claim name the volume, for good; empty when it does."""
    if is_bound(claim):
        return {}
    mark = {} if claim["spec"].get("volumeName") else {BOUND_BY_CONTROLLER: "yes"}
    annotations = {BIND_COMPLETED: "yes", **mark}
    return {"metadata": {"annotations": annotations}, "spec": {"volumeName": volume["metadata"]["name"]}}


def claim_status(volume: Json) -> Json:
    spec = volume["spec"]
    return {"phase": "Bound", "accessModes": spec.get("accessModes") or [], "capacity": spec.get("capacity") or {}}


def provisioner_of(claim: Json, storage_class: Json | None) -> str:
    """The driver that is to make the claim's volume now, "" for none."""
    name = str((storage_class or {}).get("provisioner") or "")
    is_ours = name in ("", NO_PROVISIONER) or is_waiting_for_pod(claim, storage_class)
    return "" if is_ours else name
