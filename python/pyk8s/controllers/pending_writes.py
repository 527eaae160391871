"""Own writes that the cache has not shown yet: acting on a cache behind them would do the work twice.

Always true: an owner is up to date when the cache shows every write at least as new as it was made.
Not here: what is written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pyk8s.api.clock import Clock
from pyk8s.client.keys import key_of
from pyk8s.controllers.context import Json

PENDING_S_MAX = 300.0


@dataclass(slots=True)
class _Pending:
    since_s: float
    written: dict[str, int] = field(default_factory=dict)
    deleted: dict[str, str] = field(default_factory=dict)


class PendingWrites:
    """Per owner key: written objects with their resource version, deleted ones with their uid."""

    def __init__(self, clock: Clock, cached: Callable[[str], Json | None]) -> None:
        self._clock, self._cached = clock, cached
        self._pending: dict[str, _Pending] = {}

    def wrote(self, owner: str, obj: Json) -> None:
        self._of(owner).written[key_of(obj)] = int(obj["metadata"]["resourceVersion"])

    def deleted(self, owner: str, obj: Json) -> None:
        self._of(owner).deleted[key_of(obj)] = obj["metadata"]["uid"]

    def forget(self, owner: str) -> None:
        self._pending.pop(owner, None)

    def is_observed(self, owner: str) -> bool:
        """True when the cache has caught up, or was waited for too long."""
        pending = self._pending.get(owner)
        if pending is None:
            return True
        for key, version in list(pending.written.items()):
            known = self._cached(key)
            if known is not None and int(known["metadata"]["resourceVersion"]) >= version:
                del pending.written[key]
        for key, uid in list(pending.deleted.items()):
            known = self._cached(key)
            if known is None or known["metadata"]["uid"] != uid:
                del pending.deleted[key]
        is_late = self._clock.monotonic_s() - pending.since_s > PENDING_S_MAX
        if is_late or not (pending.written or pending.deleted):
            del self._pending[owner]
            return True
        return False

    def is_own(self, owner: str, obj: Json) -> bool:
        """True for the echo of a write of ours."""
        pending = self._pending.get(owner)
        return pending is not None and pending.written.get(key_of(obj)) == int(obj["metadata"]["resourceVersion"])

    def _of(self, owner: str) -> _Pending:
        return self._pending.setdefault(owner, _Pending(self._clock.monotonic_s()))
