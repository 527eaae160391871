"""What a test holds: one cluster, with plain calls that wait.

Always true: every call has a deadline; what does not come true in time fails with the object's last state.
Not here: how the cluster runs (see `runtime`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyk8s.api.resources import Resource, by_kind, named
from pyk8s.api.status import StatusError

if TYPE_CHECKING:
    from pyk8s.client.rest import RestClient

    from pyk8s_server.cluster.compose import Cluster
    from pyk8s_server.testing.runtime import Runtime

Json = dict[str, Any]
Condition = str | Callable[[Json], Any]
WAIT_TIMEOUT_S = 30.0
DELETED = "deleted"


class ClusterHandle:
    """A cluster for tests.

    Kinds may be named as kubectl names them: "pod", "po", "Pod", "deployments.apps".
    ``namespace`` None is "default" for namespaced kinds.
    """

    def __init__(
        self, runtime: Runtime, client: RestClient, *, cluster: Cluster | None = None, kubeconfig: Path | None = None
    ) -> None:
        self._runtime, self._client, self.cluster = runtime, client, cluster
        self._kubeconfig = kubeconfig
        self._server: Any = None
        self._is_closed = False

    @property
    def kubeconfig(self) -> str:
        """Path of a kubeconfig with administrator's rights; the first use opens a port on the loopback address."""
        if self._kubeconfig is None:
            self._kubeconfig = self._serve()
        return str(self._kubeconfig)

    def apply(self, manifest: Json | str | Path, namespace: str | None = None) -> list[Json]:
        """Create what is missing and patch what is there: a dict, YAML text, or the path of a file or folder."""
        return [self._call(self._apply(obj, namespace)) for obj in _documents(manifest)]

    def get(self, kind: str, name: str, namespace: str | None = None) -> Json:
        """One object. Raises StatusError (code 404) when it is not there."""
        resource = _resource(kind)
        found: Json = self._call(self._client.get(resource, name, _namespace(resource, namespace)))
        return found

    def list(self, kind: str, namespace: str | None = None, selector: str | None = None) -> list[Json]:
        """Objects of a kind; ``namespace`` None is all namespaces; ``selector`` is a label selector."""
        resource = _resource(kind)
        found = self._call(self._client.list(resource, namespace or "", label_selector=selector or ""))
        items: list[Json] = found["items"]
        return items

    def delete(self, kind: str, name: str, namespace: str | None = None, *, grace_period_s: int | None = None) -> None:
        """Delete an object; it may take its time to go (see `wait_for` with "deleted")."""
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
        """Wait until an object is as it should be, and return it.

        Args:
            condition: "Ready" (a condition that is True), "Ready=False", "deleted" (returns the last state seen),
                or a callable that gets the object and returns something true.
        Raises:
            TimeoutError: with the object's last status.
        """
        resource = _resource(kind)
        work = self._wait(resource, name, _namespace(resource, namespace), condition)
        met: Json = self._call(_within(work, timeout_s, f"{kind} {name}", condition), timeout_s + 10)
        return met

    def close(self) -> None:
        """End the cluster; safe to call twice."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._server is not None:
            self._call(self._server.stop())
        if self.cluster is not None:
            self._call(self.cluster.stop())
        self._call(self._client.close())

    # -- inside ------------------------------------------------------------------------------------------------

    def _call(self, work: Any, timeout_s: float = 60.0) -> Any:
        return self._runtime.call(work, timeout_s)

    async def _apply(self, obj: Json, namespace: str | None) -> Json:
        resource = by_kind(obj.get("apiVersion", ""), obj.get("kind", ""))
        if resource is None:
            raise ValueError(f"no resource for apiVersion {obj.get('apiVersion')!r}, kind {obj.get('kind')!r}")
        meta = obj.get("metadata") or {}
        place = _namespace(resource, namespace or meta.get("namespace"))
        try:
            return await self._client.create(resource, obj, place)
        except StatusError as error:
            if error.reason != "AlreadyExists":
                raise
        return await self._client.patch(resource, meta["name"], obj, place, patch_type="strategic")

    async def _wait(self, resource: Resource, name: str, namespace: str, condition: Condition) -> Json:
        last: Json = {}
        while True:
            selector = f"metadata.name={name}"
            stream = self._client.watch(resource, namespace, field_selector=selector, send_initial_events=True)
            try:
                async for event in stream:
                    if event.type == "BOOKMARK":
                        if condition == DELETED and _is_initial_end(event.object) and not last:
                            return last
                        continue
                    last = event.object
                    _LAST[id(asyncio.current_task())] = last
                    if event.type == "DELETED":
                        if condition == DELETED:
                            return last
                    elif condition != DELETED and is_met(last, condition):
                        return last
            finally:
                await stream.aclose()  # type: ignore[attr-defined]

    def _serve(self) -> Path:
        from pyk8s_server.apiserver.serve import serve
        from pyk8s_server.cluster import kubeconfig as kubeconfigs
        from pyk8s_server.cluster.compose import ADMIN, MASTERS
        from pyk8s_server.cluster.state import write_private

        assert self.cluster is not None
        authority = self._runtime.authority
        server = authority.server(())
        self._server = self._call(
            serve(
                self.cluster.api,
                host="127.0.0.1",
                port=0,
                certfile=server.certificate_path,
                keyfile=server.key_path,
                client_ca_file=authority.pair.certificate_path,
            )
        )
        admin = authority.client("admin", ADMIN.username, (MASTERS[0],))
        url = f"https://127.0.0.1:{self._server.port}"
        name = f"pyk8s-test-{self._server.port}"
        document = kubeconfigs.document(
            name, url, ca=authority.pair.certificate, certificate=admin.certificate, key=admin.key
        )
        path = self._runtime.folder / f"{name}.kubeconfig"
        write_private(path, kubeconfigs.dump(document))
        return path


_LAST: dict[int, Json] = {}
"""The last object each waiting task saw, for the message when its time is over."""


async def _within(work: Any, timeout_s: float, what: str, condition: Condition) -> Json:
    task = asyncio.ensure_future(work)
    try:
        found: Json = await asyncio.wait_for(asyncio.shield(task), timeout_s)
        return found
    except TimeoutError:
        last = _LAST.get(id(task)) or {}
        wanted = condition if isinstance(condition, str) else getattr(condition, "__name__", "the condition")
        shown = last.get("status") if last else "no such object"
        raise TimeoutError(f"{what} was not {wanted!r} within {timeout_s:g} s; last status: {shown}") from None
    finally:
        _LAST.pop(id(task), None)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def is_met(obj: Json, condition: Condition) -> bool:
    """Whether an object fulfils a condition of `ClusterHandle.wait_for`."""
    if callable(condition):
        return bool(condition(obj))
    kind, _, wanted = condition.partition("=")
    return has_condition(obj, kind, wanted or "True")


def has_condition(obj: Json, kind: str, status: str = "True") -> bool:
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return any(c.get("type") == kind and c.get("status") == status for c in conditions)


def _is_initial_end(bookmark: Json) -> bool:
    annotations: Mapping[str, str] = (bookmark.get("metadata") or {}).get("annotations") or {}
    return annotations.get("k8s.io/initial-events-end") == "true"


def _resource(kind: str) -> Resource:
    found = named(kind)
    if found is None:
        raise ValueError(f"unknown kind {kind!r}")
    return found


def _namespace(resource: Resource, namespace: str | None) -> str:
    return (namespace or "default") if resource.namespaced else ""


def _documents(manifest: Json | str | Path) -> Iterable[Json]:
    """The objects of a manifest; Lists are unfolded."""
    import yaml

    if isinstance(manifest, dict):
        found: list[Any] = [manifest]
    else:
        path = Path(manifest) if isinstance(manifest, Path) or _looks_like_path(manifest) else None
        files = sorted(path.glob("*.y*ml")) if path is not None and path.is_dir() else [path] if path else []
        texts = [file.read_text() for file in files] if files else [str(manifest)]
        found = [document for text in texts for document in yaml.safe_load_all(text) if document]
    for document in found:
        yield from document["items"] if document.get("kind") == "List" else (document,)


def _looks_like_path(text: str) -> bool:
    return "\n" not in text and ":" not in text
