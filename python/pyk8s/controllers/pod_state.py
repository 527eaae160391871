"""What a pod's status says, as controllers read it. No I/O.

Always true: time is seconds since the epoch, given by the caller.
Not here: changing pods (see `pod_control`).
"""

from __future__ import annotations

from typing import Any

from pyk8s.api.clock import parse_rfc3339

Json = dict[str, Any]


def condition_of(obj: Json, condition_type: str) -> Json | None:
    """The status condition of this type."""
    for condition in obj.get("status", {}).get("conditions") or ():
        if condition["type"] == condition_type:
            found: Json = condition
            return found
    return None


def phase(pod: Json) -> str:
    return str(pod.get("status", {}).get("phase") or "")


def is_terminal(pod: Json) -> bool:
    return phase(pod) in ("Succeeded", "Failed")


def is_active(pod: Json) -> bool:
    """Not finished and not being deleted."""
    return not is_terminal(pod) and not pod["metadata"].get("deletionTimestamp")


def is_terminating(pod: Json) -> bool:
    """Being deleted and not finished."""
    return bool(pod["metadata"].get("deletionTimestamp")) and not is_terminal(pod)


def is_ready(pod: Json) -> bool:
    condition = condition_of(pod, "Ready")
    return condition is not None and condition["status"] == "True"


def ready_since_s(pod: Json) -> float:
    """When a ready pod became so; 0 when it is not ready or does not say."""
    condition = condition_of(pod, "Ready")
    if condition is None or condition["status"] != "True" or not condition.get("lastTransitionTime"):
        return 0.0
    return parse_rfc3339(condition["lastTransitionTime"])


def is_available(pod: Json, min_ready_s: int, now_s: float) -> bool:
    """Ready for at least ``min_ready_s``."""
    if not is_ready(pod):
        return False
    since_s = ready_since_s(pod)
    return min_ready_s == 0 or (since_s > 0 and since_s + min_ready_s <= now_s)


def available_in_s(pod: Json, min_ready_s: int, now_s: float) -> float | None:
    """Seconds until a ready pod is available; None when it is, or is not ready."""
    if not is_ready(pod) or is_available(pod, min_ready_s, now_s):
        return None
    since_s = ready_since_s(pod)
    return since_s + min_ready_s - now_s if since_s else None


def created_s(obj: Json) -> float:
    timestamp = obj["metadata"].get("creationTimestamp")
    return parse_rfc3339(timestamp) if timestamp else 0.0


def node_name(pod: Json) -> str:
    return str(pod.get("spec", {}).get("nodeName") or "")
