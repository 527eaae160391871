"""What an allocation says in a ResourceClaim's status: the devices, their configuration, where they can be used.

Not here: reserving the claim for pods (see `plugins.dynamic_resources`).
"""

from __future__ import annotations

from typing import Any

from pyk8s.reference.scheduler.device_allocation import Allocation, Chosen
from pyk8s.reference.scheduler.node import NodeFacts

Json = dict[str, Any]


def allocation_status(allocation: Allocation, node: NodeFacts) -> Json:
    """The claim's status.allocation."""
    devices: Json = {"results": [_result(each) for each in allocation.chosen]}
    config = _config_of(allocation)
    if config:
        devices["config"] = config
    status: Json = {"devices": devices}
    selector = _selector_of(allocation, node)
    if selector is not None:
        status["nodeSelector"] = selector
    return status


def _result(chosen: Chosen) -> Json:
    device = chosen.device.id
    result: Json = {
        "request": chosen.alternative.name,
        "driver": device.driver,
        "pool": device.pool,
        "device": device.device,
    }
    return {**result, "adminAccess": True} if chosen.alternative.is_admin else result


def _config_of(allocation: Allocation) -> list[Json]:
    """Of the classes, for their requests, then of the claim, as far as it is about what was chosen."""
    found: list[Json] = []
    names = list(dict.fromkeys(each.alternative.name for each in allocation.chosen))
    classes = {each.alternative.name: each.alternative.config for each in allocation.chosen}
    for name in names:
        found += [{"source": "FromClass", "requests": [name], **entry} for entry in classes[name]]
    for entry in allocation.requests.config:
        about = entry.get("requests") or []
        if not about or any(name in about or name.partition("/")[0] in about for name in names):
            found.append({"source": "FromClaim", **entry})
    return found


def _selector_of(allocation: Allocation, node: NodeFacts) -> Json | None:
    """Where the devices can be used: on this node when one is of this node, else where all are; None: anywhere."""
    expressions: list[Json] = []
    for each in allocation.chosen:
        place = each.device.place
        if place.node_name:
            term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node.name]}]}
            return {"nodeSelectorTerms": [term]}
        if not place.is_everywhere:
            # Selectors of slices have one term, so those of several are joined by putting their parts together.
            first: Json = next(iter(place.selector.get("nodeSelectorTerms") or ()), {})
            expressions += [part for part in first.get("matchExpressions") or () if part not in expressions]
    return {"nodeSelectorTerms": [{"matchExpressions": expressions}]} if expressions else None
