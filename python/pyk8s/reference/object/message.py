"""Go's view of the built-in types: fields in struct order, pointers, omitempty; and their protobuf numbers.

Always true: fields of embedded structs stand where Go's JSON has them, so one list serves JSON and protobuf.
Not here: list types and merge keys (see `structure`).
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from pyk8s.reference.object.json import Number

Shape = Literal["one", "list", "map"]

SCALARS = {"string", "bool", "int32", "int64", "double", "bytes"}
SPECIAL = {
    "Quantity": "quantity",
    "QuantityValue": "quantity",
    "Time": "time",
    "MicroTime": "micro time",
    "IntOrString": "int or string",
    "RawExtension": "raw",
    "JSON": "raw",
    "FieldsV1": "raw",
    "Verbs": "strings",
    "ExtraValue": "strings",
    "JSONSchemaPropsOrArray": "schema or array",
    "JSONSchemaPropsOrBool": "schema or bool",
    "JSONSchemaPropsOrStringArray": "schema or strings",
}
"""Types with a JSON form of their own, by the last word of their name."""

ZEROS: dict[str, Any] = {
    "string": "", "bool": False, "int32": 0, "int64": 0, "double": 0, "int or string": 0, "quantity": "0",
    "schema or bool": False,
}  # fmt: skip
"""What a single value is in JSON when nothing was read; null for the kinds that are not here."""

GO_TYPES = {
    "bool": "bool", "int32": "int32", "int or string": "int32", "int64": "int64", "double": "float64",
    "bytes": "[]uint8", "quantity": "resource.Quantity", "time": "v1.Time", "micro time": "v1.MicroTime",
    "strings": "[]string",
}  # fmt: skip


NULL = object()
"""A value that was read and is written as null; None is one that was not read."""


@dataclass(frozen=True, slots=True)
class Kind:
    """``name`` is a scalar type, a special form, or "message"; ``message`` is the full name of what it leads to."""

    name: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    kind: Kind
    shape: Shape = "one"
    is_pointer: bool = False
    is_omitted_empty: bool = True
    is_omitted_zero: bool = False

    @property
    def is_nilable(self) -> bool:
        return self.is_pointer or self.shape != "one"


@dataclass(slots=True)
class Message:
    """``wire``: protobuf number -> (offset of its field, full name of the embedded struct or "")."""

    name: str
    go_name: str
    fields: list[Field] = field(default_factory=list)
    wire: dict[int, tuple[int, str]] = field(default_factory=dict)
    kept: dict[int, Any] = field(default_factory=dict)
    """Fields that are written even when unset, with what is written."""

    def index(self, name: str) -> int | None:
        return next((index for index, field in enumerate(self.fields) if field.name == name), None)

    def field(self, name: str) -> Field | None:
        index = self.index(name)
        return None if index is None else self.fields[index]

    def zero(self) -> dict[str, Any]:
        """What Go marshals when nothing is set."""
        return self.assemble({})

    def assemble(self, read: dict[int, Any]) -> dict[str, Any]:
        """The JSON object of the fields that were read; a value of None is Go's zero."""
        values = {**copy.deepcopy(self.kept), **{index: value for index, value in read.items() if value is not None}}
        return {self.fields[index].name: None if values[index] is NULL else values[index] for index in sorted(values)}

    def insert(self, target: dict[str, Any], name: str, value: Any) -> None:
        """Set a field of an object, in its place among the others."""
        order = {field.name: index for index, field in enumerate(self.fields)}
        is_new = name not in target
        target[name] = value
        if is_new:
            later = [other for other in target if other != name and order.get(other, -1) > order.get(name, -1)]
            first = list(target).index(later[0]) if later else len(target)
            for other in list(target)[first:-1]:
                target[other] = target.pop(other)


