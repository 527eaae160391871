"""Packing endpoints into slices, without I/O: which slices to create, change and delete.

Always true: an endpoint that stays keeps its slice; no slice holds more than the maximum; as few slices are written as
upstream's algorithm writes.
Not here: what an endpoint is (see `service_endpoints`), requests (see `endpointslice`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
Identity = tuple[str, str]
"""What makes two endpoints the same: first address and uid of the target."""

ENDPOINTS_PER_SLICE_MAX = 100


@dataclass(slots=True)
class Plan:
    """``create`` and ``update`` hold (slice name or "", endpoints); ``delete`` and ``keep`` names."""

    create: list[list[Json]] = field(default_factory=list)
    update: dict[str, list[Json]] = field(default_factory=dict)
    delete: list[str] = field(default_factory=list)
    keep: list[str] = field(default_factory=list)


def identity_of(endpoint: Json) -> Identity:
    addresses = endpoint.get("addresses") or [""]
    return addresses[0], str((endpoint.get("targetRef") or {}).get("uid", ""))


def pack(
    existing: Mapping[str, Sequence[Json]], wanted: Sequence[Json], *, size_max: int = ENDPOINTS_PER_SLICE_MAX
) -> Plan:
    """Distribute ``wanted`` over the slices of one port set and address type, ``existing`` by name."""
    plan = Plan()
    rest = {identity_of(endpoint): endpoint for endpoint in wanted}
    for name, endpoints in existing.items():
        _keep_in_place(plan, name, endpoints, rest)
    _fill_updated(plan, rest, size_max)
    _place_rest(plan, existing, rest, size_max)
    return plan


def _keep_in_place(plan: Plan, name: str, endpoints: Sequence[Json], rest: dict[Identity, Json]) -> None:
    """Take out of ``rest`` what this slice holds already; note whether the slice changes."""
    kept, is_changed = [], False
    for endpoint in endpoints:
        current = rest.pop(identity_of(endpoint), None)
        if current is None:
            is_changed = True
            continue
        kept.append(current)
        is_changed = is_changed or current != endpoint
    if not kept:
        plan.delete.append(name)
    elif is_changed:
        plan.update[name] = kept
    else:
        plan.keep.append(name)


def _fill_updated(plan: Plan, rest: dict[Identity, Json], size_max: int) -> None:
    """Slices that are written anyway take new endpoints first, the fullest first."""
    for name in sorted(plan.update, key=lambda name: -len(plan.update[name])):
        _pour(rest, plan.update[name], size_max)


def _place_rest(plan: Plan, existing: Mapping[str, Sequence[Json]], rest: dict[Identity, Json], size_max: int) -> None:
    while rest:
        name = _best_fit(plan, existing, len(rest), size_max)
        target = list(existing[name]) if name else []
        _pour(rest, target, size_max)
        if name:
            plan.keep.remove(name)
            plan.update[name] = target
        else:
            plan.create.append(target)


def _best_fit(plan: Plan, existing: Mapping[str, Sequence[Json]], count: int, size_max: int) -> str:
    """The unchanged slice with the least room that still takes all of the rest; "" for none."""
    if count >= size_max:
        return ""
    fitting = [name for name in plan.keep if len(existing[name]) + count <= size_max]
    return max(fitting, key=lambda name: len(existing[name]), default="")


def _pour(rest: dict[Identity, Json], target: list[Json], size_max: int) -> None:
    while rest and len(target) < size_max:
        target.append(rest.pop(next(iter(rest))))
