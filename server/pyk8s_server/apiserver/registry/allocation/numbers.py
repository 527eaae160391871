"""A pool of numbers, of which each has at most one holder.

Always true: a number is free or taken; what `take` and `pick` give is taken until `give_back`.
Invariant: `lock` is held for single set operations only; no call is made with it held.
Not here: what a number stands for (see `service_ranges`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

from pyk8s.api.identity import Identity

RANDOM_TRIES = 32
"""Tries at random before counting through: in a pool that is half full, one in four billion needs to count."""


class NumberPool:
    """The numbers ``first`` to ``last``; picks avoid the first ``reserved_count``, which people choose by hand."""

    def __init__(self, first: int, last: int, *, reserved_count: int = 0) -> None:
        self.first, self.last = first, last
        self._dynamic_first = min(first + reserved_count, last)
        self._taken: set[int] = set()
        self._lock = threading.Lock()

    def __contains__(self, number: int) -> bool:
        return self.first <= number <= self.last

    @property
    def taken_count(self) -> int:
        return len(self._taken)

    def is_taken(self, number: int) -> bool:
        return number in self._taken

    def take(self, number: int) -> bool:
        """Take this very number; False when it has a holder. ``number`` must be in the pool."""
        assert number in self, f"{number} is outside {self.first}..{self.last}"
        with self._lock:
            if number in self._taken:
                return False
            self._taken.add(number)
            return True

    def take_all(self, numbers: Iterable[int]) -> None:
        """Mark numbers that stored objects hold; those outside the pool are left alone."""
        with self._lock:
            self._taken.update(number for number in numbers if number in self)

    def pick(self, identity: Identity) -> int | None:
        """Take a free number, None when there is none.

        Cost: O(1) while the pool is not nearly full; else it counts through the pool.
        """
        for _ in range(RANDOM_TRIES):
            number = identity.random.randint(self._dynamic_first, self.last)
            if self.take(number):
                return number
        dynamic = range(self._dynamic_first, self.last + 1)
        reserved = range(self.first, self._dynamic_first)
        return next((n for part in (dynamic, reserved) for n in part if self.take(n)), None)

    def give_back(self, numbers: Iterable[int]) -> None:
        with self._lock:
            self._taken.difference_update(numbers)
