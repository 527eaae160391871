"""A scheduler inside the store's process: reads the store's changes, commits bindings in batches, without a client.

Always true: what a client sees is what ``POST …/binding`` does, and the event that the scheduler's recorder writes. A
batch is committed when the next one has been decided, as by the twin, which commits it meanwhile.
Not here: deciding (see `engine`), carrying out refusals and preemptions (the caller does).
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pyk8s.errors import Conflict, DecodeError, KeyExists
from pyk8s.reference.scheduler.decision import Decision
from pyk8s.reference.scheduler.engine import SchedulerEngine
from pyk8s.reference.scheduler.random import SplitMix64

Json = dict[str, Any]

BACKLOG_MAX = 4_000_000
"""Changes that may wait to be taken in; beyond them the engine is out of date and must be made anew."""
TRIES_MAX = 6
EVENT_TTL_S = 3600.0
"""How long an event lives, as kube-apiserver's ``--event-ttl``."""
LEASE_REUSE_S = 60.0
LEASE_KEYS_MAX = 1000


@dataclass(slots=True)
class Step:
    attempt_count: int = 0
    bound_count: int = 0
    decisions: list[Decision] = field(default_factory=list)
    failures: list[tuple[Decision, str]] = field(default_factory=list)


class AttachedScheduler:
    def __init__(
        self,
        engine: SchedulerEngine,
        store: Any,
        *,
        prefixes: Mapping[str, str],
        event_template: bytes = b"",
        seed: int = 0,
        notifier: Any = None,
    ) -> None:
        for kind in ("Pod", "Node"):
            if kind not in prefixes:
                raise ValueError(f"prefixes: {kind} is missing")
        self._engine, self._store, self._prefixes = engine, store, dict(prefixes)
        self._template = event_template.decode() if "Event" in prefixes else ""
        self._random = SplitMix64(seed)
        self._lease, self._lease_used_count, self._granted_s = 0, 0, 0.0
        self._last_ns = 0
        self._sent: list[Decision] = []
        self._sent_s = 0.0
        self._told = Step()
        self._is_closed = False
        # Nodes first, pods last: what a pod needs is known when it is seen.
        kinds = sorted(prefixes.keys() - {"Event"}, key=lambda kind: (kind == "Pod", kind != "Node", kind))
        self._listed: list[tuple[str, Any]] = []
        self._watches: dict[str, Any] = {}
        for kind in kinds:
            page = store.range(prefixes[kind])
            self._listed += [(kind, kv) for kv in page.items]
            self._watches[kind] = store.watch(
                prefixes[kind], start_revision=page.revision + 1, notifier=notifier, backlog_max=BACKLOG_MAX
            )

    def take_in(self, now_s: float, max_count: int = 100_000) -> int:
        self._check_open()
        self._engine.advance(now_s)
        listed, self._listed = self._listed, []
        for kind, kv in listed:
            self._set(kind, kv.value)
        count = len(listed)
        for kind, watch in self._watches.items():
            events = watch.poll(max_count)
            count += len(events)
            for event in events:
                if event.type == "DELETED":
                    self._remove(kind, event.kv)
                else:
                    self._set(kind, event.kv.value)
        return count

    def _set(self, kind: str, value: bytes) -> None:
        # An object that cannot be read is no reason to stop: it is left as it was, as by the feeder.
        with contextlib.suppress(DecodeError):
            match kind:
                case "Node":
                    self._engine.set_node(value)
                case "Pod":
                    self._engine.set_pod(value)
                case _:
                    self._engine.set_object(kind, value)

    def _remove(self, kind: str, kv: Any) -> None:
        key = kv.key.removeprefix(self._prefixes[kind])
        match kind:
            case "Node":
                self._engine.remove_node(key)
            case "Pod":
                self._engine.remove_pod(json.loads(kv.value)["metadata"].get("uid") or key)
            case _:
                self._engine.remove_object(kind, key)

    def step(self, now_s: float, max_count: int = 1000) -> Step:
        self.take_in(now_s, max(max_count, 1))
        placed: list[Decision] = []
        decisions: list[Decision] = []
        attempt_count = 0
        while attempt_count < max_count and (decision := self._engine.schedule_one(now_s)) is not None:
            attempt_count += 1
            is_simple = decision.outcome == "scheduled" and not decision.writes
            (placed if is_simple else decisions).append(decision)
        self._collect()
        self._sent, self._sent_s = placed, now_s
        told, self._told = self._told, Step()
        return Step(attempt_count, told.bound_count, decisions, told.failures)

    def settle(self, now_s: float) -> Step:
        self._check_open()
        self._engine.advance(now_s)
        self._collect()
        told, self._told = self._told, Step()
        return told

    def bind(self, decision: Decision, now_s: float) -> str:
        self._check_open()
        self._engine.advance(now_s)
        self._collect()
        failed_before = len(self._told.failures)
        self._sent, self._sent_s = [decision], now_s
        self._collect()
        return self._told.failures.pop()[1] if len(self._told.failures) > failed_before else ""

    def close(self) -> None:
        if not self._is_closed:
            self._collect()
            self._is_closed = True
            for watch in self._watches.values():
                watch.close()

    def _check_open(self) -> None:
        if self._is_closed:
            raise ValueError("the scheduler is no longer attached")

    def _collect(self) -> None:
        """Commit the batch that was decided last, and tell the engine."""
        sent, self._sent = self._sent, []
        versions = []
        for decision in sent:
            why, version = self._commit(decision)
            versions.append((decision, why, version))
        for decision, why, version in versions:
            if not why:
                self._tell(decision, version)
        for decision, why, _ in versions:
            if why:
                self._engine.forget(decision.uid)
                self._told.failures.append((decision, why))
            else:
                self._engine.confirm(decision.uid)
                self._told.bound_count += 1

    def _commit(self, decision: Decision) -> tuple[str, int]:
        """Why it could not be committed, "" when it was; the version of the pod that was bound."""
        key = f"{self._prefixes['Pod']}{decision.namespace}/{decision.name}"
        for _ in range(TRIES_MAX):
            kv = self._store.get(key)
            if kv is None:
                return f'pods "{decision.name}" not found', 0
            pod = json.loads(kv.value)
            why = _refusal(pod, decision)
            if not why and self._store.get(self._prefixes["Node"] + decision.node_name) is None:
                why = f'nodes "{decision.node_name}" not found'
            if why:
                return why, 0
            labels = self._engine.topology_labels(decision.node_name)
            try:
                self._store.update(key, _bound(pod, decision.node_name, labels, self._now()), expected=kv.mod_revision)
            except Conflict:
                continue
            return "", kv.mod_revision
        return "the object has been modified; please apply your changes to the latest version and try again", 0

    def _tell(self, decision: Decision, version: int) -> None:
        if not self._template:
            return
        self._last_ns = max(int(self._sent_s * 1e9), self._last_ns + 1)
        name = f"{decision.name}.{self._last_ns:x}"
        facts = {
            "name": name,
            "namespace": decision.namespace,
            "pod": decision.name,
            "uid": decision.uid,
            "version": str(version),
            "node": decision.node_name,
            "event_uid": self._uid(),
            "now": self._now(),
        }
        text = self._template
        for place, fact in facts.items():
            text = text.replace(f"{{{place}}}", fact)
        # As client-go's recorder: an event is never worth failing what it tells of.
        with contextlib.suppress(KeyExists):
            key = f"{self._prefixes['Event']}{decision.namespace}/{name}"
            self._store.create(key, text.encode(), lease=self._event_lease())

    def _event_lease(self) -> int:
        now_s = self._sent_s
        is_used_up = self._lease_used_count >= LEASE_KEYS_MAX or now_s - self._granted_s > LEASE_REUSE_S
        if not self._lease or is_used_up:
            self._lease = self._store.lease_grant(EVENT_TTL_S + LEASE_REUSE_S, now_s=now_s)
            self._granted_s, self._lease_used_count = now_s, 0
        self._lease_used_count += 1
        return self._lease

    def _uid(self) -> str:
        """A random uid, version 4."""
        high, low = self._random.next(), self._random.next()
        high, low = high & ~0xF000 | 0x4000, low & ~(0b11 << 62) | 0b10 << 62
        digits = f"{high:016x}{low:016x}"
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

    def _now(self) -> str:
        return datetime.fromtimestamp(int(self._sent_s), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _refusal(pod: Json, decision: Decision) -> str:
    name, found = decision.name, pod["metadata"].get("uid", "")
    if found and found != decision.uid:
        return f"Precondition failed: UID in precondition: {decision.uid}, UID in object meta: {found}"
    if pod["metadata"].get("deletionTimestamp"):
        return f"pod {name} is being deleted, cannot be assigned to a host"
    if pod["spec"].get("nodeName"):
        return f'pod {name} is already assigned to node "{pod["spec"]["nodeName"]}"'
    return ""


def _bound(pod: Json, node_name: str, labels: dict[str, str], now: str) -> bytes:
    pod["spec"]["nodeName"] = node_name
    if labels:
        pod["metadata"]["labels"] = {**(pod["metadata"].get("labels") or {}), **labels}
    status = pod.setdefault("status", {})
    condition = {"type": "PodScheduled", "status": "True", "lastProbeTime": None, "lastTransitionTime": now}
    others = [each for each in status.get("conditions") or () if each["type"] != "PodScheduled"]
    status["conditions"] = [*others, condition]
    return json.dumps(pod, separators=(",", ":"), ensure_ascii=False).encode()
