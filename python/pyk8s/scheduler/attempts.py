"""Attempts: what came of every scheduling attempt lately, in a bounded ring outside the pods.

Always true: at most `ATTEMPTS_MAX` attempts are remembered, the oldest go first; with each is kept what the scheduler
had seen by then, so that it can be made again from the store's past.
Not here: making one again (see `explain`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pyk8s.core.scheduler_interface import Decision, PodReference

Json = dict[str, Any]

ATTEMPTS_MAX = 50_000
"""An attempt takes about 0.5 KB, so the ring stays below 25 MB."""
MESSAGE_LENGTH_MAX = 4096


class Seen(NamedTuple):
    """The store's revisions up to which the scheduler had read nodes, pods and everything else."""

    nodes: int
    pods: int
    others: int


@dataclass(slots=True)
class Attempt:
    """One attempt."""

    sequence: int
    """Rising by one from attempt to attempt, over all pods."""
    uid: str
    namespace: str
    name: str
    time_s: float
    number: int
    """The pod's attempts so far, this one included."""
    outcome: str
    node_name: str
    message: str
    plugins: list[str]
    nominated_node_name: str
    victims: list[PodReference]
    seen: Seen
    ended: int | None = field(default=None)
    """The sequence at which a placement was taken back, since its binding failed."""

    def told(self) -> Json:
        return {
            "number": self.number,
            "timeSeconds": self.time_s,
            "revision": max(self.seen),
            "outcome": self.outcome,
            "node": self.node_name or None,
            "message": self.message,
            "plugins": self.plugins,
            "nominatedNode": self.nominated_node_name or None,
            "victims": [{"namespace": namespace, "name": name, "uid": uid} for namespace, name, uid in self.victims],
            "isBindingFailed": self.ended is not None,
        }


class Attempts:
    """The ring."""

    def __init__(self, attempts_max: int = ATTEMPTS_MAX) -> None:
        self._ring: deque[Attempt] = deque()
        self._attempts_max = attempts_max
        self._by_pod: dict[tuple[str, str], list[Attempt]] = {}
        self._sequence = 0

    def __len__(self) -> int:
        return len(self._ring)

    def record(self, decision: Decision, *, now_s: float, seen: Seen) -> None:
        self._sequence += 1
        attempt = Attempt(
            self._sequence,
            decision.uid,
            decision.namespace,
            decision.name,
            now_s,
            decision.attempts,
            decision.outcome,
            decision.node_name,
            decision.message[:MESSAGE_LENGTH_MAX],
            decision.plugins,
            decision.nominated_node_name,
            list(decision.victims),
            seen,
        )
        self._ring.append(attempt)
        self._by_pod.setdefault((attempt.namespace, attempt.name), []).append(attempt)
        if len(self._ring) > self._attempts_max:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        oldest = self._ring.popleft()
        key = (oldest.namespace, oldest.name)
        of_pod = self._by_pod[key]
        of_pod.pop(0)
        if not of_pod:
            del self._by_pod[key]

    def take_back(self, decision: Decision) -> None:
        """The binding of the pod's last placement failed."""
        for attempt in reversed(self._by_pod.get((decision.namespace, decision.name), ())):
            if attempt.uid == decision.uid and attempt.outcome == "scheduled":
                attempt.ended = self._sequence
                return

    def of(self, namespace: str, name: str) -> list[Attempt]:
        """The pod's attempts, oldest first; those of an earlier pod of that name included."""
        return list(self._by_pod.get((namespace, name), ()))

    def preempting(self, uid: str) -> Iterator[Attempt]:
        """The attempts that chose this pod as a victim."""
        return (attempt for attempt in list(self._ring) if any(victim[2] == uid for victim in attempt.victims))

    def placed_before(self, sequence: int) -> Iterator[Attempt]:
        """Placements that held when the attempt of that sequence was made, bound by now or not."""
        for attempt in list(self._ring):
            if attempt.sequence >= sequence:
                return
            if attempt.outcome == "scheduled" and (attempt.ended is None or attempt.ended >= sequence):
                yield attempt
