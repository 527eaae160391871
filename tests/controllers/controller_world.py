"""A cluster for tests of the controllers: the API server in process, all controllers, nodes that obey."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from pyk8s.api.clock import VirtualClock, rfc3339, rfc3339_micro
from pyk8s.api.http import UserInfo
from pyk8s.api.identity import Identity
from pyk8s.api.resources import Resource
from pyk8s.api.status import StatusError
from pyk8s.client.informer import Informer
from pyk8s.client.rest import RestClient
from pyk8s.client.transport_memory import MemoryTransport
from pyk8s.client.well_known import EVENTS, LEASES, NODES, PODS
from pyk8s.controllers.manager import Manager
from pyk8s_server.apiserver.app import ApiServer

Json = dict[str, Any]
ADMIN = UserInfo("admin", ("system:masters",))
STEP_S = 0.05


class World:
    """A cluster without scheduler and kubelet: pods named to a node are run by `Nodes`."""

    def __init__(self, api: ApiServer, clock: VirtualClock, identity: Identity) -> None:
        self.api, self.clock, self.identity = api, clock, identity
        self.client = RestClient(MemoryTransport(api.handle, ADMIN), user_agent="test")
        manager_client = RestClient(MemoryTransport(api.handle, ADMIN), user_agent="kube-controller-manager")
        self.manager = Manager(manager_client, clock, identity, root_ca="CA")
        self.nodes = Nodes(self)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self.api.bootstrap()
        self._task = asyncio.ensure_future(self.manager.run())
        self.nodes.start()
        await self.until(lambda: self.manager.is_ready)

    async def stop(self) -> None:
        await self.nodes.stop()
        await self.manager.stop()
        if self._task is not None:
            await self._task
        await self.api.close()

    async def until(self, condition: Callable[[], Any], *, timeout_s: float = 120.0) -> Any:
        """Let time pass until ``condition`` (a function, maybe async) is true; returns what it gave."""
        end_s = self.clock.now_s() + timeout_s
        while True:
            value = condition()
            if asyncio.iscoroutine(value):
                value = await value
            if value:
                return value
            if self.clock.now_s() > end_s:
                raise AssertionError(f"not true within {timeout_s} s of virtual time")
            await self.clock.advance(STEP_S)

    async def find(self, resource: Resource, name: str, namespace: str = "default") -> Json | None:
        try:
            return await self.client.get(resource, name, namespace if resource.namespaced else "")
        except StatusError as error:
            if error.code != 404:
                raise
            return None

    async def items(self, resource: Resource, namespace: str = "default", **selectors: str) -> list[Json]:
        found: list[Json] = (await self.client.list(resource, namespace, **selectors))["items"]
        return found

    async def events(self, reason: str, namespace: str = "default") -> list[str]:
        return [event["message"] for event in await self.items(EVENTS, namespace) if event["reason"] == reason]


class Nodes:
    """Nodes that run what is bound to them, and bind what nobody bound, round robin."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._pods = Informer(world.client, PODS, clock=world.clock, identity=world.identity)
        self._pods.add_handler(on_add=self._later, on_update=lambda old, new: self._later(new))
        self._tasks: set[asyncio.Task[None]] = set()
        self._ip = 0
        self.names: list[str] = []
        self.is_starting_pods = True
        self._silent: set[str] = set()

    def start(self) -> None:
        self._pods.start()

    async def stop(self) -> None:
        await self._pods.stop()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def add(self, *names: str) -> None:
        for name in names:
            node = {"metadata": {"name": name}, "status": {"conditions": [self._condition("Ready", "True")]}}
            await self._world.client.create(NODES, node)
            lease = {"metadata": {"name": name, "namespace": "kube-node-lease"}, "spec": self._lease_spec(name)}
            await self._world.client.create(LEASES, lease)
            self.names.append(name)
            self._spawn(self._heartbeat(name))

    def silence(self, *names: str) -> None:
        self._silent |= set(names)

    async def wake(self, *names: str) -> None:
        self._silent -= set(names)
        for name in names:
            node = await self._world.client.get(NODES, name)
            status = {**node["status"], "conditions": [self._condition("Ready", "True")]}
            await self._world.client.update(NODES, {**node, "status": status}, subresource="status")

    def _condition(self, condition_type: str, status: str) -> Json:
        now = rfc3339(self._world.clock.now_s())
        return {"type": condition_type, "status": status, "lastTransitionTime": now, "lastHeartbeatTime": now}

    def _lease_spec(self, name: str) -> Json:
        return {"holderIdentity": name, "renewTime": rfc3339_micro(self._world.clock.now_s())}

    async def _heartbeat(self, name: str) -> None:
        while True:
            await self._world.clock.sleep(10)
            if name not in self._silent:
                patch = {"spec": {"renewTime": rfc3339_micro(self._world.clock.now_s())}}
                await self._world.client.patch(LEASES, name, patch, "kube-node-lease")

    def _later(self, pod: Json) -> None:
        self._spawn(self._serve(pod))

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, pod: Json) -> None:
        metadata, client = pod["metadata"], self._world.client
        node_name = pod["spec"].get("nodeName", "")
        if node_name in self._silent:
            return
        try:
            if metadata.get("deletionTimestamp"):
                await client.delete(PODS, metadata["name"], metadata["namespace"], options={"gracePeriodSeconds": 0})
            elif not node_name and self.names:
                self._ip += 1
                target = {"kind": "Node", "name": self.names[self._ip % len(self.names)]}
                binding = {"metadata": {"name": metadata["name"]}, "target": target}
                await client.create(PODS, binding, metadata["namespace"], name=metadata["name"], subresource="binding")
            elif node_name and pod["status"]["phase"] == "Pending" and self.is_starting_pods:
                self._ip += 1
                ip = f"10.244.{self._ip // 250}.{self._ip % 250 + 1}"
                ready = {"type": "Ready", "status": "True", "lastTransitionTime": rfc3339(self._world.clock.now_s())}
                status = {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}], "conditions": [ready]}
                await client.patch(
                    PODS, metadata["name"], {"status": status}, metadata["namespace"],
                    patch_type="strategic", subresource="status",
                )  # fmt: skip
        except StatusError as error:
            if error.code not in (404, 409):
                raise
