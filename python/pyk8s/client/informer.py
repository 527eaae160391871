"""Shared informers: one cache and one watch per collection, however many components look at it.

Always true: handlers run in the order of the changes, after the cache holds them; cached objects are never changed in
place by anyone. An index costs O(1) per event; `by_index` never looks at other objects.
Not here: list and watch (see `reflector`), queues (see `work_queue`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pyk8s.api.clock import Clock
from pyk8s.api.identity import Identity
from pyk8s.api.resources import Resource
from pyk8s.client.interfaces import Client
from pyk8s.client.keys import join_key, key_of
from pyk8s.client.reflector import Reflector

Json = dict[str, Any]
IndexFunction = Callable[[Json], Iterable[str]]
log = logging.getLogger(__name__)

NAMESPACE_INDEX = "namespace"
OWNER_UID_INDEX = "owner_uid"
NODE_NAME_INDEX = "node_name"


def by_namespace(obj: Json) -> Iterable[str]:
    return (obj["metadata"].get("namespace", ""),)


def by_owner_uid(obj: Json) -> Iterable[str]:
    """The uid of every owner, controller or not."""
    return [owner["uid"] for owner in obj["metadata"].get("ownerReferences") or ()]


def by_node_name(obj: Json) -> Iterable[str]:
    """The node of a pod; none while it is not bound."""
    node_name = obj.get("spec", {}).get("nodeName")
    return (node_name,) if node_name else ()


class Indexer:
    """Objects by key, and by the values of named indexes. Iteration is in order of arrival."""

    def __init__(self) -> None:
        self._objects: dict[str, Json] = {}
        self._functions: dict[str, IndexFunction] = {}
        self._indexes: dict[str, dict[str, dict[str, Json]]] = {}
        self.add_index(NAMESPACE_INDEX, by_namespace)

    def __len__(self) -> int:
        return len(self._objects)

    def __contains__(self, key: str) -> bool:
        return key in self._objects

    def __iter__(self) -> Iterator[Json]:
        return iter(self._objects.values())

    def add_index(self, name: str, function: IndexFunction) -> None:
        """Index by ``function`` from now on; a second call with the same name changes nothing."""
        if name in self._functions:
            return
        self._functions[name] = function
        self._indexes[name] = {}
        for key, obj in self._objects.items():
            self._index(name, key, obj)

    def get(self, name: str, namespace: str = "") -> Json | None:
        return self._objects.get(join_key(namespace, name))

    def get_by_key(self, key: str) -> Json | None:
        return self._objects.get(key)

    def by_index(self, name: str, value: str) -> list[Json]:
        """The objects with this value; a new list, safe to keep while the cache moves on."""
        return list(self._indexes[name].get(value, {}).values())

    def index_count(self, name: str, value: str) -> int:
        return len(self._indexes[name].get(value, ()))

    def index_values(self, name: str) -> list[str]:
        return list(self._indexes[name])

    def keys(self) -> list[str]:
        return [*self._objects]

    def list(self, namespace: str = "") -> list[Json]:
        """All objects, or those of one namespace."""
        return self.by_index(NAMESPACE_INDEX, namespace) if namespace else list(self._objects.values())

    def put(self, key: str, obj: Json) -> Json | None:
        """Store the object; returns the one it replaces."""
        old = self.remove(key) if key in self._objects else None
        self._objects[key] = obj
        for name in self._functions:
            self._index(name, key, obj)
        return old

    def remove(self, key: str) -> Json | None:
        old = self._objects.pop(key, None)
        if old is not None:
            for name, function in self._functions.items():
                self._unindex(self._indexes[name], function(old), key)
        return old

    def _index(self, name: str, key: str, obj: Json) -> None:
        index = self._indexes[name]
        for value in self._functions[name](obj):
            index.setdefault(value, {})[key] = obj

    @staticmethod
    def _unindex(index: dict[str, dict[str, Json]], values: Iterable[str], key: str) -> None:
        for value in values:
            bucket = index.get(value)
            if bucket is not None:
                bucket.pop(key, None)
                if not bucket:
                    del index[value]


@dataclass(frozen=True, slots=True)
class Handler:
    """What one component does on a change; each is optional."""

    on_add: Callable[[Json], None] | None = None
    on_update: Callable[[Json, Json], None] | None = None
    on_delete: Callable[[Json], None] | None = None


class Informer:
    """The cache of one collection, kept up to date while it runs.

    ``transform`` may shrink an object before it is cached (to its metadata, say); it must keep kind and metadata.
    """

    def __init__(
        self,
        client: Client,
        resource: Resource,
        *,
        clock: Clock,
        identity: Identity,
        namespace: str = "",
        label_selector: str = "",
        field_selector: str = "",
        transform: Callable[[Json], Json] | None = None,
    ) -> None:
        self.resource = resource
        self.cache = Indexer()
        self._transform = transform
        self._handlers: list[Handler] = []
        self._synced = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.reflector = Reflector(
            client,
            resource,
            target=self,
            clock=clock,
            identity=identity,
            namespace=namespace,
            label_selector=label_selector,
            field_selector=field_selector,
        )

    @property
    def has_synced(self) -> bool:
        """True once the first full list is in the cache and its handlers have run."""
        return self._synced.is_set()

    async def wait_for_sync(self) -> None:
        await self._synced.wait()

    def add_index(self, name: str, function: IndexFunction) -> None:
        self.cache.add_index(name, function)

    def add_handler(
        self,
        *,
        on_add: Callable[[Json], None] | None = None,
        on_update: Callable[[Json, Json], None] | None = None,
        on_delete: Callable[[Json], None] | None = None,
    ) -> None:
        """Call these on every change. Objects already in the cache are given to ``on_add`` at once."""
        handler = Handler(on_add, on_update, on_delete)
        self._handlers.append(handler)
        for obj in self.cache.list():
            self._call(handler.on_add, obj)

    def start(self) -> None:
        """Begin to list and watch; a second call changes nothing."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self.run(), name=f"informer {self.resource.qualified}")

    async def run(self) -> None:
        """List and watch until cancelled."""
        await self.reflector.run()

    async def stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def replace(self, items: list[Json]) -> None:
        # A dict, not a set: handlers must run in the same order in every run.
        gone = dict.fromkeys(self.cache.keys())
        for obj in items:
            key = key_of(obj)
            gone.pop(key, None)
            self._upsert(key, obj)
        for key in gone:
            self._delete(key, None)
        self._synced.set()

    def apply(self, event_type: str, obj: Json) -> None:
        key = key_of(obj)
        if event_type == "DELETED":
            self._delete(key, obj)
        else:
            self._upsert(key, obj)

    def _upsert(self, key: str, obj: Json) -> None:
        if self._transform is not None:
            obj = self._transform(obj)
        known = self.cache.get_by_key(key)
        if known is not None and known["metadata"].get("uid") != obj["metadata"].get("uid"):
            # The watch missed a delete and a create of the same name between two lists.
            self._delete(key, known)
            known = None
        if known is not None and known["metadata"].get("resourceVersion") == obj["metadata"].get("resourceVersion"):
            return
        self.cache.put(key, obj)
        for handler in self._handlers:
            if known is None:
                self._call(handler.on_add, obj)
            else:
                self._call(handler.on_update, known, obj)

    def _delete(self, key: str, last: Json | None) -> None:
        known = self.cache.remove(key)
        if last is not None and self._transform is not None:
            last = self._transform(last)
        gone = last if last is not None else known
        if gone is None:
            return
        for handler in self._handlers:
            self._call(handler.on_delete, gone)

    def _call(self, function: Callable[..., None] | None, *args: Json) -> None:
        """A handler's bug must not stop the cache all others live on: it is logged."""
        if function is None:
            return
        try:
            function(*args)
        except Exception:
            log.exception("a handler of %s failed", self.resource.qualified)


