"""Plugins in Python: write a class with one of the methods below, register it, name it in a configuration.

    from pyk8s.scheduler.plugins import Plugin, register

    @register
    class OnlyEvenNodes(Plugin):
        def filter(self, pod, node):
            if int(node.name.rpartition("-")[2]) % 2:
                return "node(s) are odd"

Every method is optional, and means what the point of that name means to kube-scheduler:

    pre_filter(pod)            None: go on; a text: refuse the pod; a list of names: only those nodes; False: no filter
    filter(pod, node)          None or True: the node will do; a text or False: it will not
    filter_nodes(pod, nodes)   the same for all nodes at once: a mask, one truth value for each
    score(pod, node)           a whole number; higher is better
    score_nodes(pod, nodes)    the same for all feasible nodes at once: one number for each
    normalize(pod, scores)     the scores brought to 0..100; needed when `score` gives others
    reserve(pod, node_name)    the pod will be put there; a text refuses. `unreserve(pod)` takes it back
    permit(pod, node_name)     None: bind; a text: do not. May be a coroutine, which holds the binding back
    pre_bind(pod, node_name)   before the binding is written; what it raises stops it. May be a coroutine
    post_bind(pod, node_name)  after the binding was written. May be a coroutine

Always true: pods are dictionaries, as the API serves them. A plugin that raises fails that attempt, with its
traceback in the event, and nothing else.
Not here: how the engine calls a plugin (see `foreign`).
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pyk8s.core.scheduler_interface import NodeTable

Json = dict[str, Any]
Kind = TypeVar("Kind", bound=type)

POINTS = {
    "pre_filter": "preFilter",
    "filter": "filter",
    "filter_nodes": "filter",
    "score": "score",
    "score_nodes": "score",
    "reserve": "reserve",
    "permit": "permit",
    "pre_bind": "preBind",
    "post_bind": "postBind",
}
"""The methods that make a plugin, and the points they serve."""

registry: dict[str, type] = {}
"""The plugins that a configuration may name."""


class Plugin:
    """A base to build on; any class whose instances are made from one argument will do."""

    name = ""
    """As configurations name it; default: the class's name."""
    reason = ""
    """Why `filter_nodes` or a False refuses a node; default: a text with the plugin's name."""

    reads_pods = False
    """True to see `Node.pods`, which cost a copy."""

    def __init__(self, args: Json) -> None:
        """``args``: the plugin's section of pluginConfig."""
        self.args = args


def register(kind: Kind) -> Kind:
    """Make a class known as a plugin; a decorator.

    Raises:
        TypeError: it has none of the methods.
    """
    if not points_of(kind):
        raise TypeError(f"plugin {name_of(kind)} has no method of a plugin; they are {', '.join(POINTS)}")
    registry[name_of(kind)] = kind
    return kind


def name_of(kind: type) -> str:
    return getattr(kind, "name", "") or kind.__name__


def points_of(kind: type) -> tuple[str, ...]:
    """The extension points that a plugin serves."""
    return tuple(dict.fromkeys(point for method, point in POINTS.items() if callable(getattr(kind, method, None))))


def load(module_or_file: str) -> None:
    """Import a module, or run a file, that registers plugins.

    Raises:
        ImportError: there is no such module or file.
    """
    if not module_or_file.endswith(".py"):
        importlib.import_module(module_or_file)
        return
    path = Path(module_or_file).resolve()
    spec = importlib.util.spec_from_file_location(path.stem.replace("-", "_"), path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ImportError(f"there is no file {module_or_file}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)


class _Column:
    """One column of `Nodes`."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, nodes: Nodes, owner: type) -> memoryview:
        return nodes.column(self._name)


class _Number:
    """The same of one node."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, node: Node, owner: type) -> int:
        number: int = node.nodes.column(self._name)[node.row]
        return number


class Nodes:
    """Nodes as read-only columns of 64-bit integers: `numpy.frombuffer(nodes.pod_count, numpy.int64)` copies nothing.

    ``requested_…`` is what the pods on a node ask for, assumed ones included; ``non_zero_…`` counts 100m of cpu and
    200 MiB of memory for containers that ask for none.
    """

    allocatable_milli_cpu = _Column()
    allocatable_memory_bytes = _Column()
    allocatable_ephemeral_storage_bytes = _Column()
    allocatable_pods = _Column()
    requested_milli_cpu = _Column()
    requested_memory_bytes = _Column()
    requested_ephemeral_storage_bytes = _Column()
    non_zero_milli_cpu = _Column()
    non_zero_memory_bytes = _Column()
    pod_count = _Column()

    def __init__(self, table: NodeTable) -> None:
        self.table = table
        self._columns: dict[str, memoryview] = {}

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, row: int) -> Node:
        if not 0 <= row < len(self):
            raise IndexError(row)
        return Node(self, row)

    def __iter__(self) -> Iterator[Node]:
        return (Node(self, row) for row in range(len(self)))

    def column(self, name: str) -> memoryview:
        if name not in self._columns:
            self._columns[name] = memoryview(self.table.column(name))
        return self._columns[name]

    def allocatable(self, resource: str) -> memoryview:
        """A column of any resource, by its Kubernetes name (``nvidia.com/gpu``)."""
        return memoryview(self.table.allocatable(resource))

    def requested(self, resource: str) -> memoryview:
        return memoryview(self.table.requested(resource))

    @cached_property
    def names(self) -> list[str]:
        return self.table.names()

    def label(self, key: str) -> list[str | None]:
        """The label's value on each node."""
        return self.table.label(key)


class Node:
    """One node; the numbers are those of `Nodes`."""

    allocatable_milli_cpu = _Number()
    allocatable_memory_bytes = _Number()
    allocatable_ephemeral_storage_bytes = _Number()
    allocatable_pods = _Number()
    requested_milli_cpu = _Number()
    requested_memory_bytes = _Number()
    requested_ephemeral_storage_bytes = _Number()
    non_zero_milli_cpu = _Number()
    non_zero_memory_bytes = _Number()
    pod_count = _Number()

    def __init__(self, nodes: Nodes, row: int) -> None:
        self.nodes, self.row = nodes, row

    @property
    def name(self) -> str:
        return self.nodes.names[self.row]

    def allocatable(self, resource: str) -> int:
        amount: int = self.nodes.allocatable(resource)[self.row]
        return amount

    def requested(self, resource: str) -> int:
        amount: int = self.nodes.requested(resource)[self.row]
        return amount

    @cached_property
    def object(self) -> Json:
        """The Node, as the API serves it."""
        found: Json = json.loads(self.nodes.table.object(self.row))
        return found

    @property
    def labels(self) -> dict[str, str]:
        return self.object["metadata"].get("labels") or {}

    @cached_property
    def pods(self) -> list[PodOnNode]:
        """The pods on the node, those included whose binding is under way; for plugins with ``reads_pods = True``."""
        return [PodOnNode(*fields) for fields in self.nodes.table.pods(self.row)]


class PodOnNode:
    """What is known of a pod that is on a node."""

    __slots__ = ("labels", "name", "namespace", "uid")

    def __init__(self, namespace: str, name: str, uid: str, labels: dict[str, str]) -> None:
        self.namespace, self.name, self.uid, self.labels = namespace, name, uid, labels
