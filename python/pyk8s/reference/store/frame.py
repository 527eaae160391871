"""Frames: how records stand in a file, and what a damaged file looks like.

A frame is a header of 20 bytes and a payload: u32 length of the payload, u32 CRC-32 of the payload, u64 offset up to
which this file was known to be on the disk when the frame was written, u32 CRC-32 of the 16 bytes before it; all
little-endian.

Always true: a file cut anywhere gives back its whole frames and a torn tail; a changed byte gives a damaged one, but
for a sector of zeros where nothing was known to be on the disk yet: that is how a crash of the machine looks.
Not here: what payloads mean (see `record`, `snapshot`), files (see `wal`).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from zlib import crc32

CHECKED_HEADER = struct.Struct("<IIQ")
HEADER = struct.Struct("<IIQI")
PAYLOAD_BYTES_MAX = 512 << 20
"""A payload longer than this is refused when it is written."""
SECTOR_LEN = 512
"""What a disk writes at once, at least."""


@dataclass(frozen=True, slots=True)
class Frame:
    offset: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Tail:
    """How the frames of a file end: ``offset`` is behind the last whole one, ``damage`` "" where it is only torn."""

    offset: int
    is_clean: bool
    damage: str = ""


@dataclass(frozen=True, slots=True)
class Header:
    length: int
    payload_crc: int
    synced_offset: int


def encode(payload: bytes, synced_offset: int = 0) -> bytes:
    checked = CHECKED_HEADER.pack(len(payload), crc32(payload), synced_offset)
    return checked + struct.pack("<I", crc32(checked)) + payload


def read(data: bytes, at: int) -> tuple[list[Frame], Tail]:
    """The whole frames from ``at`` on, and how they end."""
    frames: list[Frame] = []
    while True:
        header = _header_at(data, at)
        payload = _payload_at(data, at, header) if header else None
        if header is None or payload is None:
            return frames, _tail(data, at)
        frames.append(Frame(at, payload))
        at += HEADER.size + header.length


def _header_at(data: bytes, at: int) -> Header | None:
    if at + HEADER.size > len(data):
        return None
    length, payload_crc, synced_offset, crc = HEADER.unpack_from(data, at)
    is_right = crc32(data[at : at + CHECKED_HEADER.size]) == crc
    return Header(length, payload_crc, synced_offset) if is_right else None


def _payload_at(data: bytes, at: int, header: Header) -> bytes | None:
    payload = data[at + HEADER.size : at + HEADER.size + header.length]
    is_right = len(payload) == header.length and crc32(payload) == header.payload_crc
    return payload if is_right else None


def _tail(data: bytes, at: int) -> Tail:
    torn = Tail(at, is_clean=False)
    rest_len = len(data) - at
    if rest_len == 0:
        return Tail(at, is_clean=True)
    if rest_len < HEADER.size:
        return torn
    header = _header_at(data, at)
    if header is None:
        end, damage = len(data), "a record's header is wrong"
    elif header.length > rest_len - HEADER.size:
        return torn
    else:
        end, damage = at + HEADER.size + header.length, "a record's checksum is wrong"
    if _has_lost_sector(data, at, end) and not _is_known_synced(data, at):
        return torn
    return Tail(at, is_clean=False, damage=damage)


def _has_lost_sector(data: bytes, at: int, end: int) -> bool:
    """Whether a sector of the bad frame is all zeros, as when its page never reached the disk."""
    while at < end:
        sector_end = (at // SECTOR_LEN + 1) * SECTOR_LEN
        chunk = data[at : min(sector_end, end)]
        if len(chunk) >= HEADER.size and not any(chunk):
            return True
        at = sector_end
    return False


def _is_known_synced(data: bytes, bad_at: int) -> bool:
    """Whether a later frame says that the bad one had reached the disk."""
    for at in range(bad_at + 1, len(data)):
        header = _header_at(data, at)
        if header is not None and header.synced_offset > bad_at and _payload_at(data, at, header) is not None:
            return True
    return False
