"""Restore: whether a strategically merged object fits its types, and the conversions Go makes on the way.

Lives here: kube-apiserver's way from the merged map back to a struct, which is not its JSON decoder: other messages,
an integer becomes a one-character string where text belongs, and a fraction is cut off where an integer belongs.
Not here: types with their own JSON form (quantities, times …) and unknown fields: the decoder judges them.
"""

from __future__ import annotations

from typing import Any

from pyk8s.reference.object.go_text import go_kind
from pyk8s.reference.object.json import Number
from pyk8s.reference.object.structure import Type


class Unrestorable(ValueError):
    """A value that does not fit its type; the text is kube-apiserver's."""


def restored(value: Any, shape: Type) -> Any:
    """``value`` as its type holds it. Raises Unrestorable."""
    if value is None:
        return None
    match shape.shape:
        case "leaf":
            return _scalar(value, shape.scalar)
        case "list":
            if not isinstance(value, list):
                raise Unrestorable(f"cannot restore slice from {go_kind(value)}")
            assert shape.element is not None, "a list type has an element type"
            return [restored(item, shape.element) for item in value]
    if not isinstance(value, dict):
        before = "map from" if shape.shape == "map" else "struct from:"
        raise Unrestorable(f"cannot restore {before} {go_kind(value)}")
    return {key: _member(item, shape, key) for key, item in value.items()}


def _member(value: Any, shape: Type, key: str) -> Any:
    if shape.element is not None:
        return restored(value, shape.element)
    known = shape.fields.get(key)
    return value if known is None else restored(value, known.type)


def _scalar(value: Any, kind: str) -> Any:
    match kind, value:
        case ("", _) | ("bool", bool()) | ("string", str()) | ("bytes", str()) | ("bytes", list()):
            return value
        case ("bytes", _):
            raise Unrestorable(f"cannot restore slice from {go_kind(value)}")
        case (_, bool()):
            raise Unrestorable(f"unrecognized type: {kind}")
        case ("float64", int() | Number()):
            return value
        case ("int32" | "int64", int() | Number()):
            return value if isinstance(value, int) else _truncated(value)
        case ("string", int()):
            is_character = 0 <= value < 0x110000 and not 0xD800 <= value < 0xE000
            return chr(value) if is_character else "\ufffd"
    raise Unrestorable(f"unrecognized type: {kind}")


def _truncated(value: Number) -> int | Number:
    number = float(value.text)
    return int(number) if abs(number) < 2**63 else value
