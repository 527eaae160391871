"""Events of simulated kubelets: one recorder per node, one budget for all.

Always true: a burst of pods costs at most `BURST` events at once and `RATE_PER_S` after it; warnings are never dropped
here. A node that has nothing to say costs nothing.
Not here: aggregation and spam filter (see `pyk8s.client.events`).
"""

from __future__ import annotations

import asyncio
from typing import Any

from pyk8s.api.clock import Clock
from pyk8s.client.events import EventRecorder
from pyk8s.client.interfaces import Client
from pyk8s.kubelet.pod_worker import Note

Json = dict[str, Any]

# A kubelet's own limits are 50 a second and a burst of 100; here many nodes share one process.
RATE_PER_S = 50.0
BURST = 300.0


class Events:
    def __init__(self, client: Client, *, clock: Clock) -> None:
        self._client, self._clock = client, clock
        self._recorders: dict[str, EventRecorder] = {}
        self._unwritten: dict[str, EventRecorder] = {}
        self._arrived = asyncio.Event()
        self._tokens, self._filled_s = BURST, clock.monotonic_s()

    def record(self, node_name: str, obj: Json, note: Note) -> None:
        if not self._is_allowed() and note.level == "Normal":
            return
        recorder = self._recorders.get(node_name)
        if recorder is None:
            recorder = EventRecorder(self._client, "kubelet", clock=self._clock, host=node_name)
            self._recorders[node_name] = recorder
        recorder.event(
            obj,
            "Warning" if note.level == "Warning" else "Normal",
            note.reason,
            note.message,
            field_path=note.field_path,
        )
        self._unwritten[node_name] = recorder
        self._arrived.set()

    def forget(self, node_name: str) -> None:
        self._recorders.pop(node_name, None)

    async def run(self) -> None:
        """Write events until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._unwritten:
                _, recorder = self._unwritten.popitem()
                await recorder.flush()

    def _is_allowed(self) -> bool:
        now_s = self._clock.monotonic_s()
        self._tokens = min(BURST, self._tokens + (now_s - self._filled_s) * RATE_PER_S)
        self._filled_s = now_s
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
