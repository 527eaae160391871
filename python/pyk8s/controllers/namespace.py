"""The namespace controller: empties terminating namespaces, pods first, and lets them go.

Always true: the finalizer ``kubernetes`` leaves only after every deletable namespaced resource was seen empty.
Not here: conditions and texts (see `namespace_deletion`); refusing creations meanwhile (the API server does).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from pyk8s.api.clock import parse_rfc3339
from pyk8s.api.resources import Resource, resources
from pyk8s.api.status import StatusError
from pyk8s.client.informer import NAMESPACE_INDEX
from pyk8s.client.well_known import NAMESPACES, PODS
from pyk8s.controllers.context import Context, Json
from pyk8s.controllers.controller import Controller
from pyk8s.controllers.controller_ref import is_deleting
from pyk8s.controllers.namespace_deletion import Remaining, conditions_after, retry_in_s

FINALIZER = "kubernetes"
BACKGROUND = {"propagationPolicy": "Background"}


def namespaced_resources() -> tuple[Resource, ...]:
    """Every resource a namespace can hold and lose, each once whatever its versions."""
    found: dict[tuple[str, str], Resource] = {}
    for resource in resources():
        if resource.namespaced and {"delete", "list"} <= set(resource.verbs):
            found.setdefault((resource.group, resource.plural), resource)
    return tuple(found.values())


class NamespaceController(Controller):
    name: ClassVar[str] = "namespace"
    worker_count: ClassVar[int] = 10

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._namespaces = context.informers.informer(NAMESPACES)
        self._pods = context.informers.informer(PODS)
        self._content = tuple(resource for resource in namespaced_resources() if resource is not PODS)
        self._namespaces.add_handler(on_add=self._changed, on_update=lambda old, new: self._changed(new))
        self._pods.add_handler(on_delete=self._pod_deleted)

    def _changed(self, namespace: Json) -> None:
        if is_deleting(namespace):
            self.enqueue(namespace)

    def _pod_deleted(self, pod: Json) -> None:
        """The last pod of a terminating namespace is what everything else there waits for."""
        name = pod["metadata"]["namespace"]
        namespace = self._namespaces.cache.get(name)
        is_last = not self._pods.cache.index_count(NAMESPACE_INDEX, name)
        if is_last and namespace is not None and is_deleting(namespace):
            self.enqueue(namespace)

    async def sync(self, key: str) -> None:
        namespace = self._namespaces.cache.get_by_key(key)
        if namespace is None or not is_deleting(namespace):
            return
        if FINALIZER not in (namespace["spec"].get("finalizers") or ()):
            return
        remaining = await self._delete_content(key)
        namespace = await self._write_conditions(namespace, remaining)
        if remaining.is_empty:
            await self._finalize(namespace)
        elif remaining.errors:
            raise RuntimeError(f"namespace {key}: {remaining.errors[0]}")
        else:
            deleted_for_s = self.clock.now_s() - parse_rfc3339(namespace["metadata"]["deletionTimestamp"])
            self.queue.add_after(key, retry_in_s(remaining, deleted_for_s))

    async def _delete_content(self, namespace: str) -> Remaining:
        remaining = Remaining()
        await self._delete_all((PODS,), namespace, remaining)
        if remaining.is_empty:
            # Pods go before what they use: secrets, config maps, policies that guard them.
            await self._delete_all(self._content, namespace, remaining)
        return remaining

    async def _delete_all(self, content: Sequence[Resource], namespace: str, remaining: Remaining) -> None:
        passes = (self._delete_resource(resource, namespace) for resource in content)
        results = await asyncio.gather(*passes, return_exceptions=True)
        for resource, result in zip(content, results, strict=True):
            if isinstance(result, list):
                remaining.add(resource.plural, resource.group, result)
            elif not isinstance(result, (StatusError, OSError)):
                raise result
            elif not (isinstance(result, StatusError) and result.code in (404, 405)):
                remaining.errors.append(str(result))

    async def _delete_resource(self, resource: Resource, namespace: str) -> list[Json]:
        """Delete every object of one resource; returns those that are still there."""
        items: list[Json] = (await self.client.list(resource, namespace))["items"]
        if not items:
            return items
        if "deletecollection" in resource.verbs:
            await self.client.delete_collection(resource, namespace, options=BACKGROUND)
        else:
            for item in items:
                await self._delete_one(resource, namespace, item["metadata"]["name"])
        left: list[Json] = (await self.client.list(resource, namespace))["items"]
        return left

    async def _delete_one(self, resource: Resource, namespace: str, name: str) -> None:
        try:
            await self.client.delete(resource, name, namespace, options=BACKGROUND)
        except StatusError as error:
            if error.code != 404:
                raise

    async def _write_conditions(self, namespace: Json, remaining: Remaining) -> Json:
        status = namespace.get("status") or {}
        conditions = conditions_after(status.get("conditions") or (), remaining, self.clock.now_s())
        if conditions == (status.get("conditions") or []):
            return namespace
        changed = {**namespace, "status": {**status, "phase": "Terminating", "conditions": conditions}}
        return await self.client.update(NAMESPACES, changed, subresource="status")

    async def _finalize(self, namespace: Json) -> None:
        finalizers = [name for name in namespace["spec"].get("finalizers") or () if name != FINALIZER]
        changed = {**namespace, "spec": {**namespace["spec"], "finalizers": finalizers}}
        try:
            await self.client.update(NAMESPACES, changed, subresource="finalize")
        except StatusError as error:
            if error.code != 404:
                raise
