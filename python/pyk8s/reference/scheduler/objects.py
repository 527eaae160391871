"""Every object that scheduling looks at beside nodes and pods: claims, volumes, services, budgets and their like.

Always true: an object stands under its kind and key; what an attempt assumed (`assume`) hides what the API last said
until the API says something newer or the assumption is given up.
Not here: nodes and pods (see `cache`), what the objects mean (the plugins that read them).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pyk8s.errors import DecodeError

Json = dict[str, Any]

KINDS = frozenset(
    {
        "Namespace",
        "Service",
        "ReplicationController",
        "ReplicaSet",
        "StatefulSet",
        "PersistentVolume",
        "PersistentVolumeClaim",
        "StorageClass",
        "CSINode",
        "CSIDriver",
        "CSIStorageCapacity",
        "VolumeAttachment",
        "PodDisruptionBudget",
        "DeviceClass",
        "ResourceSlice",
        "ResourceClaim",
        "PodGroup",
    }
)


def parse(kind: str, text: bytes) -> Json:
    """Read one object. Raises DecodeError."""
    try:
        obj = json.loads(text)
        name = obj["metadata"]["name"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DecodeError(f"{kind}: not an object with metadata.name") from error
    if not isinstance(name, str) or not name:
        raise DecodeError(f"{kind}: not an object with metadata.name")
    assert isinstance(obj, dict)
    return obj


def key_of(obj: Json) -> str:
    """namespace/name, or name for an object without a namespace."""
    meta = obj["metadata"]
    return f"{meta['namespace']}/{meta['name']}" if meta.get("namespace") else str(meta["name"])


class Objects:
    def __init__(self) -> None:
        self._told: dict[str, dict[str, Json]] = {kind: {} for kind in KINDS}
        self._assumed: dict[str, dict[str, Json]] = {kind: {} for kind in KINDS}

    def set(self, kind: str, obj: Json) -> Json | None:
        """An object as the API has it; ends what was assumed of it. Returns what it was before."""
        key = key_of(obj)
        old = self.get(kind, key)
        self._assumed[kind].pop(key, None)
        self._told[kind][key] = obj
        return old

    def remove(self, kind: str, key: str) -> Json | None:
        old = self.get(kind, key)
        self._assumed[kind].pop(key, None)
        self._told[kind].pop(key, None)
        return old

    def get(self, kind: str, key: str) -> Json | None:
        assumed = self._assumed[kind].get(key)
        return assumed if assumed is not None else self._told[kind].get(key)

    def told(self, kind: str, key: str) -> Json | None:
        """What the API last said, whatever was assumed since."""
        return self._told[kind].get(key)

    def all(self, kind: str) -> Iterator[tuple[str, Json]]:
        """(key, object) in the order of keys, byte by byte."""
        for key in sorted(self._told[kind], key=str.encode):
            obj = self.get(kind, key)
            if obj is not None:
                yield key, obj

    def assume(self, kind: str, obj: Json) -> None:
        """What the object will be once a decision is written. Only for objects that are there."""
        key = key_of(obj)
        if key in self._told[kind]:
            self._assumed[kind][key] = obj

    def give_up(self, kind: str, key: str) -> None:
        """The decision came to nothing: the object is what the API says."""
        self._assumed[kind].pop(key, None)
