"""What is measured: throughput in windows, attempt latencies, and their percentiles.

Always true: the windows of a collector cover its whole time without gaps; the average is pods over that time.
Not here: when something is measured (see `runner`), how it is shown (see `results`).
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

WINDOW_S = 1.0
WINDOWS_MIN = 20
"""A run too short for so many windows of about a second gets shorter ones."""
LATENCIES_MAX = 200_000
"""Attempt latencies kept of one collector; beyond, every second one is dropped and every second one taken."""


@dataclass(frozen=True, slots=True)
class Summary:
    """Average and percentiles, as scheduler_perf names them."""

    average: float
    perc50: float
    perc90: float
    perc95: float
    perc99: float

    def data(self) -> dict[str, float]:
        return {
            "Average": self.average,
            "Perc50": self.perc50,
            "Perc90": self.perc90,
            "Perc95": self.perc95,
            "Perc99": self.perc99,
        }


def percentile(ascending: Sequence[float], percent: float) -> float:
    """The smallest value that at least ``percent`` of all values do not exceed; 0 without values."""
    if not ascending:
        return 0.0
    return ascending[max(0, math.ceil(percent / 100 * len(ascending)) - 1)]


def summarize(values: Sequence[float], average: float | None = None) -> Summary:
    """``average`` stands in for the values' mean where that would weigh them wrongly."""
    ascending = sorted(values)
    mean = sum(ascending) / len(ascending) if ascending else 0.0
    return Summary(
        mean if average is None else average,
        *(percentile(ascending, percent) for percent in (50, 90, 95, 99)),
    )


class Latencies:
    """A thinned-out record of how long attempts took, in seconds."""

    def __init__(self) -> None:
        self._values = array("d")
        self._stride, self._skipped = 1, 0

    def add(self, seconds: float) -> None:
        self._skipped += 1
        if self._skipped < self._stride:
            return
        self._skipped = 0
        self._values.append(seconds)
        if len(self._values) >= LATENCIES_MAX:
            self._values = self._values[::2]
            self._stride *= 2

    def __len__(self) -> int:
        return len(self._values)

    def summary(self) -> Summary:
        return summarize(self._values)


@dataclass(slots=True)
class Throughput:
    """When how many pods were bound, from `start_s` on."""

    start_s: float
    stop_s: float = 0.0
    count: int = 0
    marks: list[tuple[float, int]] = field(default_factory=list)

    def add(self, now_s: float, count: int) -> None:
        self.marks.append((now_s, count))
        self.count += count
        self.stop_s = now_s

    @property
    def duration_s(self) -> float:
        """From the start to the last pod bound."""
        return max(0.0, self.stop_s - self.start_s)

    @property
    def window_count(self) -> int:
        """As many as whole seconds, at least `WINDOWS_MIN`, but no more than there were batches of bindings."""
        return max(1, min(max(WINDOWS_MIN, round(self.duration_s / WINDOW_S)), len(self.marks)))

    @property
    def window_s(self) -> float:
        return self.duration_s / self.window_count

    def windows(self) -> list[float]:
        """Pods per second of each window; they are of one length and fill the time exactly."""
        width_s, last = self.window_s, self.window_count - 1
        if not self.count or width_s <= 0:
            return []
        counts = [0] * (last + 1)
        for at_s, count in self.marks:
            counts[min(last, int((at_s - self.start_s) / width_s))] += count
        return [count / width_s for count in counts]

    def summary(self) -> Summary:
        average = self.count / self.duration_s if self.duration_s > 0 else 0.0
        return summarize(self.windows(), average)
