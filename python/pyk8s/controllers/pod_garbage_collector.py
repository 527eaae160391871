"""The pod garbage collector: finished pods beyond a threshold, pods of lost nodes, pods nobody else will remove.

Always true: a round looks at indexes, not at every pod; what it deletes is deleted with grace 0.
Not here: garbage by ownership (see `garbage_collector`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from pyk8s.api.clock import rfc3339
from pyk8s.api.status import StatusError
from pyk8s.client.informer import NODE_NAME_INDEX, by_node_name
from pyk8s.client.well_known import NODES, PODS
from pyk8s.controllers.context import Context, Json
from pyk8s.controllers.controller import Controller
from pyk8s.controllers.node_health import ready_status
from pyk8s.controllers.pod_state import created_s, is_terminal, node_name
from pyk8s.controllers.taints import OUT_OF_SERVICE, taints_of

PERIOD_S = 20.0
QUARANTINE_S = 40.0
TERMINATED_PODS_MAX = 12_500
STATE_INDEX = "pod_gc"
MESSAGE = "PodGC: node no longer exists"


def by_state(pod: Json) -> Iterable[str]:
    """Index function: what a round looks for."""
    if is_terminal(pod):
        yield "terminated"
    if pod["metadata"].get("deletionTimestamp"):
        yield "terminating"


def surplus(pods: Sequence[Json], terminated_max: int = TERMINATED_PODS_MAX) -> list[Json]:
    """Finished pods beyond the threshold: evicted ones first, then the oldest."""
    count = len(pods) - terminated_max
    if count <= 0:
        return []

    def rank(pod: Json) -> tuple[bool, float, str]:
        is_evicted = pod.get("status", {}).get("reason") == "Evicted"
        return not is_evicted, created_s(pod), pod["metadata"]["name"]

    return sorted(pods, key=rank)[:count]


class PodGarbageCollector(Controller):
    """Works by the clock alone; its queue stays empty."""

    name: ClassVar[str] = "pod-garbage-collector"
    worker_count: ClassVar[int] = 0

    def __init__(self, context: Context, *, terminated_max: int = TERMINATED_PODS_MAX) -> None:
        super().__init__(context)
        self._terminated_max = terminated_max
        self._nodes = context.informers.informer(NODES)
        self._pods = context.informers.informer(PODS)
        self._pods.add_index(NODE_NAME_INDEX, by_node_name)
        self._pods.add_index(STATE_INDEX, by_state)
        self._missing_since_s: dict[str, float] = {}

    async def background(self) -> None:
        while True:
            await self.clock.sleep(PERIOD_S)
            await self._round()

    async def _round(self) -> None:
        cache = self._pods.cache
        for pod in surplus(cache.by_index(STATE_INDEX, "terminated"), self._terminated_max):
            await self._delete(pod)
        for pod in await self._pods_of_lost_nodes():
            await self._fail(pod)
            await self._delete(pod)
        for pod in cache.by_index(STATE_INDEX, "terminating"):
            if not node_name(pod) or self._is_out_of_service(pod):
                await self._delete(pod)

    async def _pods_of_lost_nodes(self) -> list[Json]:
        """Pods whose node is gone for the quarantine, by the cache and by a live read."""
        now_s, nodes, cache = self.clock.monotonic_s(), self._nodes.cache, self._pods.cache
        missing = [name for name in cache.index_values(NODE_NAME_INDEX) if name not in nodes]
        self._missing_since_s = {name: self._missing_since_s.get(name, now_s) for name in missing}
        lost = [name for name, since_s in self._missing_since_s.items() if now_s - since_s >= QUARANTINE_S]
        return [pod for name in lost if await self._is_gone(name) for pod in cache.by_index(NODE_NAME_INDEX, name)]

    async def _is_gone(self, name: str) -> bool:
        try:
            await self.client.get(NODES, name)
        except StatusError as error:
            return error.code == 404
        return False

    def _is_out_of_service(self, pod: Json) -> bool:
        """On a node that is not ready and that somebody declared dead by hand."""
        node = self._nodes.cache.get(node_name(pod))
        if node is None or ready_status(node) == "True":
            return False
        return any(taint["key"] == OUT_OF_SERVICE for taint in taints_of(node))

    async def _fail(self, pod: Json) -> None:
        """Say why, and end the pod: its owner must not count on it."""
        if is_terminal(pod):
            return
        condition = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "DeletionByPodGC",
            "message": MESSAGE,
            "lastTransitionTime": rfc3339(self.clock.now_s()),
        }
        metadata = pod["metadata"]
        patch = {"metadata": {"uid": metadata["uid"]}, "status": {"phase": "Failed", "conditions": [condition]}}
        try:
            await self.client.patch(
                PODS, metadata["name"], patch, metadata["namespace"], patch_type="strategic", subresource="status"
            )
        except StatusError as error:
            if error.code not in (404, 409):
                raise

    async def _delete(self, pod: Json) -> None:
        metadata = pod["metadata"]
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": metadata["uid"]}}
        try:
            await self.client.delete(PODS, metadata["name"], metadata["namespace"], options=options)
        except StatusError as error:
            if error.code not in (404, 409):
                raise
