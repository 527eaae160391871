"""Answers in protobuf: JSON objects of built-in kinds in Kubernetes' envelope, driven by the table of field numbers.

Always true: fields go out in ascending number; what is no pointer in Go is always written, a pointer only when set.
Not here: reading protobuf (see `pyk8s.core.Scheme`), custom resources (they have no protobuf form).
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable
from functools import cache
from typing import Any

import orjson
from pyk8s.api.clock import parse_rfc3339
from pyk8s.api.tables import table

Json = dict[str, Any]
Encode = Callable[[Any], bytes]
"""From a JSON value to the content of its field; None is Go's zero value."""

MAGIC = b"k8s\0"
CONTENT_TYPE = "application/vnd.kubernetes.protobuf"
META = "k8s.io.apimachinery.pkg.apis.meta.v1."
RUNTIME = "k8s.io.apimachinery.pkg.runtime."
CRD = "k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1."
VARINT, LENGTH = 0, 2
UINT64 = 1 << 64


def encode(value: bytes) -> bytes | None:
    """An object's JSON in the protobuf envelope; None when its kind has no protobuf form."""
    obj = orjson.loads(value)
    message = message_of(obj.get("apiVersion", ""), obj.get("kind", ""))
    if message is None:
        return None
    return envelope(obj["apiVersion"], obj["kind"], encoder(message)(obj))


def envelope(api_version: str, kind: str, raw: bytes) -> bytes:
    """The four magic bytes and a runtime.Unknown."""
    type_meta = _field(1, api_version.encode()) + _field(2, kind.encode())
    return MAGIC + _field(1, type_meta) + _field(2, raw) + _field(3, b"") + _field(4, b"")


def watch_frame(kind: str, value: bytes) -> bytes | None:
    """One frame of a protobuf watch stream; None when the object has no protobuf form."""
    raw = encode(value)
    if raw is None:
        return None
    event = _field(1, kind.encode()) + _field(2, _field(1, raw))
    return struct.pack(">I", len(event)) + event


@cache
def message_of(api_version: str, kind: str) -> str | None:
    """The name of the message of a kind."""
    tables = table("protobuf-fields")
    if kind in tables["metaKinds"] and api_version in ("v1", "meta.k8s.io/v1"):
        return str(tables["metaKinds"][kind])
    group_version = api_version if "/" in api_version else f"core/{api_version}"
    found = tables["kinds"].get(f"{group_version}/{kind}")
    return None if found is None else str(found)


# -- the wire ------------------------------------------------------------------------------------------------


def varint(number: int) -> bytes:
    """A number in groups of seven bits; negative ones take ten bytes."""
    if 0 <= number < 0x80:
        return bytes((number,))
    number %= UINT64
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | LENGTH) + varint(len(content)) + content


# -- messages ------------------------------------------------------------------------------------------------


@cache
def encoder(message: str) -> Encode:
    """What encodes a message of this name."""
    special = SPECIAL.get(message)
    if special is not None:
        return special
    if message.endswith(".ExtraValue") or message == META + "Verbs":
        return _strings
    fields: list[Callable[[Json], bytes]] = []
    # Filled after the encoder is known to the cache's callers: messages may hold themselves.
    is_compiled = False

    def encode_message(value: Any) -> bytes:
        nonlocal is_compiled
        if not is_compiled:
            entries = sorted(table("protobuf-fields")["messages"][message]["f"], key=lambda entry: int(entry["n"]))
            fields.extend(_field_writer(entry) for entry in entries)
            is_compiled = True
        obj = {} if value is None else value
        return b"".join([write(obj) for write in fields])

    return encode_message


def _field_writer(entry: Json) -> Callable[[Json], bytes]:
    """What writes one field of an object."""
    name, number = entry["j"], entry["n"]
    if "map" in entry:
        return _map_writer(name, number, *entry["map"])
    kind = entry["t"]
    if entry.get("rep"):
        wire, content = _content(kind)
        return _repeated_writer(name, varint(number << 3 | wire), wire, content)
    wire, content = _content(kind)
    tag = varint(number << 3 | wire)
    is_optional = bool(entry.get("ptr")) or kind == "bytes"

    def write(obj: Json) -> bytes:
        value = obj if name is None else obj.get(name)
        if value is None and is_optional:
            return b""
        encoded = content(value)
        return tag + encoded if wire == VARINT else tag + varint(len(encoded)) + encoded

    return write


