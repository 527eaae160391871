"""Compaction by age: remembers which revision the store was at when.

Always true: marks rise in time and in revision, and there are at most a little over `MARKS_PER_HISTORY` of them.
Not here: forgetting versions (see `key_index`, `event_log`).
"""

from __future__ import annotations

MARKS_PER_HISTORY = 128
"""Marks kept per span of history: it may be kept 1/128 longer than asked."""


class RevisionClock:
    def __init__(self) -> None:
        self.now_s = float("-inf")
        self._marks: list[tuple[float, int]] = []

    def copy(self) -> RevisionClock:
        twin = RevisionClock()
        twin.now_s, twin._marks = self.now_s, list(self._marks)
        return twin

    def mark(self, now_s: float, revision: int, history_s: float) -> None:
        """Note that ``revision`` was reached by ``now_s``."""
        self.now_s = now_s
        if self._marks:
            last_s, last_revision = self._marks[-1]
            if revision == last_revision or now_s - last_s < history_s / MARKS_PER_HISTORY:
                return
        self._marks.append((now_s, revision))

    def take_older(self, than_s: float) -> int:
        """The newest revision reached by ``than_s``, 0 when none is known; forgets the marks up to it."""
        older = [revision for time_s, revision in self._marks if time_s <= than_s]
        self._marks = self._marks[len(older) :]
        return older[-1] if older else 0

    def forget_after(self, revision: int) -> None:
        """Drop the marks of revisions that a fork does not have."""
        self._marks = [mark for mark in self._marks if mark[1] <= revision]
