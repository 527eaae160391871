"""The queue of pending pods: active, backing off, unschedulable, gated.

Always true: a pod is in exactly one place. A pod refused by plugins leaves the unschedulable set only for an event that
one of them hopes for, for its own update, or after five minutes.
Not here: what plugins hope for (the caller asks them), pods whose binding is under way (see `engine`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from pyk8s.reference.scheduler.framework import Plugin
from pyk8s.reference.scheduler.plugins.priority_sort import ActiveKey, active_key
from pyk8s.reference.scheduler.pod import PodInfo

UNSCHEDULABLE_MAX_S = 300.0
"""A pod is tried again after this long whatever happens; looked at on every whole `FLUSH_EVERY_S`."""
FLUSH_EVERY_S = 30.0

DOUBLINGS_MAX = 20
"""Doublings beyond this cannot matter: 1 s << 20 is longer than any cap in use."""

Place = Literal["active", "backoff", "unschedulable", "gated"]


@dataclass(slots=True)
class QueuedPod:
    """A pending pod and its history."""

    info: PodInfo
    timestamp_s: float
    """When it last entered the queue or was refused."""
    attempts: int = 0
    unschedulable_count: int = 0
    consecutive_errors_count: int = 0
    rejectors: set[Plugin] = field(default_factory=set)
    """The plugins that refused it; empty after an error."""
    told_node_name: str = ""
    """The nomination that the API last had."""
    arrival: int = 0
    place: Place = "gated"

    @property
    def key(self) -> ActiveKey:
        return active_key(self.info.priority, self.timestamp_s, self.arrival)


class Queue:
    def __init__(self, initial_backoff_s: float, max_backoff_s: float) -> None:
        self._initial_backoff_s, self._max_backoff_s = initial_backoff_s, max_backoff_s
        self._pods: dict[str, QueuedPod] = {}
        self._arrivals = 0

    def counts(self) -> dict[str, int]:
        places: tuple[Place, ...] = ("active", "backoff", "unschedulable", "gated")
        return {place: len(self._in(place)) for place in places}

    def get(self, uid: str) -> QueuedPod | None:
        return self._pods.get(uid)

    def add(self, info: PodInfo, now_s: float, gate: Plugin | None) -> None:
        """A pod that was not here before. ``gate``: the plugin that holds it back."""
        pod = QueuedPod(info, now_s, told_node_name=info.nominated_node_name)
        if gate is None:
            self._insert(pod, "active")
        else:
            pod.rejectors = {gate}
            self._insert(pod, "gated")

    def replace(self, info: PodInfo) -> None:
        """New facts about a pod that stays where it is."""
        self._pods[info.uid].info = info

    def remove(self, uid: str) -> QueuedPod | None:
        return self._pods.pop(uid, None)

    def take(self, uids: Iterable[str]) -> list[QueuedPod]:
        """Those of the pods that are not gated, in the order of the active queue, to be tried now."""
        found = [self._pods[uid] for uid in uids if uid in self._pods and self._pods[uid].place != "gated"]
        for pod in found:
            self.remove(pod.info.uid)
            pod.attempts += 1
        return sorted(found, key=lambda p: p.key)

    def pop(self) -> QueuedPod | None:
        """The next pod to try: the first active one, else the first that backs off after a refusal."""
        active = self._in("active")
        refused = [pod for pod in self._in("backoff") if pod.rejectors]
        if active:
            pod = min(active, key=lambda p: p.key)
        elif refused:
            pod = min(refused, key=lambda p: (self._expiry_s(p) or 0, p.key))
        else:
            return None
        self.remove(pod.info.uid)
        pod.attempts += 1
        return pod

    def add_unschedulable(self, pod: QueuedPod, rejectors: set[Plugin], now_s: float) -> None:
        """A tried pod that plugins refused."""
        if not rejectors:
            # Nobody could say what would help: try again after the backoff, as after an error.
            return self.add_error(pod, now_s)
        pod.timestamp_s, pod.rejectors = now_s, rejectors
        pod.unschedulable_count += 1
        pod.consecutive_errors_count = 0
        self._insert(pod, "unschedulable")

    def add_error(self, pod: QueuedPod, now_s: float) -> None:
        """A tried pod whose cycle or binding failed."""
        pod.timestamp_s, pod.rejectors = now_s, set()
        pod.consecutive_errors_count += 1
        self._insert(pod, "backoff")

    def move_on(self, uid: str, now_s: float) -> None:
        """Move a waiting pod to the active queue, or to backoff when its time is not over."""
        pod = self._pods.get(uid)
        if pod is None or pod.place in ("active", "backoff"):
            return
        self.remove(uid)
        if not pod.attempts:
            pod.rejectors, pod.timestamp_s = set(), now_s
        self._insert(pod, "backoff" if self._is_backing_off(pod, now_s) else "active")

    def hold(self, uid: str, gate: Plugin) -> None:
        """A waiting pod that a PreEnqueue plugin does not let go on."""
        pod = self._pods.get(uid)
        if pod is None or pod.place in ("active", "backoff"):
            return
        pod.rejectors = {*pod.rejectors, gate}
        if pod.place == "gated":
            return
        self.remove(uid)
        self._insert(pod, "gated")

    def waiting(self) -> list[QueuedPod]:
        """Unschedulable and gated pods, oldest first: for hints."""
        return sorted([*self._in("unschedulable"), *self._in("gated")], key=lambda p: p.key[1:])

    def advance(self, now_s: float) -> None:
        """End backoffs that are over, and waits of more than five minutes."""
        backing_off = self._in("backoff")
        for is_error in (False, True):
            group = [pod for pod in backing_off if (not pod.rejectors) == is_error]
            for pod in sorted(group, key=lambda p: (self._expiry_s(p) or 0, p.key)):
                if not self._is_backing_off(pod, now_s):
                    self.remove(pod.info.uid)
                    self._insert(pod, "active")
        flush_s = math.floor(now_s / FLUSH_EVERY_S) * FLUSH_EVERY_S
        for pod in sorted(self._in("unschedulable"), key=lambda p: p.key[1:]):
            if flush_s - pod.timestamp_s > UNSCHEDULABLE_MAX_S:
                self.move_on(pod.info.uid, now_s)

    def next_deadline_s(self, now_s: float) -> float | None:
        """When `advance` or `pop` next has something to do; ``now_s`` when a pod is ready."""
        backing_off = self._in("backoff")
        if self._in("active") or any(pod.rejectors for pod in backing_off):
            return now_s
        deadlines = [float((self._expiry_s(pod) or 0) + 1) for pod in backing_off]
        for pod in self._in("unschedulable"):
            deadlines.append((math.floor((pod.timestamp_s + UNSCHEDULABLE_MAX_S) / FLUSH_EVERY_S) + 1) * FLUSH_EVERY_S)
        return min(deadlines, default=None)

    def _in(self, place: Place) -> list[QueuedPod]:
        return [pod for pod in self._pods.values() if pod.place == place]

    def _expiry_s(self, pod: QueuedPod) -> int | None:
        """The whole second at which the pod's backoff ends; None when it has failed never."""
        failures = pod.consecutive_errors_count or pod.unschedulable_count
        if failures == 0:
            return None
        doubled = self._initial_backoff_s * (1 << min(failures - 1, DOUBLINGS_MAX))
        return math.floor(pod.timestamp_s + min(doubled, self._max_backoff_s))

    def _is_backing_off(self, pod: QueuedPod, now_s: float) -> bool:
        expiry_s = self._expiry_s(pod)
        return expiry_s is not None and expiry_s >= math.floor(now_s)

    def _insert(self, pod: QueuedPod, place: Place) -> None:
        assert pod.info.uid not in self._pods, "a pod is removed from its place before it enters another"
        self._arrivals += 1
        pod.arrival, pod.place = self._arrivals, place
        self._pods[pod.info.uid] = pod
