"""Field errors of validation: path, type, value and detail, printed as apimachinery's field.Error prints them.

Always true: text and cause of an error are functions of its four parts.
Not here: any rule.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

REASONS = {
    "Required value": "FieldValueRequired",
    "Not found": "FieldValueNotFound",
    "Duplicate value": "FieldValueDuplicate",
    "Invalid value": "FieldValueInvalid",
    "Unsupported value": "FieldValueNotSupported",
    "Forbidden": "FieldValueForbidden",
    "Too long": "FieldValueTooLong",
    "Too many": "FieldValueTooMany",
    "Internal error": "InternalError",
    "Invalid type": "FieldValueTypeInvalid",
}
WITHOUT_VALUE = {"Required value", "Forbidden", "Too long", "Internal error"}


class _Omitted:
    """The type of `OMITTED`."""


OMITTED = _Omitted()
"""A bad value that is left out of the text."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One broken rule. ``kind`` is a key of REASONS; ``value`` is shown as Go prints it."""

    path: str
    kind: str
    value: Any
    detail: str = ""

    def body(self) -> str:
        """What a cause's message holds: the text without the path."""
        is_bare = self.kind in WITHOUT_VALUE or self.value is OMITTED
        head = self.kind if is_bare else f"{self.kind}: {shown(self.value)}"
        return f"{head}: {self.detail}" if self.detail else head

    def text(self) -> str:
        return f"{self.path}: {self.body()}"

    def cause(self) -> dict[str, str]:
        return {"reason": REASONS[self.kind], "message": self.body(), "field": self.path}


def shown(value: Any) -> str:
    """A bad value as Go's field.Error prints it: strings quoted, structs as JSON, nil as null."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, (int, float)):
        return str(value)
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def required(path: str, detail: str = "") -> FieldError:
    return FieldError(path, "Required value", "", detail)


def invalid(path: str, value: Any, detail: str) -> FieldError:
    return FieldError(path, "Invalid value", value, detail)


def duplicate(path: str, value: Any) -> FieldError:
    return FieldError(path, "Duplicate value", value)


def not_found(path: str, value: Any) -> FieldError:
    return FieldError(path, "Not found", value)


def forbidden(path: str, detail: str) -> FieldError:
    return FieldError(path, "Forbidden", "", detail)


def not_supported(path: str, value: Any, allowed: list[str]) -> FieldError:
    """``allowed`` is printed in the order given, each quoted."""
    choices = ", ".join(f'"{name}"' for name in allowed)
    return FieldError(path, "Unsupported value", value, f"supported values: {choices}")


def too_long(path: str, limit: int) -> FieldError:
    return FieldError(path, "Too long", "", f"may not be more than {limit} bytes")


def too_many(path: str, actual: int, limit: int) -> FieldError:
    return FieldError(path, "Too many", actual, f"must have at most {limit} items")


def internal(path: str, detail: str) -> FieldError:
    return FieldError(path, "Internal error", "", detail)
