"""Semantic versions: MAJOR.MINOR.PATCH with an optional pre-release part; what comes after + does not count.

Always true: versions are ordered as semver.org says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import total_ordering

PATTERN = re.compile(
    r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(?:-([0-9A-Za-z.-]+))?(?:\+([0-9A-Za-z.-]+))?", re.ASCII
)
NUMBER = re.compile(r"0|[1-9][0-9]*", re.ASCII)
INT64_MAX = 2**63 - 1


@total_ordering
@dataclass(frozen=True, slots=True, eq=False)
class SemanticVersion:
    major: int
    minor: int
    patch: int
    pre_release: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> SemanticVersion | None:
        match = PATTERN.fullmatch(text) if len(text) <= 64 else None
        if match is None:
            return None
        numbers = [int(part) for part in match.group(1, 2, 3)]
        before, build = (tuple(part.split(".")) if part else () for part in match.group(4, 5))
        is_wrong = any(not part or (part.isdigit() and not NUMBER.fullmatch(part)) for part in before)
        if is_wrong or not all(build) or max(numbers) > INT64_MAX:
            return None
        return cls(numbers[0], numbers[1], numbers[2], before)

    def _order(self) -> tuple[tuple[int, int, int], bool, tuple[tuple[bool, int, str, str], ...]]:
        """A version without pre-release part comes after those with one; numbers come before words."""
        parts = tuple(
            (False, len(part), part, "") if part.isdigit() else (True, 0, "", part) for part in self.pre_release
        )
        return (self.major, self.minor, self.patch), not self.pre_release, parts

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SemanticVersion) and self._order() == other._order()

    def __lt__(self, other: SemanticVersion) -> bool:
        return self._order() < other._order()

    def __hash__(self) -> int:
        return hash(self._order())
