"""Plugins for volumes and claims: protection finalizers, the default storage class, growing of claims.

Always true: a claim that names a class, even "", keeps it.
"""

from __future__ import annotations

from typing import Any

from pyk8s.api.quantity import Quantity

from pyk8s_server.apiserver.admission.base import (
    Plugin,
    is_create_of,
    is_write_of,
    newest_default,
    refused,
    resource,
)
from pyk8s_server.apiserver.interfaces import Attributes

Json = dict[str, Any]

PROTECTION = {
    "persistentvolumeclaims": "kubernetes.io/pvc-protection",
    "persistentvolumes": "kubernetes.io/pv-protection",
    "volumeattributesclasses.storage.k8s.io": "kubernetes.io/vac-protection",
}
IS_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class"
NO_EXPANSION = (
    "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize"
)


class StorageObjectInUseProtection(Plugin):
    name = "StorageObjectInUseProtection"
    resources = frozenset(PROTECTION)

    async def admit(self, attributes: Attributes) -> None:
        resource = attributes.resource
        finalizer = PROTECTION.get(resource.qualified)
        if finalizer is None or not is_create_of(attributes, resource.plural, resource.group):
            return
        assert attributes.obj is not None, "a create has an object"
        meta = attributes.obj["metadata"]
        present = meta.get("finalizers") or []
        if finalizer not in present:
            meta["finalizers"] = [*present, finalizer]


class DefaultStorageClass(Plugin):
    name = "DefaultStorageClass"
    resources = frozenset({"persistentvolumeclaims"})

    def __init__(self) -> None:
        self._classes = resource("storage.k8s.io", "v1", "storageclasses")

    async def admit(self, attributes: Attributes) -> None:
        if not is_create_of(attributes, "persistentvolumeclaims") or attributes.obj is None:
            return
        claim = attributes.obj
        if claim["spec"].get("storageClassName") is not None:
            return
        if CLASS_ANNOTATION in (claim["metadata"].get("annotations") or {}):
            return
        default = newest_default(list(attributes.context.reader.list(self._classes)), IS_DEFAULT_CLASS)
        if default is not None:
            claim["spec"]["storageClassName"] = default["metadata"]["name"]


class PersistentVolumeClaimResize(Plugin):
    name = "PersistentVolumeClaimResize"
    resources = frozenset({"persistentvolumeclaims"})

    def __init__(self) -> None:
        self._classes = resource("storage.k8s.io", "v1", "storageclasses")

    async def validate(self, attributes: Attributes) -> None:
        if not is_write_of(attributes, "persistentvolumeclaims") or attributes.operation != "UPDATE":
            return
        assert attributes.obj is not None and attributes.old is not None, "an update has both objects"
        if _storage(attributes.obj) <= _storage(attributes.old):
            return
        if attributes.old.get("status", {}).get("phase") != "Bound":
            return
        name = attributes.obj["spec"].get("storageClassName")
        found = attributes.context.reader.get(self._classes, name) if name else None
        if not (found or {}).get("allowVolumeExpansion"):
            raise refused(attributes, NO_EXPANSION)


def _storage(claim: Json) -> Quantity:
    requests = (claim["spec"].get("resources") or {}).get("requests") or {}
    return Quantity.of(requests.get("storage", "0"))
