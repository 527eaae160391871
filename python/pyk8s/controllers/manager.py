"""The controller manager: shared informers and all controllers, started together, stopped cleanly.

Always true: no controller works before every cache is full; a bug in one is logged and leaves the others running.
Not here: finding the cluster (the caller gives a client), any single controller.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any

from pyk8s.api.clock import Clock
from pyk8s.api.identity import Identity
from pyk8s.client.informer import InformerFactory
from pyk8s.client.interfaces import Client
from pyk8s.client.leader_election import LeaderElector
from pyk8s.controllers.context import Context, Metrics, NoMetrics
from pyk8s.controllers.controller import Controller
from pyk8s.controllers.deployment import DeploymentController
from pyk8s.controllers.endpoints import EndpointsController
from pyk8s.controllers.endpointslice import EndpointSliceController
from pyk8s.controllers.garbage_collector import GarbageCollector
from pyk8s.controllers.namespace import NamespaceController
from pyk8s.controllers.node_ipam import NodeIpamController
from pyk8s.controllers.node_lifecycle import NodeLifecycleController
from pyk8s.controllers.persistentvolume_binder import PersistentVolumeBinder
from pyk8s.controllers.pod_garbage_collector import PodGarbageCollector
from pyk8s.controllers.replicaset import ReplicaSetController
from pyk8s.controllers.resource_quota import ResourceQuotaController
from pyk8s.controllers.root_ca_certificate_publisher import RootCaCertificatePublisher
from pyk8s.controllers.serviceaccount import ServiceAccountController
from pyk8s.controllers.taint_eviction import TaintEvictionController

log = logging.getLogger(__name__)

RESTART_S = 5.0
LEASE_NAME = "kube-controller-manager"
USER_AGENT = "kube-controller-manager/v1.36.0"
"""Give the manager's client this one: it names the manager in managedFields, as upstream's does."""

# In the order in which they are built: the last two watch everything, and share informers with those before them.
CONTROLLERS: Mapping[str, Callable[[Context], Controller]] = {
    "namespace": NamespaceController,
    "serviceaccount": ServiceAccountController,
    "root-ca-certificate-publisher": RootCaCertificatePublisher,
    "deployment": DeploymentController,
    "replicaset": ReplicaSetController,
    "endpoints": EndpointsController,
    "endpointslice": EndpointSliceController,
    "node-ipam": NodeIpamController,
    "node-lifecycle": NodeLifecycleController,
    "taint-eviction": TaintEvictionController,
    "pod-garbage-collector": PodGarbageCollector,
    "persistentvolume-binder": PersistentVolumeBinder,
    "resourcequota": ResourceQuotaController,
    "garbage-collector": GarbageCollector,
}


def chosen(names: Iterable[str] | None) -> list[str]:
    """Which controllers run: None or ``*`` for all, ``-name`` leaves one out, as ``--controllers`` upstream.

    Raises:
        ValueError: a name is not known.
    """
    asked = ["*"] if names is None else list(names)
    unknown = [name for name in asked if name != "*" and name.removeprefix("-") not in CONTROLLERS]
    if unknown:
        raise ValueError(f"unknown controllers: {', '.join(unknown)}; there are {', '.join(CONTROLLERS)}")
    is_all = "*" in asked or (bool(asked) and all(name.startswith("-") for name in asked))
    return [name for name in CONTROLLERS if f"-{name}" not in asked and (is_all or name in asked)]


class Manager:
    """All controllers of one process. `run` works until `stop` is called or it is cancelled."""

    def __init__(
        self,
        client: Client,
        clock: Clock,
        identity: Identity,
        *,
        controllers: Iterable[str] | None = None,
        root_ca: str = "",
        cluster_cidr: str = "10.244.0.0/16",
        metrics: Metrics | None = None,
        leader_elect: bool = False,
    ) -> None:
        self._client, self._clock, self._identity = client, clock, identity
        self._is_elected = leader_elect
        self.informers = InformerFactory(client, clock=clock, identity=identity)
        self.context = Context(client, self.informers, clock, identity, metrics or NoMetrics(), root_ca, cluster_cidr)
        self.controllers = {name: CONTROLLERS[name](self.context) for name in chosen(controllers)}
        self._stopped = asyncio.Event()
        self._ready = asyncio.Event()

    async def run(self) -> None:
        """Run until stopped.

        Raises:
            LeadershipLost: another process leads now; nothing of this one runs any more.
        """
        if not self._is_elected:
            await self._until_stopped(self._work())
            return
        recorder = self.context.recorder("kube-controller-manager")
        elector = LeaderElector(
            self._client,
            LEASE_NAME,
            clock=self._clock,
            identity=self._identity,
            host=socket.gethostname(),
            on_event=lambda lease, message: recorder.event(lease, "Normal", "LeaderElection", message),
        )
        await self._until_stopped(elector.run(self._work))

    async def stop(self) -> None:
        """Make `run` return."""
        self._stopped.set()

    async def wait_ready(self) -> None:
        """Return once every cache is full and the controllers work."""
        await self._ready.wait()

    @property
    def is_ready(self) -> bool:
        return self._ready.is_set()

    async def _until_stopped(self, work: Coroutine[Any, Any, None]) -> None:
        tasks = [asyncio.ensure_future(work), asyncio.ensure_future(self._stopped.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if not tasks[0].cancelled():
            tasks[0].result()

    async def _work(self) -> None:
        try:
            await self.informers.start()
            await self.informers.wait_for_sync()
            self._ready.set()
            runs = [(name, controller.run) for name, controller in self.controllers.items()]
            runs += [(f"events of {name}", recorder.run) for name, recorder in self.context.recorders.items()]
            await asyncio.gather(*(self._supervised(name, run) for name, run in runs))
        finally:
            self._ready.clear()
            await self.informers.stop()

    async def _supervised(self, name: str, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            try:
                await run()
                return
            except Exception:
                log.exception("%s failed and starts again", name)
            await self._clock.sleep(RESTART_S)
