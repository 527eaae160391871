"""What a ReplicaSet does, decided without I/O: how many pods, which victims, what status.

Always true: the same pods and time give the same answer, whatever the order of the list.
Not here: requests and events (see `replicaset`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cmp_to_key
from typing import Any

from pyk8s.controllers.label_selector import labels_of
from pyk8s.controllers.pod_state import (
    created_s,
    is_available,
    is_ready,
    is_terminating,
    node_name,
    phase,
    ready_since_s,
)

Json = dict[str, Any]

BURST_REPLICAS = 500
PHASE_RANK = {"Pending": 0, "Unknown": 1, "Running": 2}
DELETION_COST_ANNOTATION = "controller.kubernetes.io/pod-deletion-cost"


def replica_difference(active_count: int, replicas: int) -> int:
    """Pods to create (> 0) or to delete (< 0) in one sync, at most `BURST_REPLICAS`."""
    return max(-BURST_REPLICAS, min(BURST_REPLICAS, replicas - active_count))


def log_rank(since_s: float, now_s: float) -> int:
    """floor(log2(age in nanoseconds)); -1 for what is not in the past."""
    age_ns = int((now_s - since_s) * 1e9)
    return age_ns.bit_length() - 1 if age_ns > 0 else -1


def choose_victims(pods: Iterable[Json], count: int, *, family_per_node: Mapping[str, int], now_s: float) -> list[Json]:
    """The ``count`` pods to delete first.

    Args:
        family_per_node: active pods of all ReplicaSets of the same owner, by node name.
    """
    candidates = [_Candidate.of(pod, family_per_node, now_s) for pod in pods]
    if count >= len(candidates):
        return [candidate.pod for candidate in candidates]
    candidates.sort(key=cmp_to_key(_compare))
    return [candidate.pod for candidate in candidates[:count]]


def count_per_node(pods: Iterable[Json]) -> Counter[str]:
    return Counter(node_name(pod) for pod in pods)


def deletion_cost(pod: Json) -> int:
    """The annotation as an integer; 0 when it is missing or no integer."""
    text = (pod["metadata"].get("annotations") or {}).get(DELETION_COST_ANNOTATION, "0")
    try:
        return int(text)
    except ValueError:
        return 0


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A pod with everything the order looks at, worked out once."""

    pod: Json
    first: tuple[bool, int, bool, int, int]
    is_ready: bool
    ready_s: float
    restarts: tuple[int, int]
    created_s: float
    now_s: float

    @classmethod
    def of(cls, pod: Json, family_per_node: Mapping[str, int], now_s: float) -> _Candidate:
        ready = is_ready(pod)
        first = (
            bool(node_name(pod)),
            PHASE_RANK.get(phase(pod), 0),
            ready,
            deletion_cost(pod),
            -family_per_node.get(node_name(pod), 0),
        )
        return cls(pod, first, ready, ready_since_s(pod), _restarts(pod), created_s(pod), now_s)


def _restarts(pod: Json) -> tuple[int, int]:
    """Highest restart counts of regular containers and of sidecars."""
    status = pod.get("status", {})
    sidecars = {
        c["name"] for c in pod.get("spec", {}).get("initContainers") or () if c.get("restartPolicy") == "Always"
    }
    regular = [int(c.get("restartCount") or 0) for c in status.get("containerStatuses") or ()]
    beside = [
        int(c.get("restartCount") or 0) for c in status.get("initContainerStatuses") or () if c.get("name") in sidecars
    ]
    return max(regular, default=0), max(beside, default=0)


def _compare(a: _Candidate, b: _Candidate) -> int:
    """< 0: ``a`` is deleted before ``b``."""
    if a.first != b.first:
        return -1 if a.first < b.first else 1
    if a.is_ready and b.is_ready and a.ready_s != b.ready_s:
        return _younger_first(a, b, a.ready_s, b.ready_s)
    if a.restarts != b.restarts:
        return -1 if a.restarts > b.restarts else 1
    if a.created_s != b.created_s:
        return _younger_first(a, b, a.created_s, b.created_s)
    return _by_uid(a, b)


def _younger_first(a: _Candidate, b: _Candidate, a_s: float, b_s: float) -> int:
    """By order of magnitude of the age: pods of about one age are told apart by uid, that is at random."""
    if not a_s or not b_s:
        return -1 if not a_s else 1
    difference = log_rank(a_s, a.now_s) - log_rank(b_s, a.now_s)
    return difference or _by_uid(a, b)


def _by_uid(a: _Candidate, b: _Candidate) -> int:
    a_uid, b_uid = str(a.pod["metadata"].get("uid")), str(b.pod["metadata"].get("uid"))
    return int(a_uid > b_uid) - int(a_uid < b_uid)


def calculate_status(rs: Json, pods: Iterable[Json], active: Iterable[Json], *, now_s: float) -> Json:
    """The status without conditions; counts of 0 are left out where Kubernetes' JSON does so.

    Args:
        pods: every pod of the ReplicaSet; ``active`` those that count as replicas.
    """
    template_labels = (rs["spec"]["template"].get("metadata") or {}).get("labels") or {}
    wanted = list(template_labels.items())
    min_ready_s = int(rs["spec"].get("minReadySeconds") or 0)
    counts: Counter[str] = Counter()
    for pod in active:
        labels = labels_of(pod)
        counts["replicas"] += 1
        counts["fullyLabeledReplicas"] += all(labels.get(key) == value for key, value in wanted)
        if is_ready(pod):
            counts["readyReplicas"] += 1
            counts["availableReplicas"] += is_available(pod, min_ready_s, now_s)
    status: Json = {"replicas": counts["replicas"]}
    for name in ("fullyLabeledReplicas", "readyReplicas", "availableReplicas"):
        if counts[name]:
            status[name] = counts[name]
    status["terminatingReplicas"] = sum(1 for pod in pods if is_terminating(pod))
    if rs["metadata"].get("generation"):
        status["observedGeneration"] = rs["metadata"]["generation"]
    return status


def failure_condition(difference: int, error: Exception, now: str) -> Json:
    """ReplicaFailure after ``difference`` pods could not be created (> 0) or deleted (< 0)."""
    return {
        "type": "ReplicaFailure",
        "status": "True",
        "lastTransitionTime": now,
        "reason": "FailedCreate" if difference > 0 else "FailedDelete",
        "message": str(error),
    }


def conditions_after(old: Json, failure: Json | None) -> list[Json]:
    """The conditions of a status after a sync: one that was there keeps its time, success removes it."""
    others: list[Json] = []
    for condition in old.get("conditions") or ():
        if condition["type"] != "ReplicaFailure":
            others.append(condition)
        elif failure is not None:
            return [*others, condition] if condition.get("status") == "True" else [*others, failure]
    return [*others, failure] if failure is not None else others
