"""`SimulatedNodes`: N nodes in one component, with one watch of pods, one of nodes, and one timer for all.

Always true: nothing polls; what falls due (leases, node status, containers) waits in one queue, so idle nodes cost
their heartbeats and nothing else. Node names count from 1.
Not here: one node's writes (see `node_agent`), one pod's life (see `pod_worker`).
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from pyk8s.api.clock import Clock
from pyk8s.api.identity import Identity
from pyk8s.api.status import StatusError
from pyk8s.client.interfaces import Client
from pyk8s.client.reflector import Reflector
from pyk8s.client.well_known import NODES, PODS
from pyk8s.client.work_queue import WorkQueue
from pyk8s.kubelet import node_status
from pyk8s.kubelet.events import Events
from pyk8s.kubelet.node_agent import NodeAgent
from pyk8s.kubelet.node_status import Shape
from pyk8s.kubelet.object_keys import ObjectKeys
from pyk8s.kubelet.pod_sync import PodSync
from pyk8s.kubelet.pod_worker import Note

Json = dict[str, Any]
Item = tuple[str, str]
"""("pod", uid) or ("node" | "lease" | "report" | "remove", node name)."""

log = logging.getLogger(__name__)

# In process four would do; over HTTPS each hides one round trip.
WORKER_COUNT = 16
LEASE_RENEW_S = 10.0
STATUS_REPORT_S = 300.0
NODE_COUNT_MAX = 900_000
"""As many addresses as 172.18.0.0 to 172.31.255.255 have."""


class SimulatedNodes:
    """``count`` nodes. `run` works until cancelled or `stop`; `scale` changes their number at any time."""

    def __init__(
        self, client: Client, *, clock: Clock, identity: Identity, count: int = 1, shape: Shape = Shape()
    ) -> None:
        self._client, self._clock, self._identity, self._shape = client, clock, identity, shape
        self._agents: dict[str, NodeAgent] = {}
        self._queue: WorkQueue[Item] = WorkQueue(clock, name="kubelet")
        self._events = Events(client, clock=clock)
        self._pods = PodSync(
            client,
            clock=clock,
            agents=self._agents,
            events=self._events,
            enqueue=lambda uid, delay_s: self._queue.add_after(("pod", uid), delay_s),
        )
        self._running: asyncio.Task[None] | None = None
        self._count = 0
        self._wanted_count = self._checked(count)

    @property
    def count(self) -> int:
        """How many nodes there are, or will be in a moment."""
        return self._wanted_count

    async def run(self) -> None:
        """Be the nodes until cancelled."""
        self._running = asyncio.current_task()
        keys = ObjectKeys(self._client, clock=self._clock, identity=self._identity, on_change=self._pods.wake)
        self._pods.object_keys = keys
        self._scale_agents()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(keys.run())
                group.create_task(self._events.run())
                group.create_task(self._reflector(NODES, _NodeTarget(self)).run())
                for number in range(WORKER_COUNT):
                    group.create_task(self._work(), name=f"kubelet worker {number}")
                await keys.wait_for_sync()
                group.create_task(self._reflector(PODS, self._pods, "spec.nodeName!=").run())
        finally:
            self._queue.shut_down()

    async def stop(self) -> None:
        """End `run`; the nodes stay, and fall silent. Safe to call twice."""
        task, self._running = self._running, None
        if task is not None and task is not asyncio.current_task():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def scale(self, count: int) -> None:
        """Have ``count`` nodes: new ones register, those beyond it delete their pods and themselves."""
        self._wanted_count = self._checked(count)
        if self._running is not None:
            self._scale_agents()

    @staticmethod
    def _checked(count: int) -> int:
        if not 0 <= count <= NODE_COUNT_MAX:
            raise ValueError(f"the number of nodes is {count}; it may be 0 to {NODE_COUNT_MAX}")
        return count

    def _scale_agents(self) -> None:
        for index in range(self._count + 1, self._wanted_count + 1):
            name = node_status.name_of(index)
            manifest = node_status.manifest(index, self._shape, uid=self._identity.uid(), now_s=self._clock.now_s())
            self._agents[name] = NodeAgent(self._client, index, clock=self._clock, manifest=manifest)
            self._queue.add(("node", name))
        for index in range(self._wanted_count + 1, self._count + 1):
            self._queue.add(("remove", node_status.name_of(index)))
        self._count = self._wanted_count

    def _reflector(self, resource: Any, target: Any, fields: str = "") -> Reflector:
        return Reflector(
            self._client, resource, target=target, clock=self._clock, identity=self._identity, field_selector=fields
        )

    # -- nodes as the watch shows them ---------------------------------------------------------------------

    def observe_node(self, node: Json) -> None:
        agent = self._agents.get(node["metadata"]["name"])
        if agent is not None and agent.is_registered and agent.observe(node):
            self._network_is_ready(agent)

    def node_is_gone(self, name: str) -> None:
        """Somebody deleted the Node: it falls silent, as a kubelet does until it is started anew."""
        agent = self._agents.get(name)
        if agent is not None:
            agent.node = None

    def _network_is_ready(self, agent: NodeAgent) -> None:
        self._queue.add(("report", agent.name))
        self._pods.adopt_node(agent)

    # -- what falls due ------------------------------------------------------------------------------------

    async def _work(self) -> None:
        while True:
            item = await self._queue.get()
            try:
                await self._handle(*item)
            except (StatusError, OSError) as error:
                log.info("%s %s: %s", *item, error)
                self._queue.add_rate_limited(item)
            except Exception:
                # A bug must not silence all nodes; the item comes again with backoff.
                log.exception("%s %s failed", *item)
                self._queue.add_rate_limited(item)
            else:
                self._queue.forget(item)
            finally:
                self._queue.done(item)

    async def _handle(self, kind: str, name: str) -> None:
        if kind == "pod":
            await self._pods.sync(name)
            return
        agent = self._agents.get(name)
        if agent is None:
            return
        if kind == "node":
            await self._register(agent)
        elif kind == "remove":
            await self._remove(agent)
        elif agent.is_registered:
            await self._beat(kind, agent)

    async def _register(self, agent: NodeAgent) -> None:
        await agent.register()
        self._events.record(agent.name, agent.reference, Note("Normal", "Starting", "Starting kubelet."))
        if agent.addresses is not None:
            self._network_is_ready(agent)
        await agent.renew()
        # Heartbeats are spread over their interval, so that a thousand nodes do not speak at once.
        self._queue.add_after(("lease", agent.name), LEASE_RENEW_S * self._identity.random.random())
        self._queue.add_after(("report", agent.name), STATUS_REPORT_S * self._identity.random.random())

    async def _beat(self, kind: str, agent: NodeAgent) -> None:
        if kind == "lease":
            self._queue.add_after((kind, agent.name), LEASE_RENEW_S)
            await agent.renew()
        else:
            self._queue.add_after((kind, agent.name), STATUS_REPORT_S)
            if await agent.report():
                message = f"Node {agent.name} status is now: NodeReady"
                self._events.record(agent.name, agent.reference, Note("Normal", "NodeReady", message))

    async def _remove(self, agent: NodeAgent) -> None:
        """Take a node away for good, with its pods."""
        if agent.index <= self._wanted_count:
            return
        for uid in self._pods.uids_on(agent.name):
            await self._pods.evict(uid)
        await agent.remove()
        self._agents.pop(agent.name, None)
        self._events.forget(agent.name)


class _NodeTarget:
    """Target of the reflector of nodes."""

    def __init__(self, nodes: SimulatedNodes) -> None:
        self._nodes = nodes

    def replace(self, items: list[Json]) -> None:
        for node in items:
            self._nodes.observe_node(node)

    def apply(self, event_type: str, obj: Json) -> None:
        if event_type == "DELETED":
            self._nodes.node_is_gone(obj["metadata"]["name"])
        else:
            self._nodes.observe_node(obj)
