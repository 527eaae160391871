"""Protobuf bodies read into the same JSON that a JSON body of the same object would give.

Always true: fields that come several times are merged as protobuf says: messages as if their bytes were one, lists
appended, the last scalar counts. Nesting is bounded by `DEPTH_MAX`.
Not here: the wire format itself (see `wire`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from pyk8s.api.quantity import QuantityError, canonical
from pyk8s.errors import DecodeError
from pyk8s.reference.object import base64
from pyk8s.reference.object.json import parse_checked
from pyk8s.reference.object.message import NULL, SCALARS, Field, Kind, Message, Messages, double, sorted_map
from pyk8s.reference.object.syntax import DEPTH_MAX, check, text_of
from pyk8s.reference.object.time import Precision, Time
from pyk8s.reference.object.wire import BYTES, VARINT, Payload, fields, packed

MAGIC = b"k8s\0"
TOO_DEEP = "exceeded max depth"


@dataclass(slots=True)
class Envelope:
    """runtime.Unknown: what stands between the magic and the object."""

    api_version: str = ""
    kind: str = ""
    raw: bytes = b""

    @classmethod
    def read(cls, body: bytes) -> Envelope:
        """Raises DecodeError."""
        if not body:
            raise DecodeError("empty data")
        if not body.startswith(MAGIC):
            prefix = " ".join(map(str, MAGIC))
            raise DecodeError(f"provided data does not appear to be a protobuf message, expected prefix [{prefix}]")
        if body == MAGIC:
            raise DecodeError("empty body")
        envelope = cls()
        for number, payload in fields(body.removeprefix(MAGIC), "Unknown"):
            if number == 1:
                envelope._type_meta(payload.bytes("TypeMeta"))
            elif number == 2:
                envelope.raw = payload.bytes("Raw")
        return envelope

    def _type_meta(self, data: bytes) -> None:
        for number, payload in fields(data, "TypeMeta"):
            if number == 1:
                self.api_version = text_of(payload.bytes("APIVersion"))
            elif number == 2:
                self.kind = text_of(payload.bytes("Kind"))


def decode(messages: Messages, message: Message, data: bytes) -> dict[str, Any]:
    """Read the bytes of an object. Raises DecodeError in the words of Kubernetes' generated decoders."""
    return _Decoder(messages).message(message, data, 1)


