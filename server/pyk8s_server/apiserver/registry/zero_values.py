"""The JSON of a Go type's zero value: what a cleared status looks like on the wire.

Always true: a value is built anew on each call, so callers may keep it in an object.
Not here: defaults (the scheme fills them in).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from pyk8s.api.tables import table

Json = dict[str, Any]

ZERO_OF_SCALAR: dict[str, Any] = {"string": "", "bool": False, "bytes": None}
NULL_WHEN_ZERO = frozenset(f"k8s.io.apimachinery.pkg.apis.meta.v1.{name}" for name in ("Time", "MicroTime"))
QUANTITY = "k8s.io.apimachinery.pkg.api.resource.Quantity"


def zero_status(gvk: str) -> Callable[[], Json | None]:
    """A maker of the status that a newly created object of kind ``gvk`` has; None: the kind has none."""
    field = _field(_message_of(gvk), "status")
    if field is None or "ptr" in field or "oz" in field:
        return lambda: None
    template = _zero_message(field["t"])
    if not template:
        return dict
    return lambda: _copied(template)


def _message_of(gvk: str) -> str:
    key = gvk if gvk.count("/") == 2 else f"core/{gvk}"
    return str(table("protobuf-fields")["kinds"][key])


def _field(message: str, name: str) -> Json | None:
    fields = table("protobuf-fields")["messages"][message]["f"]
    return next((field for field in fields if field["j"] == name), None)


@cache
def _zero_message(message: str) -> Json:
    """Fields that encoding/json writes for a zero struct: all but pointers and those with omitempty."""
    zero: Json = {}
    for field in table("protobuf-fields")["messages"][message]["f"]:
        kind = field.get("t", "")
        is_struct = "." in kind and "rep" not in field and "map" not in field and "ptr" not in field
        if field["j"] is None or "oz" in field or ("oe" in field and not is_struct):
            continue
        zero[field["j"]] = _zero_field(field, kind, is_struct=is_struct)
    return zero


def _zero_field(field: Json, kind: str, *, is_struct: bool) -> Any:
    if not is_struct:
        is_null = "rep" in field or "map" in field or "ptr" in field
        return None if is_null else ZERO_OF_SCALAR.get(kind, 0)
    if kind in NULL_WHEN_ZERO:
        return None
    return "0" if kind == QUANTITY else _zero_message(kind)


def _copied(value: Any) -> Any:
    return {name: _copied(part) for name, part in value.items()} if isinstance(value, dict) else value
