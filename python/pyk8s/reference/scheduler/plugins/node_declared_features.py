"""NodeDeclaredFeatures: a pod whose spec needs a feature fits only nodes that declare it."""

from __future__ import annotations

from pyk8s.reference.scheduler.event import ClusterEvent, PodUpdated, makes_true
from pyk8s.reference.scheduler.framework import Plugin, PreFilter, Rejection, Run, Skip, State, World
from pyk8s.reference.scheduler.node import NodeFacts, NodeInfo
from pyk8s.reference.scheduler.pod import PodInfo

REASON = "node(s) didn't match Pod's required features"


def admits(pod: PodInfo, node: NodeFacts) -> bool:
    return pod.shape.features <= node.declared_features


class NodeDeclaredFeatures(Plugin):
    name = "NodeDeclaredFeatures"

    def pre_filter(self, pod: PodInfo, world: World) -> PreFilter:
        return Run() if pod.shape.features else Skip()

    def filter(self, pod: PodInfo, node: NodeInfo, state: State, world: World) -> Rejection | None:
        return None if admits(pod, node.facts) else Rejection("UnschedulableAndUnresolvable", [REASON])

    def hint(self, pod: PodInfo, event: ClusterEvent, world: World) -> bool:
        if isinstance(event, PodUpdated):
            return event.old.shape.features != event.pod.shape.features
        return makes_true(event, lambda node: admits(pod, node))
