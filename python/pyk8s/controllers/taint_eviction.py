"""Taint eviction: pods leave nodes with NoExecute taints they do not tolerate, at once or when their time is up.

Always true: a pod's time counts from when we first saw it must go, and a taint that goes takes the eviction with it.
Not here: tainting (see `node_lifecycle`).
"""

from __future__ import annotations

from typing import ClassVar

from pyk8s.api.clock import rfc3339
from pyk8s.api.status import StatusError
from pyk8s.client.informer import NODE_NAME_INDEX, by_node_name
from pyk8s.client.keys import key_of
from pyk8s.client.well_known import NODES, PODS
from pyk8s.controllers.context import Context, Json
from pyk8s.controllers.controller import Controller
from pyk8s.controllers.pod_state import condition_of, node_name
from pyk8s.controllers.taints import NO_EXECUTE, taints_of, tolerated_for_s

MESSAGE = "Taint manager: deleting due to NoExecute taint"


def no_execute_taints(node: Json | None) -> list[Json]:
    return [taint for taint in taints_of(node) if taint["effect"] == NO_EXECUTE] if node else []


class TaintEvictionController(Controller):
    """Keys are those of pods."""

    name: ClassVar[str] = "taint-eviction"
    worker_count: ClassVar[int] = 8

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._nodes = context.informers.informer(NODES)
        self._pods = context.informers.informer(PODS)
        self._pods.add_index(NODE_NAME_INDEX, by_node_name)
        self._recorder = context.recorder("taint-eviction-controller")
        self._since_s: dict[str, tuple[str, float]] = {}
        """Pods that must go sometime: their uid, and when we saw it first."""
        self._nodes.add_handler(on_add=self._node_added, on_update=self._node_updated)
        self._pods.add_handler(on_add=self._pod_changed, on_update=self._pod_updated, on_delete=self._pod_deleted)

    # -- events ------------------------------------------------------------------------------------------------

    def _node_added(self, node: Json) -> None:
        if no_execute_taints(node):
            self._enqueue_pods(node)

    def _node_updated(self, old: Json, new: Json) -> None:
        if no_execute_taints(old) != no_execute_taints(new):
            self._enqueue_pods(new)

    def _enqueue_pods(self, node: Json) -> None:
        for pod in self._pods.cache.by_index(NODE_NAME_INDEX, node["metadata"]["name"]):
            self.enqueue(pod)

    def _pod_changed(self, pod: Json) -> None:
        if no_execute_taints(self._nodes.cache.get(node_name(pod))):
            self.enqueue(pod)

    def _pod_updated(self, old: Json, new: Json) -> None:
        is_moved = node_name(old) != node_name(new)
        if is_moved or old["spec"].get("tolerations") != new["spec"].get("tolerations"):
            self._pod_changed(new)

    def _pod_deleted(self, pod: Json) -> None:
        self._since_s.pop(key_of(pod), None)

    # -- sync --------------------------------------------------------------------------------------------------

    async def sync(self, key: str) -> None:
        pod = self._pods.cache.get_by_key(key)
        if pod is None or pod["metadata"].get("deletionTimestamp"):
            self._since_s.pop(key, None)
            return
        taints = no_execute_taints(self._nodes.cache.get(node_name(pod)))
        stay_s = tolerated_for_s(pod["spec"].get("tolerations") or (), taints) if taints else None
        if stay_s is None:
            self._cancel(key, pod)
            return
        now_s, uid = self.clock.monotonic_s(), pod["metadata"]["uid"]
        known_uid, since_s = self._since_s.get(key, (uid, now_s))
        if known_uid != uid:
            since_s = now_s
        self._since_s[key] = (uid, since_s)
        if since_s + stay_s > now_s:
            self.queue.add_after(key, since_s + stay_s - now_s)
        else:
            await self._evict(key, pod)

    def _cancel(self, key: str, pod: Json) -> None:
        if self._since_s.pop(key, None) is not None:
            self._recorder.event(pod, "Normal", "TaintManagerEviction", f"Cancelling deletion of Pod {key}")

    async def _evict(self, key: str, pod: Json) -> None:
        self._recorder.event(pod, "Normal", "TaintManagerEviction", f"Marking for deletion Pod {key}")
        try:
            await self._say_why(pod)
            await self.client.delete(PODS, pod["metadata"]["name"], pod["metadata"]["namespace"])
        except StatusError as error:
            if error.code != 404:
                raise
        self._since_s.pop(key, None)

    async def _say_why(self, pod: Json) -> None:
        current = condition_of(pod, "DisruptionTarget") or {}
        if current.get("status") == "True" and current.get("reason") == "DeletionByTaintManager":
            return
        condition = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "DeletionByTaintManager",
            "message": MESSAGE,
            "lastTransitionTime": rfc3339(self.clock.now_s()),
        }
        metadata = pod["metadata"]
        await self.client.patch(
            PODS,
            metadata["name"],
            {"metadata": {"uid": metadata["uid"]}, "status": {"conditions": [condition]}},
            metadata["namespace"],
            patch_type="strategic",
            subresource="status",
        )
