"""Times as Kubernetes reads and writes them: RFC 3339, in UTC, whole seconds or microseconds.

Always true: what `Time.parse` accepts, `Time.to_text` writes as Go's marshaller would.
Not here: what time it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Precision = Literal["seconds", "micros"]

LAYOUTS: dict[Precision, str] = {
    "seconds": "2006-01-02T15:04:05Z07:00",
    "micros": "2006-01-02T15:04:05.000000Z07:00",
}
SECONDS_PER_DAY = 86_400
NANOS_PER_SECOND = 1_000_000_000
ZERO_S = -62_135_596_800
"""0001-01-01T00:00:00Z, Go's zero time."""
YEAR_0_S = -62_167_219_200
YEAR_10000_S = 253_402_300_800
DIGITS = re.compile("[0-9]*")
ZONE = re.compile("([+-])([0-9]{2}):([0-9]{2})")


class TimeError(ValueError):
    """A text that is no time; the words are those of Go's time.Parse."""


@dataclass(frozen=True, slots=True)
class Time:
    """Seconds since the epoch, and nanoseconds within the second."""

    seconds: int
    nanos: int

    @classmethod
    def parse(cls, text: str, precision: Precision) -> Time:
        """Read a time. Raises TimeError."""
        return _Parser(text, precision).parse()

    @classmethod
    def of(cls, seconds: int, nanos: int) -> Time | None:
        """The time so many seconds and nanoseconds after the epoch; None outside of the years 0 to 9999."""
        more, nanos = divmod(nanos, NANOS_PER_SECOND)
        seconds += more
        return cls(seconds, nanos) if YEAR_0_S <= seconds < YEAR_10000_S else None

    def to_text(self, precision: Precision) -> str | None:
        """As JSON has it; None for Go's zero time, which is null."""
        if (self.seconds, self.nanos) == (ZERO_S, 0):
            return None
        days, second = divmod(self.seconds, SECONDS_PER_DAY)
        year, month, day = civil(days)
        clock = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
        fraction = f".{self.nanos // 1000:06}" if precision == "micros" else ""
        return f"{year:04}-{month:02}-{day:02}T{clock}{fraction}Z"


class _Parser:
    def __init__(self, text: str, precision: Precision) -> None:
        self.text = self.rest = text
        self.precision: Precision = precision

    def parse(self) -> Time:
        year = self.year()
        self.skip("-")
        month = self.number("01")
        self.check(1 <= month <= 12, "month")
        self.skip("-")
        day = self.number("02")
        self.skip("T")
        hour = self.number("15", digits_min=1)
        self.check(hour < 24, "hour")
        self.skip(":")
        minute = self.number("04")
        self.check(minute < 60, "minute")
        self.skip(":")
        second = self.number("05")
        self.check(second < 60, "second")
        nanos = self.fraction()
        offset_s = self.zone()
        if self.rest:
            raise TimeError(f"parsing time {quote(self.text)}: extra text: {quote(self.rest)}")
        self.check(1 <= day <= days_in(year, month), "day")
        days = days_from_civil(year, month, day)
        return Time(days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second - offset_s, nanos)

    def wrong(self, element: str) -> TimeError:
        layout, rest = LAYOUTS[self.precision], quote(self.rest)
        return TimeError(f'parsing time {quote(self.text)} as "{layout}": cannot parse {rest} as "{element}"')

    def check(self, is_in_range: bool, what: str) -> None:
        if not is_in_range:
            raise TimeError(f"parsing time {quote(self.text)}: {what} out of range")

    def skip(self, element: str) -> None:
        if not self.rest.startswith(element):
            raise self.wrong(element)
        self.rest = self.rest[len(element) :]

    def leading_digits(self, start: int = 0) -> int:
        found = DIGITS.match(self.rest, start)
        return len(found[0]) if found else 0

    def take(self, count: int) -> int:
        number, self.rest = self.rest[:count], self.rest[count:]
        return int(number)

    def year(self) -> int:
        if self.leading_digits() < 4:
            raise self.wrong("2006")
        return self.take(4)

    def number(self, element: str, *, digits_min: int = 2) -> int:
        """Two digits, or one where Go is content with one."""
        count = min(self.leading_digits(), 2)
        if count < digits_min:
            raise self.wrong(element)
        return self.take(count)

    def fraction(self) -> int:
        """A fraction is optional in whole seconds, and has exactly six digits in microseconds."""
        count = self.leading_digits(1) if self.rest[:1] in (".", ",") else 0
        if self.precision == "micros":
            if count < 6:
                raise self.wrong(".000000")
            count = 6
        if count == 0:
            return 0
        digits, self.rest = self.rest[1 : count + 1], self.rest[count + 1 :]
        return int(digits[:9].ljust(9, "0"))

    def zone(self) -> int:
        """Seconds east of UTC."""
        if self.rest.startswith("Z"):
            self.rest = self.rest[1:]
            return 0
        found = ZONE.match(self.rest)
        if not found:
            raise self.wrong("Z07:00")
        hours, minutes = int(found[2]), int(found[3])
        self.check(hours <= 24, "time zone offset hour")
        self.check(minutes <= 60, "time zone offset minute")
        self.rest = self.rest[6:]
        offset_s = hours * 3600 + minutes * 60
        return -offset_s if found[1] == "-" else offset_s


def quote(text: str) -> str:
    """As Go's time package quotes: printable ASCII as it is, quotes and backslashes escaped, other bytes in hex."""
    out = '"'
    for byte in text.encode():
        if byte in b'"\\':
            out += "\\"
        out += chr(byte) if 0x20 <= byte <= 0x7F else f"\\x{byte:02x}"
    return out + '"'


def is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def days_in(year: int, month: int) -> int:
    if month == 2:
        return 29 if is_leap(year) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def days_from_civil(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 in the proleptic Gregorian calendar; years are counted from March, eras of 400 years."""
    if month <= 2:
        year -= 1
    era, year_of_era = divmod(year, 400)
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146_097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719_468


def civil(days: int) -> tuple[int, int, int]:
    """(year, month, day): the inverse of `days_from_civil`."""
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_from_march = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month_from_march + 2) // 5 + 1
    month = (month_from_march + 2) % 12 + 1
    return era * 400 + year_of_era + (1 if month <= 2 else 0), month, day
