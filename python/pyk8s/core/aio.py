"""Waiting for watches in asyncio: one descriptor in the loop for any number of them, no thread.

Always true: a watch that became readable after its last `Wakeups.wait` returned wakes the next one at once.
Always true: used from one event loop only; the store may be written from any thread.
Not here: polling (the caller's, until it gives nothing).
"""

from __future__ import annotations

import asyncio

from pyk8s.core.interfaces import Notifier, Watch


class Wakeups:
    """Wakes the tasks of one event loop whose watches have something to poll.

    Watches must have been made with the same ``notifier``; it is closed with this object.
    """

    def __init__(self, notifier: Notifier) -> None:
        self.notifier = notifier
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[int, asyncio.Future[None]] = {}
        # Bounded by the number of watches: an id stands in it at most once, and `forget` takes it out.
        self._readable: set[int] = set()
        self._is_closed = False
        self._loop.add_reader(notifier.fileno(), self._dispatch)

    async def wait(self, watch: Watch) -> None:
        """Return when ``watch`` may have something to poll; now and then it has not.

        One task at a time may wait for a watch. Raises RuntimeError when closed.
        """
        if self._is_closed:
            raise RuntimeError("the wakeups are closed")
        if watch.id in self._readable:
            self._readable.discard(watch.id)
            return
        if watch.id in self._waiting:
            raise RuntimeError(f"another task waits for watch {watch.id}")
        waiter = self._waiting[watch.id] = self._loop.create_future()
        try:
            await waiter
        finally:
            self._waiting.pop(watch.id, None)

    def forget(self, watch: Watch) -> None:
        """Call when a watch was closed; a task that waits for it goes on."""
        self._readable.discard(watch.id)
        waiter = self._waiting.get(watch.id)
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def close(self) -> None:
        """Leave the loop and close the notifier; waiting tasks get RuntimeError."""
        if self._is_closed:
            return
        self._is_closed = True
        self._loop.remove_reader(self.notifier.fileno())
        self.notifier.close()
        for waiter in self._waiting.values():
            if not waiter.done():
                waiter.set_exception(RuntimeError("the wakeups are closed"))

    def _dispatch(self) -> None:
        for watch_id in self.notifier.ready():
            waiter = self._waiting.get(watch_id)
            if waiter is None or waiter.done():
                self._readable.add(watch_id)
            else:
                waiter.set_result(None)
