"""Selectable fields: which ones objects have, by the prefix their keys are under.

Always true: the longest registered prefix of a key decides; without one an object has only metadata.name and namespace.
Not here: reading the fields from an object (see `reference.object.envelope`).
"""

from __future__ import annotations

from collections.abc import Sequence

Field = tuple[str, str, str]
"""(label, paths joined by "|", default)."""


class FieldTable:
    def __init__(self) -> None:
        self._by_prefix: dict[str, tuple[Field, ...]] = {}

    def copy(self) -> FieldTable:
        twin = FieldTable()
        twin._by_prefix = dict(self._by_prefix)
        return twin

    def register(self, prefix: str, fields: Sequence[Field]) -> bool:
        """Whether this changed anything: a fork is told again what its origin knew."""
        is_news = self._by_prefix.get(prefix) != tuple(fields)
        self._by_prefix[prefix] = tuple(fields)
        return is_news

    def of(self, key: str) -> tuple[Field, ...]:
        matching = [prefix for prefix in self._by_prefix if key.startswith(prefix)]
        return self._by_prefix[max(matching, key=len)] if matching else ()
