"""The scheme of both twins with all its tables, for the tests of decoding and defaulting."""

from __future__ import annotations

from functools import cache
from typing import Any

from pyk8s.api.tables import scheme_tables
from pyk8s.errors import DecodeError


@cache
def scheme(engine: Any) -> Any:
    """One `Scheme` per twin: building one takes milliseconds."""
    return engine.Scheme(scheme_tables())


def decoded(engine: Any, kind: str, body: bytes) -> list[str]:
    """The value and its problems, or the error, as the scripts write them."""
    try:
        found = scheme(engine).decode_json(kind, body)
    except DecodeError as error:
        return [f"error {error}"]
    return [found.value.decode(), *found.problems]


def from_protobuf(engine: Any, body: bytes, kind: str = "") -> list[str]:
    try:
        found, value = scheme(engine).decode_protobuf(body, kind)
    except DecodeError as error:
        return [f"error {error}"]
    return [found, value.decode()]
