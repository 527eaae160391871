"""Small rules that many kinds share: one of a set, not negative, a port by number or name, immutable fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyk8s.api.field import FieldError, invalid, not_supported, required

from pyk8s_server.apiserver.registry.validation import formats
from pyk8s_server.apiserver.registry.validation.formats import Format


def choice(path: str, value: str, allowed: Sequence[str]) -> list[FieldError]:
    """Unsupported unless in ``allowed``, which is printed in its order."""
    return [] if value in allowed else [not_supported(path, value, list(allowed))]


def required_choice(path: str, value: str | None, allowed: Sequence[str]) -> list[FieldError]:
    """As `choice`, but an empty value is a missing one."""
    if not value:
        return [required(path)]
    return [] if value in allowed else [not_supported(path, value, list(allowed))]


def not_negative(path: str, value: Any) -> list[FieldError]:
    """Absent is fine."""
    return [invalid(path, value, formats.NOT_NEGATIVE)] if value is not None and value < 0 else []


def formatted(path: str, value: str, format: Format) -> list[FieldError]:
    return [invalid(path, value, m) for m in format(value)]


def required_format(path: str, value: str | None, format: Format) -> list[FieldError]:
    return [invalid(path, value, m) for m in format(value)] if value else [required(path)]


def port(path: str, value: int | str | None) -> list[FieldError]:
    """A port by number or by name (IntOrString)."""
    if isinstance(value, str):
        return [invalid(path, value, m) for m in formats.port_name(value)]
    return [invalid(path, value or 0, m) for m in formats.port_number(value or 0)]


def immutable(path: str, value: Any, old: Any) -> list[FieldError]:
    return [] if value == old else [invalid(path, value, formats.IMMUTABLE)]


def no_backsteps(path: str, value: str) -> list[FieldError]:
    return [invalid(path, value, m) for m in formats.path_no_backsteps(value)]


def local_path(path: str, value: str) -> list[FieldError]:
    """A path inside something: relative, without going up."""
    errors = [invalid(path, value, "must be a relative path")] if value.startswith("/") else []
    errors += no_backsteps(path, value)
    return errors
