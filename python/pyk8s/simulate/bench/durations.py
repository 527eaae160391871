"""Go's durations, as configuration files write them: ``500ms``, ``1m30s``.

Always true: what is parsed is a finite number of seconds.
Source: pkg.go.dev/time, ParseDuration.
"""

from __future__ import annotations

import re
from typing import Any

UNITS_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")


def parse_duration_s(value: Any) -> float:
    """Seconds of a duration. Raises ValueError, saying what is allowed."""
    text = str(value)
    body = text.lstrip("+-")
    parts = list(_PART.finditer(body))
    if not isinstance(value, str) or not parts or "".join(part.group() for part in parts) != body:
        raise ValueError(f"{text!r} is no duration; write it as '10s', '500ms' or '1m30s'")
    total_s = sum(float(part.group(1)) * UNITS_S[part.group(2)] for part in parts)
    return -total_s if text.startswith("-") else total_s
