"""The composition root: one whole cluster in one process and one event loop, its parts meeting only through the API.

Always true: clock, identity and store come from outside, so the same composition serves a process, a test and a
simulation. Components talk in process, each as the user it is upstream.
Not here: sockets, files, signals (see `serve`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pyk8s.api.clock import Clock
from pyk8s.api.http import UserInfo
from pyk8s.api.identity import Identity

from pyk8s_server.cluster.explain import BEGINNING, ExplainRoute
from pyk8s_server.cluster.node_count import NodeCount

if TYPE_CHECKING:
    from pyk8s.client.rest import RestClient
    from pyk8s.controllers.manager import Manager
    from pyk8s.core.interfaces import Store
    from pyk8s.kubelet import SimulatedNodes
    from pyk8s.scheduler import Scheduler
    from pyk8s.scheduler.configuration import Compiled

    from pyk8s_server.apiserver.handler import ResourceHandler

MASTERS = ("system:masters", "system:authenticated")
ADMIN = UserInfo("kubernetes-admin", MASTERS)
MANAGER = UserInfo("system:kube-controller-manager", MASTERS)
SCHEDULER = UserInfo("system:kube-scheduler", MASTERS)
NODES = UserInfo("system:nodes", ("system:nodes", *MASTERS))


@dataclass(slots=True)
class Options:
    """How a cluster is composed."""

    node_count: int = 1
    root_ca: str = ""
    """PEM of the cluster CA, published to every namespace."""
    client_ca: bytes | None = None
    service_account_key: Callable[[], bytes] | None = None
    """Gives the PEM of the key that signs service-account tokens; called at first use."""
    tokens: Mapping[str, UserInfo] = field(default_factory=dict)
    advertise_address: str = "127.0.0.1"
    advertise_port: int = 6443
    fsync: bool = False
    """The store's writes wait for the disk, so the API server lets them wait in threads."""
    scheduler: Compiled | None = None
    """The scheduler's configuration; None: kube-scheduler's defaults."""


class Cluster:
    """One cluster. `start` returns when the API is ready; nodes and controllers come up behind it."""

    def __init__(self, store: Store, *, clock: Clock, identity: Identity, options: Options) -> None:
        self.store, self.clock, self.identity, self.options = store, clock, identity, options
        self.api = _api_server(store, clock, identity, options)
        self._explain = self.api.extra_routes[BEGINNING] = ExplainRoute(store)
        self._manager: Manager | None = None
        self._scheduler: Scheduler | None = None
        self._nodes: SimulatedNodes | None = None
        self._node_count: NodeCount | None = None
        self._tasks: list[asyncio.Task[Any]] = []

    def client(self, user: UserInfo = ADMIN, user_agent: str = "pyk8s") -> RestClient:
        """A client in process, trusted to be ``user``."""
        from pyk8s.client.rest import RestClient
        from pyk8s.client.transport_memory import MemoryTransport

        return RestClient(MemoryTransport(self.api.handle, user), user_agent=user_agent)

    async def start(self) -> None:
        """Bootstrap the API; then start the components as tasks of this loop."""
        await self.api.bootstrap()

    def start_components(self) -> None:
        from pyk8s.controllers.manager import Manager
        from pyk8s.kubelet import SimulatedNodes
        from pyk8s.scheduler import Scheduler

        clock, identity = self.clock, self.identity
        manager = self.client(MANAGER, "kube-controller-manager")
        self._manager = Manager(manager, root_ca=self.options.root_ca, clock=clock, identity=identity)
        self._scheduler = Scheduler(
            self.client(SCHEDULER, "kube-scheduler"),
            clock=clock,
            identity=identity,
            configuration=self.options.scheduler,
        )
        self._explain.attach(self._scheduler.attempts, self.options.scheduler)
        nodes = self.client(NODES, "kubelet")
        self._nodes = SimulatedNodes(nodes, count=self.options.node_count, clock=clock, identity=identity)
        self._node_count = NodeCount(self.client(), self._nodes, clock=self.clock)
        for part in (self._manager, self._scheduler, self._nodes, self._node_count):
            self._tasks.append(asyncio.get_running_loop().create_task(part.run()))

    async def stop(self) -> None:
        """End the components, then the API. Safe to call twice."""
        for part in (self._node_count, self._nodes, self._scheduler, self._manager):
            if part is not None:
                await part.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await self.api.close()

    @property
    def failures(self) -> list[BaseException]:
        """What ended a component that should still run."""
        ended = (task for task in self._tasks if task.done() and not task.cancelled())
        return [trouble for task in ended if (trouble := task.exception()) is not None]


def _api_server(store: Store, clock: Clock, identity: Identity, options: Options) -> ResourceHandler:
    from pyk8s_server.apiserver.handler import ResourceHandler

    return ResourceHandler(
        store,
        clock=clock,
        identity=identity,
        tokens=options.tokens,
        client_ca=options.client_ca,
        service_account_key=options.service_account_key,
        advertise_address=options.advertise_address,
        advertise_port=options.advertise_port,
        fsync=options.fsync,
    )
