"""One watcher: first it reads the log until it has caught up, then the hub hands it each change.

Always true: it is either unsynced (a position in the log, no queue) or synced (a queue, no position).
Always true: it delivers strictly rising revisions, none twice, none left out; else it says so with an error.
Always true: a watch that still has something to poll is in its notifier, or was told by it since the last poll.
Not here: which watches a change concerns (see `watch_hub`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import zip_longest
from typing import TYPE_CHECKING

from pyk8s.errors import Compacted, WatchOverflow
from pyk8s.reference.store.encode import event_line
from pyk8s.reference.store.notifier import Notifier
from pyk8s.reference.store.version import Change, Event

if TYPE_CHECKING:
    from pyk8s.reference.selector import Selection
    from pyk8s.reference.store.watch_hub import WatchHub


class Watch:
    def __init__(
        self,
        hub: WatchHub,
        watch_id: int,
        prefix: str,
        start_revision: int,
        *,
        selection: Selection | None,
        notifier: Notifier | None,
        backlog_max: int,
    ) -> None:
        self.id = watch_id
        self._hub = hub
        self._prefix, self._selection = prefix, selection
        self._notifier, self._backlog_max = notifier, backlog_max
        self._next_revision, self._skip_count = start_revision, 0
        self._queue: deque[Event] = deque()
        self._cut_revision = 0
        self.is_closed = False
        self.is_synced = start_revision > hub.store.log.visible_revision
        if not self.is_synced:
            self._signal()

    @property
    def is_cut(self) -> bool:
        """The backlog was full at `_cut_revision`; nothing is queued any more."""
        return self._cut_revision > 0

    @property
    def progress_revision(self) -> int:
        with self._hub.store.lock:
            if not self.is_synced:
                return self._next_revision - 1
            if self._queue:
                return self._queue[0].revision - 1
            return self._cut_revision - 1 if self.is_cut else self._hub.store.log.visible_revision

    def poll(self, max_count: int = 1000) -> list[Event]:
        return self._take(lambda events, _: len(events) < max_count)

    def poll_encoded(self, max_bytes: int = 1 << 20) -> bytes:
        size = 0

        def fits(events: list[Event], event: Event) -> bool:
            nonlocal size
            size += len(event_line(event))
            return not events or size <= max_bytes

        return b"".join(event_line(event) for event in self._take(fits))

    def close(self) -> None:
        with self._hub.store.lock:
            self.is_closed = True
            self._queue.clear()
            self._hub.remove(self)
            if self._notifier is not None:
                self._notifier.discard(self.id)

    def offer(self, change: Change) -> None:
        """Queue a change that has just been committed; an unsynced watch will find it in the log."""
        if not self.is_synced or self.is_cut or not self._concerns(change):
            return
        event = change.seen_through(self._selection)
        if event is None:
            return
        was_empty = not self._queue
        if len(self._queue) >= self._backlog_max:
            self._cut_revision = event.revision
        else:
            self._queue.append(event)
        if was_empty:
            self._signal()

    def _concerns(self, change: Change) -> bool:
        return change.key.startswith(self._prefix) and change.revision >= self._next_revision

    def _take(self, fits: Callable[[list[Event], Event], bool]) -> list[Event]:
        """The next events, as long as ``fits`` accepts them."""
        with self._hub.store.lock:
            if self.is_closed:
                return []
            events = self._take_queued(fits) if self.is_synced else self._take_logged(fits)
            if self._queue or not self.is_synced or (self.is_cut and events):
                self._signal()
            return events

    def _take_queued(self, fits: Callable[[list[Event], Event], bool]) -> list[Event]:
        if self.is_cut and not self._queue:
            raise WatchOverflow(self._backlog_max)
        events: list[Event] = []
        while self._queue and fits(events, self._queue[0]):
            events.append(self._queue.popleft())
        return events

    def _take_logged(self, fits: Callable[[list[Event], Event], bool]) -> list[Event]:
        log = self._hub.store.log
        if self._next_revision < log.first_revision:
            raise Compacted(self._next_revision, self._hub.store.compact_revision)
        events: list[Event] = []
        unread = list(log.since(self._next_revision, self._skip_count))
        for change, following in zip_longest(unread, unread[1:]):
            event = change.seen_through(self._selection) if change.key.startswith(self._prefix) else None
            if event is not None:
                if not fits(events, event):
                    return events
                events.append(event)
            self._step_over(change, following)
        self.is_synced = True
        return events

    def _step_over(self, change: Change, following: Change | None) -> None:
        """Move the position behind ``change``: to the next of its transaction, or to the next revision."""
        if following is None or following.revision > change.revision:
            self._next_revision, self._skip_count = change.revision + 1, 0
        elif self._next_revision == change.revision:
            self._skip_count += 1
        else:
            self._next_revision, self._skip_count = change.revision, 1

    def _signal(self) -> None:
        if self._notifier is not None:
            self._notifier.add(self.id)
