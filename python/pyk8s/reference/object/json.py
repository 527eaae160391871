"""JSON values in memory: Python's own, but numbers that are not 64-bit integers keep their text.

Always true: what `parse` accepts, `to_bytes` gives back: the same bytes but for spaces and escapes.
Not here: syntax and its error words (see `syntax`), types of fields (see `decode`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pyk8s.reference.object.syntax import DEPTH_MAX, check, text_of

__all__ = ["DEPTH_MAX", "Number", "Pairs", "parse", "parse_pairs", "parse_strict", "to_bytes", "type_name"]

INT64_DIGITS = 19

LONE_SURROGATE = re.compile("[\ud800-\udfff]")

ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
TO_ESCAPE = re.compile('["\\\\\x00-\x1f]')


@dataclass(frozen=True, slots=True, eq=False)
class Number:
    """A number as it was written; equal to another when both are the same integer or the same double."""

    text: str

    def __eq__(self, other: object) -> bool:
        if isinstance(other, bool) or not isinstance(other, (int, Number)):
            return False
        other_text = other.text if isinstance(other, Number) else str(other)
        return self.text == other_text or float(self.text) == float(other_text)

    def __hash__(self) -> int:
        return hash(float(self.text))


class Pairs(list[tuple[str, Any]]):
    """An object as the list of its members, repeated keys included."""


def parse(body: bytes) -> Any:
    """Read one JSON value; of a key that comes twice the later value counts, at the place of the first.

    Raises:
        DecodeError: in the words of Go's scanner.
    """
    return plain(parse_pairs(body))


def parse_strict(body: bytes) -> tuple[Any, list[str]]:
    """As `parse`, and the paths of keys that came twice, in order of appearance: ``spec.replicas``, ``[0].value``."""
    value = parse_pairs(body)
    return plain(value), list(_duplicates(value, ""))


def parse_pairs(body: bytes) -> Any:
    """As `parse`, with objects as `Pairs`."""
    check(body)
    return _load(body)


def parse_checked(body: bytes) -> Any:
    """As `parse`, of text that passed `check`."""
    return plain(_load(body))


def _load(body: bytes) -> Any:
    value = json.loads(text_of(body), object_pairs_hook=Pairs, parse_int=_number, parse_float=_number)
    return _without_surrogates(value) if b"\\u" in body else value


def to_bytes(value: Any) -> bytes:
    """The compact form."""
    return _text(value).encode()


def type_name(value: Any) -> str:
    """What Go calls the type of a JSON value in its errors."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    names = {str: "string", int: "number", Number: "number", dict: "object", Pairs: "object", list: "array"}
    return names[type(value)]


def number_text(value: int | Number) -> str:
    return value.text if isinstance(value, Number) else str(value)


def _number(text: str) -> int | Number:
    is_integer = text.removeprefix("-").isdigit() and text != "-0" and len(text) <= INT64_DIGITS + 1
    return int(text) if is_integer and -(2**63) <= int(text) < 2**63 else Number(text)


def plain(value: Any) -> Any:
    """A value with its `Pairs` as dicts."""
    if isinstance(value, Pairs):
        return {key: plain(member) for key, member in value}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def _without_surrogates(value: Any) -> Any:
    """A lone surrogate becomes U+FFFD, as in Go."""
    if isinstance(value, Pairs):
        return Pairs((_without_surrogates(key), _without_surrogates(member)) for key, member in value)
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    return LONE_SURROGATE.sub("\ufffd", value) if isinstance(value, str) else value


def _duplicates(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, Pairs):
        seen = set()
        for key, member in value:
            here = f"{path}.{key}" if path else key
            if key in seen:
                yield here
            seen.add(key)
            yield from _duplicates(member, here)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _duplicates(item, f"{path}[{index}]")


def _text(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, (int, Number)):
        return number_text(value)
    if isinstance(value, list):
        return f"[{','.join(map(_text, value))}]"
    return "{" + ",".join(f"{quote(key)}:{_text(member)}" for key, member in value.items()) + "}"


def quote(text: str) -> str:
    """A JSON string: quotes, backslashes and control characters escaped, everything else as it is."""
    return '"' + TO_ESCAPE.sub(lambda found: ESCAPES.get(found[0], f"\\u{ord(found[0]):04x}"), text) + '"'
