"""NodeResourcesFit: what a pod asks for must be free; a strategy says which use of nodes scores higher.

Not here: the strategies (see `scoring_strategy`).
"""

from __future__ import annotations

from pyk8s.reference.scheduler.event import (
    AssignedPodDeleted,
    AssignedPodUpdated,
    ClusterEvent,
    NodeAdded,
    NodeUpdated,
    PodUpdated,
)
from pyk8s.reference.scheduler.framework import Json, Plugin, Rejection, State, World
from pyk8s.reference.scheduler.node import NodeFacts, NodeInfo
from pyk8s.reference.scheduler.plugins.resource_allocation import counted, shares
from pyk8s.reference.scheduler.plugins.scoring_strategy import Strategy
from pyk8s.reference.scheduler.pod import PodInfo
from pyk8s.reference.scheduler.quantity import saturated
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


def has_grown(pod: PodInfo, old: NodeFacts, node: NodeFacts) -> bool:
    """True when a resource the pod asks for, or the number of pods, grew."""
    rows = asked(pod.shape.requests.spec, node.allocatable, old.allocatable)
    return node.allocatable.pods > old.allocatable.pods or any(has > had for _, _, has, had in rows)


class NodeResourcesFit(Plugin):
    name = "NodeResourcesFit"

    def __init__(self, args: Json) -> None:
        super().__init__(args)
        self._strategy = Strategy.parse(args.get("scoringStrategy"))
        self._ignored = frozenset(args.get("ignoredResources") or ())
        self._ignored_groups = frozenset(args.get("ignoredResourceGroups") or ())

    def _is_ignored(self, resource: str) -> bool:
        """Extended resources only: kubernetes.io's own, and those without a group, always count."""
        group, slash, _ = resource.partition("/")
        is_extended = bool(slash) and "kubernetes.io/" not in resource
        return is_extended and (resource in self._ignored or group in self._ignored_groups)

    def _fits_empty(self, pod: PodInfo, node: NodeFacts) -> bool:
        rows = asked(pod.shape.requests.spec, node.allocatable, Resources())
        is_enough = all(amount <= has or self._is_ignored(name) for name, amount, has, _ in rows)
        return node.allocatable.pods >= 1 and is_enough

    def filter(self, pod: PodInfo, node: NodeInfo, state: State, world: World) -> Rejection | None:
        rejection = Rejection("Unschedulable", [])
        has = node.facts.allocatable
        if node.pod_count + 1 > has.pods:
            rejection.reasons.append(TOO_MANY_PODS)
        for resource, amount, capacity, used in asked(pod.shape.requests.spec, has, node.requested):
            if amount > saturated(capacity - used) and not self._is_ignored(resource):
                rejection.reasons.append(f"Insufficient {resource}")
                if amount > capacity:
                    rejection.code = "UnschedulableAndUnresolvable"
        return rejection if rejection.reasons else None

    def score(self, pod: PodInfo, node: NodeInfo, state: State, world: World) -> int:
        return self._strategy.score(shares(self._strategy.resources, counted, pod, node))

    def hint(self, pod: PodInfo, event: ClusterEvent, world: World) -> bool:
        match event:
            case NodeAdded(node):
                return self._fits_empty(pod, node)
            case NodeUpdated(old, node):
                return self._fits_empty(pod, node) and has_grown(pod, old, node)
            case AssignedPodDeleted():
                return True
            case AssignedPodUpdated(before, after):
                held, holds = before.shape.requests.requested, after.shape.requests.requested
                return any(was > now for _, _, was, now in asked(pod.shape.requests.spec, held, holds))
            case PodUpdated(before, after):
                return any(
                    was > now
                    for _, was, _, now in asked(before.shape.requests.spec, Resources(), after.shape.requests.spec)
                )
        return False
