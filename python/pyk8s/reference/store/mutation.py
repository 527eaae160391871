"""Mutations: what changes a store, in the form in which it is applied, journalled and replayed.

Always true: applying the same mutations in the same order to an empty store gives the same store.
Always true: every change of a store is one of these and passes `Store.commit`.
Not here: files (see `wal`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pyk8s.reference.object.envelope import Envelope
    from pyk8s.reference.store.content import Content


@dataclass(frozen=True, slots=True)
class Write:
    """A put, or a deletion when ``value`` is None. In an object store the value holds its resourceVersion already."""

    key: str
    value: bytes | None
    lease: int = 0
    envelope: Envelope | None = None
    """Parsed from the value when it is not given."""


@dataclass(frozen=True, slots=True)
class Commit:
    """One write transaction: ``writes`` at ``revision``, one past the store's."""

    revision: int
    writes: Sequence[Write]


@dataclass(frozen=True, slots=True)
class LeaseGrant:
    """Makes a lease, or renews it."""

    lease: int
    ttl_s: float
    expires_s: float


@dataclass(frozen=True, slots=True)
class LeaseRevoke:
    """Ends a lease; its keys, if it has any, are deleted at ``revision``."""

    lease: int
    revision: int


@dataclass(frozen=True, slots=True)
class Compaction:
    revision: int


Mutation = Commit | LeaseGrant | LeaseRevoke | Compaction


class Journal(Protocol):
    """Where mutations are written before they are applied."""

    @property
    def durable_revision(self) -> int: ...

    @property
    def wal_bytes(self) -> int: ...

    is_durable_before_seen: bool
    """Whether a change may be shown to watches only when it is durable."""

    def append(self, mutation: Mutation) -> None:
        """Take the mutation, under the store's lock. Raises OSError: then it is not applied."""

    def settle(self, revision: int) -> None:
        """Return when ``revision`` is as durable as was asked for; called without the store's lock."""

    def sync(self) -> None: ...

    def wants_checkpoint(self) -> bool:
        """Whether the log has grown so long that a snapshot should take its place."""

    def checkpoint(self, content: Content) -> None:
        """Save ``content``, the store's at this moment; called under the store's lock."""

    def close(self) -> None: ...
