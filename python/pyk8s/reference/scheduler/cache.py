"""The cache: nodes in the scheduler's order, and the pods that hold their resources, assumed ones included.

Always true: every pod is counted on exactly one node; a node without an object stays while pods are on it. The order is
node 0 of each zone, then node 1 of each zone …, zones by first appearance. A node's slot is its place in the order of
first appearance of all names; slots close up when more than half of many are empty.
Not here: pending pods (see `queue`).
"""

from __future__ import annotations

from itertools import zip_longest

from pyk8s.reference.scheduler.evictions import Evictions
from pyk8s.reference.scheduler.groups import Groups
from pyk8s.reference.scheduler.images import ImageCounts
from pyk8s.reference.scheduler.node import NodeFacts, NodeInfo
from pyk8s.reference.scheduler.pod import PodInfo

SLOTS_BEFORE_CLOSING_UP = 64


class Cache:
    def __init__(self) -> None:
        self._nodes: dict[str, NodeInfo] = {}
        self._slots: list[NodeInfo | None] = []
        self._zones: dict[tuple[str, str], list[str]] = {}
        self._pods: dict[str, tuple[PodInfo, str]] = {}
        self._nominated: dict[str, tuple[PodInfo, str]] = {}
        self.evictions = Evictions()
        self.groups = Groups()
        self._images = ImageCounts()
        self._changed: dict[str, NodeInfo] = {}

    def set_node(self, facts: NodeFacts) -> NodeFacts | None:
        """Store a node's facts; returns what it was before, None when it is new."""
        node = self._node(facts.name)
        old = node.facts if node.is_present else None
        if old is not None:
            self._images.remove(old.images)
        self._images.add(facts.images)
        self._changed[facts.name] = node
        node.facts, node.is_present = facts, True
        if old is None or old.zone != facts.zone:
            if old is not None:
                self._leave_zone(facts.name, old.zone)
            self._zones.setdefault(facts.zone, []).append(facts.name)
        return old

    def remove_node(self, name: str) -> NodeFacts | None:
        """Forget the node's object; returns what it was."""
        node = self.node(name)
        if node is None:
            return None
        node.is_present = False
        self._images.remove(node.facts.images)
        self._changed.pop(name, None)
        self._leave_zone(name, node.facts.zone)
        self._drop_if_unused(node)
        return node.facts

    def look(self) -> None:
        """An attempt begins: nodes that changed since the last one learn how widespread their images are.

        The others keep what they learned then, as kube-scheduler's snapshot does.
        """
        for node in self._changed.values():
            node.images = self._images.spread(node.facts.images)
        self._changed.clear()

    def node(self, name: str) -> NodeInfo | None:
        node = self._nodes.get(name)
        return node if node is not None and node.is_present else None

    @property
    def node_count(self) -> int:
        """Number of nodes that have an object."""
        return sum(len(names) for names in self._zones.values())

    @property
    def slot_count(self) -> int:
        return len(self._slots)

    def nodes(self) -> list[NodeInfo]:
        """The nodes in the scheduler's order."""
        rounds = zip_longest(*self._zones.values())
        return [self._nodes[name] for names in rounds for name in names if name is not None]

    @property
    def pod_count(self) -> int:
        return len(self._pods)

    def pod(self, uid: str) -> PodInfo | None:
        """A pod that is on a node."""
        return self._pods[uid][0] if uid in self._pods else None

    def set_pod(self, pod: PodInfo, node_name: str) -> PodInfo | None:
        """Count a pod on its node, moving it there when it was elsewhere; returns what it was before."""
        old = self.remove_pod(pod.uid)
        node = self._node(node_name)
        node.add_pod(pod)
        self._changed[node_name] = node
        self._pods[pod.uid] = pod, node_name
        return old

    def remove_pod(self, uid: str) -> PodInfo | None:
        if uid not in self._pods:
            return None
        pod, node_name = self._pods.pop(uid)
        node = self._nodes[node_name]
        node.remove_pod(pod)
        self._changed[node_name] = node
        self._drop_if_unused(node)
        return pod

    def nominate(self, pod: PodInfo, node_name: str) -> tuple[PodInfo, str] | None:
        """Remember that room is being made for the pod; "" forgets it. Returns what was remembered before."""
        before = self._nominated.pop(pod.uid, None)
        if node_name:
            self._nominated[pod.uid] = pod, node_name
        return before

    def nominated_below(self, node_name: str, pod: PodInfo) -> list[PodInfo]:
        """Pods of lower priority for which room is being made on the node."""
        guests = self._nominated.values()
        return [guest for guest, name in guests if name == node_name and guest.priority < pod.priority]

    def nominated_to(self, node_name: str, pod: PodInfo) -> list[PodInfo]:
        """Other pods of at least the pod's priority for which room is being made on the node."""
        return [
            guest
            for guest, name in self._nominated.values()
            if name == node_name and guest.uid != pod.uid and guest.priority >= pod.priority
        ]

    def _node(self, name: str) -> NodeInfo:
        if name not in self._nodes:
            self._nodes[name] = NodeInfo(NodeFacts(name), slot=len(self._slots))
            self._slots.append(self._nodes[name])
        return self._nodes[name]

    def _drop_if_unused(self, node: NodeInfo) -> None:
        if node.is_present or node.pod_count:
            return
        del self._nodes[node.facts.name]
        self._changed.pop(node.facts.name, None)
        self._slots[node.slot] = None
        if len(self._slots) > SLOTS_BEFORE_CLOSING_UP and self._slots.count(None) * 2 > len(self._slots):
            self._slots = [kept for kept in self._slots if kept is not None]
            for slot, kept in enumerate(self._slots):
                assert kept is not None, "the line above leaves no empty slot"
                kept.slot = slot

    def _leave_zone(self, name: str, zone: tuple[str, str]) -> None:
        self._zones[zone].remove(name)
        if not self._zones[zone]:
            del self._zones[zone]
