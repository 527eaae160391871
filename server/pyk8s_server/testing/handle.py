"""What a test holds: one cluster, with plain calls that wait.

Always true: every call has a deadline; what does not come true in time fails with the object's last status.
Always true: a condition runs in the test's own thread, so it may ask the cluster itself.
Not here: how the cluster runs (see `runtime`).
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyk8s.api.resources import Resource, by_kind, named
from pyk8s.api.status import StatusError

from pyk8s_server.testing.manifests import Manifest, objects
from pyk8s_server.testing.waiting import Condition, is_met, states

if TYPE_CHECKING:
    from pyk8s.client.rest import RestClient

    from pyk8s_server.apiserver.serve import Running
    from pyk8s_server.cluster.compose import Cluster
    from pyk8s_server.testing.runtime import Runtime

Json = dict[str, Any]
WAIT_TIMEOUT_S = 30.0
HOST = "127.0.0.1"


class ClusterHandle:
    """A cluster for tests.

    Kinds may be named as kubectl names them: "pod", "po", "Pod", "deployments.apps".
    ``namespace`` None is "default" for namespaced kinds, all namespaces in `list`.
    """

    def __init__(
        self, runtime: Runtime, client: RestClient, *, cluster: Cluster | None = None, kubeconfig: Path | None = None
    ) -> None:
        self._runtime, self._client, self.cluster = runtime, client, cluster
        self._kubeconfig = kubeconfig
        self._server: Running | None = None
        self._is_closed = False

    @property
    def kubeconfig(self) -> str:
        """Path of a kubeconfig with administrator's rights; the first use opens a port on the loopback address."""
        if self._kubeconfig is None:
            self._kubeconfig = self._serve()
        return str(self._kubeconfig)

    def apply(self, manifest: Manifest, namespace: str | None = None) -> list[Json]:
        """Create what is missing and patch what is there (strategic merge): what a manifest leaves out stays,
        null takes a field away.

        Args:
            manifest: a dict, YAML text, or the path of a file or of a folder.
            namespace: for objects that name none.
        Raises:
            StatusError: the server refuses an object; those before it are applied.
        """
        __tracebackhide__ = True
        return [self._call(self._apply(obj, namespace)) for obj in objects(manifest)]

    def get(self, kind: str, name: str, namespace: str | None = None) -> Json:
        """One object. Raises StatusError (code 404) when it is not there."""
        __tracebackhide__ = True
        resource = _resource(kind)
        found: Json = self._call(self._client.get(resource, name, _namespace(resource, namespace)))
        return found

    def list(self, kind: str, namespace: str | None = None, selector: str | None = None) -> list[Json]:
        """Objects of a kind; ``namespace`` None is all namespaces; ``selector`` is a label selector."""
        __tracebackhide__ = True
        resource = _resource(kind)
        found = self._call(self._client.list(resource, namespace or "", label_selector=selector or ""))
        items: list[Json] = found["items"]
        return items

    def delete(self, kind: str, name: str, namespace: str | None = None, *, grace_period_s: int | None = None) -> None:
        """Delete an object; it may take its time to go (see `wait_for` with "deleted").

        Raises:
            StatusError: it is not there (code 404).
        """
        __tracebackhide__ = True
        resource = _resource(kind)
        options: Json = {} if grace_period_s is None else {"gracePeriodSeconds": grace_period_s}
        self._call(self._client.delete(resource, name, _namespace(resource, namespace), options=options))

    def wait_for(
        self,
        kind: str,
        name: str,
        condition: Condition,
        namespace: str | None = None,
        timeout_s: float = WAIT_TIMEOUT_S,
    ) -> Json:
        """Wait until an object is as it should be, and return it; it need not be there yet.

        Args:
            condition: "Ready" (a condition that is True), "Ready=False", "deleted" (the last state seen is
                returned, {} if none), or a callable that gets the object and returns something true; a part of
                the object that it misses (LookupError, TypeError) is "not yet".
        Raises:
            TimeoutError: with the object's last status.
        """
        __tracebackhide__ = True
        resource = _resource(kind)
        found = states(self._client, resource, name, _namespace(resource, namespace))
        end_s = self._runtime.clock.monotonic_s() + timeout_s
        last, trouble = None, ""
        try:
            while True:
                state = self._call(_within(found, end_s - self._runtime.clock.monotonic_s()), timeout_s + 10)
                last = state or last
                try:
                    if is_met(state, condition):
                        return last or {}
                except (LookupError, TypeError) as error:
                    trouble = f"; the condition raised {error!r}"
        except TimeoutError:
            wanted = condition if isinstance(condition, str) else getattr(condition, "__name__", "as it should be")
            shown = "it was never there" if last is None else f"last status: {last.get('status')}"
            raise TimeoutError(f"{kind} {name} was not {wanted} within {timeout_s:g} s; {shown}{trouble}") from None
        finally:
            self._call(found.aclose())

    def close(self) -> None:
        """End the cluster; safe to call twice."""
        if self._is_closed:
            return
        self._is_closed = True
        self._call(self._close())

    # -- inside ------------------------------------------------------------------------------------------------

    def _call(self, work: Any, timeout_s: float = 60.0) -> Any:
        __tracebackhide__ = True
        try:
            return self._runtime.call(work, timeout_s)
        except StatusError as error:
            # The server's answer: where it came through inside says nothing to the test's reader.
            raise error.with_traceback(None) from None

    async def _apply(self, obj: Json, namespace: str | None) -> Json:
        resource = by_kind(obj.get("apiVersion", ""), obj.get("kind", ""))
        if resource is None:
            raise ValueError(f"no resource for apiVersion {obj.get('apiVersion')!r}, kind {obj.get('kind')!r}")
        meta = obj.get("metadata") or {}
        place = _namespace(resource, meta.get("namespace") or namespace)
        name = meta.get("name", "")
        if name:
            # The patch comes first: of an object that is there, a manifest may name just the part to change.
            try:
                return await self._client.patch(resource, name, obj, place, patch_type="strategic")
            except StatusError as error:
                if error.code != 404:
                    raise
        return await self._client.create(resource, obj, place)

    async def _close(self) -> None:
        if self.cluster is not None:
            await self.cluster.stop()
        if self._server is not None:
            await self._server.stop()
        await self._client.close()
        if self.cluster is not None:
            self.cluster.store.close()

    def _serve(self) -> Path:
        from pyk8s_server.apiserver.serve import serve
        from pyk8s_server.cluster import kubeconfig as kubeconfigs
        from pyk8s_server.cluster.compose import ADMIN, MASTERS
        from pyk8s_server.cluster.state import write_private

        assert self.cluster is not None, "a cluster of others comes with its kubeconfig"
        authority = self._runtime.authority
        server, admin = authority.server(()), authority.client("admin", ADMIN.username, (MASTERS[0],))
        files = {"certfile": server.certificate_path, "keyfile": server.key_path}
        self._server = self._call(
            serve(self.cluster.api, host=HOST, port=0, client_ca_file=authority.pair.certificate_path, **files)
        )
        name = f"pyk8s-test-{self._server.port}"
        ca, url = authority.pair.certificate, f"https://{HOST}:{self._server.port}"
        document = kubeconfigs.document(name, url, ca=ca, certificate=admin.certificate, key=admin.key)
        path = self._runtime.folder / f"{name}.kubeconfig"
        write_private(path, kubeconfigs.dump(document))
        return path


async def _within(found: Any, timeout_s: float) -> Json | None:
    state: Json | None = await asyncio.wait_for(anext(found), max(0.0, timeout_s))
    return state


def _resource(kind: str) -> Resource:
    found = named(kind)
    if found is None:
        raise ValueError(f"unknown kind {kind!r}")
    return found


def _namespace(resource: Resource, namespace: str | None) -> str:
    return (namespace or "default") if resource.namespaced else ""
