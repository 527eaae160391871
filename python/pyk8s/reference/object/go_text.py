"""Values as Go prints them with %v and names their types: kube-apiserver's patch errors show patches so.

Always true: keys of objects are sorted; the text is for people, it cannot be read back.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pyk8s.reference.object.json import Number


def go_text(value: Any) -> str:
    match value:
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case Number():
            return _float_text(float(value.text))
        case list():
            return f"[{' '.join(map(go_text, value))}]"
        case dict():
            return f"map[{' '.join(f'{key}:{go_text(value[key])}' for key in sorted(value))}]"
    return str(value)


def go_type(value: Any) -> str:
    match value:
        case None:
            return "<nil>"
        case bool():
            return "bool"
        case int():
            return "int64"
        case Number():
            return "float64"
        case str():
            return "string"
        case list():
            return "[]interface {}"
    return "map[string]interface {}"


def go_kind(value: Any) -> str:
    """The kind of a value's type: "slice" and "map" for containers."""
    return {"[]interface {}": "slice", "map[string]interface {}": "map"}.get(go_type(value), go_type(value))


def _float_text(value: float) -> str:
    """Shortest digits that read back the same; an exponent from 1e+21 on and below 1e-4."""
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    sign, digits, scale = Decimal(repr(value)).normalize().as_tuple()
    text = "".join(map(str, digits))
    exponent = len(text) + int(scale) - 1
    minus = "-" if sign else ""
    if value == 0 or -4 <= exponent < 21:
        return f"{minus}{abs(Decimal(repr(value)).normalize()):f}"
    point = f".{text[1:]}" if len(text) > 1 else ""
    return f"{minus}{text[0]}{point}e{exponent:+03d}"
