"""Deleting from the store as the API server does it.

Always true: an object with a finalizer, or a pod on a node with a grace period, is marked and stays.
Not here: ending what is marked: no kubelet and no controller runs in a benchmark.
"""

from __future__ import annotations

from typing import Any

import orjson

from pyk8s.api.clock import rfc3339
from pyk8s.core.interfaces import Store
from pyk8s.simulate.bench.objects import ordered

Json = dict[str, Any]


def delete_object(store: Store, key: str, now_s: float, grace_s: int | None = None) -> tuple[str, Json]:
    """Delete as the API server would; ``grace_s`` None: the pod's own grace period.

    Returns:
        ("gone" | "marked" | "absent", the object as it is or last was).
    """
    kv = store.get(key)
    if kv is None:
        return "absent", {}
    obj = orjson.loads(kv.value)
    metadata, spec = obj["metadata"], obj.get("spec") or {}
    if grace_s is None:
        grace_s = spec.get("terminationGracePeriodSeconds", 30)
    if not spec.get("nodeName"):
        grace_s = 0
    if not metadata.get("finalizers") and not grace_s:
        store.delete(key)
        return "gone", obj
    if not metadata.get("deletionTimestamp"):
        metadata["deletionTimestamp"] = rfc3339(now_s + grace_s)
        metadata["deletionGracePeriodSeconds"] = grace_s
        store.update(key, ordered(obj), expected=kv.mod_revision)
    return "marked", obj
