"""Durations as scenarios write them: ``30s``, ``10m``, ``1h30m``, ``7d``, or a number of seconds.

Always true: a duration is a finite number of seconds, not negative.
"""

from __future__ import annotations

import math
import re
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
ALLOWED = "allowed: seconds as a number, or text such as 30s, 10m, 1h30m, 7d"
PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")
SECONDS_MAX = 100 * 365 * 86_400
"""A hundred years: beyond any scenario, and exact to a microsecond as a float."""


def parse_duration(value: object) -> float:
    """Seconds. Raises ValueError, which says what is allowed."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{value!r} is no duration; {ALLOWED}")
    seconds = float(value) if isinstance(value, int | float) else _seconds(value.strip())
    if not math.isfinite(seconds) or not 0 <= seconds <= SECONDS_MAX:
        raise ValueError(f"{value!r} is outside 0 to 100 years; {ALLOWED}")
    return seconds


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        parts = PART.findall(text)
        if not parts or "".join(number + unit for number, unit in parts) != text:
            raise ValueError(f"{text!r} is no duration; {ALLOWED}") from None
        return sum(float(number) * UNITS_S[unit] for number, unit in parts)


def duration_text(seconds: float) -> str:
    """For people: the two largest units, ``2d4h``, ``1h30m``, ``4.5s``."""
    if seconds < 60:
        return f"{seconds:.3g}s"
    rest, parts = round(seconds), []
    for unit in ("d", "h", "m", "s"):
        count, rest = divmod(rest, int(UNITS_S[unit]))
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts[:2])


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    Field(description="30s, 10m, 1h30m, 7d, or a number of seconds"),
    WithJsonSchema(
        {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": r"^(\d+(\.\d+)?(ms|s|m|h|d|w)?)+$"}]}
    ),
]
