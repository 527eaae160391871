"""The seam between store and engine in process: objects in, decisions committed as bindings.

Always true: a decision is committed before it is told to the ledger; a binding that the store refuses goes back to the
engine's queue.
Not here: watching (see `in_process`).
"""

from __future__ import annotations

from typing import Any

import orjson

from pyk8s import core
from pyk8s.api.clock import Clock, rfc3339
from pyk8s.core.interfaces import KeyValue, Store
from pyk8s.core.scheduler_interface import Decision, SchedulerEngine
from pyk8s.errors import Conflict, KeyNotFound
from pyk8s.simulate.bench.deletion import delete_object
from pyk8s.simulate.bench.kinds import CLAIMS, NODES, PODS, VOLUMES, ObjectKind, must_find
from pyk8s.simulate.bench.ledger import Ledger
from pyk8s.simulate.bench.objects import ordered

Json = dict[str, Any]
BATCH_SIZE = 128
"""Attempts between two looks at the watch and at what else is due: about a millisecond of work."""
WRITTEN = {kind.kind: kind for kind in (VOLUMES, CLAIMS, PODS, must_find("resource.k8s.io/v1", "ResourceClaim"))}
"""Kinds that a decision may write to before its binding."""
TIMED_EVERY = 64
"""Of so many attempts one is made alone and timed."""


class Feeder:
    """Feeds one engine from one store, in the caller's thread."""

    def __init__(self, store: Store, engine: SchedulerEngine, clock: Clock, ledger: Ledger) -> None:
        self._store, self.engine, self._clock, self._ledger = store, engine, clock, ledger
        self._bound: list[str] = []

    def stored(self, kind: ObjectKind, kv: KeyValue) -> None:
        """An object was written."""
        if kind is PODS:
            self.engine.set_pod(kv.value)
        elif kind is NODES:
            self.engine.set_node(kv.value)
        else:
            self.engine.set_object(kind.kind, kv.value)

    def delete(self, kind: ObjectKind, key: str, grace_s: int | None = None) -> None:
        how, obj = delete_object(self._store, key, self._clock.now_s(), grace_s)
        if how == "marked" and kind is PODS:
            kv = self._store.get(key)
            assert kv is not None, "it was marked a line above"
            self.engine.set_pod(kv.value)
        elif how == "gone":
            self._removed(kind, obj, key)

    def advance(self) -> bool:
        """One batch of attempts; False when no pod was ready."""
        now_s = self._clock.now_s()
        started_s = self._clock.monotonic_s()
        first = self.engine.schedule_one(now_s)
        if first is None:
            return False
        self._ledger.timed(self._clock.monotonic_s() - started_s)
        self._ledger.tried(1)
        self._carry_out(first, now_s)
        for _ in range(BATCH_SIZE // TIMED_EVERY):
            decisions = self.engine.schedule(now_s, TIMED_EVERY)
            for decision in decisions:
                self._carry_out(decision, now_s)
            self._ledger.tried(len(decisions))
            if len(decisions) < TIMED_EVERY:
                break
        return True

    def watched(self) -> None:
        """The watcher has had every event up to now: the bindings committed before are told."""
        if self._bound:
            bound, self._bound = self._bound, []
            self._ledger.bound(bound, self._clock.monotonic_s())

    def next_deadline_s(self) -> float | None:
        return self.engine.next_deadline_s()

    def _removed(self, kind: ObjectKind, obj: Json, key: str) -> None:
        metadata = obj["metadata"]
        if kind is PODS:
            self.engine.remove_pod(metadata["uid"])
            self._ledger.gone(key)
        elif kind is NODES:
            self.engine.remove_node(metadata["name"])
        else:
            namespace = metadata.get("namespace")
            name = metadata["name"]
            self.engine.remove_object(kind.kind, f"{namespace}/{name}" if namespace else name)

    # -- decisions -------------------------------------------------------------------------------------------------

    def _carry_out(self, decision: Decision, now_s: float) -> None:
        key = PODS.key(decision.namespace, decision.name)
        if decision.outcome == "scheduled":
            self._bind(decision, key, now_s)
        elif decision.outcome == "unschedulable":
            self._refuse(decision, key, now_s)

    def _bind(self, decision: Decision, key: str, now_s: float) -> None:
        kv = self._store.get(key)
        if kv is None or not self._write_before(decision):
            self.engine.forget(decision.uid)
            return
        pod = orjson.loads(kv.value)
        pod["spec"]["nodeName"] = decision.node_name
        condition = {"type": "PodScheduled", "status": "True", "lastProbeTime": None}
        _set_condition(pod, {**condition, "lastTransitionTime": rfc3339(now_s)})
        try:
            kv = self._store.update(key, ordered(pod), expected=kv.mod_revision)
        except (Conflict, KeyNotFound):
            self.engine.forget(decision.uid)
            return
        self.engine.set_pod(kv.value)
        self._bound.append(key)

    def _write_before(self, decision: Decision) -> bool:
        """What stands before the binding (PreBind); False when an object of it is gone."""
        for write in orjson.loads(decision.writes or b"[]"):
            kind = WRITTEN[write["kind"]]
            key = kind.key(write.get("namespace") or "", write["name"])
            kv = self._store.get(key)
            if kv is None:
                return False
            merged = core.merge_patch(kv.value, orjson.dumps(write["patch"]))
            self.stored(kind, self._store.update(key, merged, expected=kv.mod_revision))
        return True

    def _refuse(self, decision: Decision, key: str, now_s: float) -> None:
        """Write why the pod was not scheduled, and make room where preemption says so."""
        kv = self._store.get(key)
        if kv is None:
            return
        pod = orjson.loads(kv.value)
        condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": decision.message}
        is_new = not _has_condition(pod, condition)
        if is_new:
            _set_condition(pod, {**condition, "lastProbeTime": None, "lastTransitionTime": rfc3339(now_s)})
        if decision.nominated_node_name:
            pod["status"]["nominatedNodeName"] = decision.nominated_node_name
        if is_new or decision.nominated_node_name:
            self.engine.set_pod(self._store.update(key, ordered(pod), expected=kv.mod_revision).value)
        self._ledger.attempted(key, decision.message)
        for namespace, name, _ in decision.victims:
            self.delete(PODS, PODS.key(namespace, name))


def _has_condition(pod: Json, wanted: Json) -> bool:
    known = [one for one in (pod.get("status") or {}).get("conditions") or () if one["type"] == wanted["type"]]
    return any(all(one.get(name) == value for name, value in wanted.items()) for one in known)


def _set_condition(pod: Json, condition: Json) -> None:
    status = pod.setdefault("status", {})
    others = [one for one in status.get("conditions") or () if one["type"] != condition["type"]]
    status["conditions"] = [*others, condition]
