"""What scores of resources look at: how much of each configured resource a node has, and how much would be in use.

Always true: a resource that the node does not have is left out, weight and all; so is one beyond cpu, memory and
ephemeral storage that the pod does not ask for.
Not here: what the amounts are worth (see `scoring_strategy`, `node_resources_balanced_allocation`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyk8s.errors import DecodeError
from pyk8s.reference.scheduler.node import NodeInfo
from pyk8s.reference.scheduler.pod import PodInfo
from pyk8s.reference.scheduler.quantity import saturated

NATIVE = ("cpu", "memory", "ephemeral-storage")


@dataclass(frozen=True, slots=True)
class ScoredResource:
    name: str
    weight: int

    @property
    def is_native(self) -> bool:
        return self.name in NATIVE


DEFAULT_RESOURCES = (ScoredResource("cpu", 1), ScoredResource("memory", 1))


def parse_resources(manifest: Sequence[Mapping[str, Any]] | None, path: str) -> tuple[ScoredResource, ...]:
    """The ``resources`` of a plugin's arguments: none means cpu and memory alike; a weight of 0 means 1."""
    listed = []
    for i, entry in enumerate(manifest or ()):
        name, weight = entry.get("name"), entry.get("weight") or 1
        if not isinstance(name or "", str) or not isinstance(weight, int) or isinstance(weight, bool):
            raise TypeError("a name and a number are needed")
        if not name:
            raise DecodeError(f"{path}[{i}].name: a resource is needed")
        if not 1 <= weight <= 100:
            raise DecodeError(f"{path}[{i}].weight: must be 1 to 100")
        listed.append(ScoredResource(name, weight))
    return tuple(listed) or DEFAULT_RESOURCES


Amount = Callable[[str, PodInfo, NodeInfo], tuple[int, int]]
"""(in use on the node, asked by the pod) of a resource."""


def counted(resource: str, pod: PodInfo, node: NodeInfo) -> tuple[int, int]:
    """With fallbacks for containers that do not name cpu or memory."""
    requests = pod.shape.requests
    match resource:
        case "cpu":
            return node.non_zero_milli_cpu, requests.scored_milli_cpu
        case "memory":
            return node.non_zero_memory_bytes, requests.scored_memory_bytes
    return as_requested(resource, pod, node)


def as_requested(resource: str, pod: PodInfo, node: NodeInfo) -> tuple[int, int]:
    """The same without fallbacks."""
    return node.requested.get(resource), pod.shape.requests.requested.get(resource)


@dataclass(frozen=True, slots=True)
class Share:
    """One resource on one node."""

    resource: ScoredResource
    capacity: int
    before: int
    """In use without the pod."""
    after: int
    """In use with it."""


def shares(resources: Sequence[ScoredResource], amount: Amount, pod: PodInfo, node: NodeInfo) -> list[Share]:
    found = []
    for resource in resources:
        capacity = node.facts.allocatable.get(resource.name)
        used, asked = amount(resource.name, pod, node)
        if capacity > 0 and (asked or resource.is_native):
            found.append(Share(resource, capacity, used, saturated(used + asked)))
    return found
