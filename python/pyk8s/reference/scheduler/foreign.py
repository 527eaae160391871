"""Foreign plugins: those that come from outside the engine, written in Python.

Always true: a foreign plugin that raises fails the attempt it was called for, and nothing else.
Not here: what it sees of nodes (see `node_table`), the form in which people write plugins (see `pyk8s.scheduler`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
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
from pyk8s.reference.scheduler.node_table import NodeTable, Texts
from pyk8s.reference.scheduler.pod import PodInfo

Answer = TypeVar("Answer")
ForeignPlugin = Any
"""`core.scheduler_interface.ForeignPlugin`: the contract is written there."""


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
