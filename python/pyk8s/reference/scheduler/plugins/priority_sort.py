"""PrioritySort: higher priority first, then who came to the queue earlier.

Always true: keys are unique, for the last part counts every arrival.
"""

from __future__ import annotations

ActiveKey = tuple[int, int, int]
"""(minus the priority, enqueue time in microseconds, arrival): the smallest is next."""


def active_key(priority: int, timestamp_s: float, arrival: int) -> ActiveKey:
    return -priority, int(timestamp_s * 1e6), arrival
