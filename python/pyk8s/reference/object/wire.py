"""Protobuf's wire format: tags, varints, lengths.

Always true: nothing is read beyond the bytes; errors are those of Kubernetes' generated decoders.
Not here: what a field number means (see `protobuf`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from pyk8s.errors import DecodeError

UNEXPECTED_END = "unexpected EOF"
OVERFLOW = "proto: integer overflow"
NEGATIVE_LENGTH = "proto: negative length found during unmarshaling"
VARINT_BYTES_MAX = 10
VARINT, FIXED64, BYTES, GROUP_START, GROUP_END, FIXED32 = range(6)


@dataclass(frozen=True, slots=True)
class Payload:
    """One field's value as the wire has it: an int of a varint, the bytes of anything else."""

    wire_type: int
    value: int | bytes

    def varint(self, field: str) -> int:
        """The unsigned 64 bits. Raises DecodeError for another wire type."""
        if not isinstance(self.value, int):
            raise self._wrong_type(field)
        return self.value

    def int64(self, field: str) -> int:
        return _signed(self.varint(field), 64)

    def int32(self, field: str) -> int:
        return _signed(self.varint(field), 32)

    def bytes(self, field: str) -> bytes:
        if self.wire_type != BYTES or isinstance(self.value, int):
            raise self._wrong_type(field)
        return self.value

    def double(self, field: str) -> float:
        if self.wire_type != FIXED64 or isinstance(self.value, int):
            raise self._wrong_type(field)
        number: float = struct.unpack("<d", self.value)[0]
        return number

    def _wrong_type(self, field: str) -> DecodeError:
        return DecodeError(f"proto: wrong wireType = {self.wire_type} for field {field}")


def fields(data: bytes, of: str) -> Iterator[tuple[int, Payload]]:
    """(number, value) of each field of a message, in the order they were sent. Groups are skipped."""
    reader = _Reader(data, of)
    while reader.at < len(data):
        number, wire_type = reader.tag()
        if wire_type == GROUP_START:
            reader.skip_group()
        elif wire_type == GROUP_END:
            raise DecodeError(f"proto: {of}: wiretype end group for non-group")
        else:
            yield number, reader.payload(wire_type)


def packed(data: bytes) -> list[int]:
    """The varints of a packed field."""
    reader = _Reader(data, "")
    values = []
    while reader.at < len(data):
        values.append(reader.varint())
    return values


class _Reader:
    def __init__(self, data: bytes, of: str) -> None:
        self.data, self.of, self.at = data, of, 0

    def tag(self) -> tuple[int, int]:
        tag = self.varint()
        number = _signed(tag >> 3, 32)
        if number <= 0:
            raise DecodeError(f"proto: {self.of}: illegal tag {number} (wire type {tag})")
        return number, tag & 7

    def payload(self, wire_type: int) -> Payload:
        if wire_type == VARINT:
            return Payload(wire_type, self.varint())
        if wire_type == BYTES:
            length = self.varint()
            if length >= 2**63:
                raise DecodeError(NEGATIVE_LENGTH)
            return Payload(wire_type, self.take(length))
        if wire_type in (FIXED64, FIXED32):
            return Payload(wire_type, self.take(8 if wire_type == FIXED64 else 4))
        raise DecodeError(f"proto: illegal wireType {wire_type}")

    def skip_group(self) -> None:
        """To behind the end of a group whose start was read; a counter stands for the stack."""
        depth = 1
        while depth:
            if self.at == len(self.data):
                raise DecodeError(UNEXPECTED_END)
            wire_type = self.tag()[1]
            if wire_type in (GROUP_START, GROUP_END):
                depth += 1 if wire_type == GROUP_START else -1
            else:
                self.payload(wire_type)

    def varint(self) -> int:
        value = 0
        for index, byte in enumerate(self.data[self.at : self.at + VARINT_BYTES_MAX]):
            value |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:
                self.at += index + 1
                return value & (2**64 - 1)
        raise DecodeError(OVERFLOW if len(self.data) - self.at >= VARINT_BYTES_MAX else UNEXPECTED_END)

    def take(self, length: int) -> bytes:
        if length > len(self.data) - self.at:
            raise DecodeError(UNEXPECTED_END)
        taken = self.data[self.at : self.at + length]
        self.at += length
        return taken


def _signed(value: int, bits: int) -> int:
    value &= 2**bits - 1
    return value - 2**bits if value >= 2 ** (bits - 1) else value
