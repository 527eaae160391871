"""A pod's quality-of-service class, by its containers' requests and limits.

Always true: Guaranteed when every container limits cpu and memory and requests just that, BestEffort when none asks
for either, else Burstable.
"""

from __future__ import annotations

from typing import Any

from pyk8s_server.apiserver.registry.validation.resources import nano_of

Json = dict[str, Any]

COUNTED = ("cpu", "memory")


def qos_class(spec: Json) -> str:
    """ "Guaranteed", "Burstable" or "BestEffort"."""
    pod_level = spec.get("resources") or {}
    if pod_level.get("requests") or pod_level.get("limits"):
        containers = [pod_level]
    else:
        kinds = ("containers", "initContainers")
        containers = [c.get("resources") or {} for kind in kinds for c in spec.get(kind) or ()]
    if not any(_amounts(r, side) for r in containers for side in ("requests", "limits")):
        return "BestEffort"
    return "Guaranteed" if all(_is_guaranteed(r) for r in containers) else "Burstable"


def _amounts(resources: Json, side: str) -> dict[str, int]:
    given = resources.get(side)
    if not given:
        return {}
    return {name: amount for name in COUNTED if name in given and (amount := nano_of(given[name]))}


def _is_guaranteed(resources: Json) -> bool:
    limits = _amounts(resources, "limits")
    return len(limits) == len(COUNTED) and _amounts(resources, "requests") == limits
