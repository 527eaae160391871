"""The simulated cluster: nodes, pods, and how full each node is; every change goes to the scheduler's engine as well.

Always true: what a node has given away is the sum over the pods bound to it; totals count nodes that answer alone.
Not here: when things happen (see `simulation`), curves and figures (see `measure`).
"""

from __future__ import annotations

from collections.abc import Iterable

from pyk8s.api.clock import rfc3339
from pyk8s.core.scheduler_interface import SchedulerEngine
from pyk8s.simulate.nodes import NodeShape
from pyk8s.simulate.pod_shape import PodShape

DAY_S = 86_400


class SimulatedNode:
    """A node, what runs on it, and what it has given away by resource index."""

    __slots__ = ("allocatable", "is_cordoned", "is_failed", "name", "name_bytes", "pods", "requested", "shape", "slot")

    def __init__(self, name: str, shape: NodeShape, *, slot: int, allocatable: list[int]) -> None:
        self.name, self.name_bytes, self.shape, self.slot = name, name.encode(), shape, slot
        self.allocatable = allocatable
        self.requested = [0] * len(allocatable)
        self.pods: dict[str, SimulatedPod] = {}
        self.is_cordoned = self.is_failed = False


class SimulatedPod:
    """One pod. ``duration_s``: how long it runs once bound (None: for ever); ``reason``: the main one why it waits.

    ``message``: all of what the scheduler said last; ``is_wanted``: whether another one is to come when it is gone.
    """

    __slots__ = (
        "bound_s",
        "created_s",
        "created_text",
        "duration_s",
        "is_ending",
        "is_resubmission",
        "is_wanted",
        "message",
        "name",
        "name_bytes",
        "node",
        "reason",
        "run",
        "shape",
        "uid",
        "was_bound",
    )  # fmt: skip

    def __init__(self, name: str, shape: PodShape, *, run: object, duration_s: float | None = None) -> None:
        self.name, self.name_bytes, self.shape, self.run = name, name.encode(), shape, run
        self.uid = f"{shape.namespace}/{name}"
        self.duration_s = duration_s
        self.created_s = self.bound_s = 0.0
        self.created_text = b""
        self.node: SimulatedNode | None = None
        self.reason = self.message = ""
        self.is_ending = self.is_resubmission = self.was_bound = False
        self.is_wanted = True


