"""JSON bodies read as a Go struct: types checked, unknown and duplicate fields told, zero values dropped or kept as
Go's encoder would, everything in struct order.

Always true: the value that comes out is what Go would marshal of the struct it decoded. The first wrong type is told
after the whole body was read; a wrong quantity or time ends reading at once.
Not here: which kind a body is (see `type_meta`), defaults (see `default`).
Differs from Go: of a struct that comes twice the later one counts whole; Go merges the two.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pyk8s.api.quantity import QuantityError, canonical
from pyk8s.errors import DecodeError
from pyk8s.reference.object import base64
from pyk8s.reference.object.json import Number, Pairs, number_text, plain, type_name
from pyk8s.reference.object.message import NULL, Field, Kind, Message, Messages, double, sorted_map
from pyk8s.reference.object.time import Precision, Time, TimeError

PROBLEMS_MAX = 100
"""Go's strict decoder stops counting here."""

INTEGER_DIGITS_MAX = 20
WHITE_SPACE = " \t\n\v\f\r\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
"""Unicode's White_Space, which is less than what `str.strip` takes off."""

INT_LIMITS = {"int32": 2**31, "int64": 2**63}


@dataclass(frozen=True, slots=True)
class Step:
    """One step from the top to a value: a field ``of`` a struct, a map's key, or a list's index."""

    name: str
    of: str = ""
    is_index: bool = False


def decode(messages: Messages, message: Message, document: Pairs) -> tuple[dict[str, Any], list[str]]:
    """(fields, problems) of an object read as ``message``. Raises DecodeError in Go's words."""
    decoder = _Decoder(messages)
    fields = decoder.message(message, document)
    if decoder.wrong_type:
        raise DecodeError(decoder.wrong_type)
    return fields, decoder.problems


