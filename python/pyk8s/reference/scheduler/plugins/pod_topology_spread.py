"""PodTopologySpread: hard constraints refuse nodes that would skew the spread, soft ones score by it.

Always true: only pods of the same namespace count, and in the first count none that is being deleted.
Not here: reading constraints (see `spread_constraints`), whose selectors the defaults take (see `owners`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from pyk8s.reference.scheduler.event import (
    AssignedPodAdded,
    AssignedPodDeleted,
    AssignedPodUpdated,
    ClusterEvent,
    NodeAdded,
    NodeRemoved,
    NodeUpdated,
    ObjectChanged,
    PodUpdated,
)
from pyk8s.reference.scheduler.framework import (
    NODE_SCORE_MAX,
    Json,
    Plugin,
    PreFilter,
    Rejection,
    Run,
    Skip,
    State,
    World,
)
from pyk8s.reference.scheduler.label_selector import LabelSelector
from pyk8s.reference.scheduler.node import NodeFacts, NodeInfo
from pyk8s.reference.scheduler.owners import KINDS as OWNERS
from pyk8s.reference.scheduler.owners import default_selector
from pyk8s.reference.scheduler.plugins.node_affinity import admits
from pyk8s.reference.scheduler.plugins.taint_toleration import COMPARISON_GATE
from pyk8s.reference.scheduler.plugins.taint_toleration import admits as tolerates
from pyk8s.reference.scheduler.pod import PodInfo
from pyk8s.reference.scheduler.spread_constraints import SpreadConstraint, parse_constraints

REASON_MISSING_LABEL = "node(s) didn't match pod topology spread constraints (missing required label)"
REASON = "node(s) didn't match pod topology spread constraints"

HOSTNAME = "kubernetes.io/hostname"
"""The topology key under which each node is its own domain: soft constraints count it node by node."""

SYSTEM_DEFAULTS = (
    SpreadConstraint(HOSTNAME, max_skew=3, is_hard=False),
    SpreadConstraint("topology.kubernetes.io/zone", max_skew=5, is_hard=False),
)

Constraints = Sequence[SpreadConstraint]


@dataclass(slots=True)
class Hard:
    """PreFilter's state."""

    constraints: Constraints
    counts: list[dict[str, int]]
    """For each constraint: domain → matching pods."""


@dataclass(slots=True)
class Soft:
    """PreScore's state."""

    constraints: Constraints
    ignored: set[str] = field(default_factory=set)
    """Feasible nodes that lack a key."""
    counts: list[dict[str, int]] = field(default_factory=list)
    """For each constraint: domain among the feasible nodes → matching pods; empty for the hostname."""
    weights: list[float] = field(default_factory=list)


