"""The store: every call of the contract, on top of the parts beside it.

Always true: `lock` is held while anything is read or changed; the journal settles outside it.
Always true: every change goes through `commit`, which journals it, applies it, and tells the watches.
Not here: files (see `wal`, `snapshot`), docstrings of the calls (see `pyk8s.core.interfaces.Store`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pyk8s.errors import Compacted, Conflict, DecodeError, FutureRevision, KeyExists, KeyNotFound
from pyk8s.reference.object.envelope import Envelope
from pyk8s.reference.object.envelope_parser import parse
from pyk8s.reference.store import snapshot as snapshots
from pyk8s.reference.store.compaction import RevisionClock
from pyk8s.reference.store.content import Content
from pyk8s.reference.store.encode import EncodedList, RangeResult, list_body
from pyk8s.reference.store.event_log import EventLog
from pyk8s.reference.store.fields import Field, FieldTable
from pyk8s.reference.store.key_index import KeyIndex
from pyk8s.reference.store.lease import LeaseTable
from pyk8s.reference.store.mutation import Commit, Compaction, Journal, LeaseGrant, LeaseRevoke, Mutation, Write
from pyk8s.reference.store.notifier import Notifier
from pyk8s.reference.store.recover import WAL_BYTES_MAX, recover
from pyk8s.reference.store.txn import (
    Compare,
    Operation,
    Transaction,
    check_compares,
    check_key,
    check_operations,
    holds,
)
from pyk8s.reference.store.version import Change, KeyValue
from pyk8s.reference.store.wal import Durability
from pyk8s.reference.store.watch import Watch
from pyk8s.reference.store.watch_hub import WatchHub

if TYPE_CHECKING:
    from pyk8s.reference.selector import Selection

T = TypeVar("T")

FIRST_REVISION = 1
"""An empty store's revision, as etcd's."""


class Store:
    def __init__(self, *, objects: bool = False) -> None:
        self.lock = threading.RLock()
        self.objects = objects
        self.revision = FIRST_REVISION
        self.compact_revision = 0
        self.index = KeyIndex()
        self.log = EventLog()
        self.hub = WatchHub(self)
        self.leases = LeaseTable()
        self.fields = FieldTable()
        self.clock = RevisionClock()
        self.journal: Journal | None = None
        self._is_closed = False

    @classmethod
    def open(
        cls,
        path: str,
        *,
        objects: bool = False,
        durability: Durability = "buffered",
        wal_bytes_max: int = WAL_BYTES_MAX,
    ) -> Store:
        store = cls(objects=objects)
        recover(store, Path(path), durability=durability, wal_bytes_max=wal_bytes_max)
        return store

    @property
    def durable_revision(self) -> int:
        return self.journal.durable_revision if self.journal is not None else 0

    # -- reading -------------------------------------------------------------------------------------------

    def get(self, key: str, revision: int = 0) -> KeyValue | None:
        with self.lock:
            return self.index.get(key, self._readable(revision))

    def range(
        self,
        prefix: str,
        *,
        start_after: str = "",
        limit: int = 0,
        revision: int = 0,
        selection: Selection | None = None,
    ) -> RangeResult:
        with self.lock:
            at = self._readable(revision)
            present = self.index.range(prefix, start_after, at)
            selected = [kv for kv in present if kv.is_selected(selection)]
            items = selected[:limit] if limit > 0 else selected
            return RangeResult(items, len(items) < len(selected), len(present), at)

    def list_encoded(
        self,
        prefix: str,
        *,
        start_after: str = "",
        limit: int = 0,
        revision: int = 0,
        selection: Selection | None = None,
        strip_type: bool = True,
    ) -> EncodedList:
        with self.lock:
            page = self.range(prefix, start_after=start_after, limit=limit, revision=revision, selection=selection)
            last_key = page.items[-1].key if page.items else ""
            remaining_count = len(self.index.range(prefix, last_key, page.revision)) if page.more else 0
            body = list_body(page.items, strip_type=strip_type)
            return EncodedList(body, len(page.items), page.more, last_key, remaining_count, page.revision)

    def count(self, prefix: str) -> int:
        with self.lock:
            return sum(key.startswith(prefix) for key in self.index.living)

    def _readable(self, revision: int) -> int:
        """The revision to read at. Raises FutureRevision, Compacted."""
        if revision <= 0:
            return self.revision
        if revision > self.revision:
            raise FutureRevision(revision, self.revision)
        if revision < self.compact_revision:
            raise Compacted(revision, self.compact_revision)
        return revision

    # -- writing -------------------------------------------------------------------------------------------

    def put(self, key: str, value: bytes, *, lease: int = 0) -> KeyValue:
        return self._put(key, value, lease, lambda living: None)

    def create(self, key: str, value: bytes, *, lease: int = 0) -> KeyValue:
        def check(living: KeyValue | None) -> None:
            if living is not None:
                raise KeyExists(key)

        return self._put(key, value, lease, check)

    def create_many(self, items: Sequence[tuple[str, bytes]]) -> list[int]:
        revisions: list[int] = []
        refused: Exception | None = None
        for key, value in items:
            try:
                revisions.append(self.create(key, value).mod_revision)
            except KeyExists:
                revisions.append(0)
            except (DecodeError, ValueError) as error:
                refused = refused or error
        if refused is not None:
            raise refused
        return revisions

    def update(self, key: str, value: bytes, *, expected: int, lease: int = 0) -> KeyValue:
        return self._put(key, value, lease, lambda living: _expect(key, living, expected))

    def delete(self, key: str, *, expected: int = 0) -> KeyValue:
        check_key(key)

        def decide() -> tuple[list[Write], KeyValue]:
            living = self.index.living.get(key)
            kv = _expect(key, living, expected or (living.mod_revision if living else 0))
            return [Write(key, None)], kv.removed_at(self.revision + 1)

        return self._write(decide)

    def txn(
        self, compares: Sequence[Compare], success: Sequence[Operation], failure: Sequence[Operation] = ()
    ) -> Transaction:
        check_compares(compares)
        check_operations(success)
        check_operations(failure)
        envelopes = {id(op): self._parse(op[1], op[2]) for op in (*success, *failure) if op[0] == "put"}

        def decide() -> tuple[list[Write], Transaction]:
            succeeded = all(holds(compare, self.index.living.get(compare[0])) for compare in compares)
            operations = success if succeeded else failure
            writes = [self._as_write(op, envelopes) for op in operations if op[0] != "get"]
            writes = [write for write in writes if write.value is not None or write.key in self.index.living]
            revision = self.revision + 1 if writes else self.revision
            return writes, Transaction(succeeded, revision, self._results(operations, writes))

        return self._write(decide)

    def _as_write(self, operation: Operation, envelopes: dict[int, Envelope | None]) -> Write:
        if operation[0] != "put":
            return Write(operation[1], None)
        _, key, value, lease = operation
        return self._put_write(key, value, lease, envelopes[id(operation)])

    def _results(self, operations: Sequence[Operation], writes: list[Write]) -> list[KeyValue | None]:
        """What each operation wrote, read, or deleted; the writes are not applied yet."""
        pending = {write.key: write for write in writes}
        seen: dict[str, KeyValue | None] = {}
        results: list[KeyValue | None] = []
        for operation in operations:
            key = operation[1]
            living = seen[key] if key in seen else self.index.living.get(key)
            if operation[0] == "put":
                living = seen[key] = self._next_version(pending[key])
                results.append(living)
            elif operation[0] == "delete":
                results.append(living.removed_at(self.revision + 1) if living else None)
                seen[key] = None
            else:
                results.append(living)
        return results

    def _put(self, key: str, value: bytes, lease: int, check: Callable[[KeyValue | None], object]) -> KeyValue:
        check_key(key)
        envelope = self._parse(key, value)

        def decide() -> tuple[list[Write], KeyValue]:
            check(self.index.living.get(key))
            write = self._put_write(key, value, lease, envelope)
            kv = self._next_version(write)
            assert kv is not None, "a put leaves a version"
            return [write], kv

        return self._write(decide)

    def _put_write(self, key: str, value: bytes, lease: int, envelope: Envelope | None) -> Write:
        """Raises LeaseNotFound."""
        if lease:
            self.leases.get(lease)
        if envelope is not None:
            value, envelope = envelope.write_revision(value, self.revision + 1)
        return Write(key, value, lease, envelope)

    def _write(self, decide: Callable[[], tuple[list[Write], T]]) -> T:
        """Run one write: decide and commit under the lock, then wait until it is durable."""
        with self.lock:
            self._check_open()
            writes, outcome = decide()
            if writes:
                self.commit(Commit(self.revision + 1, writes))
            revision = self.revision
        self._settle(revision)
        return outcome

    def _parse(self, key: str, value: bytes) -> Envelope | None:
        """Raises DecodeError."""
        if not self.objects:
            return None
        return parse(value, self.fields.of(key))

    # -- the one place that changes the store --------------------------------------------------------------

    def commit(self, mutation: Mutation) -> int:
        """Journal a mutation, apply it, tell the watches; returns the number of keys it deleted.

        Raises OSError of the journal: then nothing has changed. The caller holds `lock`.
        """
        if self.journal is not None:
            self.journal.append(mutation)
        return self.replay(mutation)

    def replay(self, mutation: Mutation) -> int:
        """Apply a mutation that is in the journal already; as `commit`, without journalling."""
        match mutation:
            case Commit(revision, writes):
                return self._apply_writes(revision, writes)
            case LeaseGrant(lease, ttl_s, expires_s):
                self.leases.grant(lease, ttl_s, expires_s)
                return 0
            case LeaseRevoke(lease, revision):
                keys = self.leases.remove(lease)
                return self._apply_writes(revision, [Write(key, None) for key in keys]) if keys else 0
            case Compaction(revision):
                self.compact_revision = revision
                self.index.compact(revision)
                self.log.compact(revision)
                return 0

    def _apply_writes(self, revision: int, writes: Sequence[Write]) -> int:
        assert revision == self.revision + 1, "revisions rise one by one"
        changes = [Change(revision, self.index.living.get(write.key), self._next_version(write)) for write in writes]
        for change in changes:
            self.index.apply(change)
            self.leases.follow(change)
        self.log.append(changes)
        self.revision = revision
        if self.journal is None or not self.journal.is_durable_before_seen:
            self.publish(revision)
        return sum(change.current is None for change in changes)

    def publish(self, durable: int) -> None:
        """Tell the watches of the changes up to ``durable``, as far as they have not been told."""
        unseen_from = self.log.visible_revision + 1
        self.log.visible_revision = max(self.log.visible_revision, min(durable, self.revision))
        self.hub.publish(list(self.log.since(unseen_from)))

    def attach(self, journal: Journal) -> None:
        """Journal every mutation from now on."""
        self.journal = journal

    def _next_version(self, write: Write) -> KeyValue | None:
        """The version that ``write`` makes of its key at the next revision."""
        if write.value is None:
            return None
        living, revision = self.index.living.get(write.key), self.revision + 1
        envelope = write.envelope or self._parse(write.key, write.value)
        create_revision, version = (living.create_revision, living.version + 1) if living else (revision, 1)
        return KeyValue(write.key, write.value, create_revision, revision, version, write.lease, envelope)

    def restore(self, revision: int, versions: Sequence[KeyValue]) -> None:
        """Fill an empty store with a snapshot's content; watches may start after ``revision``."""
        assert self.revision == FIRST_REVISION and not self.index.living, "only an empty store is restored"
        self.revision = self.compact_revision = revision
        self.log.first_revision = revision + 1
        self.log.visible_revision = revision
        for kv in versions:
            kv = replace(kv, envelope=self._parse(kv.key, kv.value))
            self.index.living[kv.key] = kv
            self.leases.follow(Change(kv.mod_revision, None, kv))

    # -- watching ------------------------------------------------------------------------------------------

    def watch(
        self,
        prefix: str,
        *,
        start_revision: int = 0,
        selection: Selection | None = None,
        notifier: Notifier | None = None,
        backlog_max: int = 10_000,
    ) -> Watch:
        with self.lock:
            self._check_open()
            return self.hub.add(prefix, start_revision, selection=selection, notifier=notifier, backlog_max=backlog_max)

    def notifier(self) -> Notifier:
        return Notifier()

    # -- configuration of an object store ------------------------------------------------------------------

    def set_fields(self, prefix: str, fields: Sequence[Field]) -> None:
        with self.lock:
            if not self.fields.register(prefix, fields):
                return
            parsed: dict[int, KeyValue] = {}

            def anew(kv: KeyValue) -> KeyValue:
                if not self.objects or not kv.key.startswith(prefix):
                    return kv
                if id(kv) not in parsed:
                    parsed[id(kv)] = replace(kv, envelope=self._parse(kv.key, kv.value))
                return parsed[id(kv)]

            self.index.replace_versions(anew)
            self.log.replace_versions(anew)

    # -- time ----------------------------------------------------------------------------------------------

    def advance(self, now_s: float, *, history_s: float = 300.0) -> int:
        with self.lock:
            self._check_open()
            if now_s < self.clock.now_s:
                return 0
            deleted_count = sum(self._revoke(lease) for lease in self.leases.expired(now_s))
            self.clock.mark(now_s, self.revision, history_s)
            if history_s > 0:
                old = self.clock.take_older(now_s - history_s)
                # What watches have not been told of yet stays; the next mark takes it along.
                if self.compact_revision < old <= self.log.visible_revision:
                    self.commit(Compaction(old))
            revision = self.revision
        self._settle(revision)
        return deleted_count

    def lease_grant(self, ttl_s: float, *, now_s: float, lease: int = 0) -> int:
        if not ttl_s > 0:
            raise ValueError("a lease's ttl must be positive")
        with self.lock:
            self._check_open()
            lease = self.leases.choose_id(lease)
            self.commit(LeaseGrant(lease, ttl_s, now_s + ttl_s))
            revision = self.revision
        self._settle(revision)
        return lease

    def lease_keepalive(self, lease: int, *, now_s: float) -> float:
        with self.lock:
            self._check_open()
            ttl_s = self.leases.get(lease).ttl_s
            self.commit(LeaseGrant(lease, ttl_s, now_s + ttl_s))
            return ttl_s

    def lease_revoke(self, lease: int) -> int:
        with self.lock:
            self._check_open()
            self.leases.get(lease)
            deleted_count = self._revoke(lease)
            revision = self.revision
        self._settle(revision)
        return deleted_count

    def _revoke(self, lease: int) -> int:
        return self.commit(LeaseRevoke(lease, self.revision + 1))

    # -- history -------------------------------------------------------------------------------------------

    def compact(self, revision: int) -> None:
        # Watches are told of everything before it is forgotten.
        self._settle(self.revision)
        with self.lock:
            self._check_open()
            if revision > self.revision:
                raise FutureRevision(revision, self.revision)
            if revision <= self.compact_revision:
                raise Compacted(revision, self.compact_revision)
            self.commit(Compaction(revision))

    def fork(self, revision: int = 0) -> Store:
        from pyk8s.reference.store.fork import fork

        with self.lock:
            return fork(self, self._readable(revision))

    # -- files ---------------------------------------------------------------------------------------------

    def sync(self) -> None:
        if self.journal is not None:
            self.journal.sync()

    def snapshot_save(self, path: str) -> int:
        content = Content.of(self)
        snapshots.write(Path(path), content)
        return content.revision

    @classmethod
    def snapshot_restore(cls, snapshot: str, path: str) -> None:
        snapshots.restore(Path(snapshot), Path(path))

    def close(self) -> None:
        with self.lock:
            if self._is_closed:
                return
            self._is_closed = True
            self.hub.close()
        if self.journal is not None:
            self.journal.close()

    def stats(self) -> dict[str, int]:
        with self.lock:
            superseded_count = sum(len(versions) for versions in self.index.superseded.values())
            return {
                "keys": len(self.index.living),
                "revisions": len(self.index.living) + superseded_count,
                "events": len(self.log.changes),
                "leases": len(self.leases),
                "watchers": self.hub.watcher_count,
                "value_bytes": sum(len(kv.value) for kv in self.index.living.values()),
                "wal_bytes": self.journal.wal_bytes if self.journal is not None else 0,
            }

    def _check_open(self) -> None:
        if self._is_closed:
            raise ValueError("store is closed")

    def _settle(self, revision: int) -> None:
        if self.journal is None:
            return
        self.journal.settle(revision)
        with self.lock:
            if self.journal.is_durable_before_seen:
                self.publish(self.journal.durable_revision)
            if self.journal.wants_checkpoint():
                self.journal.checkpoint(Content.of(self))


def _expect(key: str, living: KeyValue | None, expected: int) -> KeyValue:
    """The living version, when it is at the expected revision. Raises KeyNotFound, Conflict."""
    if living is None:
        raise KeyNotFound(key)
    if living.mod_revision != expected:
        raise Conflict(key, expected, living.mod_revision)
    return living