class _Decoder:
    """Reads values; None is Go's zero value: an unset pointer, an empty string, a nil list."""

    def __init__(self, messages: Messages) -> None:
        self.messages = messages
        self.steps: list[Step] = []
        self.problems: list[str] = []
        self.wrong_type = ""
        self.is_quiet = False

    @contextmanager
    def at(self, step: Step) -> Iterator[None]:
        self.steps.append(step)
        yield
        self.steps.pop()

    def message(self, message: Message, document: Pairs) -> dict[str, Any]:
        read: dict[int, Any] = {}
        index_of = {field.name: index for index, field in enumerate(message.fields)}
        for key, value in document:
            index = index_of.get(key)
            if index is None:
                self.report("unknown", key)
                continue
            if index in read:
                self.report("duplicate", key)
            field = message.fields[index]
            with self.at(Step(field.name, message.name)):
                decoded = self.field(field, value)
            # Go leaves a scalar as it was when null comes after a value.
            if index not in read or decoded is not None or field.is_nilable:
                read[index] = decoded
        return message.assemble(read)

    def field(self, field: Field, value: Any) -> Any:
        if value is None:
            # null sets pointers, lists and maps to nil; of the types that read themselves, int-or-string takes it as 0.
            is_zeroed = not field.is_nilable and field.kind.name in ("quantity", "int or string", "message")
            return self.messages.zero(field.kind) if is_zeroed else None
        if field.shape == "list":
            return self.list_of(field, value)
        if field.shape == "map":
            return self.map_of(field, value)
        single = self.single(field.kind, value)
        return self.messages.zero(field.kind) if single is None and field.is_pointer else single

    def list_of(self, field: Field, value: Any) -> Any:
        if type_name(value) != "array":
            return self.save(type_name(value), self.messages.go_type(field.kind, "list"))
        items = []
        for index, item in enumerate(value):
            with self.at(Step(f"[{index}]", is_index=True)):
                items.append(self.element(field.kind, item))
        return items or None

    def map_of(self, field: Field, value: Any) -> Any:
        if not isinstance(value, Pairs):
            return self.save(type_name(value), self.messages.go_type(field.kind, "map"))
        entries: dict[str, Any] = {}
        for key, item in value:
            if key in entries:
                self.report("duplicate", key)
            with self.at(Step(key)):
                entries[key] = self.element(field.kind, item)
        return sorted_map(entries.items()) or None

    def element(self, kind: Kind, value: Any) -> Any:
        """An element of a list or map is always there: zero where nothing was read."""
        single = None if value is None else self.single(kind, value)
        if single is None:
            return "" if kind.name == "bytes" else self.messages.zero(kind)
        return single

    def single(self, kind: Kind, value: Any) -> Any:
        found = type_name(value)
        match kind.name:
            case "string" if found == "string":
                return value or None
            case "bool" if found == "bool":
                return value or None
            case "int32" | "int64" | "double" if found == "number":
                return self.number(kind, value)
            case "bytes" if found == "string":
                return self.binary(value)
            case "message" if found == "object":
                return self.message(self.messages.message(kind.message), value)
            case "quantity":
                return _quantity(value)
            case "time":
                return self.time(value, "seconds")
            case "micro time":
                return self.time(value, "micros")
            case "int or string":
                return self.int_or_string(value)
            case "raw":
                return plain(value)
            case "strings" if found == "array":
                return self.strings(value)
            case "schema or array" | "schema or bool" | "schema or strings":
                return self.schema_union(kind, value)
        return self.save(found, self.messages.go_type(kind, "one"))

    def number(self, kind: Kind, value: int | Number) -> Any:
        text = number_text(value)
        if kind.name == "double":
            if abs(float(text)) != float("inf"):
                return double(float(text)) if float(text) else None
        elif _is_integer(text) and -INT_LIMITS[kind.name] <= int(text) < INT_LIMITS[kind.name]:
            return int(text) or None
        return self.save(f"number {text}", self.messages.go_type(kind, "one"))

    def binary(self, text: str) -> Any:
        try:
            return base64.encode(base64.decode(text.encode())) or None
        except base64.CorruptInput as error:
            self.wrong_type = self.wrong_type or str(error)
            return None

    def time(self, value: Any, precision: Precision) -> Any:
        if not isinstance(value, str):
            raise self.unmarshal_error(type_name(value), "string")
        try:
            return Time.parse(value, precision).to_text(precision)
        except TimeError as error:
            raise DecodeError(str(error)) from None

    def int_or_string(self, value: Any) -> Any:
        if isinstance(value, str):
            return value
        if type_name(value) != "number":
            raise self.unmarshal_error(type_name(value), "int32")
        text = number_text(value)
        if not _is_integer(text) or not -(2**31) <= int(text) < 2**31:
            raise self.unmarshal_error(f"number {text}", "int32")
        return int(text)

    def strings(self, values: list[Any]) -> list[str]:
        items = []
        for value in values:
            if value is not None and not isinstance(value, str):
                self.save(type_name(value), "string")
            items.append(value if isinstance(value, str) else "")
        return items

    def schema_union(self, kind: Kind, value: Any) -> Any:
        """A type that reads itself: Go's strictness does not reach below it. `NULL` is a null that is written."""
        if isinstance(value, Pairs):
            return self.schema(kind, value)
        if kind.name == "schema or bool":
            if not isinstance(value, bool):
                raise DecodeError("boolean or JSON schema expected")
            return value
        if not isinstance(value, list):
            return NULL
        if kind.name == "schema or strings":
            return self.strings(value)
        return self.schemas(kind, value) or NULL

    def schemas(self, kind: Kind, values: list[Any]) -> list[Any]:
        items = []
        for value in values:
            if isinstance(value, Pairs):
                items.append(self.schema(kind, value))
            else:
                self.save(type_name(value), "v1.JSONSchemaProps")
        return items

    def schema(self, kind: Kind, value: Pairs) -> dict[str, Any]:
        was_quiet, self.is_quiet = self.is_quiet, True
        schema = self.message(self.messages.message(kind.message), value)
        self.is_quiet = was_quiet
        return schema

    def save(self, found: str, expected: str) -> None:
        if not self.wrong_type:
            self.wrong_type = str(self.unmarshal_error(found, expected))

    def unmarshal_error(self, found: str, expected: str) -> DecodeError:
        """Go's UnmarshalTypeError: the innermost struct, and the field's path from the top without list indices."""
        fields = [step for step in self.steps if step.of]
        if not fields:
            return DecodeError(f"json: cannot unmarshal {found} into Go value of type {expected}")
        path = ".".join(step.name for step in fields)
        return DecodeError(
            f"json: cannot unmarshal {found} into Go struct field {fields[-1].of}.{path} of type {expected}"
        )

    def report(self, problem: str, key: str) -> None:
        path = ""
        for step in (*self.steps, Step(key)):
            path += step.name if step.is_index or not path else f".{step.name}"
        text = f'{problem} field "{path}"'
        if not self.is_quiet and len(self.problems) < PROBLEMS_MAX and text not in self.problems:
            self.problems.append(text)


def _is_integer(text: str) -> bool:
    return len(text) <= INTEGER_DIGITS_MAX and text.removeprefix("-").isdigit()


def _quantity(value: Any) -> str:
    """A number is read by its text; what is neither number nor string is no quantity."""
    text = value.strip(WHITE_SPACE) if isinstance(value, str) else number_text(value) if _is_number(value) else "?"
    try:
        return canonical(text)
    except QuantityError as error:
        raise DecodeError(str(error)) from None


def _is_number(value: Any) -> bool:
    return type_name(value) == "number"
