"""Rows of volumes, claims, storage classes, CSI and devices.

Always true: access modes are shown by their short names, in the API's order of them.
"""

from __future__ import annotations

from typing import Any

from pyk8s_server.apiserver.interfaces import Json
from pyk8s_server.apiserver.registry.printers.text import UNSET, age, name_of

MODES = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}


def _modes(modes: list[str] | None) -> str:
    return ",".join(short for mode, short in MODES.items() if mode in (modes or ()))


def _phase(obj: Json) -> str:
    deleting = (obj.get("metadata") or {}).get("deletionTimestamp")
    return "Terminating" if deleting else str((obj.get("status") or {}).get("phase", ""))


def persistent_volume(obj: Json, now_s: float) -> list[Any]:
    spec = obj.get("spec") or {}
    claim = spec.get("claimRef")
    return [
        name_of(obj),
        (spec.get("capacity") or {}).get("storage", "0"),
        _modes(spec.get("accessModes")),
        spec.get("persistentVolumeReclaimPolicy", ""),
        _phase(obj),
        f"{claim.get('namespace', '')}/{claim.get('name', '')}" if claim else "",
        spec.get("storageClassName", ""),
        spec.get("volumeAttributesClassName") or UNSET,
        (obj.get("status") or {}).get("reason", ""),
        age(obj, now_s),
        spec.get("volumeMode") or UNSET,
    ]


def persistent_volume_claim(obj: Json, now_s: float) -> list[Any]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    is_bound = bool(spec.get("volumeName"))
    return [
        name_of(obj),
        _phase(obj),
        spec.get("volumeName", ""),
        (status.get("capacity") or {}).get("storage", "0") if is_bound else "",
        _modes(status.get("accessModes")) if is_bound else "",
        spec.get("storageClassName") or "",
        spec.get("volumeAttributesClassName") or UNSET,
        age(obj, now_s),
        spec.get("volumeMode") or UNSET,
    ]


def storage_class(obj: Json, now_s: float) -> list[Any]:
    return [
        name_of(obj) + (" (default)" if _is_default(obj) else ""),
        obj.get("provisioner", ""),
        obj.get("reclaimPolicy", "Delete"),
        obj.get("volumeBindingMode", "Immediate"),
        bool(obj.get("allowVolumeExpansion")),
        age(obj, now_s),
    ]


def _is_default(obj: Json) -> bool:
    annotations = (obj.get("metadata") or {}).get("annotations") or {}
    names = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")
    return any(annotations.get(name) == "true" for name in names)


def volume_attributes_class(obj: Json, now_s: float) -> list[Any]:
    return [name_of(obj), obj.get("driverName", ""), age(obj, now_s)]


def volume_attachment(obj: Json, now_s: float) -> list[Any]:
    spec = obj.get("spec") or {}
    volume = (spec.get("source") or {}).get("persistentVolumeName", "")
    attached = bool((obj.get("status") or {}).get("attached"))
    return [name_of(obj), spec.get("attacher", ""), volume, spec.get("nodeName", ""), attached, age(obj, now_s)]


def csi_driver(obj: Json, now_s: float) -> list[Any]:
    spec = obj.get("spec") or {}
    tokens = ",".join(t.get("audience", "") for t in spec.get("tokenRequests") or ()) or UNSET
    modes = ",".join(spec.get("volumeLifecycleModes") or ())
    flags = [spec.get("attachRequired", True), spec.get("podInfoOnMount", False), bool(spec.get("storageCapacity"))]
    return [name_of(obj), *flags, tokens, bool(spec.get("requiresRepublish")), modes, age(obj, now_s)]


def csi_node(obj: Json, now_s: float) -> list[Any]:
    return [name_of(obj), len((obj.get("spec") or {}).get("drivers") or ()), age(obj, now_s)]


def device_class(obj: Json, now_s: float) -> list[Any]:
    return [name_of(obj), age(obj, now_s)]


def resource_claim(obj: Json, now_s: float) -> list[Any]:
    status = obj.get("status") or {}
    states = []
    if (obj.get("metadata") or {}).get("deletionTimestamp"):
        states.append("deleted")
    if status.get("allocation") is None:
        states.append("pending")
    else:
        states.append("allocated")
        states += ["reserved"] if status.get("reservedFor") else []
    return [name_of(obj), ",".join(states), age(obj, now_s)]


def resource_slice(obj: Json, now_s: float) -> list[Any]:
    spec = obj.get("spec") or {}
    pool = (spec.get("pool") or {}).get("name", "")
    return [name_of(obj), spec.get("nodeName") or "", spec.get("driver", ""), pool, age(obj, now_s)]


ROWS = {
    "CSIDriver": csi_driver,
    "CSINode": csi_node,
    "DeviceClass": device_class,
    "PersistentVolume": persistent_volume,
    "PersistentVolumeClaim": persistent_volume_claim,
    "ResourceClaim": resource_claim,
    "ResourceClaimTemplate": device_class,
    "ResourceSlice": resource_slice,
    "StorageClass": storage_class,
    "VolumeAttachment": volume_attachment,
    "VolumeAttributesClass": volume_attributes_class,
}
