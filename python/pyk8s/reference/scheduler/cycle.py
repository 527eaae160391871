"""One scheduling attempt: PreFilter, Filter, Score, and the choice among the best.

Always true: reads the world, changes nothing of it; the caller moves the start index, assumes the pod, carries out a
preemption.
Not here: the queue, PostFilter (see `preemption`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from pyk8s.reference.scheduler.framework import (
    Code,
    Framework,
    Nodes,
    Plugin,
    Refuse,
    Rejection,
    Run,
    Skip,
    State,
    World,
)
from pyk8s.reference.scheduler.node import NodeInfo
from pyk8s.reference.scheduler.pod import PodInfo
from pyk8s.reference.scheduler.refusal import refusal

FEASIBLE_NODES_MIN = 100
"""Fewer nodes than this are always looked at all."""
PERCENTAGE_MIN = 5
PERCENTAGE_MAX = 50
NODES_PER_PERCENT = 125
"""The adaptive percentage falls by one for so many nodes."""

NO_NODES = "no nodes available to schedule pods"


@dataclass(slots=True)
class Attempt:
    """What one attempt found, and how."""

    chosen: NodeInfo | None = None
    examined_count: int = 0
    """How far the start index moves."""
    is_drawn: bool = False
    """A choice among several was made: the generator moves on."""
    rejectors: set[Plugin] = field(default_factory=set)
    message: str = ""
    """Why no node was chosen."""
    is_error: bool = False
    feasible: list[NodeInfo] = field(default_factory=list)
    rejected: list[tuple[NodeInfo, Plugin, Rejection]] = field(default_factory=list)
    ruled_out: list[tuple[list[NodeInfo], str, Rejection]] = field(default_factory=list)
    """What PreFilter ruled out before any filter ran: nodes, the plugins' names, why."""
    skipped_filters: list[Plugin] = field(default_factory=list)
    raw: dict[Plugin, list[int]] = field(default_factory=dict)
    weighted: dict[Plugin, list[int]] = field(default_factory=dict)
    totals: list[int] = field(default_factory=list)
    states: dict[Plugin, State] = field(default_factory=dict)
    """PreFilter's, for Reserve."""
    plan: Plan | None = None
    """What filtering went by; None when it did not come so far as to ask PreFilter."""
    preemption: Any = None
    """A `preemption.Preemption`, when one was tried."""


@dataclass(slots=True)
class Plan:
    """What PreFilter left."""

    nodes: list[NodeInfo]
    filters: list[Plugin]
    narrowing: list[Plugin]
    """Plugins that named nodes."""
    states: dict[Plugin, State]
    ended_at: str = ""
    """The plugin whose refusal ended PreFilter before the others were asked."""


class Cycle:
    def __init__(self, framework: Framework) -> None:
        self._framework = framework

    def run(self, pod: PodInfo, world: World, *, start: int, draw: int) -> Attempt:
        """Try the pod. ``draw``: the random number that settles a tie."""
        if not world.nodes:
            return Attempt(message=NO_NODES)
        plan = self._pre_filter(pod, world)
        if isinstance(plan, Attempt):
            return plan
        filters = self._framework.at("filter")
        attempt = Attempt(skipped_filters=[f for f in filters if f not in plan.filters], states=plan.states, plan=plan)
        attempt.ruled_out = _outside(plan, world)
        nominated = [node for node in plan.nodes if node.facts.name == pod.nominated_node_name]
        if nominated and refusal(pod, nominated[0], plan, world) is None and self._is_admitted(pod, nominated, world):
            attempt.chosen, attempt.feasible = nominated[0], nominated
            return attempt
        self._filter(attempt, pod, plan, world, start)
        self._extend(attempt, pod, world)
        attempt.rejectors.update(plan.narrowing)
        if attempt.is_error:
            attempt.feasible = []
        elif not attempt.feasible:
            attempt.message = _message(attempt, len(world.nodes))
        elif len(attempt.feasible) == 1:
            attempt.chosen = attempt.feasible[0]
        elif self._score(attempt, pod, world):
            attempt.chosen, attempt.is_drawn = select_host(attempt, world.cache.slot_count, draw), True
        return attempt

    def _pre_filter(self, pod: PodInfo, world: World) -> Plan | Attempt:
        plan = Plan(world.nodes, self._framework.at("filter"), [], {})
        names: list[str] | None = None
        refused, before = Attempt(), list[Plugin]()
        for plugin in self._framework.at("preFilter"):
            match plugin.pre_filter(pod, world):
                case Run(state):
                    plan.states[plugin] = state
                case Skip():
                    if plugin in plan.filters:
                        plan.filters.remove(plugin)
                case Refuse("Unschedulable", message):
                    refused = _refused("Unschedulable", [*before, plugin], message, world, plan)
                    before.append(plugin)
                case Refuse("Error", message):
                    return Attempt(rejectors=set(), message=message, is_error=True)
                case Refuse(code, message):
                    plan.ended_at = plugin.name
                    return _refused(code, [plugin], message, world, plan)
                case Nodes(some, state):
                    plan.states[plugin] = state
                    plan.narrowing.append(plugin)
                    names = some if names is None else [name for name in names if name in some]
                    if not names:
                        message = _nothing_left(plan.narrowing)
                        plan.ended_at = plugin.name
                        return _refused("UnschedulableAndUnresolvable", plan.narrowing, message, world, plan)
        if refused.message:
            return refused
        if names is not None:
            plan.nodes = [node for node in world.nodes if node.facts.name in names]
        return plan

    def _filter(self, attempt: Attempt, pod: PodInfo, plan: Plan, world: World, start: int) -> None:
        count = len(plan.nodes)
        # Without a score one feasible node is as good as another.
        is_scoring = bool(self._framework.at("score"))
        target = feasible_nodes_to_find(count, self._framework.profile.percentage) if is_scoring else 1
        for step in range(count):
            if len(attempt.feasible) == target:
                break
            node = plan.nodes[(start + step) % count]
            attempt.examined_count += 1
            refused = refusal(pod, node, plan, world)
            if refused is None:
                attempt.feasible.append(node)
            elif refused[1].code == "Error":
                attempt.is_error, attempt.message = True, ", ".join(refused[1].reasons)
                return
            else:
                attempt.rejected.append((node, *refused))
                attempt.rejectors.add(refused[0])

    def _extend(self, attempt: Attempt, pod: PodInfo, world: World) -> None:
        """Ask the extenders, one after another, about the nodes that are left."""
        for plugin in self._framework.extenders:
            if attempt.is_error or not attempt.feasible:
                return
            answer = plugin.admit(pod, attempt.feasible, world)
            if isinstance(answer, Refuse):
                attempt.is_error, attempt.message = True, answer.message
                return
            pairs = list(zip(attempt.feasible, answer, strict=True))
            attempt.feasible = [node for node, rejection in pairs if rejection is None]
            refused = [(node, plugin, rejection) for node, rejection in pairs if rejection is not None]
            attempt.rejected += refused
            attempt.rejectors.update(plugin for _ in refused)

    def _is_admitted(self, pod: PodInfo, nodes: list[NodeInfo], world: World) -> bool:
        return all(plugin.admit(pod, nodes, world) == [None] for plugin in self._framework.extenders)

    def _score(self, attempt: Attempt, pod: PodInfo, world: World) -> bool:
        """False when a plugin failed."""
        nodes = attempt.feasible
        states: dict[Plugin, State] = dict(attempt.states)
        skipped = set()
        for plugin in self._framework.at("preScore"):
            match plugin.pre_score(pod, nodes, attempt.states.get(plugin), world):
                case Run(state):
                    states[plugin] = state
                case Skip():
                    skipped.add(plugin)
                case Refuse(_, message):
                    attempt.is_error, attempt.message, attempt.feasible = True, message, []
                    return False
        attempt.totals = [0] * len(nodes)
        for plugin in self._framework.at("score"):
            if plugin in skipped:
                continue
            state = states.get(plugin)
            raw = [plugin.score(pod, node, state, world) for node in nodes]
            weight = self._framework.weight(plugin)
            attempt.raw[plugin] = raw
            attempt.weighted[plugin] = [weight * score for score in plugin.normalize(pod, nodes, list(raw), state)]
            attempt.totals = [a + b for a, b in zip(attempt.totals, attempt.weighted[plugin], strict=True)]
        return True


