"""The ReplicaSet controller: as many active pods as the spec asks for, adopted, released, made and deleted.

Always true: pods are made and deleted only while nothing asked for earlier is still unseen (`Expectations`).
A pod event costs O(1); the pods of one ReplicaSet are looked at once per sync, never those of others.
Not here: the decisions (see `replicaset_decisions`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import ClassVar

from pyk8s.api.clock import rfc3339
from pyk8s.api.status import StatusError
from pyk8s.client.informer import OWNER_UID_INDEX, by_owner_uid
from pyk8s.client.keys import key_of, split_key
from pyk8s.client.well_known import PODS, REPLICA_SETS
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
from pyk8s.controllers.expectations import Expectations
from pyk8s.controllers.label_selector import labels_of, matcher
from pyk8s.controllers.pod_control import PodControl, is_namespace_terminating, slow_start
from pyk8s.controllers.pod_state import available_in_s, is_active
from pyk8s.controllers.replicaset_decisions import (
    calculate_status,
    choose_victims,
    conditions_after,
    count_per_node,
    failure_condition,
    replica_difference,
)

CONTROLLER_UID_INDEX = "controller_uid"
STATUS_TRIES = 2
# A sync looks at every pod of its set (about 3 us each), so events of a large set are gathered: at most a few percent
# of the time goes into counting, and a set of 1,000 pods is still counted five times a second.
COALESCE_PODS_MIN = 16
COALESCE_S_PER_POD = 0.0002
COALESCE_S_MAX = 0.2


def coalesce_s(pod_count: int) -> float:
    """How long to gather events of a set of this size before looking at it."""
    return 0.0 if pod_count < COALESCE_PODS_MIN else min(pod_count * COALESCE_S_PER_POD, COALESCE_S_MAX)


def by_controller_uid(obj: Json) -> Iterable[str]:
    uid = controller_uid(obj)
    return (uid,) if uid else ()


class ReplicaSetController(Controller):
    name: ClassVar[str] = "replicaset"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._sets = context.informers.informer(REPLICA_SETS)
        self._pods = context.informers.informer(PODS)
        self._sets.add_index(CONTROLLER_UID_INDEX, by_controller_uid)
        self._pods.add_index(OWNER_UID_INDEX, by_owner_uid)
        self._pods.add_index(ORPHAN_INDEX, by_orphan_namespace)
        self._pod_control = PodControl(context.client, context.recorder("replicaset-controller"))
        self._expectations = Expectations(context.clock)
        self._computed: dict[str, Json] = {}
        self._sets.add_handler(on_add=self.enqueue, on_update=self._set_updated, on_delete=self._set_deleted)
        self._pods.add_handler(on_add=self._pod_added, on_update=self._pod_updated, on_delete=self._pod_deleted)

    # -- events ------------------------------------------------------------------------------------------------

    def _set_updated(self, old: Json, new: Json) -> None:
        if old["metadata"]["uid"] != new["metadata"]["uid"]:
            self._expectations.forget(key_of(old))
        # The echo of our own status write changes nothing a sync would act on.
        is_echo = self._computed.get(key_of(new)) == new.get("status")
        if not is_echo or _acted_on(old) != _acted_on(new):
            self.enqueue(new)

    def _set_deleted(self, rs: Json) -> None:
        self._expectations.forget(key_of(rs))
        self._computed.pop(key_of(rs), None)
        self.enqueue(rs)

    def _pod_added(self, pod: Json) -> None:
        if is_deleting(pod):
            self._pod_deleted(pod)
            return
        key = self._owner_key(pod)
        if key is not None:
            self._expectations.creation_observed(key)
            self._enqueue_gathered(key, pod)
        elif controller_of(pod) is None:
            self._enqueue_matching(pod)

    def _pod_updated(self, old: Json, new: Json) -> None:
        if is_deleting(new):
            self._pod_deleted(new)
            return
        is_relabeled = old["metadata"].get("labels") != new["metadata"].get("labels")
        is_moved = controller_uid(old) != controller_uid(new)
        if is_moved and (old_key := self._owner_key(old)) is not None:
            self.queue.add(old_key)
        key = self._owner_key(new)
        if key is not None:
            self._enqueue_gathered(key, new)
        elif controller_of(new) is None and (is_relabeled or is_moved):
            self._enqueue_matching(new)

    def _pod_deleted(self, pod: Json) -> None:
        key = self._owner_key(pod)
        if key is not None:
            self._expectations.deletion_observed(key, key_of(pod))
            self._enqueue_gathered(key, pod)

    def _owner_key(self, pod: Json) -> str | None:
        """The key of the ReplicaSet that controls the pod, if it is the one we know by that name."""
        owner = controller_of(pod)
        if owner is None or owner["kind"] != "ReplicaSet":
            return None
        key = f"{pod['metadata']['namespace']}/{owner['name']}"
        rs = self._sets.cache.get_by_key(key)
        return key if rs is not None and rs["metadata"]["uid"] == owner["uid"] else None

    def _enqueue_gathered(self, key: str, pod: Json) -> None:
        count = self._pods.cache.index_count(OWNER_UID_INDEX, controller_uid(pod))
        self.queue.add_after(key, coalesce_s(count))

    def _enqueue_matching(self, pod: Json) -> None:
        """An orphan may be wanted: every ReplicaSet of the namespace that selects it looks."""
        labels = labels_of(pod)
        for rs in self._sets.cache.list(pod["metadata"]["namespace"]):
            if matcher(rs["spec"]["selector"])(labels):
                self.enqueue(rs)

    # -- sync --------------------------------------------------------------------------------------------------

    async def sync(self, key: str) -> None:
        rs = self._sets.cache.get_by_key(key)
        if rs is None:
            self._expectations.forget(key)
            return
        is_free_to_act = self._expectations.is_satisfied(key)
        pods = await self._claimed_pods(rs)
        active = [pod for pod in pods if is_active(pod)]
        difference, error = 0, None
        if is_free_to_act and not is_deleting(rs):
            difference = replica_difference(len(active), int(rs["spec"].get("replicas", 1)))
            error = await self._manage_replicas(key, rs, active, difference)
        await self._update_status(rs, pods, active, difference, error)
        self._look_again_when_available(key, rs, active)
        if error is not None and not is_namespace_terminating(error):
            raise error

    async def _claimed_pods(self, rs: Json) -> list[Json]:
        namespace, cache = rs["metadata"]["namespace"], self._pods.cache
        candidates = cache.by_index(OWNER_UID_INDEX, rs["metadata"]["uid"]) + cache.by_index(ORPHAN_INDEX, namespace)
        claims = decide_claims(rs, candidates, matcher(rs["spec"]["selector"]))
        # Finished orphans are not worth adopting: they would count for nothing.
        claims.adopted = [pod for pod in claims.adopted if is_active(pod)]
        return await claim(self.client, REPLICA_SETS, rs, PODS, claims)

    async def _manage_replicas(self, key: str, rs: Json, active: list[Json], difference: int) -> Exception | None:
        if difference > 0:
            return await self._create_pods(key, rs, difference)
        if difference < 0:
            return await self._delete_pods(key, rs, active, -difference)
        return None

    async def _create_pods(self, key: str, rs: Json, count: int) -> Exception | None:
        self._expectations.expect_creations(key, count)
        template = rs["spec"]["template"]
        done, error = await slow_start(count, lambda: self._pod_control.create(rs, template))
        if done < count:
            self._expectations.creation_observed(key, count - done)
        return error

    async def _delete_pods(self, key: str, rs: Json, active: list[Json], count: int) -> Exception | None:
        family = count_per_node(self._family_pods(rs))
        victims = choose_victims(active, count, family_per_node=family, now_s=self.clock.now_s())
        self._expectations.expect_deletions(key, map(key_of, victims))
        results = await asyncio.gather(*(self._pod_control.delete(rs, pod) for pod in victims), return_exceptions=True)
        first: Exception | None = None
        for pod, result in zip(victims, results, strict=True):
            if isinstance(result, Exception):
                self._expectations.deletion_observed(key, key_of(pod))
                if not (isinstance(result, StatusError) and result.code == 404):
                    first = first or result
        return first

    def _family_pods(self, rs: Json) -> list[Json]:
        """Active pods of all ReplicaSets of the same owner, this one's included."""
        owner_uid = controller_uid(rs)
        related = self._sets.cache.by_index(CONTROLLER_UID_INDEX, owner_uid) if owner_uid else [rs]
        uids = (other["metadata"]["uid"] for other in related)
        return [pod for uid in uids for pod in self._pods.cache.by_index(OWNER_UID_INDEX, uid) if is_active(pod)]

    async def _update_status(
        self, rs: Json, pods: list[Json], active: list[Json], difference: int, error: Exception | None
    ) -> None:
        status = calculate_status(rs, pods, active, now_s=self.clock.now_s())
        failure = failure_condition(difference, error, rfc3339(self.clock.now_s())) if error is not None else None
        for attempt in range(STATUS_TRIES):
            old = rs.get("status") or {}
            conditions = conditions_after(old, failure)
            new = {**status, "conditions": conditions} if conditions else status
            self._computed[key_of(rs)] = new
            if new == old:
                return
            try:
                await self.client.update(REPLICA_SETS, {**rs, "status": new}, subresource="status")
                return
            except StatusError as conflict:
                if conflict.code == 404:
                    return
                if conflict.code != 409 or attempt + 1 == STATUS_TRIES:
                    raise
            namespace, name = split_key(key_of(rs))
            rs = await self.client.get(REPLICA_SETS, name, namespace)

    def _look_again_when_available(self, key: str, rs: Json, active: list[Json]) -> None:
        """Nothing tells us that time has passed: a ready pod becomes available by waiting."""
        min_ready_s = int(rs["spec"].get("minReadySeconds") or 0)
        if not min_ready_s:
            return
        now_s = self.clock.now_s()
        waits = [wait for pod in active if (wait := available_in_s(pod, min_ready_s, now_s)) is not None]
        if waits:
            self.queue.add_after(key, max(min(waits), 0.001))


def _acted_on(rs: Json) -> tuple[object, ...]:
    """The parts of a ReplicaSet that a sync acts on, beside its pods and its own status."""
    metadata = rs["metadata"]
    names = ("generation", "deletionTimestamp", "labels", "annotations", "ownerReferences")
    return tuple(metadata.get(name) for name in names)
