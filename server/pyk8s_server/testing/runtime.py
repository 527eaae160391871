"""The thread that runs the clusters of a test session, and the template they are forked from.

Always true: one event loop for all clusters of a process; tests call into it and wait with a deadline.
Always true: the template is a cluster that has come up once (namespaces, service accounts, a ready node); a test's
store is a fork of its store, so nothing one test does is seen by another.
Not here: what a test does with a cluster (see `handle`).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pyk8s.api.clock import SystemClock
from pyk8s.api.http import UserInfo
from pyk8s.api.identity import Identity

from pyk8s_server.cluster.compose import ADMIN, Cluster, Options

if TYPE_CHECKING:
    from pyk8s.core.interfaces import Store

    from pyk8s_server.cluster.certificates import Authority
    from pyk8s_server.testing.handle import ClusterHandle

T = TypeVar("T")
CALL_TIMEOUT_S = 60.0
TEMPLATE_TIMEOUT_S = 30.0
POLL_S = 0.01


class Runtime:
    """Owns the loop, the template and the certificates of one test session."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock, self.identity = SystemClock(), Identity()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="pyk8s-clusters", daemon=True)
        self._thread.start()
        self._template: Store | None = None
        self._authority: Authority | None = None
        self._handles: list[ClusterHandle] = []

    def call(self, work: Coroutine[Any, Any, T], timeout_s: float = CALL_TIMEOUT_S) -> T:
        """Run a coroutine on the clusters' loop and wait for its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout_s)

    def cluster(self, *, nodes: int = 1) -> ClusterHandle:
        """A new cluster, forked from the template, with ``nodes`` simulated nodes."""
        from pyk8s_server.testing.handle import ClusterHandle

        if self._template is None:
            self._template = self.call(self._boot(), TEMPLATE_TIMEOUT_S)
        made = self.call(self._start(self._template.fork(), nodes))
        handle = ClusterHandle(self, made.client(), cluster=made)
        self._handles.append(handle)
        return handle

    def connect(self, kubeconfig: str) -> ClusterHandle:
        """A handle on an existing cluster."""
        from pyk8s.client import kubeconfig as kubeconfigs
        from pyk8s.client.rest import RestClient
        from pyk8s.client.transport_http import HttpTransport

        from pyk8s_server.testing.handle import ClusterHandle

        access = kubeconfigs.load(kubeconfig)

        async def client() -> RestClient:
            return RestClient(HttpTransport.from_access(access), user_agent="pyk8s-pytest")

        handle = ClusterHandle(self, self.call(client()), kubeconfig=Path(kubeconfig))
        self._handles.append(handle)
        return handle

    @property
    def authority(self) -> Authority:
        """The session's CA, made when the first cluster is served."""
        if self._authority is None:
            from pyk8s_server.cluster.certificates import Authority

            self._authority = Authority(self.folder / "certificates", self.clock.now_s())
        return self._authority

    def close(self) -> None:
        for handle in self._handles:
            handle.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_TIMEOUT_S)
        self._loop.close()

    async def _boot(self) -> Store:
        from pyk8s.core import Store

        cluster = await self._start(Store(objects=True), 1)
        try:
            await self._settled(cluster)
        finally:
            await cluster.stop()
        return cluster.store

    async def _start(self, store: Store, nodes: int) -> Cluster:
        tokens: dict[str, UserInfo] = {self.identity.suffix(32): ADMIN}
        authority = self.authority
        options = Options(
            node_count=nodes,
            root_ca=authority.pair.certificate,
            client_ca=authority.pair.certificate.encode(),
            service_account_key=lambda: authority.service_account_key().read_bytes(),
            tokens=tokens,
        )
        cluster = Cluster(store, clock=self.clock, identity=self.identity, options=options)
        await cluster.start()
        cluster.start_components()
        return cluster

    async def _settled(self, cluster: Cluster) -> None:
        """Wait until the node is ready and the default namespace has its service account."""
        from pyk8s_server.testing.handle import has_condition

        client, end_s = cluster.client(), self.clock.monotonic_s() + TEMPLATE_TIMEOUT_S
        while self.clock.monotonic_s() < end_s:
            nodes = (await client.list(_resource("nodes")))["items"]
            accounts = (await client.list(_resource("serviceaccounts"), "default"))["items"]
            if accounts and nodes and all(has_condition(node, "Ready") for node in nodes):
                return
            await asyncio.sleep(POLL_S)
        raise TimeoutError(f"the template cluster was not ready after {TEMPLATE_TIMEOUT_S:.0f} s: {cluster.failures}")


def _resource(plural: str) -> Any:
    from pyk8s.api.resources import named

    found = named(plural)
    assert found is not None, f"the resource table has {plural}"
    return found