class ClusterState:
    """Nodes and pods by name and uid, in the order in which they came.

    Args:
        resources: the names that are counted, in the order of every vector; "pods" among them.
        start_s: the moment 0, in seconds since the epoch.
    """

    def __init__(self, engine: SchedulerEngine, resources: Iterable[str], *, start_s: float) -> None:
        self.engine, self.start_s = engine, start_s
        self.resources = list(resources)
        self.nodes: dict[str, SimulatedNode] = {}
        self.pods: dict[str, SimulatedPod] = {}
        self.pending: dict[str, SimulatedPod] = {}
        self.allocatable = [0] * len(self.resources)
        self.requested = [0] * len(self.resources)
        self.changed: set[SimulatedNode] = set()
        """Nodes whose fill may have changed since someone last emptied this."""
        self.bound_count = 0
        self._slot_count = 0
        self._day, self._day_text = -1, ""
        self._index = {name: index for index, name in enumerate(self.resources)}
        # By identity; the shape stands beside, so that it lives and its identity is not given away again.
        self._vectors: dict[int, tuple[PodShape, list[tuple[int, int]]]] = {}

    def vector(self, shape: PodShape) -> list[tuple[int, int]]:
        """(resource index, amount) of what a pod of this shape takes, itself as one of "pods" included."""
        known = self._vectors.get(id(shape))
        if known is None:
            amounts = {**shape.requests, "pods": 1}
            vector = [(self._index[name], amount) for name, amount in amounts.items() if amount and name in self._index]
            known = self._vectors[id(shape)] = (shape, vector)
        return known[1]

    # -- nodes -----------------------------------------------------------------------------------------------------

    def add_node(self, name: str, shape: NodeShape, *, is_cordoned: bool = False) -> SimulatedNode:
        allocatable = [shape.allocatable.get(resource, 0) for resource in self.resources]
        node = SimulatedNode(name, shape, slot=self._slot_count, allocatable=allocatable)
        node.is_cordoned = is_cordoned
        self._slot_count += 1
        self.nodes[name] = node
        self._count_node(node, 1)
        self._tell(node)
        return node

    def set_node(self, node: SimulatedNode, *, is_cordoned: bool, is_failed: bool) -> None:
        """Move a node into another state."""
        if node.is_failed != is_failed:
            self._count_node(node, -1 if is_failed else 1)
        node.is_cordoned, node.is_failed = is_cordoned, is_failed
        self._tell(node)

    def remove_node(self, node: SimulatedNode) -> None:
        """Take an empty node away."""
        assert not node.pods, "its pods go first"
        del self.nodes[node.name]
        if not node.is_failed:
            self._count_node(node, -1)
        self.engine.remove_node(node.name)
        self.changed.add(node)

    def _tell(self, node: SimulatedNode) -> None:
        state = node.shape.bytes(node.name_bytes, is_cordoned=node.is_cordoned, is_failed=node.is_failed)
        self.engine.set_node(state)
        self.changed.add(node)

    def _count_node(self, node: SimulatedNode, sign: int) -> None:
        for index, amount in enumerate(node.allocatable):
            self.allocatable[index] += sign * amount
            self.requested[index] += sign * node.requested[index]

    # -- pods ------------------------------------------------------------------------------------------------------

    def add_pod(self, pod: SimulatedPod, now_s: float) -> None:
        """A new pod that waits for a node."""
        pod.created_s, pod.created_text = now_s, self.time_text(now_s)
        self.pods[pod.uid] = self.pending[pod.uid] = pod
        self.engine.set_pod(pod.shape.pending_bytes(pod.name_bytes, pod.uid.encode(), pod.created_text))

    def add_bound_pod(self, pod: SimulatedPod, node: SimulatedNode, now_s: float) -> None:
        """A pod that has its node already."""
        pod.created_s, pod.created_text = now_s, self.time_text(now_s)
        self.pods[pod.uid] = pod
        self._place(pod, node, now_s)

    def bind(self, pod: SimulatedPod, node: SimulatedNode, now_s: float) -> None:
        """The scheduler's choice becomes true."""
        del self.pending[pod.uid]
        pod.reason = pod.message = ""
        self._place(pod, node, now_s)

    def _place(self, pod: SimulatedPod, node: SimulatedNode, now_s: float) -> None:
        pod.node, pod.bound_s, pod.was_bound = node, now_s, True
        node.pods[pod.uid] = pod
        self.bound_count += 1
        self._count_pod(pod, node, 1)
        name, uid, text = pod.name_bytes, pod.uid.encode(), self.time_text(now_s)
        self.engine.set_pod(pod.shape.bound_bytes(name, uid, pod.created_text, node=node.name_bytes, started=text))

    def mark_ending(self, pod: SimulatedPod) -> None:
        """A bound pod was asked to end; it holds what it has until it is removed."""
        assert pod.node is not None, "pods that wait are removed at once"
        pod.is_ending = True
        name, uid, node = pod.name_bytes, pod.uid.encode(), pod.node.name_bytes
        started = self.time_text(pod.bound_s)
        self.engine.set_pod(pod.shape.deleting_bytes(name, uid, pod.created_text, node=node, started=started))

    def remove_pod(self, pod: SimulatedPod) -> None:
        del self.pods[pod.uid]
        self.pending.pop(pod.uid, None)
        node, pod.node = pod.node, None
        if node is not None:
            del node.pods[pod.uid]
            self.bound_count -= 1
            self._count_pod(pod, node, -1)
        self.engine.remove_pod(pod.uid)

    def _count_pod(self, pod: SimulatedPod, node: SimulatedNode, sign: int) -> None:
        self.changed.add(node)
        for index, amount in self.vector(pod.shape):
            node.requested[index] += sign * amount
            if not node.is_failed:
                self.requested[index] += sign * amount

    def time_text(self, now_s: float) -> bytes:
        """RFC 3339. Every pod asks for some second of its own, so only days are looked up."""
        day, second = divmod(int(self.start_s + now_s), DAY_S)
        if day != self._day:
            self._day, self._day_text = day, rfc3339(day * DAY_S)[:11]
        hour, minute = divmod(second // 60, 60)
        return f"{self._day_text}{hour:02}:{minute:02}:{second % 60:02}Z".encode()
