"""`Scheduler`: reflectors in, bindings, conditions and events out, around one engine.

Always true: the engine is asked only after all watches have synced; when there is nothing to do it sleeps until news
or the engine's next deadline.
Not here: posting bindings (see `binder`), what is told (see `reports`).
"""

from __future__ import annotations

import asyncio
import logging
import platform
from collections import deque
from typing import Any

from pyk8s import core
from pyk8s.api.clock import Clock
from pyk8s.api.identity import Identity
from pyk8s.api.resources import Resource
from pyk8s.api.status import StatusError
from pyk8s.client.events import EventLevel, EventRecorder
from pyk8s.client.interfaces import Client
from pyk8s.client.leader_election import LeaderElector, Times
from pyk8s.client.reflector import Reflector, Target
from pyk8s.client.well_known import NODES, PODS
from pyk8s.core.scheduler_interface import Decision, SchedulerEngine
from pyk8s.scheduler import reports
from pyk8s.scheduler.attempts import Attempts, Seen
from pyk8s.scheduler.binder import Binder
from pyk8s.scheduler.binding_cycle import BindingCycle
from pyk8s.scheduler.configuration.compile import Compiled
from pyk8s.scheduler.evictor import Evictor
from pyk8s.scheduler.feed import NodeFeed, PodFeed
from pyk8s.scheduler.foreign import ForeignPlugins
from pyk8s.scheduler.object_feed import ObjectFeed, fed_resources, is_served
from pyk8s.scheduler.pre_bind import BIND_TIMEOUT_S, PreBind, bind_timeouts_s

Json = dict[str, Any]
log = logging.getLogger(__name__)

DEFAULT_SCHEDULER = "default-scheduler"
# Pods that have ended hold nothing: they are not even watched.
POD_FIELDS = "status.phase!=Succeeded,status.phase!=Failed"
# So many attempts are made between two turns of the event loop: about a millisecond's work.
BATCH_SIZE = 64
CONDITIONS_MAX = 10_000
"""Conditions that may wait to be written; beyond them a pod keeps its old one until its next attempt."""


