"""The status of a Deployment, computed without I/O: counts, conditions, progress and its deadline.

Always true: lastTransitionTime of a condition changes only with its status, lastUpdateTime with status or reason (and
on every step of progress).
Not here: writing it (see `deployment`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyk8s.api.clock import parse_rfc3339, rfc3339
from pyk8s.controllers.deployment_decisions import (
    NO_LIMIT,
    available_of,
    max_unavailable,
    replicas_of,
    total_replicas,
)
from pyk8s.controllers.pod_state import condition_of

Json = dict[str, Any]

TIMED_OUT = "ProgressDeadlineExceeded"
NEW_AVAILABLE = "NewReplicaSetAvailable"
PAUSED = "DeploymentPaused"
RESUMED = "DeploymentResumed"


def new_condition(condition_type: str, status: str, reason: str, message: str, now_s: float) -> Json:
    now = rfc3339(now_s)
    return {
        "type": condition_type,
        "status": status,
        "lastUpdateTime": now,
        "lastTransitionTime": now,
        "reason": reason,
        "message": message,
    }


def with_condition(conditions: Sequence[Json], condition: Json) -> list[Json]:
    """The conditions with this one set; nothing changes when status and reason are those it has."""
    current = next((c for c in conditions if c["type"] == condition["type"]), None)
    if current is not None and (current["status"], current.get("reason")) == (condition["status"], condition["reason"]):
        return list(conditions)
    if current is not None and current["status"] == condition["status"]:
        condition = {**condition, "lastTransitionTime": current.get("lastTransitionTime")}
    return [*without_condition(conditions, condition["type"]), condition]


def without_condition(conditions: Sequence[Json], condition_type: str) -> list[Json]:
    return [condition for condition in conditions if condition["type"] != condition_type]


def has_progress_deadline(deployment: Json) -> bool:
    deadline = deployment["spec"].get("progressDeadlineSeconds")
    return deadline is not None and deadline != NO_LIMIT


def calculate_status(deployment: Json, sets: Sequence[Json], new: Json | None, now_s: float) -> Json:
    """Counts and the Available condition; the other conditions as they are."""
    available = sum(map(available_of, sets))
    conditions = (deployment.get("status") or {}).get("conditions") or []
    is_enough = available >= replicas_of(deployment) - max_unavailable(deployment)
    status = {
        "observedGeneration": deployment["metadata"].get("generation", 0),
        "replicas": _sum(sets, "replicas"),
        "updatedReplicas": _sum([new] if new else [], "replicas"),
        "readyReplicas": _sum(sets, "readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": max(0, total_replicas(sets) - available),
    }
    made: Json = {name: value for name, value in status.items() if value}
    if all("terminatingReplicas" in (rs.get("status") or {}) for rs in sets):
        made["terminatingReplicas"] = _sum(sets, "terminatingReplicas")
    made["conditions"] = with_condition(conditions, _available_condition(is_enough, now_s))
    if (deployment.get("status") or {}).get("collisionCount") is not None:
        made["collisionCount"] = deployment["status"]["collisionCount"]
    return made


def _sum(sets: Sequence[Json], name: str) -> int:
    return sum(int((rs.get("status") or {}).get(name) or 0) for rs in sets)


def _available_condition(is_enough: bool, now_s: float) -> Json:
    if is_enough:
        message = "Deployment has minimum availability."
        return new_condition("Available", "True", "MinimumReplicasAvailable", message, now_s)
    message = "Deployment does not have minimum availability."
    return new_condition("Available", "False", "MinimumReplicasUnavailable", message, now_s)


def rollout_status(deployment: Json, sets: Sequence[Json], new: Json | None, now_s: float) -> Json:
    """The status after a step of a rollout: counts, Available, Progressing, ReplicaFailure."""
    status = calculate_status(deployment, sets, new, now_s)
    if not has_progress_deadline(deployment):
        status["conditions"] = without_condition(status["conditions"], "Progressing")
    else:
        status["conditions"] = _with_progress(deployment, status, new, now_s)
    failure = _replica_failure(sets, new, now_s)
    if failure is not None:
        status["conditions"] = with_condition(status["conditions"], failure)
    else:
        status["conditions"] = without_condition(status["conditions"], "ReplicaFailure")
    return status


def _with_progress(deployment: Json, status: Json, new: Json | None, now_s: float) -> list[Json]:
    conditions: list[Json] = status["conditions"]
    current = condition_of(deployment, "Progressing")
    has_arrived = current is not None and current.get("reason") == NEW_AVAILABLE
    if has_arrived and status.get("replicas", 0) == status.get("updatedReplicas", 0):
        return conditions
    name = deployment["metadata"]["name"]
    subject = f'ReplicaSet "{new["metadata"]["name"]}"' if new else f'Deployment "{name}"'
    if is_complete(deployment, status):
        message = f"{subject} has successfully progressed."
        return with_condition(conditions, new_condition("Progressing", "True", NEW_AVAILABLE, message, now_s))
    if is_progressing(deployment.get("status") or {}, status):
        condition = new_condition("Progressing", "True", "ReplicaSetUpdated", f"{subject} is progressing.", now_s)
        if current is not None and current["status"] == "True":
            condition["lastTransitionTime"] = current.get("lastTransitionTime")
        return [*without_condition(conditions, "Progressing"), condition]
    if is_timed_out(deployment, now_s):
        message = f"{subject} has timed out progressing."
        return with_condition(conditions, new_condition("Progressing", "False", TIMED_OUT, message, now_s))
    return conditions


def is_complete(deployment: Json, status: Json) -> bool:
    """All pods are of the new template and available, none is of an old one."""
    wanted = replicas_of(deployment)
    counts = (status.get(name, 0) for name in ("updatedReplicas", "replicas", "availableReplicas"))
    is_observed = status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)
    return all(count == wanted for count in counts) and is_observed


def is_progressing(old: Json, new: Json) -> bool:
    """Updated, ready or available pods became more, or old ones fewer."""

    def count(status: Json, name: str) -> int:
        return int(status.get(name) or 0)

    def outdated(status: Json) -> int:
        return count(status, "replicas") - count(status, "updatedReplicas")

    grown = ("updatedReplicas", "readyReplicas", "availableReplicas")
    return outdated(new) < outdated(old) or any(count(new, name) > count(old, name) for name in grown)


def is_timed_out(deployment: Json, now_s: float) -> bool:
    """No progress for longer than the deadline; never once the rollout has arrived."""
    condition = condition_of(deployment, "Progressing")
    if condition is None or not has_progress_deadline(deployment) or condition.get("reason") == NEW_AVAILABLE:
        return False
    return condition.get("reason") == TIMED_OUT or _deadline_s(deployment, condition) < now_s


def deadline_in_s(deployment: Json, status: Json, now_s: float) -> float | None:
    """Seconds until a rollout that stands still must be looked at; None when there is nothing to wait for."""
    condition = condition_of(deployment, "Progressing")
    if condition is None or not has_progress_deadline(deployment):
        return None
    if is_complete(deployment, status) or condition.get("reason") == TIMED_OUT:
        return None
    return _deadline_s(deployment, condition) - now_s


def _deadline_s(deployment: Json, condition: Json) -> float:
    return parse_rfc3339(condition["lastUpdateTime"]) + int(deployment["spec"]["progressDeadlineSeconds"])


def _replica_failure(sets: Sequence[Json], new: Json | None, now_s: float) -> Json | None:
    """The failure of the new ReplicaSet, else of any."""
    for rs in [*([new] if new else []), *sets]:
        failure = condition_of(rs, "ReplicaFailure")
        if failure is not None:
            condition = new_condition("ReplicaFailure", failure["status"], failure["reason"], "", now_s)
            return {**condition, "message": failure.get("message", "")}
    return None
