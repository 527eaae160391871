"""Quantities: ``500m``, ``1.5Gi``, ``1e3``; exact numbers that remember how they like to be written.

Always true: an amount is a whole number of billionths, so sums and comparisons are exact; ``str`` gives the canonical
form, and parsing that form gives the same quantity back.
Not here: which resources may have fractions (validation), what a pod requests (the scheduler).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache, total_ordering
from typing import Literal

Format = Literal["DecimalSI", "BinarySI", "DecimalExponent"]

NANO = 10**9
BINARY_MAX = (2**63 - 1) * NANO
"""Binary quantities are capped at the largest int64."""

DIGITS_MAX = 1000
EXPONENT_MAX = 1000
"""Longest number and largest exponent accepted: far beyond anything real, small enough to stay cheap."""

SHORT_MAX = 12
"""Length of the texts whose quantity is remembered."""

FORMAT_WRONG = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
NUMBER_WRONG = "unable to parse numeric part of quantity"
SUFFIX_WRONG = "unable to parse quantity's suffix"

DECIMAL_SUFFIXES = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
BINARY_SUFFIXES = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
SUFFIX_LETTERS = frozenset("eEinumkKMGTP")
DIGITS = frozenset("0123456789")


class QuantityError(ValueError):
    """A text that is no quantity; the words are Kubernetes'."""