class Scheduler:
    """One scheduler. `run` works until cancelled or `stop`."""

    def __init__(
        self,
        client: Client,
        *,
        clock: Clock,
        identity: Identity,
        configuration: Compiled | None = None,
        leader_elect: bool = False,
    ) -> None:
        """``configuration``: all its profiles are hosted; None: kube-scheduler's defaults."""
        self._client, self._clock, self._identity = client, clock, identity
        self._leader_elect = leader_elect
        self._configuration = configuration or Compiled(b"", (DEFAULT_SCHEDULER,))
        self.attempts = Attempts()
        """What came of every attempt lately, for explanations."""
        self._recorder = EventRecorder(client, DEFAULT_SCHEDULER, clock=clock)
        self._running: asyncio.Task[None] | None = None
        self._reset()

    def _reset(self) -> None:
        """Start from nothing: whoever led meanwhile may have changed everything."""
        plugins = ForeignPlugins(self._configuration)
        engine: SchedulerEngine = core.SchedulerEngine(
            config=self._configuration.config,
            seed=self._identity.random.getrandbits(64),
            plugins=plugins.of_engine or None,
        )
        self.engine = engine
        self._news = asyncio.Event()
        self._nodes = NodeFeed(engine, self._clock, self._news.set)
        self._pods = PodFeed(engine, self._clock, self._on_change)
        self._others = {r: ObjectFeed(r.kind, engine, self._clock, self._on_change) for r in fed_resources()}
        self._pre_bind = PreBind(self._client, self._clock, feeds=self._others.values())
        self._timeouts_s = bind_timeouts_s(self._configuration.config)
        self._plugins = plugins
        self._binder = Binder(
            self._client, prepare=self._prepare, bind=self._bind, on_bound=self._on_bound, on_failed=self._on_failed
        )
        self._cycle = BindingCycle(plugins, self._binder, on_failed=self._on_failed)
        self._evictor = Evictor(self._client, self._clock, self._recorder, on_failed=self._on_not_evicted)
        self._reflectors: dict[str, Reflector] = {}
        self._binding: dict[str, Json] = {}
        self._statuses: deque[tuple[Json, Json]] = deque()
        self._conditions_arrived = asyncio.Event()

    async def run(self) -> None:
        """Schedule until cancelled; with ``leader_elect`` only while holding the lease."""
        self._running = asyncio.current_task()
        if not self._leader_elect:
            await self._lead()
            return
        host = platform.node() or "localhost"
        election = self._configuration.leader_election
        elector = LeaderElector(
            self._client,
            election.name,
            clock=self._clock,
            identity=self._identity,
            host=host,
            namespace=election.namespace,
            times=Times(election.lease_duration_s, election.renew_deadline_s, election.retry_period_s),
        )
        await elector.run(self._lead)

    async def stop(self) -> None:
        """End `run`. Safe to call twice."""
        task, self._running = self._running, None
        if task is not None and task is not asyncio.current_task():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _lead(self) -> None:
        self._reset()
        async with asyncio.TaskGroup() as group:
            for work in (
                self._reflector(NODES, self._nodes).run(),
                self._reflector(PODS, self._pods, POD_FIELDS).run(),
                self._binder.run(),
                self._cycle.run(),
                self._evictor.run(),
                self._write_conditions(),
                self._recorder.run(),
                self._schedule(),
                *(self._follow(resource, feed) for resource, feed in self._others.items()),
            ):
                group.create_task(work)

    async def _follow(self, resource: Resource, feed: ObjectFeed) -> None:
        """Feed one of the other kinds; one that this server does not have stays empty."""
        if await is_served(self._client, resource):
            await self._reflector(resource, feed).run()
        else:
            feed.replace([])

    def _on_change(self) -> None:
        self._news.set()
        self._pre_bind.notify()

    def _reflector(self, resource: Resource, feed: Target, fields: str = "") -> Reflector:
        reflector = Reflector(
            self._client, resource, target=feed, clock=self._clock, identity=self._identity, field_selector=fields
        )
        self._reflectors[resource.plural] = reflector
        return reflector

    def _seen(self) -> Seen:
        """How far the watches have been read."""
        revisions = {name: int(reflector.resource_version or 0) for name, reflector in self._reflectors.items()}
        others = [revision for name, revision in revisions.items() if name not in (NODES.plural, PODS.plural)]
        nodes, pods = revisions[NODES.plural], revisions[PODS.plural]
        return Seen(nodes, pods, max(others, default=max(nodes, pods)))

    async def _schedule(self) -> None:
        while True:
            self._news.clear()
            if self._is_synced():
                while await self._decide_some():
                    # Let the bindings go out and the watches come in between two batches.
                    await asyncio.sleep(0)
                await self._wait(self.engine.next_deadline_s())
            else:
                await self._news.wait()

    def _is_synced(self) -> bool:
        is_rest_synced = all(feed.is_synced for feed in self._others.values())
        return self._nodes.is_synced and self._pods.is_synced and is_rest_synced

    async def _decide_some(self) -> bool:
        """One batch of attempts; False when no pod was ready."""
        await self._binder.wait_for_room()
        decisions = self.engine.schedule(self._clock.now_s(), min(BATCH_SIZE, self._binder.room))
        now_s, seen = self._clock.now_s(), self._seen()
        for decision in decisions:
            self.attempts.record(decision, now_s=now_s, seen=seen)
            self._carry_out(decision)
        return bool(decisions)

    async def _wait(self, deadline_s: float | None) -> None:
        """Sleep until news, or the deadline."""
        if deadline_s is None:
            await self._news.wait()
            return
        news = asyncio.ensure_future(self._news.wait())
        timer = asyncio.ensure_future(self._clock.sleep(max(0.0, deadline_s - self._clock.now_s())))
        try:
            await asyncio.wait((news, timer), return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()
            timer.cancel()

    def _carry_out(self, decision: Decision) -> None:
        pod = self._pods.pending(decision.uid)
        if pod is None:
            # The feed has seen the pod go while the engine decided; nobody is left to tell.
            self.engine.forget(decision.uid)
            return
        if decision.outcome == "scheduled":
            self._binding[decision.uid] = pod
            self._cycle.begin(pod, decision)
            return
        self._event(pod, "Warning", "FailedScheduling", reports.note(decision.message))
        if decision.outcome != "skipped":
            reason = reports.UNSCHEDULABLE if decision.outcome == "unschedulable" else reports.SCHEDULER_ERROR
            self._tell(pod, reason=reason, message=decision.message, node_name=decision.nominated_node_name)
        if decision.writes:
            self._pre_bind.give_back(decision)
        if decision.victims:
            self._evictor.begin(pod, decision)

    def _on_not_evicted(self, decision: Decision) -> None:
        self.engine.advance(self._clock.now_s())
        self.engine.forget(decision.uid)
        self._news.set()

    async def _prepare(self, decision: Decision) -> None:
        name = self._binding[decision.uid]["spec"].get("schedulerName") or DEFAULT_SCHEDULER
        await self._pre_bind.run(
            decision,
            timeout_s=self._timeouts_s.get(name, BIND_TIMEOUT_S),
            is_wanted=lambda: self._pods.pending(decision.uid) is not None,
        )

    async def _bind(self, decision: Decision) -> bool:
        """Leave the binding to an extender, if one is there for this pod."""
        return await self._plugins.bind(self._binding[decision.uid], decision.node_name)

    def _on_bound(self, decision: Decision) -> None:
        pod = self._binding.pop(decision.uid)
        self._cycle.end(pod, decision)
        message = reports.scheduled_message(decision.namespace, decision.name, decision.node_name)
        self._event(pod, "Normal", "Scheduled", message)

    def _on_failed(self, decision: Decision, error: Exception) -> None:
        pod = self._binding.pop(decision.uid)
        self.attempts.take_back(decision)
        self.engine.advance(self._clock.now_s())
        self.engine.forget(decision.uid)
        self._news.set()
        is_gone = self._pods.pending(decision.uid) is None
        if is_gone or (isinstance(error, StatusError) and error.code == 404):
            return
        reason, message = reports.failure(error)
        log.info("%s/%s: %s", decision.namespace, decision.name, message)
        self._event(pod, "Warning", "FailedScheduling", reports.note(message))
        self._tell(pod, reason=reason, message=message)

    def _event(self, pod: Json, level: EventLevel, reason: str, message: str) -> None:
        """An event by the profile that the pod asked for."""
        name = pod["spec"].get("schedulerName") or DEFAULT_SCHEDULER
        self._recorder.event(pod, level, reason, message, component=name)

    def _tell(self, pod: Json, *, reason: str, message: str, node_name: str = "") -> None:
        """Why the pod has no node, and the node on which room is being made for it."""
        condition = reports.condition(pod, reason=reason, message=message, now_s=self._clock.now_s())
        status: Json = {} if condition is None else {"conditions": [condition]}
        if node_name != ((pod.get("status") or {}).get("nominatedNodeName") or ""):
            status["nominatedNodeName"] = node_name or None
        if status and len(self._statuses) < CONDITIONS_MAX:
            self._statuses.append((pod, status))
            self._conditions_arrived.set()

    async def _write_conditions(self) -> None:
        while True:
            while not self._statuses:
                self._conditions_arrived.clear()
                await self._conditions_arrived.wait()
            pod, status = self._statuses.popleft()
            metadata = pod["metadata"]
            patch = {"metadata": {"uid": metadata["uid"]}, "status": status}
            try:
                await self._client.patch(
                    PODS,
                    metadata["name"],
                    patch,
                    metadata["namespace"],
                    patch_type="strategic",
                    subresource="status",
                )
            except (StatusError, OSError) as error:
                log.info("the condition of %s/%s: %s", metadata["namespace"], metadata["name"], error)