class PodTopologySpread(Plugin):
    name = "PodTopologySpread"

    def __init__(self, args: Json) -> None:
        self._is_system = args.get("defaultingType", "System") == "System"
        listed = parse_constraints(args.get("defaultConstraints") or (), {})
        self._defaults = SYSTEM_DEFAULTS if self._is_system else listed

    def pre_filter(self, pod: PodInfo, world: World) -> PreFilter:
        constraints = self._constraints(pod, world, is_hard=True)
        if not constraints:
            return Skip()
        hard = Hard(constraints, [{} for _ in constraints])
        for node in world.nodes:
            if not has_keys(node.facts, constraints):
                continue
            for constraint, counts in zip(constraints, hard.counts, strict=True):
                if self._counts(constraint, pod, node.facts):
                    value = node.facts.labels[constraint.topology_key]
                    counts[value] = counts.get(value, 0) + matching_count(node, constraint.selector, pod)
        return Run(hard)

    def filter(self, pod: PodInfo, node: NodeInfo, state: Hard, world: World) -> Rejection | None:
        for constraint, counts in zip(state.constraints, state.counts, strict=True):
            value = node.facts.labels.get(constraint.topology_key)
            if value is None:
                return Rejection("UnschedulableAndUnresolvable", [REASON_MISSING_LABEL])
            lowest = min(counts.values()) if counts and len(counts) >= constraint.min_domains else 0
            own = int(constraint.selector.matches(pod.shape.labels))
            if counts.get(value, 0) + own - lowest > constraint.max_skew:
                return Rejection("Unschedulable", [REASON])
        return None

    def add_pod(self, pod: PodInfo, other: PodInfo, node: NodeInfo, state: State, world: World) -> None:
        self._change(state, pod, other, node.facts, 1)

    def remove_pod(self, pod: PodInfo, other: PodInfo, node: NodeInfo, state: State, world: World) -> None:
        self._change(state, pod, other, node.facts, -1)

    def pre_score(self, pod: PodInfo, nodes: list[NodeInfo], state: State, world: World) -> Run | Skip:
        constraints = self._constraints(pod, world, is_hard=False)
        if not constraints:
            return Skip()
        # With the system's defaults a node without a zone still spreads by its name.
        needs_all = pod.shape.spread.has_own or not self._is_system
        soft = Soft(constraints)
        if needs_all:
            soft.ignored = {node.facts.name for node in nodes if not has_keys(node.facts, constraints)}
        taking_part = [node for node in nodes if node.facts.name not in soft.ignored]
        for constraint in constraints:
            counts: dict[str, int] = {}
            if constraint.topology_key != HOSTNAME:
                counts = {node.facts.labels.get(constraint.topology_key, ""): 0 for node in taking_part}
            size = len(taking_part) if constraint.topology_key == HOSTNAME else len(counts)
            soft.weights.append(math.log(size + 2))
            soft.counts.append(counts)
        for node in world.nodes:
            if not needs_all or has_keys(node.facts, constraints):
                self._count(soft, pod, node)
        return Run(soft)

    def score(self, pod: PodInfo, node: NodeInfo, state: Soft, world: World) -> int:
        if node.facts.name in state.ignored:
            return 0
        total = 0.0
        for constraint, counts, weight in zip(state.constraints, state.counts, state.weights, strict=True):
            value = node.facts.labels.get(constraint.topology_key)
            if value is None:
                continue
            if constraint.topology_key == HOSTNAME:
                count = matching_count(node, constraint.selector, pod)
            else:
                count = counts[value]
            total += float(count) * weight + float(constraint.max_skew - 1)
        return rounded(total)

    def normalize(self, pod: PodInfo, nodes: list[NodeInfo], scores: list[int], state: Soft) -> list[int]:
        is_ignored = [node.facts.name in state.ignored for node in nodes]
        taking_part = [score for score, ignored in zip(scores, is_ignored, strict=True) if not ignored]
        lowest, highest = min(taking_part, default=0), max(taking_part, default=0)
        if highest == 0:
            return [0 if ignored else NODE_SCORE_MAX for ignored in is_ignored]
        parts = [NODE_SCORE_MAX * (highest + lowest - score) // highest for score in scores]
        return [0 if ignored else part for part, ignored in zip(parts, is_ignored, strict=True)]

    def hint(self, pod: PodInfo, event: ClusterEvent, world: World) -> bool:
        constraints = self._constraints(pod, world, is_hard=True)
        match event:
            case NodeAdded(node) | NodeRemoved(node):
                return has_keys(node, constraints)
            case NodeUpdated(old, node):
                return self._moves_domain(pod, old, node, constraints)
            case AssignedPodAdded(other) | AssignedPodDeleted(other):
                is_matching = any(c.selector.matches(other.shape.labels) for c in constraints)
                return other.namespace == pod.namespace and is_matching
            case AssignedPodUpdated(old_pod, other):
                return other.namespace == pod.namespace and _changes_match(old_pod, other, constraints)
            case PodUpdated(old_pod, other):
                is_tolerant = old_pod.shape.tolerations != other.shape.tolerations
                return (is_tolerant and any(c.honors_taints for c in constraints)) or _changes_match(
                    old_pod, other, constraints
                )
            case ObjectChanged(kind, old_obj, obj):
                namespace = (obj or old_obj or {})["metadata"].get("namespace")
                has_defaults = not pod.shape.spread.has_own and any(c.is_hard for c in self._defaults)
                return has_defaults and namespace == pod.namespace and kind in ("Service", *OWNERS)
        return False

    def _constraints(self, pod: PodInfo, world: World, *, is_hard: bool) -> list[SpreadConstraint]:
        """The pod's own of one kind, else the default ones when something groups the pod with others."""
        spread = pod.shape.spread
        if spread.has_own:
            return list(spread.hard if is_hard else spread.soft)
        defaults = [constraint for constraint in self._defaults if constraint.is_hard == is_hard]
        selector = default_selector(pod.shape, spread.owner, world.objects) if defaults else LabelSelector(())
        return [] if selector.is_empty else [replace(constraint, selector=selector) for constraint in defaults]

    def _counts(self, constraint: SpreadConstraint, pod: PodInfo, node: NodeFacts) -> bool:
        """Whether the inclusion policies let the node's pods count."""
        if constraint.honors_affinity and not admits(pod.shape, node):
            return False
        is_comparing = self.gates.get(COMPARISON_GATE, False)
        return not constraint.honors_taints or tolerates(pod, node, is_comparing=is_comparing)

    def _count(self, soft: Soft, pod: PodInfo, node: NodeInfo) -> None:
        for constraint, counts in zip(soft.constraints, soft.counts, strict=True):
            value = node.facts.labels.get(constraint.topology_key, "")
            if value in counts and self._counts(constraint, pod, node.facts):
                counts[value] += matching_count(node, constraint.selector, pod)

    def _change(self, state: Hard, pod: PodInfo, other: PodInfo, node: NodeFacts, by: int) -> None:
        """What if: here kube-scheduler counts pods that are being deleted, and the empty selector's, as well."""
        if other.namespace != pod.namespace or not has_keys(node, state.constraints):
            return
        for constraint, counts in zip(state.constraints, state.counts, strict=True):
            if constraint.selector.matches(other.shape.labels) and self._counts(constraint, pod, node):
                value = node.labels[constraint.topology_key]
                counts[value] = counts.get(value, 0) + by

    def _moves_domain(self, pod: PodInfo, old: NodeFacts, node: NodeFacts, constraints: Constraints) -> bool:
        """The node enters or leaves a count, or its domain or its taints changed."""
        if has_keys(old, constraints) != has_keys(node, constraints):
            return True
        if not has_keys(node, constraints):
            return False
        counted = [[self._counts(constraint, pod, each) for constraint in constraints] for each in (old, node)]
        domains = [_domains(each.labels, constraints) for each in (old, node)]
        return counted[0] != counted[1] or domains[0] != domains[1] or old.taints != node.taints


def has_keys(node: NodeFacts, constraints: Constraints) -> bool:
    return all(constraint.topology_key in node.labels for constraint in constraints)


def matching_count(node: NodeInfo, selector: LabelSelector, pod: PodInfo) -> int:
    """The node's pods that count: none for the empty selector."""
    if selector.is_empty:
        return 0
    others = [other for other in node.pods if other.namespace == pod.namespace and not other.is_deleted]
    return sum(selector.matches(other.shape.labels) for other in others)


def rounded(number: float) -> int:
    """To the nearest integer, halves up; for numbers that are not negative."""
    whole = math.floor(number)
    return whole + (number - whole >= 0.5)


def _domains(labels: Mapping[str, str], constraints: Constraints) -> list[str]:
    return [labels[constraint.topology_key] for constraint in constraints]


def _changes_match(old: PodInfo, pod: PodInfo, constraints: Constraints) -> bool:
    return any(c.selector.matches(old.shape.labels) != c.selector.matches(pod.shape.labels) for c in constraints)
