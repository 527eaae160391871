"""Node tables: some nodes as columns of numbers, and the objects as they came, for foreign plugins.

Always true: a table is a snapshot: it does not change when the engine goes on.
Not here: the plugins (see `foreign`).
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from pyk8s.reference.scheduler.node import NodeInfo
from pyk8s.reference.scheduler.pod import PodInfo
from pyk8s.reference.scheduler.resources import Resources

COLUMNS: dict[str, Callable[[NodeInfo], int]] = {
    "allocatable_milli_cpu": lambda node: node.facts.allocatable.milli_cpu,
    "allocatable_memory_bytes": lambda node: node.facts.allocatable.memory_bytes,
    "allocatable_ephemeral_storage_bytes": lambda node: node.facts.allocatable.ephemeral_storage_bytes,
    "allocatable_pods": lambda node: node.facts.allocatable.pods,
    "requested_milli_cpu": lambda node: node.requested.milli_cpu,
    "requested_memory_bytes": lambda node: node.requested.memory_bytes,
    "requested_ephemeral_storage_bytes": lambda node: node.requested.ephemeral_storage_bytes,
    "non_zero_milli_cpu": lambda node: node.non_zero_milli_cpu,
    "non_zero_memory_bytes": lambda node: node.non_zero_memory_bytes,
    "pod_count": lambda node: node.pod_count,
}


@dataclass(slots=True)
class Texts:
    """The objects as they came, for plugins that want to read them."""

    nodes: dict[str, bytes] = field(default_factory=dict)
    """By name."""
    pods: dict[str, bytes] = field(default_factory=dict)
    """The pending ones, by uid."""

    def set_pod(self, pod: PodInfo, text: bytes) -> None:
        if pod.node_name or pod.is_terminal:
            self.pods.pop(pod.uid, None)
        else:
            self.pods[pod.uid] = text


class NodeTable:
    """Some nodes, as columns; `core.scheduler_interface.NodeTable` says what each method answers."""

    def __init__(self, nodes: Sequence[NodeInfo], texts: Texts, *, reads_pods: bool = False) -> None:
        self._nodes, self._reads_pods = [node.copy() for node in nodes], reads_pods
        self._objects = [texts.nodes[node.facts.name] for node in nodes]

    def __len__(self) -> int:
        return len(self._nodes)

    def column(self, name: str) -> memoryview:
        if name not in COLUMNS:
            raise KeyError(name)
        return _column(COLUMNS[name](node) for node in self._nodes)

    def allocatable(self, resource: str) -> memoryview:
        return _column(_amount(node.facts.allocatable, resource) for node in self._nodes)

    def requested(self, resource: str) -> memoryview:
        return _column(_amount(node.requested, resource) for node in self._nodes)

    def names(self) -> list[str]:
        return [node.facts.name for node in self._nodes]

    def label(self, key: str) -> list[str | None]:
        return [node.facts.labels.get(key) for node in self._nodes]

    def object(self, row: int) -> bytes:
        return self._objects[row]

    def pods(self, row: int) -> list[tuple[str, str, str, dict[str, str]]]:
        if not self._reads_pods:
            raise ValueError("a plugin sees the nodes' pods when it says: reads_pods = True")
        return [(pod.namespace, pod.name, pod.uid, dict(pod.shape.labels)) for pod in self._nodes[row].pods]


def _column(values: Iterable[int]) -> memoryview:
    return memoryview(array("q", values)).toreadonly()


def _amount(resources: Resources, name: str) -> int:
    native = {
        "cpu": resources.milli_cpu,
        "memory": resources.memory_bytes,
        "ephemeral-storage": resources.ephemeral_storage_bytes,
        "pods": resources.pods,
    }
    return native[name] if name in native else resources.scalars.get(name, 0)
