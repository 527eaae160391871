"""The default storage: the engine itself, in this process.

Always true: a write returns after it is as durable as the store was opened to make it; many writers share one fsync.
Invariant: at most one `Store.sync` runs at a time, outside the event loop's thread.
Not here: which objects expire (the caller gives a TTL).
"""

from __future__ import annotations

import asyncio

from pyk8s.api.clock import Clock
from pyk8s.core.interfaces import KeyValue, Store

HISTORY_S = 300.0
"""How long superseded versions can still be read and watched from; kube-apiserver compacts every five minutes."""

LEASE_REUSE_S = 60.0
LEASE_KEYS_MAX = 1000
"""One lease serves the objects written within a minute, as kube-apiserver's lease manager does: a lease per event
would double the number of things to expire."""


class EmbeddedStorage:
    """A `Storage` over one engine. ``fsync``: the store was opened with durability "fsync"."""

    def __init__(self, engine: Store, clock: Clock, *, fsync: bool = False, history_s: float = HISTORY_S) -> None:
        self.engine = engine
        self._clock, self._fsync, self._history_s = clock, fsync, history_s
        self._syncing: asyncio.Task[None] | None = None
        self._leases = _SharedLeases(engine, clock)

    async def create(self, key: str, value: bytes, *, ttl_s: float = 0.0) -> KeyValue:
        kv = self.engine.create(key, value, lease=self._leases.lease(ttl_s) if ttl_s else 0)
        if self._fsync:
            await self._durable(kv.mod_revision)
        return kv

    async def update(self, key: str, value: bytes, *, expected: int, ttl_s: float = 0.0) -> KeyValue:
        lease = self._leases.lease(ttl_s) if ttl_s else 0
        kv = self.engine.update(key, value, expected=expected, lease=lease)
        if self._fsync:
            await self._durable(kv.mod_revision)
        return kv

    async def delete(self, key: str, *, expected: int = 0) -> KeyValue:
        kv = self.engine.delete(key, expected=expected)
        if self._fsync:
            await self._durable(kv.mod_revision)
        return kv

    async def maintain(self) -> None:
        self.engine.advance(self._clock.now_s(), history_s=self._history_s)

    async def _durable(self, revision: int) -> None:
        # A sync that already runs may have begun before our write: its end proves nothing, so look again after it.
        while self.engine.durable_revision < revision:
            if self._syncing is None or self._syncing.done():
                self._syncing = asyncio.ensure_future(asyncio.to_thread(self.engine.sync))
            await asyncio.shield(self._syncing)


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
