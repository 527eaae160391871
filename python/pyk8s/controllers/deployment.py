"""The Deployment controller: rolling updates, recreation, scaling, pause, rollback and history of ReplicaSets.

Always true: a sync makes at most one step and writes the status; the next step follows the events of this one.
Not here: the steps (see `deployment_rollout`), the decisions (see `deployment_decisions`, `deployment_status`).
"""

from __future__ import annotations

from typing import ClassVar

from pyk8s.client.informer import OWNER_UID_INDEX, by_owner_uid
from pyk8s.client.well_known import DEPLOYMENTS, PODS, REPLICA_SETS
from pyk8s.controllers.context import Context, Json
from pyk8s.controllers.controller import Controller
from pyk8s.controllers.controller_ref import (
    ORPHAN_INDEX,
    by_orphan_namespace,
    claim,
    controller_of,
    controller_uid,
    decide_claims,
    is_deleting,
)
from pyk8s.controllers.deployment_decisions import ROLLBACK_TO, annotations_of, is_rolling_update, is_scaling_event
from pyk8s.controllers.deployment_rollout import Collision, Rollout
from pyk8s.controllers.label_selector import is_empty, labels_of, matcher
from pyk8s.controllers.pod_state import is_terminal

SELECTING_ALL = "This deployment is selecting all pods. A non-empty selector is required."


