"""PodGroups: which pods belong together, and how many of them must be placed at once.

Always true: a pod is in the group that it names, pending or on a node, until it is gone or has ended.
Not here: the placing (see `engine`).
"""

from __future__ import annotations

from typing import Any

from pyk8s.reference.scheduler.objects import Objects
from pyk8s.reference.scheduler.pod import PodInfo

INCOMPLETE = (
    "pod group is unschedulable, waiting for minCount pods from a gang to be scheduled, "
    "one or more plugins asked to wait and no plugin rejected pod"
)
"""What is said of a pod that fits, in a group that does not."""


def key_of(pod: PodInfo) -> str:
    """The key of the pod's group, "" for a pod of its own."""
    return f"{pod.namespace}/{pod.group}" if pod.group else ""


def needed_count(objects: Objects, key: str) -> int | None:
    """How many of the group's pods must be placed together; None when there is no such group."""
    group = objects.get("PodGroup", key)
    if group is None:
        return None
    policy: dict[str, Any] = (group.get("spec") or {}).get("schedulingPolicy") or {}
    return max(1, int((policy.get("gang") or {}).get("minCount") or 1))


class Groups:
    """The known pods of each group."""

    def __init__(self) -> None:
        self._members: dict[str, dict[str, None]] = {}
        self._keys: dict[str, str] = {}

    def add(self, pod: PodInfo) -> None:
        key = key_of(pod)
        if self._keys.get(pod.uid, "") == key:
            return
        self.remove(pod.uid)
        if key:
            self._keys[pod.uid] = key
            self._members.setdefault(key, {})[pod.uid] = None

    def remove(self, uid: str) -> None:
        key = self._keys.pop(uid, "")
        if key:
            del self._members[key][uid]
            if not self._members[key]:
                del self._members[key]

    def members(self, key: str) -> list[str]:
        return list(self._members.get(key, ()))

    def count(self, key: str) -> int:
        return len(self._members.get(key, ()))
