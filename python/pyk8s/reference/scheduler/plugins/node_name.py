"""NodeName: a pod that names its node fits no other."""

from __future__ import annotations

from pyk8s.reference.scheduler.event import ClusterEvent, NodeAdded
from pyk8s.reference.scheduler.framework import Plugin, Rejection, State, World
from pyk8s.reference.scheduler.node import NodeInfo
from pyk8s.reference.scheduler.pod import PodInfo

REASON = "node(s) didn't match the requested node name"


def admits(pod: PodInfo, node_name: str) -> bool:
    return not pod.node_name or pod.node_name == node_name


class NodeName(Plugin):
    name = "NodeName"

    def filter(self, pod: PodInfo, node: NodeInfo, state: State, world: World) -> Rejection | None:
        return None if admits(pod, node.facts.name) else Rejection("UnschedulableAndUnresolvable", [REASON])

    def hint(self, pod: PodInfo, event: ClusterEvent, world: World) -> bool:
        return isinstance(event, NodeAdded) and admits(pod, event.node.name)
