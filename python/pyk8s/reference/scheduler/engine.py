"""`SchedulerEngine`: nodes and pods in, decisions out.

Always true: a pod is pending in the queue, in flight (assumed, its binding under way), bound in the cache, or unknown.
Time moves only by `advance` and `schedule`, and never backwards.
Not here: who feeds the engine and writes what it decides (see `pyk8s.scheduler`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pyk8s.reference.scheduler.cache import Cache
from pyk8s.reference.scheduler.cycle import Attempt, Cycle
from pyk8s.reference.scheduler.evaluate import evaluate
from pyk8s.reference.scheduler.event import (
    AssignedPodDeleted,
    AssignedPodScaledDown,
    ClusterEvent,
    NodeAdded,
    NodeUpdated,
)
from pyk8s.reference.scheduler.framework import Framework
from pyk8s.reference.scheduler.node import NodeFacts
from pyk8s.reference.scheduler.plugins.default_binder import binding
from pyk8s.reference.scheduler.pod import PodInfo
from pyk8s.reference.scheduler.queue import Queue, QueuedPod

Outcome = Literal["scheduled", "unschedulable", "skipped"]


@dataclass(frozen=True, slots=True)
class Decision:
    pod: PodInfo
    outcome: Outcome
    node_name: str
    message: str
    plugins: list[str]
    attempts: int

    @property
    def uid(self) -> str:
        return self.pod.uid

    @property
    def namespace(self) -> str:
        return self.pod.namespace

    @property
    def name(self) -> str:
        return self.pod.name

    @property
    def binding(self) -> bytes:
        return binding(self.pod, self.node_name) if self.outcome == "scheduled" else b""


class SchedulerEngine:
    def __init__(
        self,
        *,
        scheduler_name: str = "default-scheduler",
        percentage_of_nodes_to_score: int = 0,
        initial_backoff_s: float = 1.0,
        max_backoff_s: float = 10.0,
    ) -> None:
        self._scheduler_name = scheduler_name
        self._percentage = percentage_of_nodes_to_score
        self._framework = Framework()
        self._cycle = Cycle(self._framework)
        self._cache = Cache()
        self._queue = Queue(initial_backoff_s, max_backoff_s)
        self._in_flight: dict[str, QueuedPod] = {}
        self._start = 0
        self._now_s = 0.0

    def set_node(self, node: bytes) -> None:
        facts = NodeFacts.parse(node)
        old = self._cache.set_node(facts)
        if old != facts:
            self._wake(NodeAdded(facts) if old is None else NodeUpdated(old, facts))

    def remove_node(self, name: str) -> None:
        self._cache.remove_node(name)

    def set_pod(self, pod: bytes) -> None:
        info = PodInfo.parse(pod)
        if info.is_terminal:
            self.remove_pod(info.uid)
        elif info.node_name:
            self._set_bound(info)
        elif info.scheduler_name == self._scheduler_name:
            self._set_pending(info)

    def _set_bound(self, pod: PodInfo) -> None:
        self._queue.remove(pod.uid)
        self._in_flight.pop(pod.uid, None)
        old = self._cache.set_pod(pod, pod.node_name)
        if old is not None and old.shape != pod.shape:
            self._wake(AssignedPodScaledDown(old, pod))

    def _set_pending(self, pod: PodInfo) -> None:
        if pod.uid in self._in_flight:
            self._in_flight[pod.uid].info = pod
            return
        gate = self._framework.pre_enqueue(pod)
        queued = self._queue.get(pod.uid)
        if queued is None:
            self._queue.add(pod, self._now_s, gate)
            return
        known = queued.info
        is_changed = known.shape != pod.shape or known.gates != pod.gates or (pod.is_deleted and not known.is_deleted)
        if known.priority == pod.priority:
            self._queue.replace(pod)
        else:
            self._queue.remove(pod.uid)
            self._queue.add(pod, self._now_s, gate)
        if is_changed and gate is None:
            self._queue.move_on(pod.uid, self._now_s)

    def remove_pod(self, uid: str) -> None:
        self._queue.remove(uid)
        self._in_flight.pop(uid, None)
        self._release(uid)

    def _release(self, uid: str) -> None:
        """Free what the pod holds, and tell those who wait for it."""
        pod = self._cache.remove_pod(uid)
        if pod is not None:
            self._wake(AssignedPodDeleted(pod))

    def schedule_one(self, now_s: float) -> Decision | None:
        self.advance(now_s)
        queued = self._queue.pop()
        if queued is None:
            return None
        pod = queued.info
        if pod.is_deleted:
            message = f"skip schedule deleting pod: {pod.namespace}/{pod.name}"
            return Decision(pod, "skipped", "", message, [], queued.attempts)
        attempt = self._attempt(pod)
        self._start = (self._start + attempt.examined_count) % max(1, self._cache.node_count)
        if attempt.chosen is None:
            names = [plugin.name for plugin in self._framework.plugins if plugin in attempt.rejectors]
            self._queue.add_unschedulable(queued, attempt.rejectors, self._now_s)
            return Decision(pod, "unschedulable", "", attempt.message, names, queued.attempts)
        node_name = attempt.chosen.facts.name
        self._cache.set_pod(pod, node_name)
        self._in_flight[pod.uid] = queued
        return Decision(pod, "scheduled", node_name, "", [], queued.attempts)

    def schedule(self, now_s: float, max_count: int = 100) -> list[Decision]:
        decisions: list[Decision] = []
        while len(decisions) < max_count and (decision := self.schedule_one(now_s)) is not None:
            decisions.append(decision)
        return decisions

    def forget(self, uid: str) -> bool:
        queued = self._in_flight.pop(uid, None)
        if queued is None:
            return False
        self._release(uid)
        self._queue.add_error(queued, self._now_s)
        return True

    def advance(self, now_s: float) -> None:
        if now_s > self._now_s:
            self._now_s = now_s
            self._queue.advance(now_s)

    def next_deadline_s(self) -> float | None:
        return self._queue.next_deadline_s(self._now_s)

    def evaluate(self, pod: bytes) -> bytes:
        return evaluate(self._attempt(PodInfo.parse(pod)))

    def counts(self) -> dict[str, int]:
        return {
            **self._queue.counts(),
            "nodes": self._cache.node_count,
            "bound": self._cache.pod_count,
            "assumed": len(self._in_flight),
        }

    def _attempt(self, pod: PodInfo) -> Attempt:
        return self._cycle.run(pod, self._cache.nodes(), self._start, self._percentage)

    def _wake(self, event: ClusterEvent) -> None:
        """Move the waiting pods for which a plugin that refused them hopes for this event."""
        for pod in self._queue.waiting():
            if any(plugin.hint(pod.info, event) for plugin in pod.rejectors):
                self._queue.move_on(pod.info.uid, self._now_s)
