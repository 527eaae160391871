"""Pods: who each is, and its shape, which is all that plugins look at.

Always true: two pods with equal shapes get the same answer from every plugin on every node.
Not here: the queue's notes about a pod (see `queue`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pyk8s.errors import DecodeError
from pyk8s.reference.scheduler.declared_features import inferred_features
from pyk8s.reference.scheduler.images import PodImages
from pyk8s.reference.scheduler.node import Taint
from pyk8s.reference.scheduler.node_selector import Term, decimal, node_affinity_terms
from pyk8s.reference.scheduler.pod_affinity import PodAffinity
from pyk8s.reference.scheduler.pod_claims import PodClaims
from pyk8s.reference.scheduler.requests import PodRequests
from pyk8s.reference.scheduler.spread_constraints import PodSpread
from pyk8s.reference.scheduler.volumes import PodVolumes

Json = Mapping[str, Any]

TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class HostPort:
    """A host port; ``ip`` is empty for the wildcard address."""

    protocol: str
    port: int
    ip: str

    def conflicts_with(self, other: HostPort) -> bool:
        is_same_address = self.ip == other.ip or not self.ip or not other.ip
        return self.port == other.port and self.protocol == other.protocol and is_same_address


@dataclass(frozen=True, slots=True)
class Toleration:
    key: str
    operator: str
    value: str
    effect: str

    @classmethod
    def parse(cls, manifest: Json) -> Toleration:
        texts = (manifest.get(part) or "" for part in ("key", "operator", "value", "effect"))
        return cls(*texts)

    def tolerates(self, taint: Taint, *, is_comparing: bool = False) -> bool:
        """``is_comparing``: the operators Lt and Gt are in use."""
        if self.effect and self.effect != taint.effect:
            return False
        if self.key and self.key != taint.key:
            return False
        match self.operator:
            case "Exists":
                return True
            case "" | "Equal":
                return self.key == taint.key and self.value == taint.value
            case "Lt" | "Gt" if is_comparing:
                return self._compares(taint)
        return False

    def _compares(self, taint: Taint) -> bool:
        number, bound = decimal(taint.value), decimal(self.value)
        if number is None or bound is None:
            return False
        return number > bound if self.operator == "Gt" else number < bound


@dataclass(slots=True)
class PodShape:
    requests: PodRequests
    namespace: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    ports: list[HostPort] = field(default_factory=list)
    tolerations: list[Toleration] = field(default_factory=list)
    node_selector: dict[str, str] = field(default_factory=dict)
    required_terms: list[Term] | None = None
    """None: no required node affinity. An empty list matches no node."""
    preferred_terms: list[tuple[int, Term]] = field(default_factory=list)
    """(weight, term), without those that can add nothing."""
    spread: PodSpread = field(default_factory=PodSpread)
    affinity: PodAffinity = field(default_factory=PodAffinity)
    images: PodImages = field(default_factory=PodImages)
    claims: PodClaims = field(default_factory=PodClaims)
    features: frozenset[str] = frozenset()
    """What its node must declare."""
    volumes: PodVolumes = field(default_factory=PodVolumes)

    def tolerates(self, taint: Taint, *, is_comparing: bool = False) -> bool:
        return any(toleration.tolerates(taint, is_comparing=is_comparing) for toleration in self.tolerations)

    @classmethod
    def parse(cls, pod: Json, owner: str) -> PodShape:
        meta, spec = pod.get("metadata") or {}, pod.get("spec") or {}
        affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
        required_terms, preferred_terms = node_affinity_terms(affinity)
        return cls(
            requests=PodRequests.of(pod, owner),
            namespace=meta.get("namespace") or "",
            labels=dict(meta.get("labels") or {}),
            ports=_host_ports(spec),
            tolerations=[Toleration.parse(toleration) for toleration in spec.get("tolerations") or ()],
            node_selector=dict(spec.get("nodeSelector") or {}),
            required_terms=required_terms,
            preferred_terms=preferred_terms,
            images=PodImages.parse(spec),
            spread=PodSpread.parse(pod),
            affinity=PodAffinity.parse(pod),
            claims=PodClaims.parse(pod),
            features=inferred_features(spec),
            volumes=PodVolumes.parse(pod),
        )


def _host_ports(spec: Json) -> list[HostPort]:
    sidecars = [c for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"]
    ports = []
    for container in [*(spec.get("containers") or ()), *sidecars]:
        for port in container.get("ports") or ():
            ip = port.get("hostIP") or ""
            if (port.get("hostPort") or 0) > 0:
                address = "" if ip == "0.0.0.0" else ip
                ports.append(HostPort(port.get("protocol") or "TCP", port["hostPort"], address))
    return ports


@dataclass(slots=True)
class PodInfo:
    """One pod as the engine knows it."""

    uid: str
    """The uid, or namespace/name for an object without one."""
    namespace: str
    name: str
    scheduler_name: str
    priority: int
    node_name: str
    """Empty when the pod is bound to no node."""
    nominated_node_name: str
    is_deleted: bool
    is_terminal: bool
    """Succeeded or Failed: it uses nothing any more."""
    gates: list[str]
    preemption_policy: str
    """"Never", or anything else for "PreemptLowerPriority"."""
    start_s: float | None
    """When its kubelet took it, in seconds since the epoch."""
    group: str
    """The name of its PodGroup, "" for a pod of its own."""
    shape: PodShape
    is_preempted: bool = False
    """Being deleted because the scheduler made room for another."""

    @classmethod
    def parse(cls, text: bytes) -> PodInfo:
        try:
            return cls._parse(json.loads(text))
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise DecodeError("pod: not the JSON of a Pod") from error

    @classmethod
    def _parse(cls, pod: Json) -> PodInfo:
        meta, spec, status = pod.get("metadata") or {}, pod.get("spec") or {}, pod.get("status") or {}
        namespace, name = meta.get("namespace") or "", meta.get("name") or ""
        if not name:
            raise DecodeError("pod: metadata.name is missing")
        return cls(
            uid=meta.get("uid") or f"{namespace}/{name}",
            namespace=namespace,
            name=name,
            scheduler_name=spec.get("schedulerName") or "default-scheduler",
            priority=spec.get("priority") or 0,
            node_name=spec.get("nodeName") or "",
            nominated_node_name=status.get("nominatedNodeName") or "",
            is_deleted=meta.get("deletionTimestamp") is not None,
            is_terminal=status.get("phase") in ("Succeeded", "Failed"),
            gates=[gate.get("name") or "" for gate in spec.get("schedulingGates") or ()],
            preemption_policy=spec.get("preemptionPolicy") or "",
            start_s=_seconds(status.get("startTime")),
            group=(spec.get("schedulingGroup") or {}).get("podGroupName") or "",
            shape=PodShape.parse(pod, f"pod {namespace}/{name}"),
            is_preempted=meta.get("deletionTimestamp") is not None and _is_target(status.get("conditions") or ()),
        )


def _is_target(conditions: Iterable[Json]) -> bool:
    """True when the scheduler has chosen the pod as a victim."""
    wanted = {"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}
    return any(all(condition.get(key) == value for key, value in wanted.items()) for condition in conditions)


def _seconds(text: str | None) -> float | None:
    """An RFC 3339 time, as Kubernetes writes it, as seconds since the epoch; None when absent or unreadable."""
    match = TIME.fullmatch(text or "")
    if match is None:
        return None
    whole, fraction, zone = match.groups()
    try:
        moment = datetime.fromisoformat(whole + ("+00:00" if zone == "Z" else zone))
    except ValueError:
        return None
    return moment.timestamp() + float(f"0{fraction or '.0'}")
