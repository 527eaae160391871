"""What goes on beside the operations: churn, gradual deletions and updates, each with its own beat.

Always true: an activity acts once per beat; one that has fallen behind skips the beats it missed.
Not here: when activities are asked (see `runner`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence

from pyk8s.simulate.bench.cluster import Cluster
from pyk8s.simulate.bench.kinds import PODS
from pyk8s.simulate.bench.objects import NewObject, ObjectFactory
from pyk8s.simulate.bench.operations import Churn

CHURN_INTERVAL_S = 0.5


class Activity(ABC):
    """Something done every so often until it is finished; times are monotonic."""

    def __init__(self, interval_s: float, start_s: float) -> None:
        self._interval_s = interval_s
        self.due_s = start_s + interval_s
        self.is_done = False

    async def fire(self, now_s: float) -> None:
        missed = int((now_s - self.due_s) / self._interval_s) if self._interval_s > 0 else 0
        self.due_s += self._interval_s * (missed + 1)
        await self.act(missed + 1)

    @abstractmethod
    async def act(self, beat_count: int) -> None:
        """``beat_count`` beats have passed."""


class ChurnActivity(Activity):
    """Creates an object of each template per beat; "recreate" then deletes them again, turn and turn about."""

    def __init__(self, operation: Churn, factories: Sequence[ObjectFactory], cluster: Cluster, start_s: float) -> None:
        interval_s = operation.interval_milliseconds / 1000 or CHURN_INTERVAL_S
        super().__init__(interval_s, start_s)
        self._factories, self._cluster = factories, cluster
        self._number, self._is_recreating = operation.number, operation.mode == "recreate"
        self._made = 0
        self._alive: list[NewObject] = []
        self._is_deleting = False

    async def act(self, beat_count: int) -> None:
        if self._is_deleting:
            for obj in self._alive[: len(self._factories)]:
                await self._cluster.delete(obj.kind, obj.namespace, obj.name)
            del self._alive[: len(self._factories)]
            self._is_deleting = bool(self._alive)
            return
        made = [obj for factory in self._factories for obj in factory.make(self._made, self._made + 1)]
        await self._cluster.create(made)
        self._made += 1
        if self._is_recreating:
            self._alive += made
            self._is_deleting = self._made % self._number == 0
        elif self._number and self._made >= self._number:
            self.is_done = True


class GradualActivity(Activity):
    """Works through a list at so many per second; catches up on the beats it missed."""

    def __init__(self, count: int, per_second: int, start_s: float, act_on: Callable[[int], Awaitable[None]]) -> None:
        super().__init__(1 / per_second, start_s)
        self._count, self._done, self._act_on = count, 0, act_on
        self.is_done = count == 0

    async def act(self, beat_count: int) -> None:
        stop = min(self._count, self._done + beat_count)
        for index in range(self._done, stop):
            await self._act_on(index)
        self._done = stop
        self.is_done = stop == self._count


def split_pod_key(key: str) -> tuple[str, str]:
    """(namespace, name) of a pod's key in the store."""
    namespace, _, name = key.removeprefix(PODS.prefix).partition("/")
    return namespace, name
