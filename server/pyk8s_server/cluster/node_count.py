"""How many simulated nodes a running cluster has: a number in a ConfigMap that the nodes follow.

Always true: the ConfigMap `kube-system/pyk8s-nodes` is the only word on it, so `pyk8s scale nodes` works from anywhere
that reaches the API, and the number is kept with the cluster's data.
Not here: the nodes themselves (see `pyk8s.kubelet`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from pyk8s.api.clock import Clock
from pyk8s.api.resources import Resource, find
from pyk8s.api.status import StatusError
from pyk8s.client.interfaces import Client

NAMESPACE, NAME, KEY = "kube-system", "pyk8s-nodes", "count"
RETRY_S = 1.0


class Scalable(Protocol):
    async def scale(self, count: int) -> None: ...


class NodeCount:
    """Watches the ConfigMap and scales the nodes to it."""

    def __init__(self, client: Client, nodes: Scalable, *, clock: Clock) -> None:
        self._client, self._nodes, self._clock = client, nodes, clock
        self._is_stopped = False

    async def run(self) -> None:
        while not self._is_stopped:
            try:
                selector = f"metadata.name={NAME}"
                async for event in self._client.watch(_config_maps(), NAMESPACE, field_selector=selector):
                    await self._follow(event.type, event.object)
            except (OSError, StatusError):
                await self._clock.sleep(RETRY_S)

    async def stop(self) -> None:
        self._is_stopped = True

    async def _follow(self, kind: str, config_map: dict[str, Any]) -> None:
        text = (config_map.get("data") or {}).get(KEY, "")
        if kind in ("ADDED", "MODIFIED") and text.isdigit():
            await self._nodes.scale(int(text))


async def request_node_count(kubeconfig: Path, count: int) -> None:
    """Write the wanted number through the API. Raises StatusError, OSError."""
    from pyk8s.client import kubeconfig as kubeconfigs
    from pyk8s.client.rest import RestClient
    from pyk8s.client.transport_http import HttpTransport

    client = RestClient(HttpTransport.from_access(kubeconfigs.load(kubeconfig)))
    try:
        await write_node_count(client, count)
    finally:
        await client.close()


async def write_node_count(client: Client, count: int) -> None:
    wanted = {"data": {KEY: str(count)}}
    try:
        await client.patch(_config_maps(), NAME, wanted, NAMESPACE, patch_type="merge")
    except StatusError as error:
        if error.code != 404:
            raise
        meta = {"name": NAME, "namespace": NAMESPACE}
        await client.create(
            _config_maps(), {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, **wanted}, NAMESPACE
        )


def _config_maps() -> Resource:
    found = find("", "v1", "configmaps")
    assert found is not None, "the resource table has configmaps"
    return found
