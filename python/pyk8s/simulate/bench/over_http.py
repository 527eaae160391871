"""A cluster behind its API server: objects go in over HTTPS, a watch tells what was bound.

Always true: the scheduler is another process and an ordinary client; this one only creates, deletes and watches.
Not here: starting the API server and the scheduler (see `processes`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import orjson

from pyk8s.api.clock import Clock
from pyk8s.api.http import Request
from pyk8s.api.resources import Resource, find
from pyk8s.api.status import StatusError
from pyk8s.client.interfaces import Transport
from pyk8s.client.rest import RestClient
from pyk8s.simulate.bench.cluster import ClusterError
from pyk8s.simulate.bench.kinds import NAMESPACES, NODES, PODS, ObjectKind
from pyk8s.simulate.bench.ledger import Ledger
from pyk8s.simulate.bench.objects import NewObject
from pyk8s.simulate.bench.placement import fill_of

Json = dict[str, Any]
CONNECTIONS = 48
"""Requests under way at a time, each on a connection of its own."""
USER_AGENT = "pyk8s-bench"
PAGE_COUNT = 500
HEADERS = {"accept": "application/json", "content-type": "application/json", "user-agent": USER_AGENT}


class HttpCluster:
    """One API server. Must be used from one event loop."""

    def __init__(self, transport: Transport, clock: Clock, ledger: Ledger, check: Callable[[], None]) -> None:
        """``check`` raises ClusterError when the scheduler is no longer there; it is asked whenever nothing moves."""
        self._transport, self._clock, self._ledger, self._check = transport, clock, ledger, check
        self._client = RestClient(transport, user_agent=USER_AGENT)
        self._news = asyncio.Event()
        self._has_moved = False
        self._watching: asyncio.Task[None] | None = None
        self._priorities: set[int] = set()
        self.event_count = 0

    async def start(self) -> None:
        """Begin to watch. Raises ClusterError: the cluster is not empty."""
        listed = await self._client.list(_resource(PODS), limit=1)
        nodes = await self._client.list(_resource(NODES), limit=1)
        if listed["items"] or nodes["items"]:
            raise ClusterError("a benchmark needs a cluster of its own, without nodes and pods")
        version = listed["metadata"]["resourceVersion"]
        self._watching = asyncio.create_task(self._watch(version), name="watch of the benchmark's pods")

    # -- Cluster ---------------------------------------------------------------------------------------------------

    async def create(self, objects: Sequence[NewObject]) -> None:
        if not objects:
            return
        kind = objects[0].kind
        if kind.resource is None:
            raise ClusterError(f"{kind.api_version} {kind.kind} is not served by this API server")
        if kind is PODS:
            await self._ensure_priorities(objects)
        await self._all(self._create(one) for one in objects)
        if kind is NODES:
            await self._all(self._untaint(one) for one in objects)
        elif kind is NAMESPACES:
            await self._all(self._make_account(one) for one in objects)

    async def flush(self) -> None:
        """`create` has waited for every answer."""

    async def replace(self, obj: NewObject, subresources: Sequence[str]) -> None:
        resource = _resource(obj.kind)
        patch = orjson.loads(obj.value)
        for name in ("uid", "creationTimestamp"):
            patch["metadata"].pop(name, None)
        parts = subresources or (("", "status") if "status" in patch else ("",))
        try:
            for part in parts:
                await self._client.patch(resource, obj.name, patch, obj.namespace, subresource=part)
        except StatusError as error:
            raise ClusterError(f"{obj.kind.kind} {obj.namespace}/{obj.name} cannot be updated: {error}") from error

    async def delete(self, kind: ObjectKind, namespace: str, name: str, grace_s: int | None = None) -> None:
        options = None if grace_s is None else {"gracePeriodSeconds": grace_s}
        try:
            await self._client.delete(_resource(kind), name, namespace, options=options)
        except StatusError as error:
            if error.code != 404:
                raise ClusterError(f"{kind.kind} {namespace}/{name} cannot be deleted: {error}") from error

    async def advance(self) -> bool:
        self._raise_if_blind()
        moved, self._has_moved = self._has_moved, False
        return moved

    async def wait(self, seconds: float) -> None:
        self._news.clear()
        try:
            await asyncio.wait_for(self._news.wait(), max(seconds, 0.001))
        except TimeoutError:
            self._check()

    def next_deadline_s(self) -> float | None:
        return None

    async def mark(self) -> None:
        """Nothing is checked afterwards: the placements are another process's."""

    async def placements(self) -> dict[str, Json]:
        return fill_of(iter(await self._listed(NODES)), iter(await self._listed(PODS)))

    async def close(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await self._client.close()

    # -- requests --------------------------------------------------------------------------------------------------

    async def _all(self, work: Iterable[Awaitable[None]]) -> None:
        """Do everything, `CONNECTIONS` at a time, in order of their start."""
        waiting = iter(work)

        async def worker() -> None:
            for one in waiting:
                await one

        async with asyncio.TaskGroup() as group:
            for _ in range(CONNECTIONS):
                group.create_task(worker())

    async def _create(self, obj: NewObject) -> None:
        resource = _resource(obj.kind)
        body = _with_class(obj.value) if obj.kind is PODS and b'"priority":' in obj.value else obj.value
        response = await self._transport.send(Request("POST", resource.path(obj.namespace), [], HEADERS, body))
        if response.status not in (201, 409):
            status = orjson.loads(response.body or b"{}")
            raise ClusterError(f"{obj.kind.kind} {obj.namespace}/{obj.name} is refused: {status.get('message')}")

    async def _untaint(self, node: NewObject) -> None:
        """No kubelet runs that would report the node ready and so take the taint of new nodes away."""
        taints = (orjson.loads(node.value).get("spec") or {}).get("taints")
        await self._client.patch(_resource(NODES), node.name, {"spec": {"taints": taints}})

    async def _make_account(self, namespace: NewObject) -> None:
        """No controller runs that would make the account that pods run as; it brings no token into them."""
        account = {"metadata": {"name": "default"}, "automountServiceAccountToken": False}
        await self._tolerant(lambda: self._client.create(_of("", "v1", "serviceaccounts"), account, namespace.name))

    async def _ensure_priorities(self, pods: Sequence[NewObject]) -> None:
        """The API server takes a priority only by its class: make one for each number in use."""
        if b'"priority":' not in pods[0].value:
            return
        wanted = {orjson.loads(one.value)["spec"].get("priority") for one in pods[:1]} - self._priorities - {None}
        for value in wanted:
            made = {"metadata": {"name": _class_name(value)}, "value": value}
            resource = _of("scheduling.k8s.io", "v1", "priorityclasses")
            await self._tolerant(lambda made=made, resource=resource: self._client.create(resource, made))  # type: ignore[misc]
            self._priorities.add(value)

    async def _tolerant(self, create: Callable[[], Awaitable[Json]]) -> None:
        """It may be there already."""
        try:
            await create()
        except StatusError as error:
            if error.code != 409:
                raise ClusterError(str(error)) from error

    async def _listed(self, kind: ObjectKind) -> list[Json]:
        found: list[Json] = []
        token = ""
        while True:
            page = await self._client.list(_resource(kind), limit=PAGE_COUNT, continue_token=token)
            found += page["items"]
            token = page["metadata"].get("continue") or ""
            if not token:
                return found

    # -- watching --------------------------------------------------------------------------------------------------

    async def _watch(self, resource_version: str) -> None:
        async for event in self._client.watch(_resource(PODS), resource_version=resource_version):
            if event.type == "BOOKMARK":
                continue
            self.event_count += 1
            self._has_moved = True
            self._take_in(event.type, event.object)
            self._news.set()

    def _take_in(self, event_type: str, pod: Json) -> None:
        metadata = pod["metadata"]
        key = PODS.key(metadata["namespace"], metadata["name"])
        if event_type == "DELETED":
            self._ledger.gone(key)
        elif pod["spec"].get("nodeName"):
            self._ledger.bound([key], self._clock.monotonic_s())
        else:
            for condition in (pod.get("status") or {}).get("conditions") or ():
                if condition["type"] == "PodScheduled" and condition["status"] == "False":
                    self._ledger.attempted(key, condition.get("message") or "")

    def _raise_if_blind(self) -> None:
        if self._watching is not None and self._watching.done():
            error = None if self._watching.cancelled() else self._watching.exception()
            raise ClusterError(f"the watch of the pods has ended: {error or 'the server ended it'}")


def _resource(kind: ObjectKind) -> Resource:
    assert kind.resource is not None, f"{kind.kind} was looked at before anything was created"
    return kind.resource


def _of(group: str, version: str, plural: str) -> Resource:
    found = find(group, version, plural)
    assert found is not None, f"{plural} are in the resource table"
    return found


def _class_name(priority: int) -> str:
    return f"priority-{priority}" if priority >= 0 else f"priority-minus-{-priority}"


def _with_class(value: bytes) -> bytes:
    """The pod with its priority named by a class instead of a number."""
    pod = orjson.loads(value)
    priority = pod["spec"].pop("priority", None)
    if priority is not None and not pod["spec"].get("priorityClassName"):
        pod["spec"]["priorityClassName"] = _class_name(priority)
    return orjson.dumps(pod)
