"""JSON values as Go's `%v` prints them: what kube-apiserver puts into some errors."""

from __future__ import annotations

from typing import Any


def go_text(value: Any) -> str:
    """A decoded JSON value as Go prints it: ``map[a:1 b:[x y]]``."""
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return f"map[{' '.join(f'{name}:{go_text(value[name])}' for name in sorted(value))}]"
    if isinstance(value, list):
        return f"[{' '.join(map(go_text, value))}]"
    return str(value)
