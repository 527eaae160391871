"""A store's directory: its lock, the names of its files, and how a file comes to be there whole.

``lock``; ``snapshot-N.snap``, the content before segment N; ``wal-N.log``, segment N; ``*.tmp``, unfinished.

Always true: at most one process holds the lock, for as long as it lives and no longer.
Always true: a file without ``.tmp`` was complete and on the disk before it got its name.
Not here: what the files hold (see `snapshot`, `wal`).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterable
from pathlib import Path

from pyk8s.errors import StoreLocked

LOCK_NAME = "lock"
UNFINISHED = ".tmp"
SNAPSHOT_NAME = re.compile(r"snapshot-([0-9]{16})\.snap")
SEGMENT_NAME = re.compile(r"wal-([0-9]{16})\.log")


class Directory:
    def __init__(self, path: Path) -> None:
        """Make the directory if it is missing, and lock it. A lock file that nobody holds is taken over."""
        path.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._lock = os.open(path / LOCK_NAME, os.O_CREAT | os.O_WRONLY)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.unlock()
            raise StoreLocked(str(path)) from None
        # Only for people who look: who holds it. On a full disk the lock is no worse without it.
        with contextlib.suppress(OSError):
            os.pwrite(self._lock, f"{os.getpid():10}\n".encode(), 0)

    def unlock(self) -> None:
        """Let others open the directory; nothing may be written to it any more."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __del__(self) -> None:
        if hasattr(self, "_lock"):
            self.unlock()

    def snapshot_path(self, sequence: int) -> Path:
        return self.path / snapshot_name(sequence)

    def segment_path(self, sequence: int) -> Path:
        return self.path / f"wal-{sequence:016}.log"

    def snapshots(self) -> list[int]:
        return self._numbers(SNAPSHOT_NAME)

    def segments(self) -> list[int]:
        return self._numbers(SEGMENT_NAME)

    def remove_unfinished(self) -> None:
        for path in self.path.glob(f"*{UNFINISHED}"):
            path.unlink()

    def remove_before(self, sequence: int) -> None:
        """Remove what the snapshot ``sequence`` makes needless."""
        for old in self.segments():
            if old < sequence:
                self.segment_path(old).unlink()
        for old in self.snapshots():
            if old < sequence:
                self.snapshot_path(old).unlink()

    def _numbers(self, pattern: re.Pattern[str]) -> list[int]:
        matches = (pattern.fullmatch(name) for name in os.listdir(self.path))
        return sorted(int(match[1]) for match in matches if match)


def snapshot_name(sequence: int) -> str:
    return f"snapshot-{sequence:016}.snap"


def write_atomically(path: Path, chunks: Iterable[bytes]) -> int:
    """Write a file under another name, bring it to the disk, and only then give it its own. Returns its size."""
    unfinished = path.with_name(path.name + UNFINISHED)
    try:
        with open(unfinished, "wb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        os.rename(unfinished, path)
        sync_parent(path)
    except BaseException:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise
    return size


def sync_parent(path: Path) -> None:
    """Bring the name of a file to the disk."""
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
