"""Where the ticks of a chart's axes stand.

Always true: ticks are round numbers from 0 on; those of days, hours and minutes are parts of a week, a day, an hour.
"""

from __future__ import annotations

import math

TICKS = 6
"""Ticks of an axis, about."""
CLOCK_STEPS = {
    "days": (1, 2, 5, 7, 14, 28), "hours": (1, 2, 3, 4, 6, 12, 24), "minutes": (1, 2, 5, 10, 15, 20, 30, 60),
}  # fmt: skip


def ticks(top: float, count: int = TICKS) -> list[float]:
    """Round numbers from 0 to at least ``top``, about ``count`` of them."""
    if top <= 0:
        return [0.0, 1.0]
    raw = top / count
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * magnitude for factor in (1, 2, 2.5, 5, 10) if factor * magnitude >= raw * 0.999)
    return [round(step * index, 10) for index in range(math.ceil(top / step - 1e-9) + 1)]


def time_ticks(end: float, title: str) -> list[float]:
    """Ticks of an axis of hours or minutes fall on parts of a day or an hour; those of others are round numbers."""
    factors = next((factors for unit, factors in CLOCK_STEPS.items() if f"({unit})" in title), ())
    step = next((factor for factor in factors if end / factor <= TICKS + 2), 0)
    return [float(step * index) for index in range(int(end / step) + 1)] if step else ticks(end)
