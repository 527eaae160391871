"""InterPodAffinity: pods that must, must not, would or would rather not be near others, both ways.

Always true: counts are kept per (topology key, domain); a pair whose count came back to 0 is not there. The incoming
pod's namespace selectors are resolved to names first; those of pods already there are asked about the incoming pod's
namespace.
Not here: reading terms (see `pod_affinity`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pyk8s.reference.scheduler.event import (
    AssignedPodAdded,
    AssignedPodDeleted,
    AssignedPodUpdated,
    ClusterEvent,
    NodeAdded,
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
from pyk8s.reference.scheduler.pod import PodInfo
from pyk8s.reference.scheduler.pod_affinity import AffinityTerm, PodAffinity, Terms

REASON_AFFINITY = "node(s) didn't match pod affinity rules"
REASON_ANTI_AFFINITY = "node(s) didn't match pod anti-affinity rules"
REASON_EXISTING_ANTI_AFFINITY = "node(s) didn't satisfy existing pods anti-affinity rules"

Pair = tuple[str, str]
"""(topology key, domain)."""
Labels = Mapping[str, str]
Weighted = list[tuple[int, AffinityTerm]]
NO_LABELS: Labels = {}


class Counts(dict[Pair, int]):
    def add(self, term: AffinityTerm, node: NodeFacts, by: int) -> None:
        """Count in the node's domain; a node without the key has none."""
        if term.topology_key not in node.labels:
            return
        pair = term.topology_key, node.labels[term.topology_key]
        count = self.pop(pair, 0) + by
        if count:
            self[pair] = count

    def at(self, term: AffinityTerm, node: NodeFacts) -> int:
        key = term.topology_key
        return self.get((key, node.labels[key]), 0) if key in node.labels else 0


@dataclass(slots=True)
class Required:
    """PreFilter's state."""

    required: Terms
    required_anti: Terms
    namespace_labels: Labels
    affinity: Counts = field(default_factory=Counts)
    """Pods that match all required terms of the incoming pod."""
    anti_affinity: Counts = field(default_factory=Counts)
    existing_anti_affinity: Counts = field(default_factory=Counts)
    """Anti-affinity terms of pods already there that match the incoming pod."""

    def change(self, pod: PodInfo, other: PodInfo, node: NodeFacts, by: int) -> None:
        """``other`` came to the node (1) or left it (-1)."""
        for term in other.shape.affinity.required_anti:
            if term.matches(pod.shape, self.namespace_labels):
                self.existing_anti_affinity.add(term, node, by)
        if matches_all(self.required, other):
            for term in self.required:
                self.affinity.add(term, node, by)
        for term in self.required_anti:
            if term.matches(other.shape, NO_LABELS):
                self.anti_affinity.add(term, node, by)


@dataclass(slots=True)
class Preferred:
    """PreScore's state."""

    sums: dict[Pair, int] = field(default_factory=dict)
    """What a node of the domain is worth."""

    def add(self, weighted: Weighted, pod: PodInfo, labels: Labels, node: NodeFacts) -> None:
        """Add the weight of each term that matches the pod. ``labels``: those of the pod's namespace."""
        for weight, term in weighted:
            if term.matches(pod.shape, labels) and term.topology_key in node.labels:
                pair = term.topology_key, node.labels[term.topology_key]
                self.sums[pair] = self.sums.get(pair, 0) + weight