@total_ordering
@dataclass(frozen=True, slots=True, eq=False)
class Quantity:
    """An exact amount: ``nano`` billionths, written in ``format``."""

    nano: int = 0
    format: Format = "DecimalSI"

    @classmethod
    def parse(cls, text: str) -> Quantity:
        """Read a quantity. Fractions below a billionth are rounded away from zero.

        Raises:
            QuantityError: with the words kube-apiserver uses.
        """
        return _parse(text)

    @classmethod
    def of(cls, value: str | int | float) -> Quantity:
        """A quantity as it may stand in JSON or YAML: text or a number."""
        return _parse(value.strip() if isinstance(value, str) else str(value))

    @classmethod
    def from_value(cls, value: int, format: Format = "DecimalSI") -> Quantity:
        return cls(value * NANO, format)

    @classmethod
    def from_milli(cls, milli: int, format: Format = "DecimalSI") -> Quantity:
        return cls(milli * 10**6, format)

    def value(self) -> int:
        """Whole units, rounded away from zero."""
        return _rounded_up(self.nano, NANO)

    def milli_value(self) -> int:
        """Thousandths, rounded away from zero."""
        return _rounded_up(self.nano, 10**6)

    def is_zero(self) -> bool:
        return self.nano == 0

    def rounded_up(self, scale: int) -> Quantity:
        """Away from zero to a multiple of 10**scale; ``scale`` -3 gives thousandths."""
        unit = 10 ** (scale + 9)
        return Quantity(_rounded_up(self.nano, unit) * unit, self.format)

    def __add__(self, other: Quantity) -> Quantity:
        """The sum, in the format of the left side unless that is zero."""
        return Quantity(self.nano + other.nano, self.format if self.nano else other.format)

    def __sub__(self, other: Quantity) -> Quantity:
        return Quantity(self.nano - other.nano, self.format if self.nano else other.format)

    def __neg__(self) -> Quantity:
        return Quantity(-self.nano, self.format)

    def __bool__(self) -> bool:
        return self.nano != 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quantity) and self.nano == other.nano

    def __lt__(self, other: Quantity) -> bool:
        return self.nano < other.nano

    def __hash__(self) -> int:
        return hash(self.nano)

    def __str__(self) -> str:
        """The canonical form: no fraction, the largest suffix that loses nothing."""
        if self.nano == 0:
            return "0"
        if self.format == "BinarySI" and abs(self.nano) >= 1024 * NANO and self.nano % NANO == 0:
            return _binary_text(self.nano // NANO)
        return _decimal_text(self.nano, self.format)


ZERO = Quantity()


def total(quantities: Iterable[Quantity]) -> Quantity:
    return sum(quantities, ZERO)


def canonical(text: str) -> str:
    """The canonical form of a quantity's text. Raises QuantityError."""
    return str(_parse(text))


def _rounded_up(number: int, unit: int) -> int:
    """``number / unit`` rounded away from zero."""
    return -(-number // unit) if number >= 0 else number // unit


def _split(text: str) -> tuple[bool, str, str, str]:
    """(negative, digits before the point, digits after it, suffix)."""
    position = 1 if text[:1] in ("-", "+") else 0
    start = position
    position = _skip(text, position, DIGITS)
    whole = text[start:position]
    fraction = ""
    if text[position : position + 1] == ".":
        end = _skip(text, position + 1, DIGITS)
        fraction, position = text[position + 1 : end], end
    end = _skip(text, position, SUFFIX_LETTERS)
    if end < len(text):
        end = _skip(text, end + 1 if text[end] in "+-" else end, DIGITS)
    if end < len(text):
        raise QuantityError(FORMAT_WRONG)
    return text[:1] == "-", whole.lstrip("0"), fraction, text[position:]


def _skip(text: str, position: int, wanted: frozenset[str]) -> int:
    while position < len(text) and text[position] in wanted:
        position += 1
    return position


def _scale(suffix: str) -> tuple[int, int, Format]:
    """(base, exponent, format) that a suffix stands for."""
    if suffix in DECIMAL_SUFFIXES:
        return 10, DECIMAL_SUFFIXES[suffix], "DecimalSI"
    if suffix in BINARY_SUFFIXES:
        return 2, BINARY_SUFFIXES[suffix], "BinarySI"
    digits = suffix[2:] if suffix[1:2] in ("+", "-") else suffix[1:]
    if suffix[0] not in "eE" or not digits or not DIGITS.issuperset(digits):
        raise QuantityError(SUFFIX_WRONG)
    significant = digits.lstrip("0") or "0"
    if len(significant) > 4 or int(significant) > EXPONENT_MAX:
        raise QuantityError(SUFFIX_WRONG)
    return 10, -int(significant) if suffix[1] == "-" else int(significant), "DecimalExponent"


@lru_cache(maxsize=4096)
def _small(text: str) -> Quantity:
    return _read(text)


def _parse(text: str) -> Quantity:
    # Quantities repeat (100m, 128Mi), so short ones are remembered; long ones would only cost memory.
    return _small(text) if len(text) <= SHORT_MAX else _read(text)


def _read(text: str) -> Quantity:
    if not text:
        raise QuantityError(FORMAT_WRONG)
    negative, whole, fraction, suffix = _split(text)
    base, exponent, form = _scale(suffix)
    if len(whole) + len(fraction) > DIGITS_MAX:
        raise QuantityError(NUMBER_WRONG)
    nano = _nano(int(whole + fraction or "0"), len(fraction), base, exponent)
    if form == "BinarySI":
        nano = min(nano, BINARY_MAX)
        form = "DecimalSI" if 0 < nano < NANO else form
    return Quantity(-nano if negative else nano, form)


def _nano(unscaled: int, fraction_digits: int, base: int, exponent: int) -> int:
    """Billionths of unscaled x 10^-fraction_digits x base^exponent, rounded up."""
    if base == 2:
        unscaled, exponent = unscaled << exponent, 0
    shift = exponent - fraction_digits + 9
    return unscaled * 10**shift if shift >= 0 else _rounded_up(unscaled, 10**-shift)


def _factors(number: int, factor: int) -> tuple[int, int]:
    """``number`` without its factors of ``factor``, and how many there were."""
    count = 0
    while number % factor == 0:
        number //= factor
        count += 1
    return number, count


def _binary_text(number: int) -> str:
    mantissa, count = _factors(number, 1024)
    if count >= len(BINARY_SUFFIXES):
        mantissa, count = number // 1024 ** len(BINARY_SUFFIXES), len(BINARY_SUFFIXES)
    return f"{mantissa}{('', *BINARY_SUFFIXES)[count]}"


def _decimal_text(nano: int, form: Format) -> str:
    mantissa, exponent = _factors(nano, 10)
    exponent -= 9
    while exponent % 3:
        mantissa, exponent = mantissa * 10, exponent - 1
    if form == "DecimalExponent":
        return f"{mantissa}e{exponent}" if exponent else str(mantissa)
    if exponent > 18:
        mantissa, exponent = mantissa * 10 ** (exponent - 18), 18
    return f"{mantissa}{tuple(DECIMAL_SUFFIXES)[exponent // 3 + 3]}"
