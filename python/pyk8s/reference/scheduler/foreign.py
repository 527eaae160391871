"""Foreign plugins: those that come from outside the engine, written in Python, and the nodes as they see them.

Always true: a foreign plugin that raises fails the attempt it was called for, and nothing else. It sees the objects as
the API serves them, and the nodes as columns of numbers.
Not here: the comfortable form in which people write plugins (see `pyk8s.scheduler.plugins`).
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pyk8s.reference.scheduler.event import ClusterEvent
from pyk8s.reference.scheduler.framework import (
    Code,
    Json,
    Nodes,
    Plugin,
    PreFilter,
    Refuse,
    Rejection,
    Run,
    Skip,
    State,
    World,
)
from pyk8s.reference.scheduler.node import NodeInfo
from pyk8s.reference.scheduler.pod import PodInfo
from pyk8s.reference.scheduler.resources import Resources

Answer = TypeVar("Answer")
ForeignPlugin = Any
"""`core.scheduler_interface.ForeignPlugin`: the contract is written there."""

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
        self._nodes, self._texts, self._reads_pods = nodes, texts, reads_pods

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
        return self._texts.nodes[self._nodes[row].facts.name]

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


@dataclass(slots=True)
class Verdicts:
    """What a foreign plugin has found out before its filter and its scores are asked for, by slot."""

    reasons: dict[int, str | None] = field(default_factory=dict)
    raw: dict[int, int] = field(default_factory=dict)
    normalised: dict[int, int] = field(default_factory=dict)


class Foreign(Plugin):
    """A foreign plugin in one profile."""

    def __init__(self, name: str, plugin: ForeignPlugin, texts: Texts, points: Mapping[str, Sequence[str]]) -> None:
        self.name = name
        self._plugin, self._texts = plugin, texts
        self._points = {point for point, names in points.items() if name in names}

    def pre_filter(self, pod: PodInfo, world: World) -> PreFilter:
        text = self._text(pod)
        found = _ask(lambda: self._plugin.pre_filter(text)) if "preFilter" in self._points else None
        if isinstance(found, Failed):
            return Refuse("Error", found.message)
        if found is False:
            return Skip()
        if isinstance(found, str):
            return Refuse("Unschedulable", found)
        verdicts = Verdicts()
        if "filter" in self._points and self._plugin.is_vectorised:
            reasons = _ask(lambda: self._plugin.filter(text, self._table(world.nodes)))
            if isinstance(reasons, Failed):
                return Refuse("Error", reasons.message)
            verdicts.reasons = {node.slot: reason for node, reason in zip(world.nodes, reasons, strict=True)}
        return Run(verdicts) if found is None else Nodes(list(found), verdicts)

    def filter(self, pod: PodInfo, node: NodeInfo, state: State, world: World) -> Rejection | None:
        if node.slot in state.reasons:
            reason = state.reasons[node.slot]
        else:
            found = _ask(lambda: self._plugin.filter(self._text(pod), self._table([node])))
            if isinstance(found, Failed):
                return Rejection("Error", [found.message])
            reason = found[0]
        return None if reason is None else Rejection("Unschedulable", [reason])

    def admit(self, pod: PodInfo, nodes: list[NodeInfo], world: World) -> list[Rejection | None] | Refuse:
        text = self._text(pod)
        if _ask(lambda: self._plugin.pre_filter(text)) is False:
            return [None] * len(nodes)
        found = _ask(lambda: self._plugin.filter(text, self._table(nodes)))
        if isinstance(found, Failed):
            return Refuse("Error", found.message)
        return [None if refusal is None else _rejection(refusal) for refusal in found]

    def add_pod(self, pod: PodInfo, other: PodInfo, node: NodeInfo, state: State, world: World) -> None:
        state.reasons.pop(node.slot, None)

    def remove_pod(self, pod: PodInfo, other: PodInfo, node: NodeInfo, state: State, world: World) -> None:
        state.reasons.pop(node.slot, None)

    def pre_score(self, pod: PodInfo, nodes: list[NodeInfo], state: State, world: World) -> Run | Skip | Refuse:
        text = self._text(pod)
        if self._plugin.is_extender and _ask(lambda: self._plugin.pre_filter(text)) is False:
            return Skip()
        found = _ask(lambda: self._plugin.score(text, self._table(nodes)))
        if isinstance(found, Failed):
            return Refuse("Error", found.message)
        slots = [node.slot for node in nodes]
        raw, normalised = (dict(zip(slots, scores, strict=True)) for scores in found)
        return Run(Verdicts(raw=raw, normalised=normalised))

    def score(self, pod: PodInfo, node: NodeInfo, state: State, world: World) -> int:
        return int(state.raw[node.slot])

    def normalize(self, pod: PodInfo, nodes: list[NodeInfo], scores: list[int], state: State) -> list[int]:
        return [int(state.normalised[node.slot]) for node in nodes]

    def reserve(self, pod: PodInfo, node: NodeInfo, state: State, world: World) -> list[Json] | Refuse:
        found = _ask(lambda: self._plugin.reserve(self._text(pod), node.facts.name))
        if isinstance(found, Failed):
            return Refuse("Error", found.message)
        return [] if found is None else Refuse("Unschedulable", f"0/1 nodes are available: 1 {found}.")

    def unreserve(self, pod: PodInfo, world: World) -> None:
        self._plugin.unreserve(self._text(pod))

    def hint(self, pod: PodInfo, event: ClusterEvent, world: World) -> bool:
        """Nobody knows what a foreign plugin looks at, so everything may help."""
        return True

    def _table(self, nodes: Sequence[NodeInfo]) -> NodeTable:
        return NodeTable(nodes, self._texts, reads_pods=self._plugin.reads_pods)

    def _text(self, pod: PodInfo) -> bytes:
        return self._texts.pods.get(pod.uid) or _little(pod)


@dataclass(frozen=True, slots=True)
class Failed:
    """A plugin raised."""

    message: str


def _rejection(refusal: str | tuple[Code, str]) -> Rejection:
    """A reason alone, or a code and a reason."""
    return Rejection("Unschedulable", [refusal]) if isinstance(refusal, str) else Rejection(refusal[0], [refusal[1]])


def _ask(call: Callable[[], Answer]) -> Answer | Failed:
    try:
        return call()
    except Exception as error:
        # Whatever a plugin raises is its own trouble; its adapter has put the traceback into the text.
        return Failed(str(error))


def _little(pod: PodInfo) -> bytes:
    """What is left of a pod whose object is gone."""
    return json.dumps({"metadata": {"namespace": pod.namespace, "name": pod.name, "uid": pod.uid}}).encode()
