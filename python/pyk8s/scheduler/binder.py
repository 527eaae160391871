"""The binder: posts bindings, several at a time.

Always true: at most `BINDINGS_MAX` decisions wait and `WORKER_COUNT` are being posted; every one handed in is answered
to exactly one of the two callbacks.
Not here: what is told about a binding (see `scheduler`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

import orjson

from pyk8s.api.status import StatusError
from pyk8s.client.interfaces import Client
from pyk8s.client.well_known import PODS
from pyk8s.core.scheduler_interface import Decision

# In process a few suffice, as a binding hardly waits there; over HTTPS each hides one round trip of about 1 ms.
WORKER_COUNT = 32
BINDINGS_MAX = 1000


class Binder:
    def __init__(
        self,
        client: Client,
        *,
        on_bound: Callable[[Decision], None],
        on_failed: Callable[[Decision, Exception], None],
    ) -> None:
        self._client, self._on_bound, self._on_failed = client, on_bound, on_failed
        self._waiting: deque[Decision] = deque()
        self._arrived = asyncio.Event()
        self._left = asyncio.Event()

    @property
    def room(self) -> int:
        """How many decisions may be added now."""
        return BINDINGS_MAX - len(self._waiting)

    def add(self, decision: Decision) -> None:
        assert self.room > 0, "the scheduler looks for room before it decides"
        self._waiting.append(decision)
        self._arrived.set()

    async def wait_for_room(self) -> None:
        while self.room <= 0:
            self._left.clear()
            await self._left.wait()

    async def run(self) -> None:
        """Post until cancelled."""
        async with asyncio.TaskGroup() as group:
            for number in range(WORKER_COUNT):
                group.create_task(self._work(), name=f"binder {number}")

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
            await self._client.create(PODS, body, decision.namespace, subresource="binding", name=decision.name)
        except (StatusError, OSError) as error:
            self._on_failed(decision, error)
        else:
            self._on_bound(decision)
