"""The keys of every ConfigMap and Secret, by two watches for all nodes: enough to know what a pod misses.

Always true: no value is kept, so secrets' contents never stay in memory here.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from pyk8s.api.clock import Clock
from pyk8s.api.identity import Identity
from pyk8s.client.informer import Informer
from pyk8s.client.interfaces import Client
from pyk8s.client.well_known import CONFIG_MAPS, SECRETS

Json = dict[str, Any]
ObjectName = tuple[str, str, str]
"""(kind, namespace, name)"""


class ObjectKeys:
    """Tells which keys an object has, and calls ``on_change`` with the pods that wait for one that changed."""

    def __init__(
        self, client: Client, *, clock: Clock, identity: Identity, on_change: Callable[[set[str]], None]
    ) -> None:
        self._on_change = on_change
        self._waiting: defaultdict[ObjectName, set[str]] = defaultdict(set)
        self._informers = {
            resource.kind: Informer(client, resource, clock=clock, identity=identity, transform=_only_keys)
            for resource in (CONFIG_MAPS, SECRETS)
        }
        for informer in self._informers.values():
            informer.add_handler(on_add=self._changed, on_update=lambda _, obj: self._changed(obj))

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for informer in self._informers.values():
                group.create_task(informer.run())

    async def wait_for_sync(self) -> None:
        for informer in self._informers.values():
            await informer.wait_for_sync()

    def keys_of(self, kind: str, namespace: str, name: str) -> frozenset[str] | None:
        """None when there is no such object."""
        obj = self._informers[kind].cache.get(name, namespace)
        return None if obj is None else obj["keys"]

    def wait_for(self, uid: str, name: ObjectName) -> None:
        """Tell about the next change of the object, once."""
        self._waiting[name].add(uid)

    def _changed(self, obj: Json) -> None:
        metadata = obj["metadata"]
        uids = self._waiting.pop((obj["kind"], metadata["namespace"], metadata["name"]), None)
        if uids:
            self._on_change(uids)


def _only_keys(obj: Json) -> Json:
    names = ("name", "namespace", "uid", "resourceVersion")
    metadata = {name: obj["metadata"][name] for name in names if name in obj["metadata"]}
    keys = frozenset((*(obj.get("data") or ()), *(obj.get("binaryData") or ())))
    return {"kind": obj["kind"], "apiVersion": obj["apiVersion"], "metadata": metadata, "keys": keys}
