"""Resource quantities as exact integers, to compare and add them.

Always true: a quantity is a whole number of nano units, the finest that Kubernetes keeps.
Not here: canonical form and syntax errors (the scheme's decoder rejects what is no quantity).
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

NANO = 1_000_000_000
CACHED_QUANTITIES_MAX = 4096

SCALES: dict[str, Fraction] = {
    "n": Fraction(1, NANO),
    "u": Fraction(1, 1_000_000),
    "m": Fraction(1, 1000),
    "": Fraction(1),
    "k": Fraction(10**3),
    "M": Fraction(10**6),
    "G": Fraction(10**9),
    "T": Fraction(10**12),
    "P": Fraction(10**15),
    "E": Fraction(10**18),
    **{f"{letter}i": Fraction(1024 ** (power + 1)) for power, letter in enumerate("KMGTPE")},
}
_parts = re.compile(r"([+-]?[0-9.]+)(?:([eE][+-]?[0-9]+)|([numkMGTPE]?i?))").fullmatch


@lru_cache(CACHED_QUANTITIES_MAX)
def nano(text: str | int | float) -> int:
    """The quantity in nano units, rounded up. Raises ValueError on what is no quantity."""
    match = _parts(str(text))
    if match is None:
        raise ValueError(f"{text!r} is not a quantity")
    number, exponent, suffix = match.groups()
    scale = Fraction(10) ** int(exponent[1:]) if exponent else SCALES[suffix or ""]
    value = Fraction(number) * scale * NANO
    return -(-value.numerator // value.denominator)


def is_integer(text: str | int | float) -> bool:
    """Whether the quantity is a whole number of units."""
    return nano(text) % NANO == 0
