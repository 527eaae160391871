"""The cache: nodes in the scheduler's order, and the pods that hold their resources, assumed ones included.

Always true: every pod is counted on exactly one node; a node without an object stays while pods are on it. The order is
node 0 of each zone, then node 1 of each zone …, zones by first appearance.
Not here: pending pods (see `queue`).
"""

from __future__ import annotations

from itertools import zip_longest

from pyk8s.reference.scheduler.node import NodeFacts, NodeInfo
from pyk8s.reference.scheduler.pod import PodInfo


class Cache:
    def __init__(self) -> None:
        self._nodes: dict[str, NodeInfo] = {}
        self._zones: dict[tuple[str, str], list[str]] = {}
        self._pods: dict[str, tuple[PodInfo, str]] = {}

    def set_node(self, facts: NodeFacts) -> NodeFacts | None:
        """Store a node's facts; returns what it was before, None when it is new."""
        node = self._nodes.setdefault(facts.name, NodeInfo(NodeFacts(facts.name)))
        old = node.facts if node.is_present else None
        node.facts, node.is_present = facts, True
        if old is None or old.zone != facts.zone:
            if old is not None:
                self._leave_zone(facts.name, old.zone)
            self._zones.setdefault(facts.zone, []).append(facts.name)
        return old

    def remove_node(self, name: str) -> bool:
        """Forget the node's object; True when it was there."""
        node = self.node(name)
        if node is None:
            return False
        node.is_present = False
        self._leave_zone(name, node.facts.zone)
        self._drop_if_unused(name)
        return True

    def node(self, name: str) -> NodeInfo | None:
        node = self._nodes.get(name)
        return node if node is not None and node.is_present else None

    @property
    def node_count(self) -> int:
        """Number of nodes that have an object."""
        return sum(len(names) for names in self._zones.values())

    def nodes(self) -> list[NodeInfo]:
        """The nodes in the scheduler's order."""
        rounds = zip_longest(*self._zones.values())
        return [self._nodes[name] for names in rounds for name in names if name is not None]

    @property
    def pod_count(self) -> int:
        return len(self._pods)

    def set_pod(self, pod: PodInfo, node_name: str) -> PodInfo | None:
        """Count a pod on its node, moving it there when it was elsewhere; returns what it was before."""
        old = self.remove_pod(pod.uid)
        self._nodes.setdefault(node_name, NodeInfo(NodeFacts(node_name))).add_pod(pod)
        self._pods[pod.uid] = pod, node_name
        return old

    def remove_pod(self, uid: str) -> PodInfo | None:
        if uid not in self._pods:
            return None
        pod, node_name = self._pods.pop(uid)
        self._nodes[node_name].remove_pod(pod)
        self._drop_if_unused(node_name)
        return pod

    def _drop_if_unused(self, name: str) -> None:
        node = self._nodes[name]
        if not node.is_present and node.pod_count == 0:
            del self._nodes[name]

    def _leave_zone(self, name: str, zone: tuple[str, str]) -> None:
        self._zones[zone].remove(name)
        if not self._zones[zone]:
            del self._zones[zone]