class DeploymentController(Controller):
    name: ClassVar[str] = "deployment"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._deployments = context.informers.informer(DEPLOYMENTS)
        self._sets = context.informers.informer(REPLICA_SETS)
        self._pods = context.informers.informer(PODS)
        self._sets.add_index(OWNER_UID_INDEX, by_owner_uid)
        self._sets.add_index(ORPHAN_INDEX, by_orphan_namespace)
        self._pods.add_index(OWNER_UID_INDEX, by_owner_uid)
        self._recorder = context.recorder("deployment-controller")
        self._deployments.add_handler(
            on_add=self.enqueue, on_update=lambda old, new: self.enqueue(new), on_delete=self.enqueue
        )
        self._sets.add_handler(on_add=self._set_added, on_update=self._set_updated, on_delete=self._enqueue_owner)
        self._pods.add_handler(on_delete=self._pod_deleted)

    # -- events ------------------------------------------------------------------------------------------------

    def _set_added(self, rs: Json) -> None:
        if controller_of(rs) is not None:
            self._enqueue_owner(rs)
        elif not is_deleting(rs):
            self._enqueue_matching(rs)

    def _set_updated(self, old: Json, new: Json) -> None:
        if controller_uid(old) != controller_uid(new):
            self._enqueue_owner(old)
        if controller_of(new) is not None:
            self._enqueue_owner(new)
        elif labels_of(old) != labels_of(new) or controller_uid(old):
            self._enqueue_matching(new)

    def _enqueue_owner(self, rs: Json) -> None:
        owner = controller_of(rs)
        if owner is None or owner["kind"] != "Deployment":
            return
        deployment = self._deployments.cache.get(owner["name"], rs["metadata"]["namespace"])
        if deployment is not None and deployment["metadata"]["uid"] == owner["uid"]:
            self.enqueue(deployment)

    def _enqueue_matching(self, rs: Json) -> None:
        labels = labels_of(rs)
        for deployment in self._deployments.cache.list(rs["metadata"]["namespace"]):
            if matcher(deployment["spec"]["selector"])(labels):
                self.enqueue(deployment)

    def _pod_deleted(self, pod: Json) -> None:
        """Recreate waits for the last old pod to go, which no ReplicaSet's status need tell."""
        owner = controller_of(pod)
        if owner is None or owner["kind"] != "ReplicaSet":
            return
        rs = self._sets.cache.get(owner["name"], pod["metadata"]["namespace"])
        deployment_ref = controller_of(rs) if rs else None
        if deployment_ref is None or deployment_ref["kind"] != "Deployment":
            return
        deployment = self._deployments.cache.get(deployment_ref["name"], pod["metadata"]["namespace"])
        if deployment is not None and not is_rolling_update(deployment):
            self.enqueue(deployment)

    # -- sync --------------------------------------------------------------------------------------------------

    async def sync(self, key: str) -> None:
        deployment = self._deployments.cache.get_by_key(key)
        if deployment is None:
            return
        if is_empty(deployment["spec"].get("selector")):
            await self._refuse_selecting_all(deployment)
            return
        sets = await self._claimed_sets(deployment)
        rollout = Rollout(self.client, self._recorder, self.clock, deployment=deployment, sets=sets)
        try:
            await self._step(rollout, sets)
        except Collision:
            # The next name is another: nothing has failed, so there is nothing to back off from.
            self.queue.add(key)

    async def _step(self, rollout: Rollout, sets: list[Json]) -> None:
        deployment = rollout.deployment
        if is_deleting(deployment):
            await rollout.sort_out(is_created=False)
            await rollout.write_counts()
            return
        await rollout.note_pause()
        if deployment["spec"].get("paused"):
            await self._scale(rollout, is_paused=True)
        elif ROLLBACK_TO in annotations_of(deployment):
            await rollout.roll_back()
        elif is_scaling_event(deployment, sets):
            await self._scale(rollout, is_paused=False)
        elif is_rolling_update(deployment):
            await self._roll(rollout)
        else:
            await self._recreate(rollout)

    async def _scale(self, rollout: Rollout, *, is_paused: bool) -> None:
        await rollout.sort_out(is_created=False)
        await rollout.scale()
        if is_paused and ROLLBACK_TO not in annotations_of(rollout.deployment):
            await rollout.clean_up()
        await rollout.write_counts()

    async def _roll(self, rollout: Rollout) -> None:
        await rollout.sort_out(is_created=True)
        if not await rollout.scale_new_up() and not await rollout.scale_old_down() and rollout.is_complete:
            await rollout.clean_up()
        await self._write_progress(rollout)

    async def _recreate(self, rollout: Rollout) -> None:
        await rollout.sort_out(is_created=False)
        if not await rollout.scale_old_to_zero() and not self._is_old_pod_running(rollout):
            await rollout.sort_out(is_created=True)
            await rollout.scale_new_up()
            if rollout.is_complete:
                await rollout.clean_up()
        await self._write_progress(rollout)

    async def _write_progress(self, rollout: Rollout) -> None:
        wait_s = await rollout.write_progress()
        if wait_s is not None:
            metadata = rollout.deployment["metadata"]
            # One second late, so that the deadline has surely passed when we look.
            self.queue.add_after(f"{metadata['namespace']}/{metadata['name']}", max(wait_s, 0.0) + 1.0)

    def _is_old_pod_running(self, rollout: Rollout) -> bool:
        pods = (pod for rs in rollout.old for pod in self._pods.cache.by_index(OWNER_UID_INDEX, rs["metadata"]["uid"]))
        return any(not is_terminal(pod) for pod in pods)

    async def _claimed_sets(self, deployment: Json) -> list[Json]:
        namespace, cache = deployment["metadata"]["namespace"], self._sets.cache
        candidates = cache.by_index(OWNER_UID_INDEX, deployment["metadata"]["uid"])
        candidates += cache.by_index(ORPHAN_INDEX, namespace)
        claims = decide_claims(deployment, candidates, matcher(deployment["spec"]["selector"]))
        return await claim(self.client, DEPLOYMENTS, deployment, REPLICA_SETS, claims)

    async def _refuse_selecting_all(self, deployment: Json) -> None:
        self._recorder.event(deployment, "Warning", "SelectingAll", SELECTING_ALL)
        generation, status = deployment["metadata"].get("generation", 0), deployment.get("status") or {}
        if status.get("observedGeneration", 0) < generation:
            changed = {**deployment, "status": {**status, "observedGeneration": generation}}
            await self.client.update(DEPLOYMENTS, changed, subresource="status")