class Messages:
    """``document``: the parsed protobuf-fields table."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._entries: dict[str, Any] = document["messages"]
        # The table says "core" where API versions say nothing.
        self._kinds = {kind.removeprefix("core/"): name for kind, name in document["kinds"].items()}
        self._meta_kinds: dict[str, str] = document["metaKinds"]
        self._compiled: dict[str, Message] = {}

    def of_kind(self, kind: str) -> Message | None:
        """The message of a kind, "apps/v1/Deployment"; options kinds are known in every group."""
        name = self._kinds.get(kind) or self._meta_kinds.get(kind.rsplit("/", 1)[-1])
        return self.message(name) if name in self._entries else None

    def is_meta_kind(self, kind: str) -> bool:
        """True for the kinds that every group version knows: DeleteOptions and the like."""
        return kind in self._meta_kinds

    def message(self, name: str) -> Message:
        if name not in self._compiled:
            self._compiled[name] = self._compile(name)
        return self._compiled[name]

    def zero(self, kind: Kind) -> Any:
        """What a single value of this kind is in JSON when nothing was read; None where Go has a nil."""
        return self.message(kind.message).zero() if kind.name == "message" else ZEROS.get(kind.name)

    def go_type(self, kind: Kind, shape: Shape) -> str:
        """As Go's errors name the type of a field."""
        single = self.message(kind.message).go_name if kind.name == "message" else GO_TYPES.get(kind.name, "string")
        if shape == "map":
            return "v1.ResourceList" if kind.name == "quantity" else f"map[string]{single}"
        return f"[]{single}" if shape == "list" else single

    def _compile(self, full_name: str) -> Message:
        entry = self._entries[full_name]
        package, name = full_name.split(".")[-2:]
        message = Message(name, f"{package}.{name}")
        if entry.get("tm"):
            message.fields += [Field("kind", Kind("string")), Field("apiVersion", Kind("string"))]
        for field_entry in entry["f"]:
            self._add(message, field_entry)
        kept = {index: self._kept_value(field) for index, field in enumerate(message.fields) if _is_kept(field)}
        message.kept = kept
        return message

    def _add(self, message: Message, entry: dict[str, Any]) -> None:
        offset = len(message.fields)
        type_name = entry["map"][1] if "map" in entry else entry["t"]
        kind = self._kind(type_name)
        if entry.get("inl") and kind.name == "message":
            message.fields += self.message(type_name).fields
            message.wire[entry["n"]] = (offset, type_name)
        elif entry["j"] is not None:
            shape: Shape = "map" if "map" in entry else "list" if entry.get("rep") else "one"
            flags = (bool(entry.get(flag)) for flag in ("ptr", "oe", "oz"))
            message.wire[entry["n"]] = (offset, "")
            message.fields.append(Field(entry["j"], kind, shape, *flags))

    def _kind(self, name: str) -> Kind:
        if name in SCALARS:
            return Kind(name)
        package, _, last = name.rpartition(".")
        special = SPECIAL.get(last)
        if special is None:
            return Kind("message", name)
        return Kind(special, f"{package}.JSONSchemaProps" if special.startswith("schema") else "")

    def _kept_value(self, field: Field) -> Any:
        return None if field.is_nilable else self.zero(field.kind)


def _is_kept(field: Field) -> bool:
    """What is written even when unset: `omitempty` never leaves out a struct."""
    is_struct = field.kind.name not in SCALARS | {"strings"}
    return not (field.is_omitted_zero or (field.is_omitted_empty and (field.is_nilable or not is_struct)))


def double(value: float) -> int | Number:
    """A double as Go's encoder writes it: shortest digits, an exponent below 1e-6 and from 1e21 on."""
    mantissa, _, exponent_text = f"{value!r}".partition("e")
    digits = mantissa.replace("-", "").replace(".", "").lstrip("0").rstrip("0") or "0"
    sign = "-" if f"{value!r}".startswith("-") else ""
    whole = mantissa.lstrip("-").partition(".")[0].lstrip("0")
    fraction = mantissa.partition(".")[2]
    leading_zeros = len(fraction) - len(fraction.lstrip("0"))
    point = (len(whole) if whole else -leading_zeros) + int(exponent_text or 0)
    if value == 0:
        return Number("-0") if sign else 0
    if not 1e-6 <= abs(value) < 1e21:
        tail = f".{digits[1:]}" if digits[1:] else ""
        power = point - 1
        return Number(
            f"{sign}{digits[0]}{tail}e{'-' if power < 0 else '+'}{abs(power) if power < 0 else f'{power:02}'}"
        )
    if point >= len(digits):
        text = digits + "0" * (point - len(digits))
    else:
        text = f"{digits[:point]}.{digits[point:]}" if point > 0 else f"0.{'0' * -point}{digits}"
    return _plain(sign + text)


def _plain(text: str) -> int | Number:
    is_integer = text.removeprefix("-").isdigit() and -(2**63) <= int(text) < 2**63
    return int(text) if is_integer else Number(text)


def sorted_map(entries: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """A Go map as JSON has it: keys in byte order."""
    return dict(sorted(entries, key=lambda entry: entry[0].encode()))
