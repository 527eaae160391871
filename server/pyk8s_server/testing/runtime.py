"""The thread that runs the clusters of a test session, and the templates they are forked from.

Always true: one event loop for all clusters of a process; tests call into it and wait with a deadline.
Always true: a template is a cluster that has come up once (namespaces, service accounts, ready nodes); a test's
store is a fork of its store, so nothing one test does is seen by another.
Not here: what a test does with a cluster (see `handle`).
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pyk8s.api.clock import SystemClock
from pyk8s.api.identity import Identity

from pyk8s_server.cluster.compose import Cluster, Options
from pyk8s_server.testing.waiting import has_condition

if TYPE_CHECKING:
    from pyk8s.core.interfaces import Store

    from pyk8s_server.cluster.certificates import Authority
    from pyk8s_server.testing.handle import ClusterHandle

T = TypeVar("T")
CALL_TIMEOUT_S = 60.0
TEMPLATE_TIMEOUT_S = 60.0
POLL_S = 0.005


class Runtime:
    """Owns the loop, the templates, the certificates and the files of one test session."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pyk8s-tests-"))
        self.clock, self.identity = SystemClock(), Identity()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="pyk8s-clusters", daemon=True)
        self._thread.start()
        self._templates: dict[int, Store] = {}
        self._authority: Authority | None = None
        self._handles: list[ClusterHandle] = []

    def call(self, work: Coroutine[Any, Any, T], timeout_s: float = CALL_TIMEOUT_S) -> T:
        """Run a coroutine on the clusters' loop and wait for its result. Raises TimeoutError; it is cancelled then."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(timeout_s)
        except BaseException:
            future.cancel()
            raise

    def cluster(self, *, nodes: int = 1) -> ClusterHandle:
        """A new cluster with ``nodes`` simulated nodes, forked from the template that has as many."""
        from pyk8s_server.testing.handle import ClusterHandle

        template = self._templates.get(nodes)
        if template is None:
            template = self._templates[nodes] = self.call(self._boot(nodes), TEMPLATE_TIMEOUT_S)
        made = self.call(self._start(template.fork(), nodes))
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

    def forget(self, handle: ClusterHandle) -> None:
        """Close a handle now, not with the session."""
        if handle in self._handles:
            self._handles.remove(handle)
        handle.close()

    @property
    def authority(self) -> Authority:
        """The session's CA, made with the first template; clusters publish its certificate."""
        if self._authority is None:
            from pyk8s_server.cluster.certificates import Authority

            self._authority = Authority(self.folder / "certificates", self.clock.now_s())
        return self._authority

    def close(self) -> None:
        """End every cluster, the thread, and remove the files."""
        try:
            for handle in self._handles:
                handle.close()
            for template in self._templates.values():
                template.close()
            self.call(self._loop.shutdown_asyncgens())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(CALL_TIMEOUT_S)
            self._loop.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    async def _boot(self, nodes: int) -> Store:
        from pyk8s.core import Store

        cluster = await self._start(Store(objects=True), nodes)
        try:
            await self._settled(cluster)
        finally:
            await cluster.stop()
        return cluster.store

    async def _start(self, store: Store, nodes: int) -> Cluster:
        authority = self.authority
        root_ca = authority.pair.certificate
        options = Options(
            node_count=nodes,
            root_ca=root_ca,
            client_ca=root_ca.encode(),
            service_account_key=lambda: authority.service_account_key().read_bytes(),
        )
        cluster = Cluster(store, clock=self.clock, identity=self.identity, options=options)
        await cluster.start()
        cluster.start_components()
        return cluster

    async def _settled(self, cluster: Cluster) -> None:
        """Wait until the nodes are ready and every namespace has its service account and CA."""
        client, end_s = cluster.client(), self.clock.monotonic_s() + TEMPLATE_TIMEOUT_S
        wanted = cluster.options.node_count
        while self.clock.monotonic_s() < end_s:
            items = {plural: (await client.list(_resource(plural)))["items"] for plural in SETTLED}
            places = {namespace["metadata"]["name"] for namespace in items["namespaces"]}
            accounts = {account["metadata"]["namespace"] for account in items["serviceaccounts"]}
            published = {c["metadata"]["namespace"] for c in items["configmaps"] if c["metadata"]["name"] == ROOT_CA}
            ready_count = sum(has_condition(node, "Ready") and not _is_tainted(node) for node in items["nodes"])
            if places == accounts == published and ready_count == wanted:
                return
            await asyncio.sleep(POLL_S)
        raise TimeoutError(f"the template cluster was not ready after {TEMPLATE_TIMEOUT_S:.0f} s: {cluster.failures}")


SETTLED = ("namespaces", "serviceaccounts", "configmaps", "nodes")
ROOT_CA = "kube-root-ca.crt"


def _is_tainted(node: dict[str, Any]) -> bool:
    """Not ready yet in the node controller's eyes: it takes its taints off a little after the condition."""
    return bool(node["spec"].get("taints"))


def _resource(plural: str) -> Any:
    from pyk8s.api.resources import named

    found = named(plural)
    assert found is not None, f"the resource table has {plural}"
    return found
