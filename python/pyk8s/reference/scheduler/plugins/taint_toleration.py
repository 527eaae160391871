"""TaintToleration: untolerated NoSchedule and NoExecute taints refuse, PreferNoSchedule ones cost score."""

from __future__ import annotations

from pyk8s.reference.scheduler.event import ClusterEvent, PodUpdated, makes_true
from pyk8s.reference.scheduler.framework import Plugin, Rejection, State, World
from pyk8s.reference.scheduler.node import NodeFacts, NodeInfo
from pyk8s.reference.scheduler.plugins.normalize import normalize_by_max
from pyk8s.reference.scheduler.pod import PodInfo

REASON = "node(s) had untolerated taint(s)"


COMPARISON_GATE = "TaintTolerationComparisonOperators"


def admits(pod: PodInfo, node: NodeFacts, *, is_comparing: bool = False) -> bool:
    hard = [taint for taint in node.taints if taint.effect in ("NoSchedule", "NoExecute")]
    return all(pod.shape.tolerates(taint, is_comparing=is_comparing) for taint in hard)


class TaintToleration(Plugin):
    name = "TaintToleration"

    def filter(self, pod: PodInfo, node: NodeInfo, state: State, world: World) -> Rejection | None:
        is_fine = admits(pod, node.facts, is_comparing=self._is_comparing)
        return None if is_fine else Rejection("UnschedulableAndUnresolvable", [REASON])

    def score(self, pod: PodInfo, node: NodeInfo, state: State, world: World) -> int:
        """PreferNoSchedule taints that no toleration matches."""
        soft = [taint for taint in node.facts.taints if taint.effect == "PreferNoSchedule"]
        return sum(not pod.shape.tolerates(taint, is_comparing=self._is_comparing) for taint in soft)

    def normalize(self, pod: PodInfo, nodes: list[NodeInfo], scores: list[int], state: State) -> list[int]:
        return normalize_by_max(scores, is_reversed=True)

    def hint(self, pod: PodInfo, event: ClusterEvent, world: World) -> bool:
        if isinstance(event, PodUpdated):
            return event.old.shape.tolerations != event.pod.shape.tolerations
        return makes_true(event, lambda node: admits(pod, node, is_comparing=self._is_comparing))

    @property
    def _is_comparing(self) -> bool:
        return self.gates.get(COMPARISON_GATE, False)