def _repeated_writer(name: str, tag: bytes, wire: int, content: Encode) -> Callable[[Json], bytes]:
    def write(obj: Json) -> bytes:
        values = obj.get(name)
        if not values:
            return b""
        encoded = [content(value) for value in values]
        if wire == VARINT:
            return b"".join([tag + each for each in encoded])
        return b"".join([tag + varint(len(each)) + each for each in encoded])

    return write


def _map_writer(name: str, number: int, key_kind: str, value_kind: str) -> Callable[[Json], bytes]:
    _, key_content = _content(key_kind)
    value_wire, value_content = _content(value_kind)
    value_tag = varint(2 << 3 | value_wire)

    def write(obj: Json) -> bytes:
        values = obj.get(name)
        if not values:
            return b""
        parts = []
        for key in sorted(values):
            encoded = value_content(values[key])
            if value_wire == LENGTH:
                encoded = varint(len(encoded)) + encoded
            parts.append(_field(number, _field(1, key_content(key)) + value_tag + encoded))
        return b"".join(parts)

    return write


def _content(kind: str) -> tuple[int, Encode]:
    """(wire type, encoder) of a field's type."""
    scalar = SCALARS.get(kind)
    if scalar is not None:
        return scalar
    return LENGTH, encoder(kind)


# -- values --------------------------------------------------------------------------------------------------


def _number(value: Any) -> bytes:
    return varint(int(value or 0))


def _string(value: Any) -> bytes:
    return b"" if value is None else str(value).encode()


def _bytes(value: Any) -> bytes:
    return b"" if value is None else base64.b64decode(value)


SCALARS: dict[str, tuple[int, Encode]] = {
    **dict.fromkeys(("int32", "int64", "uint32", "uint64", "bool"), (VARINT, _number)),
    "string": (LENGTH, _string),
    "bytes": (LENGTH, _bytes),
    "double": (1, lambda value: struct.pack("<d", float(value or 0))),
}


def _quantity(value: Any) -> bytes:
    return _field(1, _string("0" if value is None else value))


def _int_or_string(value: Any) -> bytes:
    is_text = isinstance(value, str)
    number, text = (0, value) if is_text else (value or 0, "")
    kind = b"\x08\x01" if is_text else b"\x08\x00"
    return kind + b"\x10" + varint(int(number)) + _field(3, text.encode())


def _time(value: Any) -> bytes:
    if value is None:
        return b""
    seconds = parse_rfc3339(value)
    whole = int(seconds // 1)
    return b"\x08" + varint(whole) + b"\x10\x00"


def _micro_time(value: Any) -> bytes:
    if value is None:
        return b""
    whole = int(parse_rfc3339(value[:19] + "Z"))
    digits = value[19:].strip(".Z")
    nanos = int(digits.ljust(9, "0")[:9]) if digits else 0
    return b"\x08" + varint(whole) + b"\x10" + varint(nanos // 1000 * 1000)


def _raw(value: Any) -> bytes:
    return b"" if value is None else _field(1, orjson.dumps(value))


def _strings(value: Any) -> bytes:
    return b"".join([_field(1, str(item).encode()) for item in value or ()])


def _schema_or(member: int, plain: Callable[[Any], bytes]) -> Encode:
    """JSONSchemaPropsOr…: an object is a schema, anything else is ``plain``; ``member`` numbers the schema."""

    def encode_either(value: Any) -> bytes:
        if isinstance(value, dict):
            schema = _field(member, encoder(CRD + "JSONSchemaProps")(value))
            return b"\x08\x01" + schema if member == 2 else schema
        return plain(value)

    return encode_either


def _allows(value: Any) -> bytes:
    return b"\x08\x01" if value else b"\x08\x00"


def _schemas(value: Any) -> bytes:
    return b"".join([_field(2, encoder(CRD + "JSONSchemaProps")(item)) for item in value or ()])


def _properties(value: Any) -> bytes:
    return b"".join([_field(2, str(item).encode()) for item in value or ()])


SPECIAL: dict[str, Encode] = {
    "k8s.io.apimachinery.pkg.api.resource.Quantity": _quantity,
    "k8s.io.apimachinery.pkg.util.intstr.IntOrString": _int_or_string,
    META + "Time": _time,
    META + "MicroTime": _micro_time,
    META + "FieldsV1": _raw,
    RUNTIME + "RawExtension": _raw,
    CRD + "JSON": _raw,
    CRD + "JSONSchemaPropsOrBool": _schema_or(2, _allows),
    CRD + "JSONSchemaPropsOrArray": _schema_or(1, _schemas),
    CRD + "JSONSchemaPropsOrStringArray": _schema_or(1, _properties),
}
"""Messages whose JSON is not an object with the message's fields."""
