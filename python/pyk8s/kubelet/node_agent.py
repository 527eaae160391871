"""One simulated node towards the API: registration, lease, status, addresses.

Always true: a node becomes Ready once it has a pod CIDR; the lease is renewed by update, and made anew when it is gone.
Not here: when heartbeats are due (see `simulated_nodes`), pods (see `pod_sync`).
"""

from __future__ import annotations

from typing import Any

from pyk8s.api.clock import Clock, rfc3339_micro
from pyk8s.api.status import StatusError
from pyk8s.client.interfaces import Client
from pyk8s.client.well_known import LEASES, NODES
from pyk8s.kubelet import node_status
from pyk8s.kubelet.address_pool import AddressPool

Json = dict[str, Any]

LEASE_NAMESPACE = "kube-node-lease"
LEASE_DURATION_S = 40


class NodeAgent:
    def __init__(self, client: Client, index: int, *, clock: Clock, manifest: Json) -> None:
        self._client, self._clock = client, clock
        self.name: str = manifest["metadata"]["name"]
        self.index = index
        self.host_ip = node_status.address_of(index)
        self._manifest = manifest
        self.node: Json | None = None
        """The Node object as last seen; None while it is not registered."""
        self.addresses: AddressPool | None = None
        self._lease: Json | None = None

    @property
    def is_registered(self) -> bool:
        return self.node is not None

    def observe(self, node: Json) -> bool:
        """Take in the object as the API shows it; True when the node has just got its pod CIDR."""
        self.node = node
        cidr = node["spec"].get("podCIDR")
        if not cidr or self.addresses is not None:
            return False
        self.addresses = AddressPool(cidr)
        return True

    def take_address(self) -> str | None:
        """An address for a pod, None while there is no network or when all are held."""
        return self.addresses.take() if self.addresses is not None else None

    async def register(self) -> None:
        """Create the Node, or take over the one that is there."""
        try:
            node = await self._client.create(NODES, self._manifest)
        except StatusError as error:
            if error.reason != "AlreadyExists":
                raise
            node = await self._client.get(NODES, self.name)
        self.observe(node)

    @property
    def reference(self) -> Json:
        """The node as its events name it: a kubelet gives the name for the uid."""
        return {"kind": "Node", "apiVersion": "v1", "name": self.name, "uid": self.name}

    async def report(self) -> bool:
        """Write the node's status: conditions with a fresh heartbeat, and what the object may lack.

        Returns whether the node has become Ready by it.
        """
        assert self.node is not None, "only registered nodes report"
        known = self.node.get("status") or {}
        mine = self._manifest["status"]
        now_s, is_ready = self._clock.now_s(), self.addresses is not None
        conditions = node_status.conditions(known.get("conditions") or [], is_ready=is_ready, now_s=now_s)
        status: Json = {"conditions": conditions}
        for name in ("capacity", "allocatable", "addresses", "daemonEndpoints", "nodeInfo"):
            if name not in known or (name == "nodeInfo" and _has_other_versions(known[name], mine[name])):
                status[name] = mine[name]
        node = await self._client.patch(
            NODES, self.name, {"status": status}, patch_type="strategic", subresource="status"
        )
        self.observe(node)
        return is_ready and not node_status.is_ready(known)

    async def renew(self) -> None:
        """Renew the lease."""
        renew_time = rfc3339_micro(self._clock.now_s())
        if self._lease is not None:
            lease = {**self._lease, "spec": {**self._lease["spec"], "renewTime": renew_time}}
            try:
                self._lease = await self._client.update(LEASES, lease)
                return
            except StatusError as error:
                if error.code not in (404, 409):
                    raise
        self._lease = await self._acquire(renew_time)

    async def _acquire(self, renew_time: str) -> Json:
        assert self.node is not None, "only registered nodes hold a lease"
        spec = {"holderIdentity": self.name, "leaseDurationSeconds": LEASE_DURATION_S, "renewTime": renew_time}
        owner = {"apiVersion": "v1", "kind": "Node", "name": self.name, "uid": self.node["metadata"]["uid"]}
        metadata = {"name": self.name, "namespace": LEASE_NAMESPACE, "ownerReferences": [owner]}
        lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}
        try:
            return await self._client.create(LEASES, lease, LEASE_NAMESPACE)
        except StatusError as error:
            if error.reason != "AlreadyExists":
                raise
        known = await self._client.get(LEASES, self.name, LEASE_NAMESPACE)
        return await self._client.update(LEASES, {**known, "spec": {**known["spec"], **spec}})

    async def remove(self) -> None:
        """Delete the Node and its lease; either may be gone."""
        for resource, namespace in ((NODES, ""), (LEASES, LEASE_NAMESPACE)):
            try:
                await self._client.delete(resource, self.name, namespace)
            except StatusError as error:
                if error.code != 404:
                    raise


def _has_other_versions(known: Json, mine: Json) -> bool:
    return any(known.get(name) != mine[name] for name in ("kubeletVersion", "containerRuntimeVersion"))
