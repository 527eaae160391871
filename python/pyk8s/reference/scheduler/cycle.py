"""One scheduling attempt: PreFilter, Filter from the start index on, Score, and the choice among the best.

Always true: reads the cache, changes nothing; the caller moves the start index and assumes the pod.
Not here: the queue, preemption.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from pyk8s.reference.scheduler.framework import Framework, Nodes, Plugin, Refuse, Rejection, Skip
from pyk8s.reference.scheduler.node import NodeInfo
from pyk8s.reference.scheduler.pod import PodInfo

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
    rejectors: set[Plugin] = field(default_factory=set)
    message: str = ""
    """Why no node was chosen."""
    feasible: list[NodeInfo] = field(default_factory=list)
    rejected: list[tuple[NodeInfo, Plugin, Rejection]] = field(default_factory=list)
    skipped_filters: list[Plugin] = field(default_factory=list)
    raw: dict[Plugin, list[int]] = field(default_factory=dict)
    weighted: dict[Plugin, list[int]] = field(default_factory=dict)
    totals: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Plan:
    """What PreFilter left."""

    nodes: list[NodeInfo]
    filters: list[Plugin]
    narrowing: list[Plugin]
    """Plugins that named nodes."""


class Cycle:
    def __init__(self, framework: Framework) -> None:
        self._framework = framework

    def run(self, pod: PodInfo, nodes: list[NodeInfo], start: int, percentage: int) -> Attempt:
        """Try the pod on ``nodes`` (in order). ``percentage`` is percentageOfNodesToScore, 0 for adaptive."""
        if not nodes:
            return Attempt(message=NO_NODES)
        plan = self._pre_filter(pod, nodes)
        if isinstance(plan, Attempt):
            return plan
        attempt = Attempt(skipped_filters=[f for f in self._framework.at("Filter") if f not in plan.filters])
        nominated = [node for node in plan.nodes if node.facts.name == pod.nominated_node_name]
        if nominated and _refusal(pod, nominated[0], plan.filters) is None:
            attempt.chosen, attempt.feasible = nominated[0], nominated
            return attempt
        self._filter(attempt, pod, plan, start, percentage)
        attempt.rejectors.update(plan.narrowing)
        if not attempt.feasible:
            attempt.message = _message(attempt, plan, len(nodes))
        elif len(attempt.feasible) == 1:
            attempt.chosen = attempt.feasible[0]
        else:
            self._score(attempt, pod)
            attempt.chosen = attempt.feasible[select_host(attempt.totals)]
        return attempt

    def _pre_filter(self, pod: PodInfo, nodes: list[NodeInfo]) -> Plan | Attempt:
        plan = Plan(nodes, self._framework.at("Filter"), [])
        names: list[str] | None = None
        refused = Attempt()
        for plugin in self._framework.plugins:
            match plugin.pre_filter(pod):
                case Skip():
                    plan.filters.remove(plugin)
                case Refuse("UnschedulableAndUnresolvable", message):
                    return _refused({plugin}, message, len(nodes))
                case Refuse(_, message):
                    refused = _refused(refused.rejectors | {plugin}, message, len(nodes))
                case Nodes(some):
                    plan.narrowing.append(plugin)
                    names = some if names is None else [name for name in names if name in some]
                    if not names:
                        return _refused(set(plan.narrowing), _nothing_left(plan.narrowing), len(nodes))
        if refused.message:
            return refused
        if names is not None:
            plan.nodes = [node for node in nodes if node.facts.name in names]
        return plan

    def _filter(self, attempt: Attempt, pod: PodInfo, plan: Plan, start: int, percentage: int) -> None:
        count = len(plan.nodes)
        target = feasible_nodes_to_find(count, percentage)
        for step in range(count):
            if len(attempt.feasible) == target:
                break
            node = plan.nodes[(start + step) % count]
            attempt.examined_count += 1
            refusal = _refusal(pod, node, plan.filters)
            if refusal is None:
                attempt.feasible.append(node)
            else:
                attempt.rejected.append((node, *refusal))
                attempt.rejectors.add(refusal[0])

    def _score(self, attempt: Attempt, pod: PodInfo) -> None:
        attempt.totals = [0] * len(attempt.feasible)
        for plugin in self._framework.at("Score"):
            if not plugin.pre_score(pod):
                continue
            raw = [plugin.score(pod, node) for node in attempt.feasible]
            weight = self._framework.weights[plugin]
            attempt.raw[plugin] = raw
            attempt.weighted[plugin] = [weight * score for score in plugin.normalize(raw)]
            attempt.totals = [a + b for a, b in zip(attempt.totals, attempt.weighted[plugin], strict=True)]


def _refusal(pod: PodInfo, node: NodeInfo, filters: list[Plugin]) -> tuple[Plugin, Rejection] | None:
    """The first filter that refuses the node, with its reasons; None when all admit it."""
    for plugin in filters:
        rejection = plugin.filter(pod, node)
        if rejection is not None:
            return plugin, rejection
    return None


def _refused(rejectors: set[Plugin], message: str, all_count: int) -> Attempt:
    return Attempt(rejectors=rejectors, message=f"0/{all_count} nodes are available: {message}.")


def _nothing_left(narrowing: list[Plugin]) -> str:
    if len(narrowing) == 1:
        return f"node(s) didn't satisfy plugin {narrowing[0].name}"
    return f"node(s) didn't satisfy plugin(s) [{' '.join(p.name for p in narrowing)}] simultaneously"


def _message(attempt: Attempt, plan: Plan, all_count: int) -> str:
    counts = Counter(reason for _, _, rejection in attempt.rejected for reason in rejection.reasons)
    lines = [f"{count} {reason}" for reason, count in counts.items()]
    if len(plan.nodes) < all_count and plan.narrowing:
        names = " ".join(plugin.name for plugin in plan.narrowing)
        lines.append(f"{all_count - len(plan.nodes)} node(s) didn't satisfy plugin(s) [{names}]")
    return f"0/{all_count} nodes are available: {', '.join(sorted(lines, key=str.encode))}."


def feasible_nodes_to_find(count: int, percentage: int) -> int:
    """How many feasible nodes are enough, out of ``count``."""
    if count < FEASIBLE_NODES_MIN:
        return count
    if percentage == 0:
        percentage = max(PERCENTAGE_MAX - count // NODES_PER_PERCENT, PERCENTAGE_MIN)
    return max(count * min(percentage, 100) // 100, FEASIBLE_NODES_MIN)


def select_host(totals: list[int]) -> int:
    """The root of the binary max-heap built over the totals.

    A child rises only when strictly greater; of equal children it is the left one.
    """
    heap = list(range(len(totals)))
    for parent in reversed(range(len(heap) // 2)):
        _sift_down(heap, totals, parent)
    return heap[0]


def _sift_down(heap: list[int], totals: list[int], parent: int) -> None:
    while (child := 2 * parent + 1) < len(heap):
        right = child + 1
        if right < len(heap) and totals[heap[right]] > totals[heap[child]]:
            child = right
        if totals[heap[child]] <= totals[heap[parent]]:
            return
        heap[parent], heap[child] = heap[child], heap[parent]
        parent = child
