"""Nodes: what each is (from its object), and what its pods use of it.

Always true: `NodeInfo`'s sums are those of the pods in it, no more and no less.
Not here: which nodes there are and in which order (see `cache`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pyk8s.errors import DecodeError
from pyk8s.reference.scheduler.images import ImageState, node_images
from pyk8s.reference.scheduler.quantity import saturated
from pyk8s.reference.scheduler.resources import Resources

if TYPE_CHECKING:
    from pyk8s.reference.scheduler.pod import HostPort, PodInfo

REGION_LABELS = ("topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region")
ZONE_LABELS = ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone")


@dataclass(frozen=True, slots=True)
class Taint:
    key: str
    value: str
    effect: str


@dataclass(slots=True)
class NodeFacts:
    """What a Node object says, as far as scheduling goes."""

    name: str
    is_unschedulable: bool = False
    labels: dict[str, str] = field(default_factory=dict)
    taints: list[Taint] = field(default_factory=list)
    """In the object's order: the first that is not tolerated counts."""
    allocatable: Resources = field(default_factory=Resources)
    zone: tuple[str, str] = ("", "")
    """(region, zone); both empty when the node has no such labels."""
    images: dict[str, int] = field(default_factory=dict)
    """Sizes in bytes of the images that are on the node, by name."""
    declared_features: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, text: bytes) -> NodeFacts:
        try:
            return cls._parse(text)
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise DecodeError("node: not the JSON of a Node") from error

    @classmethod
    def _parse(cls, text: bytes) -> NodeFacts:
        node = json.loads(text)
        meta, spec, status = node.get("metadata") or {}, node.get("spec") or {}, node.get("status") or {}
        if not meta.get("name"):
            raise DecodeError("node: metadata.name is missing")
        labels = dict(meta.get("labels") or {})
        taints = [
            Taint(taint.get("key") or "", taint.get("value") or "", taint.get("effect") or "")
            for taint in spec.get("taints") or ()
        ]
        return cls(
            name=meta["name"],
            is_unschedulable=bool(spec.get("unschedulable")),
            labels=labels,
            taints=taints,
            allocatable=Resources.parse(status.get("allocatable") or {}, f"node {meta['name']}"),
            zone=(_first(labels, REGION_LABELS), _first(labels, ZONE_LABELS)),
            images=node_images(status),
            declared_features=frozenset(status.get("declaredFeatures") or ()),
        )


def _first(labels: dict[str, str], keys: tuple[str, str]) -> str:
    return next((labels[key] for key in keys if key in labels), "")


@dataclass(slots=True)
class NodeInfo:
    """A node and the sums over its pods."""

    facts: NodeFacts
    is_present: bool = False
    """False for a node that pods are bound to but whose object is not there (not yet, or not any more)."""
    requested: Resources = field(default_factory=Resources)
    non_zero_milli_cpu: int = 0
    non_zero_memory_bytes: int = 0
    pod_count: int = 0
    ports: list[HostPort] = field(default_factory=list)
    pods: list[PodInfo] = field(default_factory=list)
    """In the order in which they came."""
    slot: int = 0
    images: dict[str, ImageState] = field(default_factory=dict)
    """The node's images as they stood when an attempt last looked at the changed node."""

    def copy(self) -> NodeInfo:
        """Another node info that pods can be added to and removed from; the facts are shared."""
        return replace(self, requested=self.requested.copy(), ports=list(self.ports), pods=list(self.pods))

    def add_pod(self, pod: PodInfo) -> None:
        requests = pod.shape.requests
        self.requested.add(requests.requested)
        self.non_zero_milli_cpu = saturated(self.non_zero_milli_cpu + requests.non_zero_milli_cpu)
        self.non_zero_memory_bytes = saturated(self.non_zero_memory_bytes + requests.non_zero_memory_bytes)
        self.pod_count += 1
        self.ports.extend(pod.shape.ports)
        self.pods.append(pod)

    def remove_pod(self, pod: PodInfo) -> None:
        requests = pod.shape.requests
        self.requested.subtract(requests.requested)
        self.non_zero_milli_cpu = saturated(self.non_zero_milli_cpu - requests.non_zero_milli_cpu)
        self.non_zero_memory_bytes = saturated(self.non_zero_memory_bytes - requests.non_zero_memory_bytes)
        self.pod_count -= 1
        assert self.pod_count >= 0, "a pod leaves only the node that it was added to"
        for port in pod.shape.ports:
            self.ports.remove(port)
        self.pods = [other for other in self.pods if other.uid != pod.uid]

    def has_conflict(self, wanted: HostPort) -> bool:
        """True when a wanted host port is taken; the wildcard address conflicts with every other."""
        return any(used.conflicts_with(wanted) for used in self.ports)
