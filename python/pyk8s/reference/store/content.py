"""Content: what a store holds at one revision, without its history; what a snapshot saves.

Always true: it is a copy; the store goes on while it is read.
Not here: files (see `snapshot`), filling a store from it (see `Store.restore`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyk8s.reference.store.version import KeyValue

if TYPE_CHECKING:
    from pyk8s.reference.store.store import Store


@dataclass(frozen=True, slots=True)
class Content:
    revision: int
    versions: Sequence[KeyValue]
    """Living versions in byte order of their keys."""
    leases: Sequence[tuple[int, float, float]]
    """(id, ttl, expiry) of every lease, by id."""
    last_lease_id: int
    """Highest lease id that was ever granted, 0 for none."""

    @classmethod
    def of(cls, store: Store) -> Content:
        with store.lock:
            versions = sorted(store.index.living.values(), key=lambda kv: kv.key.encode())
            leases = [(number, lease.ttl_s, lease.expires_s) for number, lease in store.leases.items()]
            return cls(store.revision, versions, leases, store.leases.last_id)
