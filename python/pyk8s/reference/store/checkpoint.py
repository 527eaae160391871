"""Checkpoints: when the log has grown, a snapshot takes the place of its older segments.

Under the store's lock the log turns to a new segment, the snapshot is written, and what it replaces is removed.

Always true: at every moment a snapshot and the segments after it, or all the segments, hold everything.
Always true: a checkpoint that fails (a full disk) costs no write; it is tried again when the log has doubled.
Not here: the snapshot's form (see `snapshot`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyk8s.reference.store import snapshot

if TYPE_CHECKING:
    from pyk8s.reference.store.content import Content
    from pyk8s.reference.store.wal import Wal


class Checkpoints:
    def __init__(self, bytes_min: int, old_bytes: int, snapshot_bytes: int) -> None:
        """
        Args:
            bytes_min: bytes of log that one snapshot replaces, at least.
            old_bytes: the log found at the start, without its last segment.
            snapshot_bytes: the size of the snapshot found there.
        """
        self._bytes_min = bytes_min
        self.old_bytes = old_bytes
        """Bytes of segments before the present one that no snapshot replaces yet."""
        self._due_bytes = max(bytes_min, snapshot_bytes)

    def is_due(self, wal_bytes: int) -> bool:
        return wal_bytes >= self._due_bytes

    def take(self, wal: Wal, content: Content) -> None:
        """Turn to a new segment and save ``content``, which is what all the segments before it hold."""
        try:
            left_bytes = wal.segment.end
            wal.turn()
            self.old_bytes += left_bytes
            sequence = wal.segment.sequence
            size = snapshot.write(wal.directory.snapshot_path(sequence), content)
            wal.directory.remove_before(sequence)
        except OSError:
            self._due_bytes = 2 * wal.wal_bytes
        else:
            self.old_bytes, self._due_bytes = 0, max(self._bytes_min, size)
