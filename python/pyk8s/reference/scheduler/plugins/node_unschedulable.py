"""NodeUnschedulable: cordoned nodes take only pods that tolerate it."""

from __future__ import annotations

from pyk8s.reference.scheduler.event import ClusterEvent, PodUpdated, makes_true
from pyk8s.reference.scheduler.framework import Plugin, Rejection, State, World
from pyk8s.reference.scheduler.node import NodeFacts, NodeInfo, Taint
from pyk8s.reference.scheduler.pod import PodInfo

REASON = "node(s) were unschedulable"
TAINT = Taint("node.kubernetes.io/unschedulable", "", "NoSchedule")


def admits(pod: PodInfo, node: NodeFacts) -> bool:
    return not node.is_unschedulable or pod.shape.tolerates(TAINT)


class NodeUnschedulable(Plugin):
    name = "NodeUnschedulable"

    def filter(self, pod: PodInfo, node: NodeInfo, state: State, world: World) -> Rejection | None:
        return None if admits(pod, node.facts) else Rejection("UnschedulableAndUnresolvable", [REASON])

    def hint(self, pod: PodInfo, event: ClusterEvent, world: World) -> bool:
        if isinstance(event, PodUpdated):
            return event.pod.shape.tolerates(TAINT) and not event.old.shape.tolerates(TAINT)
        return makes_true(event, lambda node: admits(pod, node))
