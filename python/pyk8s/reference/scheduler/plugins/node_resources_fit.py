"""NodeResourcesFit: what a pod asks for must be free; emptier nodes score higher.

The strategy is LeastAllocated, with cpu and memory alike.
"""

from __future__ import annotations

from pyk8s.reference.scheduler.event import (
    AssignedPodDeleted,
    AssignedPodUpdated,
    ClusterEvent,
    NodeAdded,
    NodeUpdated,
)
from pyk8s.reference.scheduler.framework import NODE_SCORE_MAX, Plugin, Rejection, State, World
from pyk8s.reference.scheduler.node import NodeFacts, NodeInfo
from pyk8s.reference.scheduler.pod import PodInfo
from pyk8s.reference.scheduler.quantity import quotient, saturated
from pyk8s.reference.scheduler.resources import Resources

TOO_MANY_PODS = "Too many pods"


def asked(wanted: Resources, has: Resources, used: Resources) -> list[tuple[str, int, int, int]]:
    """(resource, asked, allocatable, already requested) of all that the pod asks for, zeros left out."""
    rows = [
        ("cpu", wanted.milli_cpu, has.milli_cpu, used.milli_cpu),
        ("memory", wanted.memory_bytes, has.memory_bytes, used.memory_bytes),
        (
            "ephemeral-storage",
            wanted.ephemeral_storage_bytes,
            has.ephemeral_storage_bytes,
            used.ephemeral_storage_bytes,
        ),
    ]
    for name, amount in wanted.scalars.items():
        rows.append((name, amount, has.scalars.get(name, 0), used.scalars.get(name, 0)))
    return [row for row in rows if row[1] > 0]


def fits_empty(pod: PodInfo, node: NodeFacts) -> bool:
    rows = asked(pod.shape.requests.spec, node.allocatable, Resources())
    return node.allocatable.pods >= 1 and all(amount <= has for _, amount, has, _ in rows)


def has_grown(pod: PodInfo, old: NodeFacts, node: NodeFacts) -> bool:
    """True when a resource the pod asks for, or the number of pods, grew."""
    rows = asked(pod.shape.requests.spec, node.allocatable, old.allocatable)
    return node.allocatable.pods > old.allocatable.pods or any(has > had for _, _, has, had in rows)


def least_requested(capacity: int, requested: int) -> int | None:
    """100 for an unused, 0 for a full (or overfull) resource; None when the node has none of it."""
    if capacity <= 0:
        return None
    return 0 if requested > capacity else quotient((capacity - requested) * NODE_SCORE_MAX, capacity)


class NodeResourcesFit(Plugin):
    name = "NodeResourcesFit"

    def filter(self, pod: PodInfo, node: NodeInfo, state: State, world: World) -> Rejection | None:
        rejection = Rejection("Unschedulable", [])
        has = node.facts.allocatable
        if node.pod_count + 1 > has.pods:
            rejection.reasons.append(TOO_MANY_PODS)
        for resource, amount, capacity, used in asked(pod.shape.requests.spec, has, node.requested):
            if amount > saturated(capacity - used):
                rejection.reasons.append(f"Insufficient {resource}")
                if amount > capacity:
                    rejection.code = "UnschedulableAndUnresolvable"
        return rejection if rejection.reasons else None

    def score(self, pod: PodInfo, node: NodeInfo, state: State, world: World) -> int:
        wanted, has = pod.shape.requests, node.facts.allocatable
        cpu = saturated(node.non_zero_milli_cpu + wanted.scored_milli_cpu)
        memory = saturated(node.non_zero_memory_bytes + wanted.scored_memory_bytes)
        parts = [least_requested(has.milli_cpu, cpu), least_requested(has.memory_bytes, memory)]
        counted = [part for part in parts if part is not None]
        return quotient(sum(counted), len(counted)) if counted else 0

    def hint(self, pod: PodInfo, event: ClusterEvent, world: World) -> bool:
        match event:
            case NodeAdded(node):
                return fits_empty(pod, node)
            case NodeUpdated(old, node):
                return fits_empty(pod, node) and has_grown(pod, old, node)
            case AssignedPodDeleted():
                return True
            case AssignedPodUpdated(before, after):
                held, holds = before.shape.requests.requested, after.shape.requests.requested
                return any(was > now for _, _, was, now in asked(pod.shape.requests.spec, held, holds))
        return False
