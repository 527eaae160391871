"""What a pod as a whole requests and is limited to.

Always true: containers and sidecars add up; init containers, which run one after the other, count by their greediest
step; amounts of the pod itself stand before those of its containers; the overhead of the runtime comes on top.
Source: kubernetes.io, "Init Containers: resource sharing", "Pod Overhead", "Pod-level resources".
Not here: what a running pod was really given.
"""

from __future__ import annotations

from typing import Any

from pyk8s.api.quantity import Quantity

Json = dict[str, Any]
Amounts = dict[str, Quantity]


def pod_requests(spec: Json) -> Amounts:
    """The requests of a pod by resource name."""
    total = _total(spec, "requests")
    for name, value in (spec.get("overhead") or {}).items():
        total[name] = total.get(name, Quantity()) + Quantity.of(value)
    return total


def pod_limits(spec: Json) -> Amounts:
    """The limits of a pod by resource name; overhead raises a limit and makes none."""
    total = _total(spec, "limits")
    for name, value in (spec.get("overhead") or {}).items():
        if name in total:
            total[name] += Quantity.of(value)
    return total


def amounts(resources: Json | None, side: str) -> Amounts:
    """``requests`` or ``limits`` of a ResourceRequirements."""
    return {name: Quantity.of(value) for name, value in ((resources or {}).get(side) or {}).items()}


def _total(spec: Json, side: str) -> Amounts:
    total: Amounts = {}
    for container in spec.get("containers") or ():
        _add(total, amounts(container.get("resources"), side))
    sidecars: Amounts = {}
    greediest: Amounts = {}
    for container in spec.get("initContainers") or ():
        own = amounts(container.get("resources"), side)
        if container.get("restartPolicy") == "Always":
            _add(total, own)
            _add(sidecars, own)
            own = {}
        _raise(greediest, _sum(own, sidecars))
    _raise(total, greediest)
    return total | amounts(spec.get("resources"), side)


def _add(total: Amounts, more: Amounts) -> None:
    for name, value in more.items():
        total[name] = total[name] + value if name in total else value


def _sum(left: Amounts, right: Amounts) -> Amounts:
    total = dict(left)
    _add(total, right)
    return total


def _raise(total: Amounts, least: Amounts) -> None:
    for name, value in least.items():
        if name not in total or total[name] < value:
            total[name] = value
