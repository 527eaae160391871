"""Feeds: what the watches of nodes and pods say, handed to the engine as JSON.

Always true: after a relist the engine knows exactly what the list holds; a pod of a recreated name is another uid.
Not here: the watches themselves (see `pyk8s.client.reflector`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import orjson

from pyk8s.api.clock import Clock
from pyk8s.client.keys import key_of
from pyk8s.core.scheduler_interface import SchedulerEngine
from pyk8s.errors import DecodeError

Json = dict[str, Any]
log = logging.getLogger(__name__)


class NodeFeed:
    """Target of the reflector of nodes."""

    def __init__(self, engine: SchedulerEngine, clock: Clock, on_change: Callable[[], None]) -> None:
        self._engine, self._clock, self._on_change = engine, clock, on_change
        self._names: set[str] = set()
        self.is_synced = False

    def replace(self, items: list[Json]) -> None:
        self._engine.advance(self._clock.now_s())
        for name in self._names - {node["metadata"]["name"] for node in items}:
            self._remove(name)
        for node in items:
            self._set(node)
        self.is_synced = True
        self._on_change()

    def apply(self, event_type: str, obj: Json) -> None:
        self._engine.advance(self._clock.now_s())
        if event_type == "DELETED":
            self._remove(obj["metadata"]["name"])
        else:
            self._set(obj)
        self._on_change()

    def _set(self, node: Json) -> None:
        self._names.add(node["metadata"]["name"])
        try:
            self._engine.set_node(orjson.dumps(node))
        except DecodeError as error:
            log.error("a node cannot be scheduled to: %s", error)

    def _remove(self, name: str) -> None:
        self._names.discard(name)
        self._engine.remove_node(name)


class PodFeed:
    """Target of the reflector of pods; keeps the pending ones, for events and conditions about them."""

    def __init__(self, engine: SchedulerEngine, clock: Clock, on_change: Callable[[], None]) -> None:
        self._engine, self._clock, self._on_change = engine, clock, on_change
        self._uids: dict[str, str] = {}
        self._pending: dict[str, Json] = {}
        self.is_synced = False

    def pending(self, uid: str) -> Json | None:
        """The pod as last seen, while it is bound to no node."""
        return self._pending.get(uid)

    def replace(self, items: list[Json]) -> None:
        self._engine.advance(self._clock.now_s())
        listed = {key_of(pod): pod for pod in items}
        for key in [key for key in self._uids if key not in listed]:
            self._remove(key)
        for key, pod in listed.items():
            self._set(key, pod)
        self.is_synced = True
        self._on_change()

    def apply(self, event_type: str, obj: Json) -> None:
        self._engine.advance(self._clock.now_s())
        key = key_of(obj)
        if event_type == "DELETED":
            self._remove(key)
        else:
            self._set(key, obj)
        self._on_change()

    def _set(self, key: str, pod: Json) -> None:
        uid = pod["metadata"]["uid"]
        if self._uids.get(key, uid) != uid:
            self._remove(key)
        self._uids[key] = uid
        if pod["spec"].get("nodeName"):
            self._pending.pop(uid, None)
        else:
            self._pending[uid] = pod
        try:
            self._engine.set_pod(orjson.dumps(pod))
        except DecodeError as error:
            log.error("a pod cannot be scheduled: %s", error)

    def _remove(self, key: str) -> None:
        uid = self._uids.pop(key, None)
        if uid is not None:
            self._pending.pop(uid, None)
            self._engine.remove_pod(uid)
