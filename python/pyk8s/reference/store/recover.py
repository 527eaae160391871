"""Recovery: a store from what its directory holds.

Always true: the newest snapshot and the segments after it, without a gap, give the store; older files are leftovers.
Always true: only the last segment may be torn, and is cut there; any other flaw refuses the start and changes nothing.
Not here: how files become whole (see `directory`), what torn means (see `frame`).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pyk8s.errors import EngineError, StoreDamaged
from pyk8s.reference.store import frame, record, snapshot
from pyk8s.reference.store.checkpoint import Checkpoints
from pyk8s.reference.store.directory import Directory
from pyk8s.reference.store.mutation import Commit, Compaction, LeaseGrant, LeaseRevoke, Mutation
from pyk8s.reference.store.segment import FORMAT, HEADER_LEN, MAGIC, Segment
from pyk8s.reference.store.wal import DURABILITIES, Durability, Wal

if TYPE_CHECKING:
    from pyk8s.reference.store.content import Content
    from pyk8s.reference.store.store import Store

WAL_BYTES_MAX = 64 << 20
"""Bytes of log that a snapshot replaces, unless asked otherwise."""


def recover(store: Store, path: Path, *, durability: Durability, wal_bytes_max: int) -> None:
    """Fill an empty store from a directory, and journal there from now on."""
    if durability not in DURABILITIES:
        raise ValueError(f"unknown durability {durability}")
    directory = Directory(path)
    try:
        wal = _recover(store, directory, durability, wal_bytes_max)
    except BaseException:
        directory.unlock()
        raise
    store.attach(wal)


def _recover(store: Store, directory: Directory, durability: Durability, wal_bytes_max: int) -> Wal:
    directory.remove_unfinished()
    first, snapshot_bytes = 1, 0
    if found := directory.snapshots():
        first = found[-1]
        path = directory.snapshot_path(first)
        snapshot_bytes = path.stat().st_size
        _fill(store, snapshot.read(path))
    segment, old_bytes = _replay_segments(store, directory, first)
    directory.remove_before(first)
    checkpoints = Checkpoints(wal_bytes_max, old_bytes, snapshot_bytes)
    return Wal(directory, durability, segment, store.revision, checkpoints)


def _fill(store: Store, content: Content) -> None:
    if content.last_lease_id > 0 and content.last_lease_id not in [lease for lease, _, _ in content.leases]:
        # Granted and revoked: the id will not be given again.
        store.replay(LeaseGrant(content.last_lease_id, 1.0, 0.0))
        store.replay(LeaseRevoke(content.last_lease_id, 0))
    for lease in content.leases:
        store.replay(LeaseGrant(*lease))
    store.restore(content.revision, content.versions)


def _replay_segments(store: Store, directory: Directory, first: int) -> tuple[Segment, int]:
    """Replay the segments from ``first`` on; returns the last one, to go on with, and the bytes of those before it."""
    sequences = [sequence for sequence in directory.segments() if sequence >= first]
    if not sequences:
        return Segment.create(directory.segment_path(first), first), 0
    ends: list[int | None] = []
    for expected, sequence in enumerate(sequences, first):
        if sequence != expected:
            raise StoreDamaged(str(directory.segment_path(expected)), 0, "the file is missing")
        path = directory.segment_path(sequence)
        ends.append(_replay_segment(store, path, sequence, is_last=sequence == sequences[-1]))
    last, end = sequences[-1], ends.pop()
    path = directory.segment_path(last)
    segment = Segment.create(path, last) if end is None else Segment(path, last, end)
    return segment, sum(end or 0 for end in ends)


def _replay_segment(store: Store, path: Path, sequence: int, *, is_last: bool) -> int | None:
    """Replay one segment; returns where its whole frames end, None when not even its header is whole."""
    data = path.read_bytes()
    if is_last and (len(data) < HEADER_LEN or not any(data)):
        return None
    _check_segment_header(path, data, sequence)
    frames, tail = frame.read(data, HEADER_LEN)
    for found in frames:
        try:
            mutation = record.decode(found.payload)
        except record.Unreadable:
            raise StoreDamaged(str(path), found.offset, "a record cannot be read") from None
        if problem := _order_problem(store, mutation):
            raise StoreDamaged(str(path), found.offset, problem)
        try:
            store.replay(mutation)
        except EngineError as trouble:
            raise StoreDamaged(str(path), found.offset, str(trouble)) from trouble
    if tail.damage:
        raise StoreDamaged(str(path), tail.offset, tail.damage)
    if not tail.is_clean and not is_last:
        raise StoreDamaged(str(path), tail.offset, "the file ends within a record")
    return tail.offset


def _check_segment_header(path: Path, data: bytes, sequence: int) -> None:
    if len(data) < HEADER_LEN:
        raise StoreDamaged(str(path), len(data), "the file ends too early")
    if not data.startswith(MAGIC):
        raise StoreDamaged(str(path), 0, "this is no log of a store")
    snapshot.check_header(path, data[:HEADER_LEN], FORMAT)
    if int.from_bytes(data[16:24], "little") != sequence:
        raise StoreDamaged(str(path), 16, "the file belongs to another place in the log")


def _order_problem(store: Store, mutation: Mutation) -> str:
    """Revisions rise one by one; a record that would not continue the store is none of this log."""
    current = store.revision
    match mutation:
        case Commit(revision, _) | LeaseRevoke(_, revision) if revision != current + 1:
            return f"revision {revision} follows {current}"
        case Compaction(revision) if revision > current:
            return f"compaction of revision {revision} follows {current}"
    return ""