class _Decoder:
    def __init__(self, messages: Messages) -> None:
        self.messages = messages

    def message(self, message: Message, data: bytes, depth: int) -> dict[str, Any]:
        if depth > DEPTH_MAX:
            raise DecodeError(TOO_DEEP)
        slots: dict[int, Any] = {}
        self.collect(message, data, (message, 0), slots, depth=depth)
        read = {index: self.finish(message.fields[index], slot, depth) for index, slot in slots.items()}
        return message.assemble(read)

    def collect(
        self, part: Message, data: bytes, whole: tuple[Message, int], slots: dict[int, Any], *, depth: int
    ) -> None:
        """Sort the bytes of ``part``, whose fields start at an offset among those of the ``whole``, into slots."""
        message, base = whole
        for number, payload in fields(data, "object"):
            if number not in part.wire:
                continue
            offset, embedded = part.wire[number]
            if embedded:
                inner = self.messages.message(embedded)
                self.collect(inner, payload.bytes(inner.name), (message, base + offset), slots, depth=depth)
            else:
                self.store(message.fields[base + offset], base + offset, payload, slots, depth=depth)

    def store(self, field: Field, index: int, payload: Payload, slots: dict[int, Any], *, depth: int) -> None:
        if field.shape == "list":
            slots.setdefault(index, []).extend(self.elements(field, payload, depth + 1))
        elif field.shape == "map":
            key, value = self.entry(field, payload.bytes(field.name), depth + 1)
            slots.setdefault(index, {})[key] = value
        elif field.kind.name in SCALARS:
            slots[index] = self.scalar(field, payload)
        else:
            # A message's bytes are decoded once all of its occurrences are there.
            slots[index] = slots.get(index, b"") + payload.bytes(field.name)

    def finish(self, field: Field, slot: Any, depth: int) -> Any:
        if field.shape == "map":
            return sorted_map(slot.items())
        if field.shape == "list":
            return slot or None
        if field.kind.name not in SCALARS:
            return self.special(field.kind, slot, depth + 1)
        return slot if field.is_pointer or slot else None

    def elements(self, field: Field, payload: Payload, depth: int) -> list[Any]:
        """The elements that one field on the wire adds: numbers and booleans may come packed."""
        if field.kind.name in ("bool", "int32", "int64") and payload.wire_type == BYTES:
            return [self.scalar(field, Payload(VARINT, value)) for value in packed(payload.bytes(field.name))]
        return [self.element(field, payload, depth)]

    def element(self, field: Field, payload: Payload, depth: int) -> Any:
        if field.kind.name in SCALARS:
            return self.scalar(field, payload)
        value = self.special(field.kind, payload.bytes(field.name), depth + 1)
        return None if value is NULL else value

    def entry(self, field: Field, data: bytes, depth: int) -> tuple[str, Any]:
        key, value, is_there = "", None, False
        for number, payload in fields(data, field.name):
            if number == 1:
                key = text_of(payload.bytes(field.name))
            elif number == 2:
                value, is_there = self.element(field, payload, depth), True
        if value is None and not (is_there and field.kind.name == "raw"):
            value = "" if field.kind.name == "bytes" else self.messages.zero(field.kind)
        return key, value

    def scalar(self, field: Field, payload: Payload) -> Any:
        match field.kind.name:
            case "bool":
                return payload.varint(field.name) != 0
            case "int32":
                return payload.int32(field.name)
            case "int64":
                return payload.int64(field.name)
            case "double":
                return _finite(payload.double(field.name))
            case "bytes":
                return base64.encode(payload.bytes(field.name))
        return text_of(payload.bytes(field.name))

    def special(self, kind: Kind, data: bytes, depth: int) -> Any:
        """A message, or a type with a JSON form of its own."""
        match kind.name:
            case "message":
                return self.message(self.messages.message(kind.message), data, depth)
            case "quantity":
                return _quantity(text_of(_last_bytes(data, 1)))
            case "time":
                return _time(data, "seconds")
            case "micro time":
                return _time(data, "micros")
            case "int or string":
                return _int_or_string(data)
            case "raw":
                return self.raw(data, depth)
            case "strings":
                return [text_of(payload.bytes("Items")) for number, payload in fields(data, "object") if number == 1]
        return self.schema_union(kind, data, depth)

    def raw(self, data: bytes, depth: int) -> Any:
        """JSON in field 1, or for an embedded object an envelope of its own."""
        raw = _last_bytes(data, 1)
        if not raw:
            return NULL
        if raw.startswith(MAGIC):
            return self.enveloped(raw, depth)
        check(raw, depth_max=max(DEPTH_MAX - depth, 0))
        value = parse_checked(raw)
        return NULL if value is None else value

    def enveloped(self, body: bytes, depth: int) -> dict[str, Any]:
        envelope = Envelope.read(body)
        name = f"{envelope.api_version}/{envelope.kind}"
        message = self.messages.of_kind(name)
        if message is None:
            raise DecodeError(f'no kind "{name}" is registered')
        inner = self.message(message, envelope.raw, depth)
        return {"kind": envelope.kind, "apiVersion": envelope.api_version} | inner

    def schema_union(self, kind: Kind, data: bytes, depth: int) -> Any:
        schema: bytes | None = None
        items: list[Any] = []
        is_allowed = False
        for number, payload in fields(data, "JSONSchemaProps"):
            if number == 1 and kind.name == "schema or bool":
                is_allowed = payload.varint("Allows") != 0
            elif number == 2 and kind.name == "schema or array":
                items.append(self.message(self.messages.message(kind.message), payload.bytes("JSONSchemas"), depth + 1))
            elif number == 2 and kind.name == "schema or strings":
                items.append(text_of(payload.bytes("Property")))
            elif number in (1, 2):
                schema = (schema or b"") + payload.bytes("Schema")
        if items:
            return items
        if schema is not None:
            return self.message(self.messages.message(kind.message), schema, depth)
        return is_allowed if kind.name == "schema or bool" else NULL


def _finite(value: float) -> Any:
    if not math.isfinite(value):
        raise DecodeError("json: unsupported value")
    return double(value)


def _quantity(text: str) -> str:
    try:
        return canonical(text) if text else "0"
    except QuantityError as error:
        raise DecodeError(str(error)) from None


def _last_bytes(data: bytes, wanted: int) -> bytes:
    """The last occurrence of a bytes field."""
    last = b""
    for number, payload in fields(data, "object"):
        if number == wanted:
            last = payload.bytes("Raw")
    return last


def _time(data: bytes, precision: Precision) -> str | None:
    if not data:
        return None
    seconds = nanos = 0
    for number, payload in fields(data, "Timestamp"):
        if number == 1:
            seconds = payload.int64("Seconds")
        elif number == 2:
            nanos = payload.int32("Nanos")
    time = Time.of(seconds, nanos if precision == "micros" else 0)
    if time is None:
        raise DecodeError("Time.MarshalJSON: year outside of range [0,9999]")
    return time.to_text(precision)


def _int_or_string(data: bytes) -> int | str:
    kind = number = 0
    text = ""
    for field, payload in fields(data, "IntOrString"):
        if field == 1:
            kind = payload.int64("Type")
        elif field == 2:
            number = payload.int32("IntVal")
        elif field == 3:
            text = text_of(payload.bytes("StrVal"))
    if kind not in (0, 1):
        raise DecodeError("impossible IntOrString.Type")
    return text if kind else number
