"""The evictor: carries out preemptions, as the engine decided them.

Always true: at most `PREEMPTIONS_MAX` preemptions wait; one that fails is told to the engine, so that the pod is tried
again. A victim is told why before it is deleted, with its own time to end; the last victim goes after all others.
Not here: who becomes a victim (the engine), the preemptor's own nomination (see `scheduler`).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any

from pyk8s.api.clock import Clock, rfc3339
from pyk8s.api.status import StatusError
from pyk8s.client.events import EventRecorder, reference_to
from pyk8s.client.interfaces import Client
from pyk8s.client.well_known import PODS
from pyk8s.core.scheduler_interface import Decision, PodReference

Json = dict[str, Any]
log = logging.getLogger(__name__)

PREEMPTIONS_MAX = 10_000
WORKER_COUNT = 8
GONE = (404, 409)
"""The pod is gone, or it is another one of its name."""


class Evictor:
    def __init__(
        self, client: Client, clock: Clock, recorder: EventRecorder, *, on_failed: Callable[[Decision], None]
    ) -> None:
        self._client, self._clock, self._recorder, self._on_failed = client, clock, recorder, on_failed
        self._waiting: deque[tuple[Json, Decision]] = deque()
        self._arrived = asyncio.Event()

    def begin(self, preemptor: Json, decision: Decision) -> None:
        """Evict the decision's victims for the pod."""
        if len(self._waiting) >= PREEMPTIONS_MAX:
            self._on_failed(decision)
            return
        self._waiting.append((preemptor, decision))
        self._arrived.set()

    async def run(self) -> None:
        """Evict until cancelled."""
        async with asyncio.TaskGroup() as group:
            for number in range(WORKER_COUNT):
                group.create_task(self._work(), name=f"evictor {number}")

    async def _work(self) -> None:
        while True:
            while not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
            preemptor, decision = self._waiting.popleft()
            try:
                await self._carry_out(preemptor, decision)
            except (StatusError, OSError) as error:
                log.info("a preemption for %s/%s: %s", decision.namespace, decision.name, error)
                self._on_failed(decision)

    async def _carry_out(self, preemptor: Json, decision: Decision) -> None:
        for rival in decision.cleared:
            await self._end_nomination(rival)
        *others, last = decision.victims
        await asyncio.gather(*(self._evict(victim, preemptor, decision) for victim in others))
        await self._evict(last, preemptor, decision)

    async def _end_nomination(self, pod: PodReference) -> None:
        namespace, name, uid = pod
        patch = {"metadata": {"uid": uid}, "status": {"nominatedNodeName": None}}
        try:
            await self._client.patch(PODS, name, patch, namespace, patch_type="strategic", subresource="status")
        except StatusError as error:
            if error.code not in GONE:
                raise

    async def _evict(self, victim: PodReference, preemptor: Json, decision: Decision) -> None:
        namespace, name, uid = victim
        try:
            pod = await self._client.get(PODS, name, namespace)
            if pod["metadata"]["uid"] != uid or pod["metadata"].get("deletionTimestamp"):
                return
            patch = {"metadata": {"uid": uid}, "status": {"conditions": [self._condition(preemptor)]}}
            await self._client.patch(PODS, name, patch, namespace, patch_type="strategic", subresource="status")
            await self._client.delete(PODS, name, namespace, options={"preconditions": {"uid": uid}})
        except StatusError as error:
            if error.code not in GONE:
                raise
            return
        message = f"Preempted by pod {decision.uid} on node {decision.nominated_node_name}"
        more = {"action": "Preempting", "related": reference_to(preemptor)}
        self._recorder.event(pod, "Normal", "Preempted", message, component=_scheduler_name(preemptor), more=more)

    def _condition(self, preemptor: Json) -> Json:
        return {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "PreemptionByScheduler",
            "message": f"{_scheduler_name(preemptor)}: preempting to accommodate a higher priority pod",
            "lastProbeTime": None,
            "lastTransitionTime": rfc3339(self._clock.now_s()),
        }


def _scheduler_name(pod: Json) -> str:
    return pod["spec"].get("schedulerName") or "default-scheduler"
