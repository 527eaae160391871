"""Cron schedules as CronJobs write them: five fields or a descriptor; what is wrong is said as the parser says it.

Not here: when a schedule is due (the cron job controller).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

DESCRIPTORS = frozenset({"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"})
EVERY = "@every "
_duration = re.compile(r"([+-]?(\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))+").fullmatch


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one field may hold."""

    first: int
    last: int
    names: tuple[str, ...] = ()


MONTHS = ("", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
FIELDS = (Bounds(0, 59), Bounds(0, 23), Bounds(1, 31), Bounds(1, 12, MONTHS), Bounds(0, 6, DAYS))


class ScheduleError(ValueError):
    """A schedule that cannot be read."""


def check_schedule(text: str) -> str:
    """What is wrong with a schedule, "" when nothing is."""
    try:
        _check(text)
    except ScheduleError as error:
        return str(error)
    return ""


def _check(text: str) -> None:
    if not text:
        raise ScheduleError("empty spec string")
    if text.startswith("@"):
        _check_descriptor(text)
        return
    fields = text.split()
    if len(fields) != len(FIELDS):
        raise ScheduleError(f"expected exactly {len(FIELDS)} fields, found {len(fields)}: [{' '.join(fields)}]")
    for field, bounds in zip(fields, FIELDS, strict=True):
        for part in field.split(","):
            if part:
                _check_range(part, bounds)


def _check_descriptor(text: str) -> None:
    if text in DESCRIPTORS:
        return
    if not text.startswith(EVERY):
        raise ScheduleError(f"unrecognized descriptor: {text}")
    span = text[len(EVERY) :]
    if not _duration(span):
        raise ScheduleError(f'failed to parse duration {text}: time: invalid duration "{span}"')


def _check_range(part: str, bounds: Bounds) -> None:
    span, _, step = part.partition("/")
    low, dash, high = span.partition("-")
    if low in ("*", "?"):
        start, end = bounds.first, bounds.last
    else:
        start = _number(low, bounds)
        end = _number(high, bounds) if dash else (bounds.last if step else start)
        if "-" in high:
            raise ScheduleError(f"too many hyphens: {part}")
    if "/" in step:
        raise ScheduleError(f"too many slashes: {part}")
    width = _plain_number(step) if step else 1
    if start < bounds.first:
        raise ScheduleError(f"beginning of range ({start}) below minimum ({bounds.first}): {part}")
    if end > bounds.last:
        raise ScheduleError(f"end of range ({end}) above maximum ({bounds.last}): {part}")
    if start > end:
        raise ScheduleError(f"beginning of range ({start}) beyond end of range ({end}): {part}")
    if width == 0:
        raise ScheduleError(f"step of range should be a positive number: {part}")


def _number(text: str, bounds: Bounds) -> int:
    lowered = text.lower()
    if lowered and lowered in bounds.names:
        return bounds.names.index(lowered)
    return _plain_number(text)


def _plain_number(text: str) -> int:
    digits = text.removeprefix("-").removeprefix("+")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 18:
        raise ScheduleError(f'failed to parse int from {text}: strconv.Atoi: parsing "{text}": invalid syntax')
    number = int(text)
    if number < 0:
        raise ScheduleError(f"negative number ({number}) not allowed: {text}")
    return number