class InterPodAffinity(Plugin):
    name = "InterPodAffinity"

    def __init__(self, args: Json) -> None:
        self._hard_weight = int(args.get("hardPodAffinityWeight", 1))
        self._ignores_existing = bool(args.get("ignorePreferredTermsOfExistingPods", False))

    def pre_filter(self, pod: PodInfo, world: World) -> PreFilter:
        own = pod.shape.affinity
        state = Required(
            resolved(own.required, world), resolved(own.required_anti, world), namespace_labels(pod.namespace, world)
        )
        for node, other in _pods(world):
            state.change(pod, other, node.facts, 1)
        if not (state.required or state.required_anti or state.existing_anti_affinity):
            return Skip()
        return Run(state)

    def filter(self, pod: PodInfo, node: NodeInfo, state: Required, world: World) -> Rejection | None:
        facts = node.facts
        if not _satisfies_affinity(pod, facts, state):
            return Rejection("UnschedulableAndUnresolvable", [REASON_AFFINITY])
        if any(state.anti_affinity.at(term, facts) > 0 for term in state.required_anti):
            return Rejection("Unschedulable", [REASON_ANTI_AFFINITY])
        if any(state.existing_anti_affinity.get(pair, 0) > 0 for pair in facts.labels.items()):
            return Rejection("Unschedulable", [REASON_EXISTING_ANTI_AFFINITY])
        return None

    def add_pod(self, pod: PodInfo, other: PodInfo, node: NodeInfo, state: State, world: World) -> None:
        state.change(pod, other, node.facts, 1)

    def remove_pod(self, pod: PodInfo, other: PodInfo, node: NodeInfo, state: State, world: World) -> None:
        state.change(pod, other, node.facts, -1)

    def pre_score(self, pod: PodInfo, nodes: list[NodeInfo], state: State, world: World) -> Run | Skip:
        own = pod.shape.affinity
        if self._ignores_existing and not own.has_preferred:
            return Skip()
        toward = signed(resolved(own.preferred, world), resolved(own.preferred_anti, world))
        labels, found = namespace_labels(pod.namespace, world), Preferred()
        for node, other in _pods(world):
            theirs = other.shape.affinity
            found.add(toward, other, NO_LABELS, node.facts)
            if self._hard_weight > 0:
                found.add([(self._hard_weight, term) for term in theirs.required], pod, labels, node.facts)
            found.add(signed(theirs.preferred, theirs.preferred_anti), pod, labels, node.facts)
        return Run(found) if found.sums else Skip()

    def score(self, pod: PodInfo, node: NodeInfo, state: Preferred, world: World) -> int:
        return sum(state.sums.get(pair, 0) for pair in node.facts.labels.items())

    def normalize(self, pod: PodInfo, nodes: list[NodeInfo], scores: list[int], state: Preferred) -> list[int]:
        lowest = min(scores, default=0)
        span = max(scores, default=0) - lowest
        if span == 0:
            return [0] * len(scores)
        return [int(float(NODE_SCORE_MAX) * (float(score - lowest) / float(span))) for score in scores]

    def hint(self, pod: PodInfo, event: ClusterEvent, world: World) -> bool:
        own = pod.shape.affinity
        required, anti = resolved(own.required, world), resolved(own.required_anti, world)
        match event:
            case NodeAdded(node):
                return not required or any(term.topology_key in node.labels for term in required)
            case NodeUpdated(old, node):
                return _moves_domain(old, node, pod, world)
            case AssignedPodAdded(other):
                return matches_all(required, other)
            case AssignedPodUpdated(was, other):
                is_joined = matches_all(required, other) and not matches_all(required, was)
                return is_joined or any(
                    term.matches(was.shape, NO_LABELS) and not term.matches(other.shape, NO_LABELS) for term in anti
                )
            case AssignedPodDeleted(other):
                is_repelled = any(term.matches(other.shape, NO_LABELS) for term in anti)
                return is_repelled or bool(_repelling([other], pod, world))
            case PodUpdated(was, other):
                return was.shape.labels != other.shape.labels
            case ObjectChanged("Namespace", old_obj, obj):
                is_own = pod.namespace == (obj or old_obj or {})["metadata"]["name"]
                return _labels(old_obj or {}) != _labels(obj or {}) and (is_own or _selects_namespaces(own))
        return False


def resolved(terms: Terms, world: World) -> Terms:
    """The terms with the namespaces that their selectors select now."""

    def selected(selector: LabelSelector) -> list[str]:
        return [name for name, obj in world.objects.all("Namespace") if selector.matches(_labels(obj))]

    return tuple(term.resolved(selected) for term in terms)


def namespace_labels(namespace: str, world: World) -> Labels:
    """No labels for a namespace that is not there."""
    return _labels(world.objects.get("Namespace", namespace) or {})


def signed(toward: Terms, against: Terms) -> Weighted:
    """Preferred terms with their weights, those against below zero."""
    return [(term.weight, term) for term in toward] + [(-term.weight, term) for term in against]


def matches_all(terms: Terms, other: PodInfo) -> bool:
    """Whether the pod matches all of the terms, and there are some. For resolved terms."""
    return bool(terms) and all(term.matches(other.shape, NO_LABELS) for term in terms)


def _labels(obj: Json) -> Labels:
    return (obj.get("metadata") or {}).get("labels") or {}


def _pods(world: World) -> Iterator[tuple[NodeInfo, PodInfo]]:
    for node in world.nodes:
        for other in node.pods:
            yield node, other


def _satisfies_affinity(pod: PodInfo, node: NodeFacts, state: Required) -> bool:
    if any(term.topology_key not in node.labels for term in state.required):
        return False
    if all(state.affinity.at(term, node) > 0 for term in state.required):
        return True
    # The first of a group that wants to be together: nobody matches yet, and it matches itself.
    return not state.affinity and matches_all(state.required, pod)


def _moves_domain(old: NodeFacts, node: NodeFacts, pod: PodInfo, world: World) -> bool:
    """The node entered a domain that the pod looks for, or left one in which it is not wanted."""
    own = pod.shape.affinity
    changed = {key for key in old.labels.keys() | node.labels.keys() if old.labels.get(key) != node.labels.get(key)}
    if any(term.topology_key in changed & node.labels.keys() for term in own.required):
        return True
    existing = _repelling([other for _, other in _pods(world)], pod, world) if changed else []
    return any(term.topology_key in changed & old.labels.keys() for term in (*own.required_anti, *existing))


def _repelling(others: list[PodInfo], pod: PodInfo, world: World) -> list[AffinityTerm]:
    """The required anti-affinity terms of other pods that match the pod."""
    labels = namespace_labels(pod.namespace, world)
    terms = [term for other in others for term in other.shape.affinity.required_anti]
    return [term for term in terms if term.matches(pod.shape, labels)]


def _selects_namespaces(own: PodAffinity) -> bool:
    return any(term.namespace_selector.requirements for term in (*own.required, *own.required_anti))
