"""The scheduler in process: attached to the store, stepped by the caller, told to the ledger.

Always true: what a client would see of a refusal, a preemption or a write before a binding is in the store too.
Not here: placing and committing bindings (`AttachedScheduler` does), watching (see `in_process`).
"""

from __future__ import annotations

from typing import Any

import orjson

from pyk8s import core
from pyk8s.api.clock import Clock, rfc3339
from pyk8s.client.events import binding_event_template
from pyk8s.core.interfaces import Store
from pyk8s.core.scheduler_interface import AttachedScheduler, Decision, SchedulerEngine, Step
from pyk8s.errors import Conflict, KeyNotFound
from pyk8s.simulate.bench.deletion import delete_object
from pyk8s.simulate.bench.kinds import CLAIMS, PODS, VOLUMES, ObjectKind, must_find
from pyk8s.simulate.bench.ledger import Ledger
from pyk8s.simulate.bench.objects import ordered

Json = dict[str, Any]
STEP_COUNT = 512
"""Attempts between two looks at the watch and at what else is due: some milliseconds of work."""
TIMED_EVERY = 8
TIMED_COUNT = 8
"""Before one of so many steps, so many attempts are made alone and timed, with no commit beside them."""
WRITTEN = {kind.kind: kind for kind in (VOLUMES, CLAIMS, PODS, must_find("resource.k8s.io/v1", "ResourceClaim"))}
"""Kinds that a decision may write to before its binding."""
EVENT_TEMPLATE = binding_event_template("default-scheduler")


class Feeder:
    """Steps one attached scheduler, in the caller's thread."""

    def __init__(
        self, store: Store, engine: SchedulerEngine, scheduler: AttachedScheduler, clock: Clock, ledger: Ledger
    ) -> None:
        self._store, self._engine, self._attached = store, engine, scheduler
        self._clock, self._ledger = clock, ledger
        self._step_number = 0

    def advance(self) -> bool:
        """One step; False when there was nothing to try and nothing on its way."""
        now_s = self._clock.now_s()
        is_busy = self._is_time_to_measure() and self._timed_attempts(now_s)
        self._step_number += 1
        step = self._attached.step(now_s, STEP_COUNT)
        is_busy = self._told(step, now_s) or is_busy
        if step.attempt_count == 0:
            # Nothing to decide beside the commits: wait for them.
            is_busy = self._told(self._attached.settle(now_s), now_s) or is_busy
        return is_busy

    def delete(self, kind: ObjectKind, key: str, grace_s: int | None = None) -> None:
        how, _ = delete_object(self._store, key, self._clock.now_s(), grace_s)
        if how == "gone" and kind is PODS:
            self._ledger.gone(key)

    def next_deadline_s(self) -> float | None:
        return self._engine.next_deadline_s()

    def close(self) -> None:
        self._attached.close()

    def _is_time_to_measure(self) -> bool:
        has_none = any(not len(one.latencies) for one in self._ledger.collectors)
        return has_none or self._step_number % TIMED_EVERY == 0

    def _timed_attempts(self, now_s: float) -> bool:
        is_busy = self._told(self._attached.settle(now_s), now_s)
        self._attached.take_in(now_s)
        for _ in range(TIMED_COUNT):
            started_s = self._clock.monotonic_s()
            step = self._attached.step(now_s, 1)
            if step.attempt_count:
                self._ledger.timed(self._clock.monotonic_s() - started_s)
            is_busy = self._told(step, now_s) or is_busy
            is_busy = self._told(self._attached.settle(now_s), now_s) or is_busy
        return is_busy

    def _told(self, step: Step, now_s: float) -> bool:
        """Carry out what the scheduler leaves to its caller; whether anything came of the step."""
        self._ledger.tried(step.attempt_count)
        for decision in step.decisions:
            self._carry_out(decision, now_s)
        for decision, why in step.failures:
            self._ledger.attempted(PODS.key(decision.namespace, decision.name), why)
        return bool(step.attempt_count or step.bound_count or step.failures)

    # -- decisions -------------------------------------------------------------------------------------------------

    def _carry_out(self, decision: Decision, now_s: float) -> None:
        key = PODS.key(decision.namespace, decision.name)
        if decision.outcome == "scheduled":
            self._write_before(decision)
            why = self._attached.bind(decision, now_s)
            if why:
                self._ledger.attempted(key, why)
        elif decision.outcome != "skipped":
            self._refuse(decision, key, now_s)

    def _write_before(self, decision: Decision) -> None:
        """What stands before the binding (PreBind); where its object is gone, the binding is refused for it."""
        for write in orjson.loads(decision.writes or b"[]"):
            kind = WRITTEN[write["kind"]]
            key = kind.key(write.get("namespace") or "", write["name"])
            kv = self._store.get(key)
            if kv is not None:
                merged = core.merge_patch(kv.value, orjson.dumps(write["patch"]))
                self._store.update(key, merged, expected=kv.mod_revision)

    def _refuse(self, decision: Decision, key: str, now_s: float) -> None:
        """Write why the pod was not scheduled, and make room where preemption says so."""
        kv = self._store.get(key)
        if kv is None:
            return
        pod = orjson.loads(kv.value)
        reason = "Unschedulable" if decision.outcome == "unschedulable" else "SchedulerError"
        condition = {"type": "PodScheduled", "status": "False", "reason": reason, "message": decision.message}
        is_new = not _has_condition(pod, condition)
        if is_new:
            _set_condition(pod, {**condition, "lastProbeTime": None, "lastTransitionTime": rfc3339(now_s)})
        if decision.nominated_node_name:
            pod["status"]["nominatedNodeName"] = decision.nominated_node_name
        if is_new or decision.nominated_node_name:
            self._update(key, pod, kv.mod_revision)
        self._ledger.attempted(key, decision.message)
        for namespace, name, _ in decision.cleared:
            self._clear_nomination(PODS.key(namespace, name))
        for namespace, name, _ in decision.victims:
            self.delete(PODS, PODS.key(namespace, name))

    def _clear_nomination(self, key: str) -> None:
        kv = self._store.get(key)
        pod = orjson.loads(kv.value) if kv is not None else {}
        if kv is not None and (pod.get("status") or {}).pop("nominatedNodeName", None):
            self._update(key, pod, kv.mod_revision)

    def _update(self, key: str, pod: Json, expected: int) -> None:
        try:
            self._store.update(key, ordered(pod), expected=expected)
        except (Conflict, KeyNotFound):
            # It was written meanwhile; its next attempt tells again.
            return


def _has_condition(pod: Json, wanted: Json) -> bool:
    known = [one for one in (pod.get("status") or {}).get("conditions") or () if one["type"] == wanted["type"]]
    return any(all(one.get(name) == value for name, value in wanted.items()) for one in known)


def _set_condition(pod: Json, condition: Json) -> None:
    status = pod.setdefault("status", {})
    others = [one for one in status.get("conditions") or () if one["type"] != condition["type"]]
    status["conditions"] = [*others, condition]
