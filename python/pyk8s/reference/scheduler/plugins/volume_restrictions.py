"""VolumeRestrictions: a disk is not used by two pods of a node, a ReadWriteOncePod claim not by two pods at all."""

from __future__ import annotations

from dataclasses import dataclass

from pyk8s.reference.scheduler.claims import claim_of, is_own_claim, not_found
from pyk8s.reference.scheduler.event import AssignedPodDeleted, ClusterEvent, NodeAdded, ObjectChanged
from pyk8s.reference.scheduler.framework import Plugin, PreFilter, Refuse, Rejection, Run, Skip, State, World
from pyk8s.reference.scheduler.node import NodeInfo
from pyk8s.reference.scheduler.pod import PodInfo

REASON_DISK = "node(s) had no available disk"
REASON_CLAIM = (
    "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod"
)
READ_WRITE_ONCE_POD = "ReadWriteOncePod"


@dataclass(slots=True)
class Uses:
    """The pod's ReadWriteOncePod claims, and how often other pods use them."""

    claims: frozenset[str]
    count: int = 0

    def of(self, pod: PodInfo, namespace: str) -> int:
        """How often a pod uses the claims, which are in ``namespace``."""
        if pod.namespace != namespace:
            return 0
        names = [reference.name for reference in pod.shape.volumes.claims if not reference.is_ephemeral]
        return sum(name in self.claims for name in names)


def has_conflict(pod: PodInfo, other: PodInfo) -> bool:
    """Whether the two want one disk."""
    return any(mine.conflicts_with(its) for mine in pod.shape.volumes.disks for its in other.shape.volumes.disks)


class VolumeRestrictions(Plugin):
    name = "VolumeRestrictions"

    def pre_filter(self, pod: PodInfo, world: World) -> PreFilter:
        exclusive = set()
        for reference in pod.shape.volumes.claims:
            if reference.is_ephemeral:
                continue
            claim = claim_of(pod, reference, world.objects)
            if claim is None:
                return Refuse("UnschedulableAndUnresolvable", not_found("persistentvolumeclaim", reference.name))
            if READ_WRITE_ONCE_POD in ((claim.get("spec") or {}).get("accessModes") or ()):
                exclusive.add(reference.name)
        uses = Uses(frozenset(exclusive))
        if exclusive:
            uses.count = sum(uses.of(other, pod.namespace) for node in world.nodes for other in node.pods)
        return Run(uses) if pod.shape.volumes.disks or uses.count else Skip()

    def add_pod(self, pod: PodInfo, other: PodInfo, node: NodeInfo, state: State, world: World) -> None:
        state.count += state.of(other, pod.namespace)

    def remove_pod(self, pod: PodInfo, other: PodInfo, node: NodeInfo, state: State, world: World) -> None:
        state.count -= state.of(other, pod.namespace)

    def filter(self, pod: PodInfo, node: NodeInfo, state: State, world: World) -> Rejection | None:
        if any(has_conflict(pod, other) for other in node.pods):
            return Rejection("Unschedulable", [REASON_DISK])
        return Rejection("Unschedulable", [REASON_CLAIM]) if state.count > 0 else None

    def hint(self, pod: PodInfo, event: ClusterEvent, world: World) -> bool:
        match event:
            case AssignedPodDeleted(gone):
                mine = {c for c in pod.shape.volumes.claims if not c.is_ephemeral}
                is_neighbour = gone.namespace == pod.namespace
                return is_neighbour and (has_conflict(pod, gone) or not mine.isdisjoint(gone.shape.volumes.claims))
            case NodeAdded():
                return True
            case ObjectChanged(old=None):
                return is_own_claim(pod, event, with_ephemeral=False)
        return False
