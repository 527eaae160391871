"""The binder: posts bindings, several at a time, each after what its decision must write first.

Always true: at most `BINDINGS_MAX` decisions wait, `WORKER_COUNT` are being posted and `PREPARED_MAX` wait for their
volumes; every one handed in is answered to exactly one of the two callbacks.
Not here: what is told about a binding (see `scheduler`), the writes (see `pre_bind`).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable

import orjson

from pyk8s.api.status import StatusError
from pyk8s.client.interfaces import Client
from pyk8s.client.well_known import PODS
from pyk8s.core.scheduler_interface import Decision
from pyk8s.scheduler.foreign import PluginError
from pyk8s.scheduler.pre_bind import PreBindError

log = logging.getLogger(__name__)

# In process a few suffice, as a binding hardly waits there; over HTTPS each hides one round trip of about 1 ms.
WORKER_COUNT = 32
BINDINGS_MAX = 1000
PREPARED_MAX = 10_000

Prepare = Callable[[Decision], Awaitable[None]]


class Binder:
    def __init__(
        self,
        client: Client,
        *,
        prepare: Prepare,
        bind: Callable[[Decision], Awaitable[bool]],
        on_bound: Callable[[Decision], None],
        on_failed: Callable[[Decision, Exception], None],
    ) -> None:
        """``prepare``: carries out what the decision must write first; raises PreBindError.

        ``bind``: lets others write the binding, and says whether they did; raises PluginError.
        """
        self._client, self._prepare, self._bind_elsewhere = client, prepare, bind
        self._on_bound, self._on_failed = on_bound, on_failed
        self._waiting: deque[Decision] = deque()
        self._preparing: set[asyncio.Task[None]] = set()
        self._arrived = asyncio.Event()
        self._left = asyncio.Event()

    @property
    def room(self) -> int:
        """How many decisions may be added now."""
        return min(BINDINGS_MAX - len(self._waiting), PREPARED_MAX - len(self._preparing))

    def add(self, decision: Decision) -> None:
        assert self.room > 0, "the scheduler looks for room before it decides"
        if decision.writes:
            # Volumes can take minutes: no worker waits for them.
            task = asyncio.ensure_future(self._make_ready(decision))
            self._preparing.add(task)
            task.add_done_callback(self._end_preparing)
            return
        self._waiting.append(decision)
        self._arrived.set()

    async def wait_for_room(self) -> None:
        while self.room <= 0:
            self._left.clear()
            await self._left.wait()

    async def run(self) -> None:
        """Post until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(WORKER_COUNT):
                    group.create_task(self._work(), name=f"binder {number}")
        finally:
            for task in self._preparing:
                task.cancel()
            await asyncio.gather(*self._preparing, return_exceptions=True)

    async def _make_ready(self, decision: Decision) -> None:
        try:
            await self._prepare(decision)
        except PreBindError as error:
            self._on_failed(decision, error)
        else:
            self._waiting.append(decision)
            self._arrived.set()

    def _end_preparing(self, task: asyncio.Task[None]) -> None:
        self._preparing.discard(task)
        self._left.set()
        if not task.cancelled() and task.exception() is not None:
            log.error("a decision could not be prepared", exc_info=task.exception())

    async def _work(self) -> None:
        while True:
            while not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
            decision = self._waiting.popleft()
            self._left.set()
            await self._bind(decision)

    async def _bind(self, decision: Decision) -> None:
        body = orjson.loads(decision.binding)
        try:
            if not await self._bind_elsewhere(decision):
                await self._client.create(PODS, body, decision.namespace, subresource="binding", name=decision.name)
        except (StatusError, OSError, PluginError) as error:
            self._on_failed(decision, error)
        else:
            self._on_bound(decision)
