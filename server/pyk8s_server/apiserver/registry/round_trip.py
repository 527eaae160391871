"""What kube-apiserver's internal types make of a decoded body: fields that say the same twice come to agree.

Always true: this runs before managed fields are computed, as decoding does; most kinds pass untouched.
Not here: defaults (the scheme's), what strategies set.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from pyk8s_server.apiserver.registry.objects import DaemonSetStrategy, agree_pod_cidrs
from pyk8s_server.apiserver.registry.pods import agree_addresses

Json = dict[str, Any]


def round_trip(gvk: str, value: bytes) -> bytes:
    """A decoded object of kind ``gvk`` with its doubled fields in agreement. Cost: a look-up for most objects."""
    rule = RULES.get(gvk)
    if rule is None:
        return value
    needle, agree = rule
    if needle not in value:
        return value
    obj = orjson.loads(value)
    agree(obj)
    return orjson.dumps(obj)


def _daemon_set(obj: Json) -> None:
    """The internal count of template versions is an annotation on the wire, 0 for a client that does not know it."""
    annotations = obj["metadata"].get("annotations") or {}
    obj["metadata"]["annotations"] = {DaemonSetStrategy.ANNOTATION: "0", **annotations}


def _pod(obj: Json) -> None:
    for name in ("podIP", "hostIP"):
        agree_addresses(obj.get("status") or {}, name)


RULES: dict[str, tuple[bytes, Callable[[Json], None]]] = {
    "apps/v1/DaemonSet": (b"", _daemon_set),
    "v1/Node": (b"podCIDR", agree_pod_cidrs),
    "v1/Pod": (b"IP", _pod),
}
"""Kind -> (bytes without which there is nothing to do, what makes the fields agree)."""
