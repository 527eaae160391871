"""Versions of keys: what the store keeps per write, and what watchers are told about it.

Always true: a version never changes once committed; everything that returns one returns the same object.
Not here: where versions are kept (see `key_index`), how they become bytes for a client (see `encode`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pyk8s.reference.object.envelope import Envelope
    from pyk8s.reference.selector import Selection

EventType = Literal["ADDED", "MODIFIED", "DELETED"]


@dataclass(frozen=True, slots=True)
class KeyValue:
    """One version of one key."""

    key: str
    value: bytes
    create_revision: int
    mod_revision: int
    version: int
    lease: int
    envelope: Envelope | None = field(default=None, repr=False, compare=False)

    def is_selected(self, selection: Selection | None) -> bool:
        if selection is None:
            return True
        if self.envelope is None:
            return selection.matches({}, {})
        return selection.matches(self.envelope.labels, self.envelope.fields)

    def removed_at(self, revision: int) -> KeyValue:
        """The last state as a deletion at ``revision`` tells it: that revision also stands in the object."""
        value, envelope = self.value, self.envelope
        if envelope is not None:
            value, envelope = envelope.write_revision(value, revision)
        return replace(self, value=value, mod_revision=revision, envelope=envelope)


@dataclass(frozen=True, slots=True)
class Event:
    """One change as one watcher sees it."""

    type: EventType
    kv: KeyValue
    prev_value: bytes | None

    @property
    def revision(self) -> int:
        return self.kv.mod_revision


@dataclass(frozen=True, slots=True)
class Change:
    """One committed write: the key's state before and after it; `current` is None for a deletion."""

    revision: int
    previous: KeyValue | None
    current: KeyValue | None

    @property
    def key(self) -> str:
        kv = self.current or self.previous
        assert kv is not None, "a change has a state before or after it"
        return kv.key

    def seen_through(self, selection: Selection | None) -> Event | None:
        """What a watcher with this selection is told, None when it is no concern of it."""
        previous, current = self.previous, self.current
        was_selected = previous is not None and previous.is_selected(selection)
        prev_value = previous.value if previous is not None else None
        if current is not None and current.is_selected(selection):
            return Event("MODIFIED" if was_selected else "ADDED", current, prev_value)
        if previous is not None and was_selected:
            return Event("DELETED", previous.removed_at(self.revision), prev_value)
        return None
