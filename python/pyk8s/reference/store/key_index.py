"""Key index: the living version of every key, and the superseded ones that reads of the past may want.

Always true: at most one version of a key is alive at a revision; superseded versions of a key are in order of revision.
Always true: after `compact(r)` no version is left that was superseded at or before ``r``.
Not here: revisions and their checks (see `store`), events (see `event_log`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pyk8s.reference.store.version import Change, KeyValue


@dataclass(frozen=True, slots=True)
class Superseded:
    """A version that was alive from its mod revision until just before `until`."""

    kv: KeyValue
    until: int


class KeyIndex:
    def __init__(self) -> None:
        self.living: dict[str, KeyValue] = {}
        self.superseded: dict[str, list[Superseded]] = {}

    def copy(self) -> KeyIndex:
        twin = KeyIndex()
        twin.living = dict(self.living)
        twin.superseded = {key: list(versions) for key, versions in self.superseded.items()}
        return twin

    def get(self, key: str, revision: int) -> KeyValue | None:
        """The version alive at ``revision``."""
        kv = self.living.get(key)
        if kv is not None and kv.mod_revision <= revision:
            return kv
        for old in self.superseded.get(key, []):
            if old.kv.mod_revision <= revision < old.until:
                return old.kv
        return None

    def range(self, prefix: str, start_after: str, revision: int) -> list[KeyValue]:
        """Every version alive at ``revision`` under ``prefix`` and after ``start_after``, in byte order of the keys."""
        keys = {key for key in (*self.living, *self.superseded) if key.startswith(prefix)}
        after = start_after.encode()
        ordered = sorted((key for key in keys if key.encode() > after), key=str.encode)
        versions = (self.get(key, revision) for key in ordered)
        return [kv for kv in versions if kv is not None]

    def apply(self, change: Change) -> None:
        """Make a change the newest state of its key."""
        if change.previous is not None:
            self.superseded.setdefault(change.key, []).append(Superseded(change.previous, change.revision))
        if change.current is not None:
            self.living[change.key] = change.current
        else:
            del self.living[change.key]

    def undo(self, change: Change) -> None:
        """Take back the newest change of a key."""
        self.living.pop(change.key, None)
        if change.previous is not None:
            self.living[change.key] = change.previous
            self._keep(change.key, self.superseded[change.key][:-1])

    def compact(self, revision: int) -> None:
        for key, versions in list(self.superseded.items()):
            self._keep(key, [old for old in versions if old.until > revision])

    def replace_versions(self, anew: Callable[[KeyValue], KeyValue]) -> None:
        self.living = {key: anew(kv) for key, kv in self.living.items()}
        for key, versions in self.superseded.items():
            self.superseded[key] = [Superseded(anew(old.kv), old.until) for old in versions]

    def _keep(self, key: str, versions: list[Superseded]) -> None:
        if versions:
            self.superseded[key] = versions
        else:
            del self.superseded[key]
