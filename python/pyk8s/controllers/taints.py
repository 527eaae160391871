"""Taints and tolerations as the node controllers read and write them. No I/O.

Always true: a taint is told by its key and effect.
Not here: who taints when (see `node_lifecycle`), who is evicted (see `taint_eviction`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

Json = dict[str, Any]

NOT_READY = "node.kubernetes.io/not-ready"
UNREACHABLE = "node.kubernetes.io/unreachable"
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"
NO_SCHEDULE = "NoSchedule"
NO_EXECUTE = "NoExecute"

# Condition type, status -> key of the NoSchedule taint.
CONDITION_TAINTS = {
    ("Ready", "False"): NOT_READY,
    ("Ready", "Unknown"): UNREACHABLE,
    ("MemoryPressure", "True"): "node.kubernetes.io/memory-pressure",
    ("DiskPressure", "True"): "node.kubernetes.io/disk-pressure",
    ("PIDPressure", "True"): "node.kubernetes.io/pid-pressure",
    ("NetworkUnavailable", "True"): "node.kubernetes.io/network-unavailable",
}
NO_SCHEDULE_KEYS = frozenset((*CONDITION_TAINTS.values(), UNSCHEDULABLE))


def taints_of(node: Json) -> list[Json]:
    return list(node.get("spec", {}).get("taints") or ())


def has_taint(node: Json, key: str, effect: str) -> bool:
    return any(taint["key"] == key and taint["effect"] == effect for taint in taints_of(node))


def wanted_no_schedule_keys(node: Json) -> list[str]:
    """The keys of the NoSchedule taints that a node's conditions and spec ask for."""
    conditions = node.get("status", {}).get("conditions") or ()
    keys = [key for c in conditions if (key := CONDITION_TAINTS.get((c["type"], c["status"])))]
    if node.get("spec", {}).get("unschedulable"):
        keys.append(UNSCHEDULABLE)
    return keys


def with_no_schedule(node: Json, now: str) -> list[Json] | None:
    """The node's taints with the right NoSchedule ones; None when they are right already."""
    taints, wanted = taints_of(node), wanted_no_schedule_keys(node)
    present = [t["key"] for t in taints if t["effect"] == NO_SCHEDULE and t["key"] in NO_SCHEDULE_KEYS]
    if sorted(present) == sorted(wanted):
        return None
    kept = [t for t in taints if t["effect"] != NO_SCHEDULE or t["key"] not in NO_SCHEDULE_KEYS or t["key"] in wanted]
    added = [{"key": key, "effect": NO_SCHEDULE, "timeAdded": now} for key in wanted if key not in present]
    return kept + added


def with_no_execute(node: Json, key: str, now: str) -> list[Json] | None:
    """The node's taints with exactly this one of not-ready and unreachable ("" for none); None when they are right."""
    taints = taints_of(node)
    ours = [t["key"] for t in taints if t["effect"] == NO_EXECUTE and t["key"] in (NOT_READY, UNREACHABLE)]
    if ours == ([key] if key else []):
        return None
    kept = [t for t in taints if t["effect"] != NO_EXECUTE or t["key"] not in (NOT_READY, UNREACHABLE)]
    return [*kept, {"key": key, "effect": NO_EXECUTE, "timeAdded": now}] if key else kept


def tolerates(toleration: Json, taint: Json) -> bool:
    """True when the toleration matches the taint."""
    if toleration.get("effect") and toleration["effect"] != taint["effect"]:
        return False
    if toleration.get("key") and toleration["key"] != taint["key"]:
        return False
    operator = toleration.get("operator") or "Equal"
    if operator == "Exists":
        return True
    return operator == "Equal" and bool(toleration.get("key")) and toleration.get("value", "") == taint.get("value", "")


def tolerated_for_s(tolerations: Sequence[Json], taints: Iterable[Json]) -> float | None:
    """How long a pod may stay: 0 when a taint is not tolerated, None for ever, else the shortest that matches."""
    used: list[Json] = []
    for taint in taints:
        matching = [toleration for toleration in tolerations if tolerates(toleration, taint)]
        if not matching:
            return 0.0
        used += matching
    limits = [t["tolerationSeconds"] for t in used if t.get("tolerationSeconds") is not None]
    return max(0.0, float(min(limits))) if limits else None
