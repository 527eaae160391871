"""Feeds of everything but nodes and pods: one target for each kind that the engine looks at.

Always true: after a relist the engine knows exactly what the list holds; a kind that the server does not serve counts
as synced and empty.
Not here: nodes and pods (see `feed`), the watches themselves (see `pyk8s.client.reflector`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import orjson

from pyk8s.api.clock import Clock
from pyk8s.api.resources import Resource, resources
from pyk8s.api.status import StatusError
from pyk8s.client.interfaces import Client
from pyk8s.client.keys import key_of
from pyk8s.core.scheduler_interface import SchedulerEngine
from pyk8s.errors import DecodeError

Json = dict[str, Any]
log = logging.getLogger(__name__)

VOLUME = "PersistentVolume"
CLAIM = "PersistentVolumeClaim"
GROUPS = {
    "": ("Namespace", "Service", "ReplicationController", VOLUME, CLAIM),
    "apps": ("ReplicaSet", "StatefulSet"),
    "policy": ("PodDisruptionBudget",),
    "storage.k8s.io": ("StorageClass", "CSINode", "CSIDriver", "CSIStorageCapacity", "VolumeAttachment"),
    "resource.k8s.io": ("DeviceClass", "ResourceSlice", "ResourceClaim"),
    "scheduling.k8s.io": ("PodGroup",),
}
"""The kinds that the engine looks at beside Node and Pod, by API group."""
KEPT = (VOLUME, CLAIM)
"""Whose objects are kept: the wait for the binding of volumes looks at them."""


def fed_resources() -> list[Resource]:
    """The resources of `GROUPS`, as far as the resource table knows them."""
    known = {(resource.group, resource.kind): resource for resource in resources()}
    wanted = [(group, kind) for group, kinds in GROUPS.items() for kind in kinds]
    return [known[each] for each in wanted if each in known]


async def is_served(client: Client, resource: Resource) -> bool:
    """False when the server says that it has no such resource; other trouble is the reflector's to tell."""
    try:
        await client.list(resource, limit=1)
    except StatusError as error:
        return error.code != 404
    except OSError:
        return True
    return True


class ObjectFeed:
    """Target of the reflector of one kind."""

    def __init__(self, kind: str, engine: SchedulerEngine, clock: Clock, on_change: Callable[[], None]) -> None:
        self.kind = kind
        self._engine, self._clock, self._on_change = engine, clock, on_change
        self._objects: dict[str, Json | None] = {}
        self.is_synced = False

    def get(self, key: str) -> Json | None:
        """The object as last seen, of the kinds that are kept."""
        assert self.kind in KEPT, f"{self.kind} is not kept"
        return self._objects.get(key)

    def replace(self, items: list[Json]) -> None:
        self._engine.advance(self._clock.now_s())
        listed = {key_of(obj): obj for obj in items}
        for key in [key for key in self._objects if key not in listed]:
            self._remove(key)
        for key, obj in listed.items():
            self._set(key, obj)
        self.is_synced = True
        self._on_change()

    def apply(self, event_type: str, obj: Json) -> None:
        self._engine.advance(self._clock.now_s())
        if event_type == "DELETED":
            self._remove(key_of(obj))
        else:
            self._set(key_of(obj), obj)
        self._on_change()

    def _set(self, key: str, obj: Json) -> None:
        self._objects[key] = obj if self.kind in KEPT else None
        try:
            self._engine.set_object(self.kind, orjson.dumps(obj))
        except DecodeError as error:
            log.error("the scheduler does not heed %s %s: %s", self.kind, key, error)

    def _remove(self, key: str) -> None:
        self._objects.pop(key, None)
        self._engine.remove_object(self.kind, key)
