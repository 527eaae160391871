"""Watch hub: hands every committed change to the watches.

Always true: all of it happens under the store's lock, so every watch sees the changes in commit order.
Not here: selection and queues (see `watch`), bookmarks (the API server makes them).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyk8s.reference.store.version import Change
from pyk8s.reference.store.watch import Watch

if TYPE_CHECKING:
    from pyk8s.reference.selector import Selection
    from pyk8s.reference.store.notifier import Notifier
    from pyk8s.reference.store.store import Store


class WatchHub:
    def __init__(self, store: Store) -> None:
        self.store = store
        self._watches: dict[int, Watch] = {}
        self._last_id = 0

    @property
    def watcher_count(self) -> int:
        """Open watches that have not been cut."""
        return sum(not watch.is_cut for watch in self._watches.values())

    def add(
        self,
        prefix: str,
        start_revision: int,
        *,
        selection: Selection | None,
        notifier: Notifier | None,
        backlog_max: int,
    ) -> Watch:
        self._last_id += 1
        watch = Watch(
            self,
            self._last_id,
            prefix,
            start_revision if start_revision > 0 else self.store.revision + 1,
            selection=selection,
            notifier=notifier,
            backlog_max=backlog_max,
        )
        self._watches[watch.id] = watch
        return watch

    def remove(self, watch: Watch) -> None:
        self._watches.pop(watch.id, None)

    def publish(self, changes: list[Change]) -> None:
        for change in changes:
            for watch in self._watches.values():
                watch.offer(change)

    def close(self) -> None:
        for watch in list(self._watches.values()):
            watch.close()
