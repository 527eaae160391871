"""Leases: a time to live shared by the keys attached to it.

Always true: a key is attached to at most one lease, and that lease exists.
Not here: deleting the keys of a lease that ended (see `store`), any clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pyk8s.errors import LeaseNotFound
from pyk8s.reference.store.version import Change, KeyValue

LEASE_ID_MAX = 2**62


@dataclass(slots=True)
class Lease:
    ttl_s: float
    expires_s: float
    keys: set[str] = field(default_factory=set)


class LeaseTable:
    def __init__(self) -> None:
        self._leases: dict[int, Lease] = {}
        self._last_id = 0

    @property
    def last_id(self) -> int:
        """Highest id that was ever granted, 0 for none."""
        return self._last_id

    def __len__(self) -> int:
        return len(self._leases)

    def __contains__(self, lease: int) -> bool:
        return lease in self._leases

    def copy(self) -> LeaseTable:
        twin = LeaseTable()
        twin._last_id = self._last_id
        twin._leases = {
            number: Lease(lease.ttl_s, lease.expires_s, set(lease.keys)) for number, lease in self._leases.items()
        }
        return twin

    def get(self, lease: int) -> Lease:
        """Raises LeaseNotFound."""
        if lease not in self._leases:
            raise LeaseNotFound(lease)
        return self._leases[lease]

    def items(self) -> list[tuple[int, Lease]]:
        return sorted(self._leases.items())

    def choose_id(self, asked: int) -> int:
        """The id of a new lease: the one asked for, or for 0 one past the highest ever granted. Raises ValueError."""
        lease = asked or self._last_id + 1
        if not 1 <= lease <= LEASE_ID_MAX:
            raise ValueError(f"lease id {lease} is not between 1 and {LEASE_ID_MAX}")
        if lease in self._leases:
            raise ValueError(f"lease {lease} exists already")
        return lease

    def grant(self, lease: int, ttl_s: float, expires_s: float) -> None:
        """Make or renew a lease; its keys stay attached."""
        keys = self._leases[lease].keys if lease in self._leases else set()
        self._last_id = max(self._last_id, lease)
        self._leases[lease] = Lease(ttl_s, expires_s, keys)

    def remove(self, lease: int) -> list[str]:
        """Forget a lease; returns its keys in byte order."""
        return sorted(self._leases.pop(lease).keys, key=str.encode)

    def expired(self, now_s: float) -> list[int]:
        """Leases whose time is up, in the order in which they ran out."""
        due = [(lease.expires_s, number) for number, lease in self._leases.items() if lease.expires_s <= now_s]
        return [number for _, number in sorted(due)]

    def follow(self, change: Change) -> None:
        """Attach the key to the lease of its new version, detach it from that of the old one."""
        self._move(change.previous, change.current)

    def unfollow(self, change: Change) -> None:
        """Take `follow` back; a lease that has ended since stays ended."""
        self._move(change.current, change.previous)

    def _move(self, before: KeyValue | None, after: KeyValue | None) -> None:
        if before is not None and before.lease in self._leases:
            self._leases[before.lease].keys.discard(before.key)
        if after is not None and after.lease in self._leases:
            self._leases[after.lease].keys.add(after.key)
