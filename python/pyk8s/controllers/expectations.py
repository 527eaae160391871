"""Expectations: what a controller has asked for and not yet seen in its cache.

Always true: while creations or deletions are expected, and for at most `EXPECTATION_S_MAX`, the caller should not act.
Not here: who expects what (see `replicaset`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pyk8s.api.clock import Clock

EXPECTATION_S_MAX = 300.0


@dataclass(slots=True)
class _Expected:
    since_s: float
    creations: int = 0
    deletions: set[str] = field(default_factory=set)


class Expectations:
    """Per owner key: a number of creations and the keys of deletions."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._expected: dict[str, _Expected] = {}

    def expect_creations(self, owner: str, count: int) -> None:
        self._expected[owner] = _Expected(self._clock.monotonic_s(), creations=count)

    def expect_deletions(self, owner: str, keys: Iterable[str]) -> None:
        self._expected[owner] = _Expected(self._clock.monotonic_s(), deletions=set(keys))

    def creation_observed(self, owner: str, count: int = 1) -> None:
        expected = self._expected.get(owner)
        if expected is not None:
            expected.creations = max(0, expected.creations - count)

    def deletion_observed(self, owner: str, key: str) -> None:
        expected = self._expected.get(owner)
        if expected is not None:
            expected.deletions.discard(key)

    def forget(self, owner: str) -> None:
        self._expected.pop(owner, None)

    def is_satisfied(self, owner: str) -> bool:
        """True when nothing is awaited, or it was awaited for too long."""
        expected = self._expected.get(owner)
        if expected is None or not (expected.creations or expected.deletions):
            return True
        return self._clock.monotonic_s() - expected.since_s > EXPECTATION_S_MAX
