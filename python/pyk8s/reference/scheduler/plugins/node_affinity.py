"""NodeAffinity: nodeSelector and required terms refuse, preferred terms add their weights."""

from __future__ import annotations

from dataclasses import dataclass, field

from pyk8s.reference.scheduler.event import ClusterEvent, makes_true
from pyk8s.reference.scheduler.framework import (
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
from pyk8s.reference.scheduler.node import NodeFacts, NodeInfo
from pyk8s.reference.scheduler.node_selector import Term, node_affinity_terms
from pyk8s.reference.scheduler.plugins.normalize import normalize_by_max
from pyk8s.reference.scheduler.pod import PodInfo, PodShape

REASON = "node(s) didn't match Pod's node affinity/selector"
REASON_ADDED = "node(s) didn't match scheduler-enforced node affinity"
REASON_CONFLICT = "pod affinity terms conflict"


@dataclass(frozen=True, slots=True)
class AffinityTerms:
    """Node affinity that the configuration adds to every pod of the profile."""

    required: list[Term] | None = None
    preferred: list[tuple[int, Term]] = field(default_factory=list)

    @classmethod
    def parse(cls, manifest: Json | None) -> AffinityTerms:
        return cls(*node_affinity_terms(manifest or {}))

    def admits(self, node: NodeFacts) -> bool:
        return self.required is None or any(term.matches(node) for term in self.required)


def admits(shape: PodShape, node: NodeFacts) -> bool:
    if any(node.labels.get(key) != value for key, value in shape.node_selector.items()):
        return False
    return shape.required_terms is None or any(term.matches(node) for term in shape.required_terms)


def named_nodes(shape: PodShape) -> list[str] | None:
    """The nodes that the required terms name, when every term names some."""
    if not shape.required_terms:
        return None
    names: list[str] = []
    for term in shape.required_terms:
        allowed = term.allowed_names()
        if allowed is None:
            return None
        names += allowed
    return names


class NodeAffinity(Plugin):
    name = "NodeAffinity"

    def __init__(self, args: Json) -> None:
        super().__init__(args)
        self._added = AffinityTerms.parse(args.get("addedAffinity"))

    def pre_filter(self, pod: PodInfo, world: World) -> PreFilter:
        if self._added.required is None and not pod.shape.node_selector and pod.shape.required_terms is None:
            return Skip()
        names = named_nodes(pod.shape)
        if names is None:
            return Run()
        return Nodes(names) if names else Refuse("UnschedulableAndUnresolvable", REASON_CONFLICT)

    def filter(self, pod: PodInfo, node: NodeInfo, state: State, world: World) -> Rejection | None:
        if not self._added.admits(node.facts):
            return Rejection("UnschedulableAndUnresolvable", [REASON_ADDED])
        return None if admits(pod.shape, node.facts) else Rejection("UnschedulableAndUnresolvable", [REASON])

    def pre_score(self, pod: PodInfo, nodes: list[NodeInfo], state: State, world: World) -> Run | Skip:
        return Run() if pod.shape.preferred_terms or self._added.preferred else Skip()

    def score(self, pod: PodInfo, node: NodeInfo, state: State, world: World) -> int:
        terms = [*self._added.preferred, *pod.shape.preferred_terms]
        return sum(weight for weight, term in terms if term.matches(node.facts))

    def normalize(self, pod: PodInfo, nodes: list[NodeInfo], scores: list[int], state: State) -> list[int]:
        return normalize_by_max(scores, is_reversed=False)

    def hint(self, pod: PodInfo, event: ClusterEvent, world: World) -> bool:
        return makes_true(event, lambda node: self._added.admits(node) and admits(pod.shape, node))
