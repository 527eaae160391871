"""Write-ahead log: every mutation is in a file before the store applies it.

Always true: the store's lock is taken before the log's.
Always true: a mutation whose `append` failed is not in the file, now or after the next start.
Always true: once an fsync has failed nothing is accepted any more: what the disk holds is then unknown.
Not here: the files' forms (see `segment`, `frame`, `record`), reading them (see `recover`), when the log gives way to a
snapshot (see `checkpoint`).
"""

from __future__ import annotations

import errno
import os
import threading
from typing import TYPE_CHECKING, Literal

from pyk8s.reference.store import frame, record
from pyk8s.reference.store.checkpoint import Checkpoints
from pyk8s.reference.store.directory import Directory
from pyk8s.reference.store.mutation import Commit, Mutation
from pyk8s.reference.store.segment import HEADER_LEN, Segment

if TYPE_CHECKING:
    from pyk8s.reference.store.content import Content

Durability = Literal["none", "buffered", "fsync"]
DURABILITIES = ("none", "buffered", "fsync")

BUFFER_BYTES_MAX = 1 << 20
"""Bytes collected without durability before they are written."""


class Wal:
    def __init__(
        self, directory: Directory, durability: Durability, segment: Segment, revision: int, checkpoints: Checkpoints
    ) -> None:
        """Go on with ``segment``, whose frames end at ``revision``."""
        if durability == "fsync":
            # What an earlier process wrote may never have reached the disk.
            segment.sync()
        self.directory, self.durability, self.checkpoints = directory, durability, checkpoints
        self.segment = segment
        self.is_durable_before_seen = durability == "fsync"
        self._changed = threading.Condition()
        self._buffer = b""
        """Frames not yet written to the file; always empty with durability."""
        self._base = 0
        """`_appended` at the beginning of the segment's frames."""
        self._appended = segment.end - HEADER_LEN
        """Bytes appended since the log was opened, of all segments."""
        self._synced = self._appended if durability == "fsync" else 0
        """How many of these are known to be on the disk."""
        self._revision = self._synced_revision = revision
        self._is_syncing = self._is_closed = False
        self._failure: OSError | None = None

    @property
    def durable_revision(self) -> int:
        if self.durability == "none":
            return 0
        return self._revision if self.durability == "buffered" else self._synced_revision

    @property
    def wal_bytes(self) -> int:
        return self.checkpoints.old_bytes + self.segment.end

    def append(self, mutation: Mutation) -> None:
        payload = record.encode(mutation)
        if len(payload) > frame.PAYLOAD_BYTES_MAX:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        with self._changed:
            if self._is_closed:
                raise OSError("the store's log is closed")
            self._check_disk()
            data = frame.encode(payload, HEADER_LEN + max(0, self._synced - self._base))
            if self.durability != "none" or len(self._buffer) + len(data) > BUFFER_BYTES_MAX:
                self.segment.append(self._buffer + data)
                self._buffer = b""
            else:
                self._buffer += data
            self._appended += len(data)
            if isinstance(mutation, Commit):
                self._revision = mutation.revision

    def settle(self, revision: int) -> None:
        """Return when what was appended is as durable as was asked for."""
        if self.durability == "fsync":
            self._sync_to(self._appended, revision)
        else:
            with self._changed:
                self._revision = max(self._revision, revision)

    def sync(self) -> None:
        with self._changed:
            self._flush()
        self._sync_to(self._appended, self._revision)

    def wants_checkpoint(self) -> bool:
        return self.checkpoints.is_due(self.wal_bytes)

    def checkpoint(self, content: Content) -> None:
        """Save ``content``, the store's at this moment; called under the store's lock."""
        self.checkpoints.take(self, content)

    def turn(self) -> None:
        """Leave the present segment, whole and on the disk, for the next one."""
        with self._changed:
            self._flush()
            self.segment.sync()
            sequence = self.segment.sequence + 1
            following = Segment.create(self.directory.segment_path(sequence), sequence)
            self.segment.close()
            self.segment = following
            self._base = self._synced = self._appended
            self._synced_revision = self._revision
            self._changed.notify_all()

    def close(self) -> None:
        if self._is_closed:
            return
        try:
            self.sync()
        finally:
            self._is_closed = True
            self.segment.close()
            self.directory.unlock()

    def __del__(self) -> None:
        # A store that nobody closed.
        if hasattr(self, "_failure") and not self._is_closed:
            self._flush()
            self.segment.close()

    def _flush(self) -> None:
        if self._buffer:
            self.segment.append(self._buffer)
            self._buffer = b""

    def _sync_to(self, target: int, revision: int) -> None:
        """Return when the first ``target`` bytes are on the disk. One thread at a time syncs for all who wait."""
        with self._changed:
            while self._synced < target:
                self._check_disk()
                if self._is_syncing:
                    self._changed.wait()
                    continue
                self._is_syncing = True
                self._sync_for_all()
            self._synced_revision = max(self._synced_revision, revision)

    def _sync_for_all(self) -> None:
        """One fsync, without the lock; what it reaches counts for everybody."""
        segment, reached, newest = self.segment, self._appended, self._revision
        self._changed.release()
        failure = None
        try:
            segment.sync()
        except OSError as error:
            failure = error
        finally:
            self._changed.acquire()
            self._is_syncing = False
            self._changed.notify_all()
        if failure is not None:
            self._failure = failure
        else:
            self._synced = max(self._synced, reached)
            self._synced_revision = max(self._synced_revision, newest)

    def _check_disk(self) -> None:
        if self._failure is not None:
            raise OSError(self._failure.errno, self._failure.strerror)