class InformerFactory:
    """Hands out one informer per collection and selection."""

    def __init__(self, client: Client, *, clock: Clock, identity: Identity) -> None:
        self._client, self._clock, self._identity = client, clock, identity
        self._informers: dict[tuple[str, ...], Informer] = {}

    def informer(
        self,
        resource: Resource,
        *,
        namespace: str = "",
        label_selector: str = "",
        field_selector: str = "",
        transform: Callable[[Json], Json] | None = None,
    ) -> Informer:
        """The informer of this collection, made on first use (``transform`` counts only then)."""
        key = (resource.group, resource.version, resource.plural, namespace, label_selector, field_selector)
        if key not in self._informers:
            self._informers[key] = Informer(
                self._client,
                resource,
                clock=self._clock,
                identity=self._identity,
                namespace=namespace,
                label_selector=label_selector,
                field_selector=field_selector,
                transform=transform,
            )
        return self._informers[key]

    def has_informer(self, resource: Resource) -> bool:
        return (resource.group, resource.version, resource.plural, "", "", "") in self._informers

    async def start(self) -> None:
        """Start every informer made so far.

        One a turn of the event loop: in process each takes its whole list in one turn, and who else has a request
        should not wait for them all.
        """
        for informer in list(self._informers.values()):
            informer.start()
            await asyncio.sleep(0)

    async def wait_for_sync(self) -> None:
        """Return once every informer made so far holds its first list."""
        await asyncio.gather(*(informer.wait_for_sync() for informer in self._informers.values()))

    async def stop(self) -> None:
        await asyncio.gather(*(informer.stop() for informer in self._informers.values()))
