"""An API server in process with what a test starts beside it, all on one virtual clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from pyk8s import core
from pyk8s.api.clock import VirtualClock
from pyk8s.api.http import UserInfo
from pyk8s.api.identity import Identity
from pyk8s.api.resources import Resource
from pyk8s.api.status import StatusError
from pyk8s.client.rest import RestClient
from pyk8s.client.transport_memory import MemoryTransport
from pyk8s.client.well_known import CONFIG_MAPS, NODES, PODS, SERVICE_ACCOUNTS
from pyk8s_server.apiserver.app import ApiServer

Json = dict[str, Any]
MASTERS = ("system:masters", "system:authenticated")
WAIT_S = 120.0


class Component(Protocol):
    async def run(self) -> None: ...
    async def stop(self) -> None: ...


class InProcess:
    """Use as an async context; `start` adds components, `until` moves the clock until something holds."""

    def __init__(self) -> None:
        self.clock, self.identity = VirtualClock(), Identity(11)
        self.api = ApiServer(core.Store(objects=True), clock=self.clock, identity=self.identity)
        self.client = self.client_of("admin")
        self._running: dict[Component, asyncio.Task[None]] = {}

    async def __aenter__(self) -> InProcess:
        await self.api.bootstrap()
        await self.client.create(SERVICE_ACCOUNTS, named("ServiceAccount", "default", namespace="default"))
        await self.client.create(
            CONFIG_MAPS, {**named("ConfigMap", "kube-root-ca.crt", namespace="default"), "data": {"ca.crt": ""}}
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        for component in list(self._running):
            await self.stop(component)
        await self.api.close()

    def client_of(self, name: str) -> RestClient:
        return RestClient(MemoryTransport(self.api.handle, UserInfo(name, MASTERS)), user_agent=name)

    def start(self, component: Component) -> None:
        self._running[component] = asyncio.get_running_loop().create_task(component.run())

    async def stop(self, component: Component) -> None:
        await component.stop()
        await asyncio.gather(self._running.pop(component), return_exceptions=True)

    async def until(self, holds: Callable[[], Any], *, step_s: float = 0.5) -> Any:
        """What ``holds`` (a coroutine function) returns once that is true; the clock moves meanwhile."""
        waited_s = 0.0
        while not (result := await holds()):
            assert waited_s < WAIT_S, f"still not so after {WAIT_S} s: {await self._told()}"
            for task in self._running.values():
                assert not task.done(), task
            await self.clock.advance(step_s)
            waited_s += step_s
        return result

    async def _told(self) -> list[Json]:
        return [pod["status"] for pod in (await self.client.list(PODS))["items"]]

    async def find(self, resource: Resource, name: str, namespace: str = "") -> Json | None:
        try:
            return await self.client.get(resource, name, namespace)
        except StatusError as error:
            if error.code != 404:
                raise
            return None

    async def give_network(self, name: str, cidr: str) -> None:
        """What the controllers do for a node: its pod CIDR, and no taint once it is ready."""
        await self.until(lambda: self.find(NODES, name))
        spec = {"spec": {"podCIDR": cidr, "podCIDRs": [cidr]}}
        await self.client.patch(NODES, name, spec, patch_type="strategic")

        async def is_ready() -> bool:
            node = await self.find(NODES, name)
            return node is not None and condition(node, "Ready") == "True"

        await self.until(is_ready)
        await self.client.patch(NODES, name, {"spec": {"taints": None}}, patch_type="merge")

    async def pod_phase(self, name: str) -> str:
        pod = await self.find(PODS, name, "default")
        return "" if pod is None else pod["status"].get("phase", "")

    def has_phase(self, name: str, phase: str) -> Callable[[], Any]:
        async def holds() -> bool:
            return await self.pod_phase(name) == phase

        return holds


def named(kind: str, name: str, *, namespace: str = "") -> Json:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata}


def pod(name: str, *, annotations: Json | None = None, requests: Json | None = None, **spec: Any) -> Json:
    container = {"name": "c", "image": "nginx:1.27", "resources": {"requests": requests or {}}}
    made = named("Pod", name, namespace="default")
    made["metadata"]["annotations"] = annotations or {}
    return {**made, "spec": {"containers": [container], **spec}}


def condition(obj: Json, kind: str) -> str:
    """Status of the condition, "" without one."""
    return next((str(c["status"]) for c in obj["status"].get("conditions") or () if c["type"] == kind), "")
