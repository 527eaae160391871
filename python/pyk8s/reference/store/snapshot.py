"""Snapshots: a store's content at one revision in one file.

A header of 56 bytes: "PYK8SSNP", u32 format, u32 zero, u64 revision, u64 number of keys, u64 number of leases, u64
highest lease id ever granted, u32 zero, u32 CRC-32 of the 52 bytes before it. Then frames whose payload begins with 5
(u32 count, then per key: key, value, u64 create revision, mod revision, version, lease) or 6 (u32 count, then per
lease: u64 id, f64 ttl, f64 expiry).

Always true: a file is read as a whole or refused; it holds as many keys and leases as its header says.
Not here: when a snapshot is taken (see `checkpoint`), history: a snapshot has none.
"""

from __future__ import annotations

import errno
import os
import shutil
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from zlib import crc32

from pyk8s.errors import StoreDamaged, StoreVersion
from pyk8s.reference.store import frame
from pyk8s.reference.store.content import Content
from pyk8s.reference.store.directory import snapshot_name, sync_parent, write_atomically
from pyk8s.reference.store.record import Reader, Unreadable, sized
from pyk8s.reference.store.version import KeyValue

FORMAT = 1
MAGIC = b"PYK8SSNP"
CHECKED_HEADER = struct.Struct("<8sIIqqqqI")
HEADER_LEN = CHECKED_HEADER.size + 4
VERSIONS, LEASES = 5, 6

FRAME_BYTES = 256 << 10
"""Bytes of payload after which a frame is closed."""


def write(path: Path, content: Content) -> int:
    """Write ``content`` to one file, atomically; returns its size."""
    return write_atomically(path, _chunks(content))


def _chunks(content: Content) -> Iterator[bytes]:
    counts = (content.revision, len(content.versions), len(content.leases), content.last_lease_id)
    checked = CHECKED_HEADER.pack(MAGIC, FORMAT, 0, *counts, 0)
    yield checked + struct.pack("<I", crc32(checked))
    yield from _frames(VERSIONS, [_version(kv) for kv in content.versions])
    yield from _frames(LEASES, [struct.pack("<qdd", *lease) for lease in content.leases])


def _version(kv: KeyValue) -> bytes:
    numbers = struct.pack("<qqqq", kv.create_revision, kv.mod_revision, kv.version, kv.lease)
    return sized(kv.key.encode()) + sized(kv.value) + numbers


def _frames(kind: int, items: Sequence[bytes]) -> Iterator[bytes]:
    """Frames of as many items as fit."""
    batch: list[bytes] = []
    size = 4
    for item in items:
        batch.append(item)
        size += len(item)
        if size >= FRAME_BYTES:
            yield frame.encode(struct.pack("<BI", kind, len(batch)) + b"".join(batch))
            batch, size = [], 4
    if batch:
        yield frame.encode(struct.pack("<BI", kind, len(batch)) + b"".join(batch))


def read(path: Path) -> Content:
    """Read and check a whole snapshot file. Raises StoreDamaged, StoreVersion, OSError."""
    data = path.read_bytes()
    if len(data) < HEADER_LEN:
        raise StoreDamaged(str(path), len(data), "the file ends too early")
    if not data.startswith(MAGIC):
        raise StoreDamaged(str(path), 0, "this is no snapshot of a store")
    check_header(path, data[:HEADER_LEN], FORMAT)
    _, _, _, revision, key_count, lease_count, last_lease_id, _ = CHECKED_HEADER.unpack_from(data)
    versions: list[KeyValue] = []
    leases: list[tuple[int, float, float]] = []
    frames, tail = frame.read(data, HEADER_LEN)
    for found in frames:
        try:
            _take(found.payload, versions, leases)
        except Unreadable:
            raise StoreDamaged(str(path), found.offset, "a record cannot be read") from None
    if not tail.is_clean:
        raise StoreDamaged(str(path), tail.offset, tail.damage or "the file ends too early")
    if (len(versions), len(leases)) != (key_count, lease_count):
        raise StoreDamaged(str(path), len(data), "the file ends too early")
    return Content(revision, versions, leases, last_lease_id)


def check_header(path: Path, header: bytes, supported: int) -> None:
    """Check a file header's checksum, its last four bytes, and its format, at byte 8."""
    if crc32(header[:-4]) != int.from_bytes(header[-4:], "little"):
        raise StoreDamaged(str(path), 0, "the file's header is wrong")
    found = int.from_bytes(header[8:12], "little")
    if found != supported:
        raise StoreVersion(str(path), found, supported)


def _take(payload: bytes, versions: list[KeyValue], leases: list[tuple[int, float, float]]) -> None:
    reader = Reader(payload)
    kind = reader.byte()
    for _ in range(reader.count()):
        if kind == VERSIONS:
            key, value = reader.text(), reader.sized()
            versions.append(KeyValue(key, value, reader.number(), reader.number(), reader.number(), reader.number()))
        elif kind == LEASES:
            leases.append((reader.number(), reader.float(), reader.float()))
        else:
            raise Unreadable
    reader.finish()


def restore(snapshot: Path, path: Path) -> None:
    """Make a store directory at ``path``, which must not exist, from a snapshot file."""
    if os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    read(snapshot)
    unfinished = path.with_name(path.name + ".restoring")
    if unfinished.is_dir():
        shutil.rmtree(unfinished)
    unfinished.mkdir(parents=True)
    write_atomically(unfinished / snapshot_name(1), [snapshot.read_bytes()])
    os.rename(unfinished, path)
    sync_parent(path)
