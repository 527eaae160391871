"""Quantities as the scheduler counts them: whole units, or thousandths for cpu, rounded up, at most 64 bits.

Not here: reading and exact arithmetic (see `pyk8s.api.quantity`).
"""

from __future__ import annotations

from pyk8s.api.quantity import Quantity, QuantityError

INT64_MAX = 2**63 - 1
INT64_MIN = -(2**63)


def value(text: str) -> int | None:
    """The quantity in units. None when the text is not a quantity."""
    quantity = _parsed(text)
    return None if quantity is None else saturated(quantity.value())


def milli_value(text: str) -> int | None:
    """The quantity in thousandths. None when the text is not a quantity."""
    quantity = _parsed(text)
    return None if quantity is None else saturated(quantity.milli_value())


def saturated(number: int) -> int:
    return max(INT64_MIN, min(INT64_MAX, number))


def quotient(dividend: int, divisor: int) -> int:
    """Division that cuts towards zero, as Go and Rust do."""
    magnitude = abs(dividend) // abs(divisor)
    return magnitude if (dividend < 0) == (divisor < 0) else -magnitude


def _parsed(text: str) -> Quantity | None:
    try:
        return Quantity.parse(text)
    except QuantityError:
        return None
