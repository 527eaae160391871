"""Records: mutations as the payloads of the journal's frames.

A payload begins with a byte for its kind. Numbers are little-endian, texts and values stand behind a u32 length.
1 commit: u64 revision, u32 count, then per write a byte (1 put, 2 delete), the key, and of a put u64 lease, the value.
2 lease grant: u64 lease, f64 ttl, f64 expiry. 3 lease revoke: u64 lease, u64 revision. 4 compaction: u64 revision.

Always true: `decode` gives back what `encode` was given; it refuses everything that `encode` never writes.
Not here: frames and checksums (see `frame`).
"""

from __future__ import annotations

import struct
from typing import Any

from pyk8s.reference.store.mutation import Commit, Compaction, LeaseGrant, LeaseRevoke, Mutation, Write

COMMIT, LEASE_GRANT, LEASE_REVOKE, COMPACTION = 1, 2, 3, 4
PUT, DELETE = 1, 2


class Unreadable(ValueError):
    """A payload that is none of ours."""


def encode(mutation: Mutation) -> bytes:
    match mutation:
        case Commit(revision, writes):
            head = struct.pack("<BqI", COMMIT, revision, len(writes))
            return head + b"".join(map(_write, writes))
        case LeaseGrant(lease, ttl_s, expires_s):
            return struct.pack("<Bqdd", LEASE_GRANT, lease, ttl_s, expires_s)
        case LeaseRevoke(lease, revision):
            return struct.pack("<Bqq", LEASE_REVOKE, lease, revision)
        case Compaction(revision):
            return struct.pack("<Bq", COMPACTION, revision)


def decode(payload: bytes) -> Mutation:
    """Read a payload. Raises Unreadable."""
    reader = Reader(payload)
    kind = reader.byte()
    mutation: Mutation
    if kind == COMMIT:
        revision, count = reader.number(), reader.count()
        mutation = Commit(revision, [_read_write(reader) for _ in range(count)])
    elif kind == LEASE_GRANT:
        mutation = LeaseGrant(reader.number(), reader.float(), reader.float())
    elif kind == LEASE_REVOKE:
        mutation = LeaseRevoke(reader.number(), reader.number())
    elif kind == COMPACTION:
        mutation = Compaction(reader.number())
    else:
        raise Unreadable
    reader.finish()
    return mutation


def sized(data: bytes) -> bytes:
    return struct.pack("<I", len(data)) + data


def _write(write: Write) -> bytes:
    key = sized(write.key.encode())
    if write.value is None:
        return bytes([DELETE]) + key
    return bytes([PUT]) + key + struct.pack("<q", write.lease) + sized(write.value)


def _read_write(reader: Reader) -> Write:
    kind, key = reader.byte(), reader.text()
    if kind == PUT:
        lease = reader.number()
        return Write(key, reader.sized(), lease)
    if kind == DELETE:
        return Write(key, None)
    raise Unreadable


class Reader:
    """Reads a payload from its beginning; raises Unreadable where it ends too early."""

    def __init__(self, payload: bytes) -> None:
        self.payload, self.at = payload, 0

    def finish(self) -> None:
        if self.at != len(self.payload):
            raise Unreadable

    def byte(self) -> int:
        return int(self._unpack("<B"))

    def number(self) -> int:
        return int(self._unpack("<q"))

    def float(self) -> float:
        return float(self._unpack("<d"))

    def count(self) -> int:
        return int(self._unpack("<I"))

    def sized(self) -> bytes:
        return self._take(self.count())

    def text(self) -> str:
        try:
            return self.sized().decode()
        except UnicodeDecodeError:
            raise Unreadable from None

    def _unpack(self, form: str) -> Any:
        return struct.unpack(form, self._take(struct.calcsize(form)))[0]

    def _take(self, length: int) -> bytes:
        taken = self.payload[self.at : self.at + length]
        if len(taken) < length:
            raise Unreadable
        self.at += length
        return taken
