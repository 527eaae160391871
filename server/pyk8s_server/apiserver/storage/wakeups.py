"""Wakeups: calls back when one of the engine's watches became readable, one descriptor per event loop.

Always true: a callback runs in its event loop, at least once after each time its watch came to have events, and never
after `cancel`.
Not here: what the watch holds, threads (there are none).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pyk8s.core.interfaces import Notifier, Selection, Store, Watch


class Wakeups:
    """Opens watches on the engine and says when they are readable."""

    def __init__(self, engine: Store) -> None:
        self._engine = engine
        self._hubs: dict[asyncio.AbstractEventLoop, _Hub] = {}

    def watch(
        self, prefix: str, callback: Callable[[], None], *, start_revision: int, selection: Selection | None
    ) -> Watch:
        """A watch whose events the running loop is told of through ``callback``."""
        hub = self._hub(asyncio.get_running_loop())
        watch = self._engine.watch(prefix, start_revision=start_revision, selection=selection, notifier=hub.notifier)
        hub.callbacks[watch.id] = callback
        return watch

    def cancel(self, watch: Watch) -> None:
        """Close the watch and forget its callback."""
        for hub in self._hubs.values():
            hub.callbacks.pop(watch.id, None)
        watch.close()

    def _hub(self, loop: asyncio.AbstractEventLoop) -> _Hub:
        hub = self._hubs.get(loop)
        if hub is None:
            for other in [other for other in self._hubs if other.is_closed()]:
                self._hubs.pop(other).notifier.close()
            hub = self._hubs[loop] = _Hub(loop, self._engine.notifier())
        return hub

    def close(self) -> None:
        """Stop listening on every loop that is still open."""
        for loop, hub in self._hubs.items():
            if not loop.is_closed():
                loop.remove_reader(hub.notifier.fileno())
            hub.notifier.close()
        self._hubs.clear()


class _Hub:
    """The watches of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, notifier: Notifier) -> None:
        self.notifier = notifier
        self.callbacks: dict[int, Callable[[], None]] = {}
        loop.add_reader(notifier.fileno(), self._readable)

    def _readable(self) -> None:
        for watch_id in self.notifier.ready():
            callback = self.callbacks.get(watch_id)
            if callback is not None:
                callback()
