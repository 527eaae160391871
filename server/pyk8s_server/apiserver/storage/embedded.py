"""The default storage: the engine itself, in this process.

Always true: a write returns after it is as durable as the store was opened to make it.
Invariant: a write that waits for the disk waits in a thread, never in the event loop; writes that wait together share
one fsync.
Not here: which objects expire (the caller gives a TTL).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from pyk8s.api.clock import Clock
from pyk8s.core.interfaces import KeyValue, Store

HISTORY_S = 300.0
"""How long superseded versions can still be read and watched from; kube-apiserver compacts every five minutes."""

LEASE_REUSE_S = 60.0
LEASE_KEYS_MAX = 1000
"""One lease serves the objects written within a minute, as kube-apiserver's lease manager does: a lease per event
would double the number of things to expire."""


WRITERS_MAX = 64
"""Writes that may wait for one fsync together."""


class EmbeddedStorage:
    """A `Storage` over one engine. ``fsync``: the store was opened with durability "fsync", so its writes block."""

    def __init__(self, engine: Store, clock: Clock, *, fsync: bool = False, history_s: float = HISTORY_S) -> None:
        self.engine = engine
        self._clock, self._history_s = clock, history_s
        self._writers = ThreadPoolExecutor(WRITERS_MAX, thread_name_prefix="store-write") if fsync else None
        self._leases = _SharedLeases(engine, clock)

    async def create(self, key: str, value: bytes, *, ttl_s: float = 0.0) -> KeyValue:
        lease = self._leases.lease(ttl_s) if ttl_s else 0
        if self._writers is None:
            return self.engine.create(key, value, lease=lease)
        return await self._wait(partial(self.engine.create, key, value, lease=lease))

    async def update(self, key: str, value: bytes, *, expected: int, ttl_s: float = 0.0) -> KeyValue:
        lease = self._leases.lease(ttl_s) if ttl_s else 0
        if self._writers is None:
            return self.engine.update(key, value, expected=expected, lease=lease)
        return await self._wait(partial(self.engine.update, key, value, expected=expected, lease=lease))

    async def delete(self, key: str, *, expected: int = 0) -> KeyValue:
        if self._writers is None:
            return self.engine.delete(key, expected=expected)
        return await self._wait(partial(self.engine.delete, key, expected=expected))

    async def maintain(self) -> None:
        advance = partial(self.engine.advance, self._clock.now_s(), history_s=self._history_s)
        if self._writers is None:
            advance()
        else:
            await asyncio.get_running_loop().run_in_executor(self._writers, advance)

    def close(self) -> None:
        if self._writers is not None:
            self._writers.shutdown()

    async def _wait(self, write: Callable[[], KeyValue]) -> KeyValue:
        # A client that goes away cancels its request, but not a write that is on its way to the disk.
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._writers, write))


class _SharedLeases:
    """Hands out one lease per TTL for a while, so that expiring costs little."""

    def __init__(self, engine: Store, clock: Clock) -> None:
        self._engine, self._clock = engine, clock
        self._current: dict[float, tuple[int, float, int]] = {}

    def lease(self, ttl_s: float) -> int:
        now_s = self._clock.now_s()
        lease, granted_s, used_count = self._current.get(ttl_s, (0, 0.0, LEASE_KEYS_MAX))
        if used_count >= LEASE_KEYS_MAX or now_s - granted_s > LEASE_REUSE_S:
            # The reuse time is added, so that the last object put on the lease still lives for its TTL.
            lease, granted_s, used_count = self._engine.lease_grant(ttl_s + LEASE_REUSE_S, now_s=now_s), now_s, 0
        self._current[ttl_s] = (lease, granted_s, used_count + 1)
        return lease
