"""Quantities as the scheduler counts them: whole units, or thousandths for cpu, always rounded up.

Always true: a value beyond 64 bits saturates.
Not here: canonical forms (see `pyk8s.api.quantity`).
"""

from __future__ import annotations

import re

INT64_MAX = 2**63 - 1
INT64_MIN = -(2**63)

FORM = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?(?:([numkMGTPE]|[KMGTPE]i|)|[eE]([+-]?[0-9]{1,18}))", re.ASCII)
DECIMAL = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
TEXT_MAX = 1000
"""Longer texts are refused."""
EXPONENT_MAX = 60
"""Larger exponents saturate, or round up to the smallest unit, all the same."""


def value(text: str) -> int | None:
    """The quantity in units, rounded up. None when the text is not a quantity."""
    return _scaled(text, 0)


def milli_value(text: str) -> int | None:
    """The quantity in thousandths, rounded up. None when the text is not a quantity."""
    return _scaled(text, 3)


def saturated(number: int) -> int:
    return max(INT64_MIN, min(INT64_MAX, number))


def quotient(dividend: int, divisor: int) -> int:
    """Division that cuts towards zero, as Go and Rust do."""
    magnitude = abs(dividend) // abs(divisor)
    return magnitude if (dividend < 0) == (divisor < 0) else -magnitude


def _scaled(text: str, shift: int) -> int | None:
    match = FORM.fullmatch(text)
    if match is None or len(text) > TEXT_MAX or not (match[2] or match[3]):
        return None
    sign, whole, fraction, suffix, exponent = match.groups(default="")
    number = int(whole + fraction) << BINARY.get(suffix, 0)
    power = DECIMAL.get(suffix, 0) + shift - len(fraction)
    if exponent:
        power += max(-EXPONENT_MAX, min(EXPONENT_MAX, int(exponent)))
    if sign == "-":
        number = -number
    # -(-a // b) rounds up for either sign.
    return saturated(number * 10**power if power >= 0 else -(-number // 10**-power))
