"""Notifier: one pipe that tells an event loop which of its watches have something to poll.

Always true: the pipe holds one byte while `ready` would return ids, none otherwise.
Always true: the notifier's lock is the innermost one; nothing is called while it is held. It is reentrant, since the
garbage collector may close a watch at any point.
Not here: the event loop (see `pyk8s.core.aio`).
"""

from __future__ import annotations

import os
import threading


class Notifier:
    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._ready: set[int] = set()
        self._reader, self._writer = os.pipe()
        self._is_closed = False

    def fileno(self) -> int:
        if self._is_closed:
            raise ValueError("notifier is closed")
        return self._reader

    def ready(self) -> list[int]:
        with self._lock:
            ids = sorted(self._ready)
            self._ready.clear()
            if ids and not self._is_closed:
                os.read(self._reader, 1)
            return ids

    def close(self) -> None:
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                self._ready.clear()
                os.close(self._reader)
                os.close(self._writer)

    def add(self, watch_id: int) -> None:
        """Mark a watch as readable; from any thread."""
        with self._lock:
            if self._is_closed:
                return
            if not self._ready:
                os.write(self._writer, b"!")
            self._ready.add(watch_id)

    def discard(self, watch_id: int) -> None:
        """Forget a watch that was closed."""
        with self._lock:
            if watch_id in self._ready:
                self._ready.discard(watch_id)
                if not self._ready and not self._is_closed:
                    os.read(self._reader, 1)

    def __del__(self) -> None:
        self.close()
