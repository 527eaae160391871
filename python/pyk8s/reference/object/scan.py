"""Reading stored JSON: strictly by RFC 8259, with the place of each member told.

Always true: text that was read is JSON, nested at most `DEPTH_MAX` deep; numbers keep their text.
Not here: what any member means (see `envelope`), bodies of requests (see `syntax`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pyk8s.reference.object.syntax import DEPTH_MAX

SPACE = " \t\n\r"


class NotJson(ValueError):
    """The bytes are not JSON, or nest too deeply."""


class Number(str):
    """A number as it was written."""


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an object; ``key_at``, ``start`` and ``end`` are places in the text."""

    key: str
    key_at: int
    start: int
    end: int
    value: Any


def read(value: bytes, *, depth_max: int = DEPTH_MAX) -> tuple[str, Any]:
    """The text of the bytes and what it stands for. Raises NotJson."""
    try:
        text = value.decode()
        if text.count("[") + text.count("{") > depth_max and _depth(text) > depth_max:
            raise NotJson
        root = READER.decode(text)
        if "\\u" in text:
            # A lone surrogate has no UTF-8 form.
            json.dumps(root, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as trouble:
        raise NotJson from trouble
    return text, root


def members(text: str, at: int) -> Iterator[Member]:
    """The members of the object at ``at``, repeated keys included; the text has been read before."""
    at = skip_space(text, at + 1)
    while text[at] != "}":
        key, end = READER.raw_decode(text, at)
        start = skip_space(text, skip_space(text, end) + 1)
        value, end = READER.raw_decode(text, start)
        yield Member(key, at, start, end, value)
        at = skip_space(text, end)
        if text[at] == ",":
            at = skip_space(text, at + 1)


def skip_space(text: str, at: int) -> int:
    while text[at] in SPACE:
        at += 1
    return at


def _depth(text: str) -> int:
    """Deepest nesting of brackets outside of strings."""
    depth = deepest = 0
    is_in_string = is_escaped = False
    for letter in text:
        if is_in_string:
            is_in_string = is_escaped or letter != '"'
            is_escaped = letter == "\\" and not is_escaped
        elif letter == '"':
            is_in_string = True
        elif letter in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif letter in "]}":
            depth -= 1
    return deepest


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


READER = json.JSONDecoder(parse_int=Number, parse_float=Number, parse_constant=_no_constant)
