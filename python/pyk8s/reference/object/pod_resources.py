"""What a pod's containers ask for together, as the scheduler and the kubelet count it.

Always true: sums over running containers, the largest over containers that run one after the other.
Not here: overhead and pod-level resources (the scheduler adds them).
"""

from __future__ import annotations

from typing import Any

from pyk8s.api.quantity import Quantity, QuantityError

Amounts = dict[str, Quantity]


def container_requests(spec: dict[str, Any]) -> dict[str, str]:
    """The requests of all containers of a pod's spec."""
    return _aggregated(spec, "requests")


def container_limits(spec: dict[str, Any]) -> dict[str, str]:
    """The limits of all containers of a pod's spec."""
    return _aggregated(spec, "limits")


def _aggregated(spec: dict[str, Any], field: str) -> dict[str, str]:
    total: Amounts = {}
    for container in _items(spec, "containers"):
        _add(total, _amounts(container, field))
    sidecars: Amounts = {}
    initial: Amounts = {}
    for container in _items(spec, "initContainers"):
        own = _amounts(container, field)
        if container.get("restartPolicy") == "Always":
            _add(total, own)
            _add(sidecars, own)
            own = dict(sidecars)
        else:
            _add(own, sidecars)
        _raise(initial, own)
    _raise(total, initial)
    return {name: str(amount) for name, amount in total.items()}


def _items(spec: dict[str, Any], field: str) -> list[dict[str, Any]]:
    items = spec.get(field)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _amounts(container: dict[str, Any], field: str) -> Amounts:
    resources = container.get("resources")
    found = resources.get(field) if isinstance(resources, dict) else None
    amounts = {}
    for name, text in (found if isinstance(found, dict) else {}).items():
        try:
            amounts[name] = Quantity.parse(text)
        except (QuantityError, TypeError):
            continue
    return amounts


def _add(total: Amounts, more: Amounts) -> None:
    for name, amount in more.items():
        total[name] = total[name] + amount if name in total else amount


def _raise(highest: Amounts, other: Amounts) -> None:
    for name, amount in other.items():
        if name not in highest or highest[name] < amount:
            highest[name] = amount
