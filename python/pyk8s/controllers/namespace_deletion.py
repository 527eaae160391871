"""What the deletion of a namespace looks like from outside, without I/O: conditions, texts, when to look again.

Always true: all five conditions are there once deletion has begun, in upstream's order.
Not here: deleting (see `namespace`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pyk8s.api.clock import rfc3339
from pyk8s.controllers.pod_state import is_terminal

Json = dict[str, Any]

FINALIZER_WAIT_S = 15

OK = {
    "NamespaceDeletionDiscoveryFailure": ("ResourcesDiscovered", "All resources successfully discovered"),
    "NamespaceDeletionGroupVersionParsingFailure": ("ParsedGroupVersions", "All legacy kube types successfully parsed"),
    "NamespaceDeletionContentFailure": (
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
    "NamespaceContentRemaining": ("ContentRemoved", "All content successfully removed"),
    "NamespaceFinalizersRemaining": (
        "ContentHasNoFinalizers",
        "All content-preserving finalizers finished",
    ),
}


@dataclass(slots=True)
class Remaining:
    """What one pass over a namespace left behind."""

    counts: dict[str, int] = field(default_factory=dict)
    """Objects by ``<plural>.<group>``; core resources end in the dot."""
    finalizers: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    wait_s: int = 0

    @property
    def is_empty(self) -> bool:
        return not self.counts and not self.errors

    def add(self, plural: str, group: str, items: Iterable[Json]) -> None:
        items = list(items)
        if not items:
            return
        self.counts[f"{plural}.{group}"] = len(items)
        for item in items:
            self.finalizers.update(item["metadata"].get("finalizers") or ())
        if plural == "pods" and not group:
            self.wait_s = max(self.wait_s, pods_wait_s(items))
        elif any(item["metadata"].get("finalizers") for item in items):
            self.wait_s = max(self.wait_s, FINALIZER_WAIT_S)


def pods_wait_s(pods: Iterable[Json]) -> int:
    """The longest grace period of pods that still run."""
    graces = (int(pod["spec"].get("terminationGracePeriodSeconds") or 0) for pod in pods if not is_terminal(pod))
    return max(graces, default=0)


def retry_in_s(remaining: Remaining, deleted_for_s: float) -> float:
    """When to look again: half the time that is estimated to be left, and a second."""
    wait_s: float = remaining.wait_s
    if "pods." in remaining.counts and deleted_for_s > wait_s:
        # The grace periods have passed: what remains is late, not slow.
        wait_s = FINALIZER_WAIT_S if remaining.finalizers else 0
    if not wait_s and remaining.counts:
        wait_s = FINALIZER_WAIT_S
    return wait_s / 2 + 1


def conditions_after(old: Iterable[Json], remaining: Remaining, now_s: float) -> list[Json]:
    """The conditions of the namespace after a pass; unchanged ones keep their time."""
    known = {condition["type"]: condition for condition in old}
    trouble = _trouble(remaining)
    made = {}
    for condition_type, (reason, message) in OK.items():
        status = "True" if condition_type in trouble else "False"
        reason, message = trouble.get(condition_type, (reason, message))
        made[condition_type] = _condition(known.get(condition_type), condition_type, status, reason, message, now_s)
    others = [condition for name, condition in known.items() if name not in OK]
    return [*others, *made.values()]


def _condition(old: Json | None, condition_type: str, status: str, reason: str, message: str, now_s: float) -> Json:
    if old is not None and (old["status"], old.get("reason"), old.get("message")) == (status, reason, message):
        return old
    is_kept = old is not None and old["status"] == status
    time = old["lastTransitionTime"] if is_kept and old else rfc3339(now_s)
    return {
        "type": condition_type,
        "status": status,
        "lastTransitionTime": time,
        "reason": reason,
        "message": message,
    }


def _trouble(remaining: Remaining) -> Mapping[str, tuple[str, str]]:
    trouble = {}
    if remaining.errors:
        message = (
            f"Failed to delete all resource types, {len(remaining.errors)} remaining: {', '.join(remaining.errors)}"
        )
        trouble["NamespaceDeletionContentFailure"] = ("ContentDeletionFailed", message)
    if remaining.counts:
        parts = ", ".join(f"{name} has {count} resource instances" for name, count in sorted(remaining.counts.items()))
        trouble["NamespaceContentRemaining"] = ("SomeResourcesRemain", f"Some resources are remaining: {parts}")
    if remaining.finalizers:
        parts = ", ".join(
            f"{name} in {count} resource instances" for name, count in sorted(remaining.finalizers.items())
        )
        message = f"Some content in the namespace has finalizers remaining: {parts}"
        trouble["NamespaceFinalizersRemaining"] = ("SomeFinalizersRemain", message)
    return trouble
