"""Time, passed in: the system's clock and a virtual one that moves only when told.

Always true: this is the only module of pyk8s that reads the machine's clock. With the virtual clock nothing sleeps:
`advance` fires what falls due, in order of time and then of registration.
Not here: random numbers and uids (see `pyk8s.api.identity`).
"""

from __future__ import annotations

import heapq
import itertools
import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio


class Clock(Protocol):
    """Wall time in seconds since the epoch (`now_s`), a monotonic reading, and sleeping."""

    def now_s(self) -> float: ...

    def monotonic_s(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's clock."""

    def now_s(self) -> float:
        return time.time()

    def monotonic_s(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        # Imported where it is used: commands that only read the time need not wait for it.
        import asyncio

        await asyncio.sleep(seconds)


class VirtualClock:
    """A clock for tests and simulation, used from one event loop."""

    SETTLE_ROUNDS = 50
    """Loop turns given to what a timer woke before time moves on: enough for a chain of a few awaits."""

    def __init__(self, start_s: float = 1_767_225_600.0) -> None:
        self._start_s = start_s
        # Counted from the start, not from the epoch: seconds since 1970 as a float leave steps of 0.2 µs, and a sleeper
        # that wakes so much too early would sleep again for less than one step, for ever.
        self._elapsed_s = 0.0
        self._order = itertools.count()
        self._timers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now_s(self) -> float:
        return self._start_s + self._elapsed_s

    def monotonic_s(self) -> float:
        return self._elapsed_s

    async def sleep(self, seconds: float) -> None:
        import asyncio

        if seconds <= 0:
            await asyncio.sleep(0)
            return
        timer = asyncio.get_running_loop().create_future()
        heapq.heappush(self._timers, (self._elapsed_s + seconds, next(self._order), timer))
        await timer

    @property
    def next_timer_s(self) -> float | None:
        """When the earliest sleeper is due, None without one."""
        due_s = self._next_due_s()
        return None if due_s is None else self._start_s + due_s

    async def advance(self, seconds: float = 0.0, *, minutes: float = 0.0, hours: float = 0.0) -> None:
        """Move time forward, letting everything that falls due run before time moves on."""
        end_s = self._elapsed_s + seconds + 60 * minutes + 3600 * hours
        await self._settle()
        while (due_s := self._next_due_s()) is not None and due_s <= end_s:
            self._elapsed_s = max(self._elapsed_s, due_s)
            heapq.heappop(self._timers)[2].set_result(None)
            await self._settle()
        self._elapsed_s = end_s
        await self._settle()

    def _next_due_s(self) -> float | None:
        while self._timers and self._timers[0][2].done():
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    async def _settle(self) -> None:
        import asyncio

        for _ in range(self.SETTLE_ROUNDS):
            await asyncio.sleep(0)


def rfc3339(seconds: float) -> str:
    """metav1.Time: whole seconds in UTC, ``2026-01-01T00:00:00Z``."""
    return _rfc3339(int(seconds))


@lru_cache(maxsize=64)
def _rfc3339(seconds: int) -> str:
    # Every write of the same second asks for the same text, and strftime is slow.
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def rfc3339_micro(seconds: float) -> str:
    """metav1.MicroTime: six decimals, ``2026-01-01T00:00:00.000000Z``."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_rfc3339(text: str) -> float:
    """Seconds since the epoch. Raises ValueError."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
