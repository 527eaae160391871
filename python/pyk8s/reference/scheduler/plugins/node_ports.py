"""NodePorts: two pods of one node never share a host port."""

from __future__ import annotations

from pyk8s.reference.scheduler.event import AssignedPodDeleted, ClusterEvent, NodeAdded
from pyk8s.reference.scheduler.framework import Plugin, PreFilter, Rejection, Run, Skip, State, World
from pyk8s.reference.scheduler.node import NodeInfo
from pyk8s.reference.scheduler.pod import PodInfo

REASON = "node(s) didn't have free ports for the requested pod ports"


class NodePorts(Plugin):
    name = "NodePorts"

    def pre_filter(self, pod: PodInfo, world: World) -> PreFilter:
        return Run() if pod.shape.ports else Skip()

    def filter(self, pod: PodInfo, node: NodeInfo, state: State, world: World) -> Rejection | None:
        if any(node.has_conflict(port) for port in pod.shape.ports):
            return Rejection("Unschedulable", [REASON])
        return None

    def hint(self, pod: PodInfo, event: ClusterEvent, world: World) -> bool:
        if isinstance(event, AssignedPodDeleted):
            return any(used.conflicts_with(port) for used in event.pod.shape.ports for port in pod.shape.ports)
        return isinstance(event, NodeAdded)
