"""The resource quota controller: the status of every quota says its limits and what its namespace uses.

Always true: a count is written on the very version of the quota that was read before counting, so that no reservation
made meanwhile is lost: the write is a conflict then, and the count is made again.
Not here: refusing what goes beyond a quota (admission does), counting one object (see `pyk8s.api.quota`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import ClassVar

from pyk8s.api import quota as usage
from pyk8s.api.pod_resources import Amounts
from pyk8s.api.quantity import Quantity
from pyk8s.api.resources import Resource
from pyk8s.api.status import StatusError
from pyk8s.client.informer import NAMESPACE_INDEX
from pyk8s.client.keys import key_of, split_key
from pyk8s.client.well_known import PODS, RESOURCE_QUOTAS
from pyk8s.controllers.context import Context, Json
from pyk8s.controllers.controller import Controller
from pyk8s.controllers.garbage_collector import metadata_only, monitored_resources

RESYNC_S = 300.0
REPLENISH_S = 0.2
"""Deletes come in floods, and one count serves all of a fifth of a second."""
PAGE_ITEMS = 500


class ResourceQuotaController(Controller):
    """Keys are those of quotas. Build it late: most of what it watches it needs nothing of but the metadata."""

    name: ClassVar[str] = "resourcequota"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._quotas = context.informers.informer(RESOURCE_QUOTAS)
        self._quotas.add_handler(on_add=self.enqueue, on_update=self._quota_changed)
        self._resources = [r for r in monitored_resources() if r.namespaced and r.qualified not in usage.UNCOUNTED]
        for resource in self._resources:
            self._watch(resource)

    def _watch(self, resource: Resource) -> None:
        if resource.qualified == PODS.qualified:
            informer = self.context.informers.informer(resource)
            informer.add_handler(on_update=self._pod_changed, on_delete=lambda pod: self._freed(resource, pod))
            return
        informer = self.context.informers.informer(resource, transform=metadata_only)
        if usage.is_plain_count(resource):
            informer.add_handler(on_delete=lambda obj: self._freed(resource, obj))
        else:
            informer.add_handler(
                on_update=lambda old, new: self._freed(resource, new), on_delete=lambda obj: self._freed(resource, obj)
            )

    def _quota_changed(self, old: Json, new: Json) -> None:
        if _limits(old) != _limits(new):
            self.enqueue(new)

    def _pod_changed(self, old: Json, new: Json) -> None:
        now_s = self.clock.now_s()
        # A pod uses no more than it did when it came, but for a resize, which changes its generation.
        has_ended = usage.is_pod_charged(old, now_s) and not usage.is_pod_charged(new, now_s)
        if has_ended or old["metadata"].get("generation") != new["metadata"].get("generation"):
            self._freed(PODS, new)

    def _freed(self, resource: Resource, obj: Json) -> None:
        """Count again what may have become less."""
        for quota in self._quotas.cache.by_index(NAMESPACE_INDEX, obj["metadata"].get("namespace", "")):
            if usage.counted_names(resource, _limits(quota)):
                self.queue.add_after(key_of(quota), REPLENISH_S)

    async def background(self) -> None:
        """Count everything again every five minutes: what admission reserved in vain is given back then."""
        while True:
            await self.clock.sleep(RESYNC_S)
            for quota in self._quotas.cache.list():
                self.enqueue(quota)

    async def sync(self, key: str) -> None:
        namespace, name = split_key(key)
        try:
            quota = await self.client.get(RESOURCE_QUOTAS, name, namespace)
        except StatusError as error:
            if error.code != 404:
                raise
            return
        hard = _limits(quota)
        used = await self._used(quota, list(hard))
        status = quota.get("status") or {}
        if status.get("hard", {}) == hard and _parsed(status.get("used") or {}) == used:
            return
        texts = {resource: str(value) for resource, value in used.items()}
        await self.client.update(
            RESOURCE_QUOTAS, {**quota, "status": {"hard": hard, "used": texts}}, subresource="status"
        )

    async def _used(self, quota: Json, names: list[str]) -> Amounts:
        """What is used of each of ``names`` in the quota's namespace and scopes."""
        used = dict.fromkeys(names, Quantity())
        for resource in self._resources:
            counted = usage.counted_names(resource, names)
            if counted:
                for name, value in (await self._usage(quota, resource)).items():
                    if name in counted:
                        used[name] += value
        return used

    async def _usage(self, quota: Json, resource: Resource) -> Amounts:
        namespace, now_s = quota["metadata"]["namespace"], self.clock.now_s()
        if usage.is_plain_count(resource):
            count = await self._count(resource, namespace) if usage.is_in_scope(quota, resource, {}) else 0
            return dict.fromkeys(usage.usage_of(resource, {}, now_s), Quantity.from_value(count))
        total: Amounts = {}
        async for obj in self._objects(resource, namespace):
            if usage.is_in_scope(quota, resource, obj):
                for name, value in usage.usage_of(resource, obj, now_s).items():
                    total[name] = total[name] + value if name in total else value
        return total

    async def _count(self, resource: Resource, namespace: str) -> int:
        page = await self.client.list(resource, namespace, limit=1)
        return len(page["items"]) + int(page["metadata"].get("remainingItemCount") or 0)

    async def _objects(self, resource: Resource, namespace: str) -> AsyncIterator[Json]:
        token = ""
        while True:
            page = await self.client.list(resource, namespace, limit=PAGE_ITEMS, continue_token=token)
            for obj in page["items"]:
                yield obj
            token = page["metadata"].get("continue", "")
            if not token:
                return


def _limits(quota: Json) -> Json:
    hard: Json = (quota.get("spec") or {}).get("hard") or {}
    return hard


def _parsed(texts: Json) -> Amounts:
    return {name: Quantity.of(text) for name, text in texts.items()}