def _refused(code: Code, plugins: list[Plugin], message: str, world: World, plan: Plan) -> Attempt:
    names = ",".join(plugin.name for plugin in plugins)
    return Attempt(
        rejectors=set(plugins),
        message=f"0/{len(world.nodes)} nodes are available: {message}.",
        ruled_out=[(world.nodes, names, Rejection(code, [message]))],
        plan=plan,
    )


def _outside(plan: Plan, world: World) -> list[tuple[list[NodeInfo], str, Rejection]]:
    """The nodes that PreFilter did not name."""
    inside = {node.facts.name for node in plan.nodes}
    nodes = [node for node in world.nodes if node.facts.name not in inside] if plan.narrowing else []
    if not nodes:
        return []
    names = [plugin.name for plugin in plan.narrowing]
    reason = f"node(s) didn't satisfy plugin(s) [{' '.join(names)}]"
    return [(nodes, ",".join(names), Rejection("UnschedulableAndUnresolvable", [reason]))]


def _nothing_left(narrowing: list[Plugin]) -> str:
    if len(narrowing) == 1:
        return f"node(s) didn't satisfy plugin {narrowing[0].name}"
    return f"node(s) didn't satisfy plugin(s) [{' '.join(p.name for p in narrowing)}] simultaneously"


def _message(attempt: Attempt, all_count: int) -> str:
    counts = Counter(reason for _, _, rejection in attempt.rejected for reason in rejection.reasons)
    for nodes, _, rejection in attempt.ruled_out:
        counts.update({reason: len(nodes) for reason in rejection.reasons})
    return fit_message(counts, all_count)


def fit_message(counts: Counter[str], all_count: int) -> str:
    """The histogram of reasons, as kube-scheduler words it."""
    lines = sorted((f"{count} {reason}" for reason, count in counts.items()), key=str.encode)
    return f"0/{all_count} nodes are available: {', '.join(lines)}."


def feasible_nodes_to_find(count: int, percentage: int) -> int:
    """How many feasible nodes are enough, out of ``count``."""
    if count < FEASIBLE_NODES_MIN or percentage >= 100:
        return count
    if percentage == 0:
        percentage = max(PERCENTAGE_MAX - count // NODES_PER_PERCENT, PERCENTAGE_MIN)
    return max(count * percentage // 100, FEASIBLE_NODES_MIN)


def select_host(attempt: Attempt, slot_count: int, draw: int) -> NodeInfo:
    """The node of the highest total whose slot comes first, going round from ``draw``."""
    best = max(attempt.totals)
    first = draw % slot_count
    equals = [node for node, total in zip(attempt.feasible, attempt.totals, strict=True) if total == best]
    return min(equals, key=lambda node: (node.slot - first) % slot_count)
