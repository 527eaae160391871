"""Event log: every change since the oldest revision a watch may start from, in order.

Always true: revisions never fall along the log; changes of one transaction are neighbours.
Always true: changes at the compaction revision itself are kept, so a watch from there misses nothing.
Not here: who is told (see `watch_hub`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator

from pyk8s.reference.store.version import Change, KeyValue


class EventLog:
    def __init__(self, first_revision: int = 1) -> None:
        self.first_revision = first_revision
        """Oldest revision a watch may start from."""
        self.visible_revision = 1
        """Newest revision that watches may be told of; later ones are not durable yet."""
        self.changes: list[Change] = []

    def copy(self) -> EventLog:
        twin = EventLog(self.first_revision)
        twin.changes = list(self.changes)
        return twin

    def append(self, changes: list[Change]) -> None:
        self.changes.extend(changes)

    def since(self, revision: int, skip_count: int = 0) -> Iterator[Change]:
        """Changes at ``revision`` and later that may be seen, without the first ``skip_count`` of them."""
        return iter(self.changes[self._position(revision) + skip_count : self._position(self.visible_revision + 1)])

    def _position(self, revision: int) -> int:
        """Where in `changes` those at ``revision`` and later begin."""
        return bisect_left(self.changes, revision, key=lambda change: change.revision)

    def compact(self, revision: int) -> None:
        self.first_revision = max(self.first_revision, revision)
        self.changes = [change for change in self.changes if change.revision >= revision]

    def pop_after(self, revision: int) -> list[Change]:
        """Remove and return the changes after ``revision``, newest first."""
        popped = []
        while self.changes and self.changes[-1].revision > revision:
            popped.append(self.changes.pop())
        return popped

    def replace_versions(self, anew: Callable[[KeyValue], KeyValue]) -> None:
        def of(kv: KeyValue | None) -> KeyValue | None:
            return anew(kv) if kv is not None else None

        self.changes = [Change(change.revision, of(change.previous), of(change.current)) for change in self.changes]
