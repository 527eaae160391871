"""A segment: one file of the write-ahead log.

A header of 32 bytes: "PYK8SWAL", u32 format, u32 zero, u64 sequence number, u32 zero, u32 CRC-32 of the 28 bytes before
it. Then one frame per mutation.

Always true: what stands before `end` is whole frames; what a failed write left behind it is cut before the next.
Not here: when segments begin and end (see `wal`), reading them back (see `recover`).
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from zlib import crc32

from pyk8s.reference.store.directory import write_atomically

FORMAT = 1
MAGIC = b"PYK8SWAL"
HEADER_LEN = 32


class Segment:
    def __init__(self, path: Path, sequence: int, end: int) -> None:
        """Go on with a file; what is behind ``end`` is cut."""
        self.sequence, self.end = sequence, end
        self._file = os.open(path, os.O_RDWR)
        self._is_ragged = False
        """A write failed and what it left behind `end` could not be cut yet."""
        if os.fstat(self._file).st_size != end:
            os.ftruncate(self._file, end)

    @classmethod
    def create(cls, path: Path, sequence: int) -> Segment:
        """A new file with nothing in it, on the disk before it returns."""
        write_atomically(path, [header(sequence)])
        return cls(path, sequence, HEADER_LEN)

    def append(self, frames: bytes) -> None:
        """Append whole frames. On an OSError the file is as before."""
        if self._is_ragged:
            os.ftruncate(self._file, self.end)
            self._is_ragged = False
        written = 0
        try:
            while written < len(frames):
                written += os.pwrite(self._file, frames[written:], self.end + written)
        except OSError:
            self._cut()
            raise
        self.end += len(frames)

    def _cut(self) -> None:
        try:
            os.ftruncate(self._file, self.end)
        except OSError:
            self._is_ragged = True

    def sync(self) -> None:
        os.fdatasync(self._file)

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            self.close()


def header(sequence: int) -> bytes:
    checked = struct.pack("<8sIIQI", MAGIC, FORMAT, 0, sequence, 0)
    return checked + struct.pack("<I", crc32(checked))
