"""The node IPAM controller: a range of pod addresses for every node without one.

Always true: no two nodes hold the same range; a range is free again when its node is gone.
Not here: addresses of pods (the kubelet gives them).
"""

from __future__ import annotations

from collections import deque
from ipaddress import IPv4Network, ip_network
from typing import ClassVar

from pyk8s.api.status import StatusError
from pyk8s.client.well_known import NODES
from pyk8s.controllers.context import Context, Json
from pyk8s.controllers.controller import Controller

NODE_PREFIX_LENGTH = 24


class CidrSet:
    """Ranges of /24 out of a larger one, handed out in order, those given back last."""

    def __init__(self, cluster_cidr: str, prefix_length: int = NODE_PREFIX_LENGTH) -> None:
        network = ip_network(cluster_cidr)
        if not isinstance(network, IPv4Network) or network.prefixlen > prefix_length:
            raise ValueError(f"cluster CIDR {cluster_cidr}: needs an IPv4 range of at least a /{prefix_length}")
        self._base, self._shift = int(network.network_address), 32 - prefix_length
        self._prefix_length = prefix_length
        self._next, self._size = 0, 1 << (prefix_length - network.prefixlen)
        self._returned: deque[int] = deque()
        self._used: set[int] = set()

    def occupy(self, cidr: str) -> None:
        """A node holds this range already; one outside of ours is none of our business."""
        index = self._index(cidr)
        if index is not None:
            self._used.add(index)

    def allocate(self) -> str | None:
        """A free range, None when all are taken."""
        while self._next < self._size:
            index, self._next = self._next, self._next + 1
            if index not in self._used:
                return self._take(index)
        while self._returned:
            index = self._returned.popleft()
            if index not in self._used:
                return self._take(index)
        return None

    def release(self, cidr: str) -> None:
        index = self._index(cidr)
        if index is not None and index in self._used:
            self._used.discard(index)
            self._returned.append(index)

    def _take(self, index: int) -> str:
        self._used.add(index)
        return str(IPv4Network((self._base + (index << self._shift), self._prefix_length)))

    def _index(self, cidr: str) -> int | None:
        network = ip_network(cidr, strict=False)
        if not isinstance(network, IPv4Network):
            return None
        index = (int(network.network_address) - self._base) >> self._shift
        return index if 0 <= index < self._size else None


class NodeIpamController(Controller):
    """Keys are names of nodes."""

    name: ClassVar[str] = "node-ipam"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._nodes = context.informers.informer(NODES)
        self._recorder = context.recorder("cidrAllocator")
        self._cidrs = CidrSet(context.cluster_cidr)
        self._nodes.add_handler(
            on_add=self._node_changed, on_update=lambda old, new: self._node_changed(new), on_delete=self._node_deleted
        )

    def _node_changed(self, node: Json) -> None:
        cidrs = cidrs_of(node)
        for cidr in cidrs:
            self._cidrs.occupy(cidr)
        if not cidrs:
            self.enqueue(node)

    def _node_deleted(self, node: Json) -> None:
        for cidr in cidrs_of(node):
            self._cidrs.release(cidr)

    async def sync(self, key: str) -> None:
        node = self._nodes.cache.get_by_key(key)
        if node is None or cidrs_of(node):
            return
        cidr = self._cidrs.allocate()
        if cidr is None:
            message = f"Node {key} status is now: CIDRNotAvailable"
            self._recorder.event({"kind": "Node", "apiVersion": "v1", **node}, "Normal", "CIDRNotAvailable", message)
            raise StatusError(500, "", f"no pod CIDR is left in {self.context.cluster_cidr}")
        await self._assign(key, node, cidr)

    async def _assign(self, key: str, node: Json, cidr: str) -> None:
        patch = {
            "metadata": {"resourceVersion": node["metadata"]["resourceVersion"]},
            "spec": {"podCIDR": cidr, "podCIDRs": [cidr]},
        }
        try:
            await self.client.patch(NODES, key, patch, patch_type="merge")
        except (StatusError, OSError) as error:
            self._cidrs.release(cidr)
            if not (isinstance(error, StatusError) and error.code == 404):
                raise


def cidrs_of(node: Json) -> list[str]:
    spec = node.get("spec", {})
    return list(spec.get("podCIDRs") or ([spec["podCIDR"]] if spec.get("podCIDR") else []))
