"""A work queue as client-go's: keys wait once, are worked on by one worker at a time, and fail into a backoff.

Always true: a key added while it is worked on comes again after `done`, once; timers exist only while something waits.
Not here: the workers (see `pyk8s.controllers.controller`).
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque
from typing import Generic, TypeVar

from pyk8s.api.clock import Clock

Item = TypeVar("Item")

BACKOFF_BASE_S = 0.005
BACKOFF_S_MAX = 1000.0
BUCKET_QPS = 10.0
BUCKET_BURST = 100
# Seconds since the epoch carry 2.4e-7 s in a float: a timer may come this much early, and asking for the rest of it
# would not move a virtual clock at all.
TIMER_RESOLUTION_S = 1e-6
# 2 ** 18 x 5 ms is past the longest backoff: larger exponents only cost big integers.
EXPONENT_MAX = 18


class ShutDown(Exception):
    """The queue is shut down and empty: the worker ends."""


class Backoff(Generic[Item]):
    """Per item 5 ms doubling to 1000 s; over all items ten a second beyond a burst of 100; the longer delay counts."""

    def __init__(self, clock: Clock, *, base_s: float = BACKOFF_BASE_S, max_s: float = BACKOFF_S_MAX) -> None:
        self._clock, self._base_s, self._max_s = clock, base_s, max_s
        self._failures: dict[Item, int] = {}
        self._tokens, self._filled_s = float(BUCKET_BURST), clock.monotonic_s()

    def next_s(self, item: Item) -> float:
        """Count a failure of ``item``; seconds until it may run again."""
        failures = self._failures.get(item, 0)
        self._failures[item] = failures + 1
        return max(min(self._base_s * 2.0 ** min(failures, EXPONENT_MAX), self._max_s), self._bucket_s())

    def forget(self, item: Item) -> None:
        self._failures.pop(item, None)

    def failure_count(self, item: Item) -> int:
        return self._failures.get(item, 0)

    def _bucket_s(self) -> float:
        now_s = self._clock.monotonic_s()
        self._tokens = min(float(BUCKET_BURST), self._tokens + (now_s - self._filled_s) * BUCKET_QPS) - 1
        self._filled_s = now_s
        return max(0.0, -self._tokens / BUCKET_QPS)


class WorkQueue(Generic[Item]):
    """One controller's queue. Used from one event loop; its size is bounded by the number of distinct items."""

    def __init__(self, clock: Clock, *, name: str = "", backoff: Backoff[Item] | None = None) -> None:
        self.name = name
        self._clock = clock
        self._backoff = backoff or Backoff[Item](clock)
        self._queue: deque[Item] = deque()
        self._dirty: set[Item] = set()
        self._processing: set[Item] = set()
        self._getters: deque[asyncio.Future[None]] = deque()
        self._is_shut_down = False
        self._order = itertools.count()
        self._waiting: list[tuple[float, int, Item]] = []
        self._due_s: dict[Item, float] = {}
        self._timer: asyncio.Task[None] | None = None
        self._timer_due_s = 0.0

    def __len__(self) -> int:
        """Items ready to be taken."""
        return len(self._queue)

    @property
    def is_idle(self) -> bool:
        """True when nothing is ready and nothing is worked on; delayed items do not count."""
        return not self._queue and not self._processing

    @property
    def waiting_count(self) -> int:
        return len(self._due_s)

    def add(self, item: Item) -> None:
        if self._is_shut_down or item in self._dirty:
            return
        self._dirty.add(item)
        if item not in self._processing:
            self._push(item)

    def add_after(self, item: Item, delay_s: float) -> None:
        """Add the item later; of several delays of one item the earliest counts. <= 0 adds at once."""
        if self._is_shut_down:
            return
        if delay_s <= 0:
            self.add(item)
            return
        due_s = self._clock.monotonic_s() + delay_s
        if self._due_s.get(item, float("inf")) <= due_s:
            return
        self._due_s[item] = due_s
        heapq.heappush(self._waiting, (due_s, next(self._order), item))
        self._arm()

    def add_rate_limited(self, item: Item) -> None:
        """Add the item once its backoff has passed; call `forget` when it has succeeded."""
        self.add_after(item, self._backoff.next_s(item))

    def forget(self, item: Item) -> None:
        self._backoff.forget(item)

    def requeue_count(self, item: Item) -> int:
        return self._backoff.failure_count(item)

    async def get(self) -> Item:
        """The next item, marked as worked on until `done`. Raises ShutDown."""
        while not self._queue:
            if self._is_shut_down:
                raise ShutDown
            getter = asyncio.get_running_loop().create_future()
            self._getters.append(getter)
            try:
                await getter
            except asyncio.CancelledError:
                if getter.done() and not getter.cancelled():
                    self._wake_one()
                raise
        item = self._queue.popleft()
        self._dirty.discard(item)
        self._processing.add(item)
        return item

    def done(self, item: Item) -> None:
        self._processing.discard(item)
        if item in self._dirty:
            self._push(item)

    def shut_down(self) -> None:
        """Take no more; what is ready is still handed out, then `get` raises ShutDown."""
        self._is_shut_down = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._waiting.clear()
        self._due_s.clear()
        while self._getters:
            self._wake_one()

    def _push(self, item: Item) -> None:
        self._queue.append(item)
        self._wake_one()

    def _wake_one(self) -> None:
        while self._getters:
            getter = self._getters.popleft()
            if not getter.done():
                getter.set_result(None)
                return

    def _arm(self) -> None:
        """Keep one timer, on the earliest delayed item."""
        first_s = self._waiting[0][0]
        if self._timer is not None and not self._timer.done():
            if self._timer_due_s <= first_s:
                return
            self._timer.cancel()
        self._timer_due_s = first_s
        self._timer = asyncio.get_running_loop().create_task(self._wait(), name=f"{self.name} delayed items")

    async def _wait(self) -> None:
        while self._waiting:
            self._timer_due_s = self._waiting[0][0]
            await self._clock.sleep(self._timer_due_s - self._clock.monotonic_s())
            self._release(self._clock.monotonic_s() + TIMER_RESOLUTION_S)

    def _release(self, now_s: float) -> None:
        while self._waiting and self._waiting[0][0] <= now_s:
            due_s, _, item = heapq.heappop(self._waiting)
            # An entry that a shorter delay overtook is stale: the table knows the one that counts.
            if self._due_s.get(item) == due_s:
                del self._due_s[item]
                self.add(item)
