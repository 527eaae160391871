"""What kube-apiserver's internal types make of a decoded body: fields that say the same twice come to agree.

Always true: this runs before managed fields are computed, as decoding does; most objects pass untouched.
Not here: defaults (the scheme's), what strategies set.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from pyk8s_server.apiserver.registry.objects import DaemonSetStrategy, agree_pod_cidrs
from pyk8s_server.apiserver.registry.pods import agree_addresses

Json = dict[str, Any]

ACCOUNT = b'"serviceAccount'
POD_SPECS = {
    "v1/Pod": ("spec",),
    "v1/PodTemplate": ("template", "spec"),
    "v1/ReplicationController": ("spec", "template", "spec"),
    "apps/v1/Deployment": ("spec", "template", "spec"),
    "apps/v1/ReplicaSet": ("spec", "template", "spec"),
    "apps/v1/StatefulSet": ("spec", "template", "spec"),
    "apps/v1/DaemonSet": ("spec", "template", "spec"),
    "batch/v1/Job": ("spec", "template", "spec"),
    "batch/v1/CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
}
"""Where each kind keeps the spec of its pods."""


def round_trip(gvk: str, value: bytes) -> bytes:
    """A decoded object of kind ``gvk`` with its doubled fields in agreement. Cost: a look-up for most objects."""
    rule = RULES.get(gvk)
    if rule is None:
        return value
    needles, agree = rule
    if not any(needle in value for needle in needles):
        return value
    obj = orjson.loads(value)
    agree(gvk, obj)
    return orjson.dumps(obj)


def _accounts(gvk: str, obj: Json) -> None:
    """``serviceAccount`` is the old spelling of ``serviceAccountName``."""
    spec: Any = obj
    for part in POD_SPECS[gvk]:
        spec = spec.get(part)
        if not spec:
            return
    name = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if name:
        spec["serviceAccountName"] = spec["serviceAccount"] = name


def _pod(gvk: str, obj: Json) -> None:
    _accounts(gvk, obj)
    for name in ("podIP", "hostIP"):
        agree_addresses(obj.get("status") or {}, name)


def _daemon_set(gvk: str, obj: Json) -> None:
    """The internal count of template versions is an annotation on the wire, 0 for a client that does not know it."""
    _accounts(gvk, obj)
    annotations = obj["metadata"].get("annotations") or {}
    obj["metadata"]["annotations"] = {DaemonSetStrategy.ANNOTATION: "0", **annotations}


def _node(gvk: str, obj: Json) -> None:
    agree_pod_cidrs(obj)


Rule = tuple[tuple[bytes, ...], Callable[[str, Json], None]]

RULES: dict[str, Rule] = {
    **dict.fromkeys(POD_SPECS, ((ACCOUNT,), _accounts)),
    "v1/Pod": ((ACCOUNT, b'IP"'), _pod),
    "apps/v1/DaemonSet": ((b"",), _daemon_set),
    "v1/Node": ((b'"podCIDR',), _node),
}
"""Kind -> (bytes of which one must be there for anything to do, what makes the fields agree)."""
