"""The frame of a controller: a queue of keys, workers that sync them, retries with backoff.

Always true: one key is synced by one worker at a time; a sync that raises is logged and tried again; the worker lives.
Not here: any decision of any controller.
"""

from __future__ import annotations

import asyncio
import logging
from typing import ClassVar

from pyk8s.api.status import StatusError
from pyk8s.client.keys import key_of
from pyk8s.client.work_queue import ShutDown, WorkQueue
from pyk8s.controllers.context import Context, Json

log = logging.getLogger(__name__)

BACKGROUND_RESTART_S = 5.0


class Controller:
    """One control loop. Subclasses register informer handlers in their constructor and implement `sync`."""

    name: ClassVar[str]
    worker_count: ClassVar[int] = 5

    def __init__(self, context: Context) -> None:
        self.context = context
        self.client, self.clock = context.client, context.clock
        self.queue: WorkQueue[str] = WorkQueue(context.clock, name=self.name)

    async def sync(self, key: str) -> None:
        """Bring the object of ``key`` one step closer to what it should be. Level-triggered, idempotent."""
        raise NotImplementedError

    async def background(self) -> None:
        """Work that follows time and not objects; runs beside the workers."""

    def enqueue(self, obj: Json) -> None:
        self.queue.add(key_of(obj))

    async def run(self) -> None:
        """Work until cancelled."""
        tasks = [self._worker() for _ in range(self.worker_count)]
        try:
            await asyncio.gather(self._supervised_background(), *tasks)
        finally:
            self.queue.shut_down()

    async def _supervised_background(self) -> None:
        while True:
            try:
                await self.background()
                return
            except Exception:
                log.exception("%s: the background loop failed and starts again", self.name)
            await self.clock.sleep(BACKGROUND_RESTART_S)

    async def _worker(self) -> None:
        while True:
            try:
                key = await self.queue.get()
            except ShutDown:
                return
            try:
                await self._sync_one(key)
            finally:
                self.queue.done(key)

    async def _sync_one(self, key: str) -> None:
        started_s = self.clock.monotonic_s()
        outcome = "success"
        try:
            await self.sync(key)
        except Exception as error:
            outcome = self._failed(key, error)
            self.queue.add_rate_limited(key)
        else:
            self.queue.forget(key)
        metrics = self.context.metrics
        metrics.reconciled(self.name, duration_s=self.clock.monotonic_s() - started_s, outcome=outcome)
        metrics.queue_depth(self.name, len(self.queue))

    def _failed(self, key: str, error: Exception) -> str:
        """Log what went wrong; a lost race is no news, a bug comes with its traceback."""
        if isinstance(error, StatusError) and error.code == 409:
            log.debug("%s: %s: %s", self.name, key, error)
            return "conflict"
        if isinstance(error, (StatusError, OSError)):
            log.warning("%s: %s: %s", self.name, key, error)
        else:
            log.exception("%s: %s: a bug", self.name, key)
        return "error"
