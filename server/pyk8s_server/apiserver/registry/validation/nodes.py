"""The rules of nodes."""

from __future__ import annotations

from typing import Any

from pyk8s.api.field import FieldError, duplicate, forbidden, invalid
from pyk8s.api.quantity import NANO, Quantity

from pyk8s_server.apiserver.registry.validation import formats
from pyk8s_server.apiserver.registry.validation.resources import is_integer_resource
from pyk8s_server.apiserver.registry.validation.scheduling import validate_taints

Json = dict[str, Any]


def pod_cidrs(spec: Json) -> list[str]:
    """podCIDRs, or podCIDR where only that was sent."""
    return spec.get("podCIDRs") or ([spec["podCIDR"]] if spec.get("podCIDR") else [])


def validate_node(node: Json) -> list[FieldError]:
    spec, status = node.get("spec") or {}, node.get("status") or {}
    errors: list[FieldError] = []
    if taints := spec.get("taints"):
        errors += validate_taints("metadata.taints", taints)
    for name in ("capacity", "allocatable"):
        for resource, value in (status.get(name) or {}).items():
            errors += _amount(f"status.{name}.{resource}", resource, value)
    cidrs = pod_cidrs(spec)
    for i, cidr in enumerate(cidrs):
        errors += (invalid(f"spec.podCIDRs[{i}]", cidr, m) for m in formats.cidr(cidr))
    if not errors and len({":" in cidr for cidr in cidrs}) < len(cidrs):
        detail = "may specify no more than one CIDR for each IP family"
        errors.append(invalid("spec.podCIDRs", cidrs, detail))
    return errors


def _amount(path: str, resource: str, value: Any) -> list[FieldError]:
    amount = Quantity.of(value)
    errors = [invalid(path, str(value), formats.NOT_NEGATIVE)] if amount.nano < 0 else []
    if is_integer_resource(resource) and amount.nano % NANO:
        errors.append(invalid(path, str(value), "must be an integer"))
    return errors


def validate_node_update(node: Json, old: Json) -> list[FieldError]:
    spec, before = node.get("spec") or {}, old.get("spec") or {}
    errors: list[FieldError] = []
    seen: set[tuple[Any, Any]] = set()
    for i, address in enumerate((node.get("status") or {}).get("addresses") or ()):
        key = (address.get("type"), address.get("address"))
        if key in seen:
            errors.append(duplicate(f"status.addresses[{i}]", address))
        seen.add(key)
    if (old_cidrs := pod_cidrs(before)) and pod_cidrs(spec) != old_cidrs:
        detail = 'node updates may not change podCIDR except from "" to valid'
        errors.append(forbidden("spec.podCIDRs", detail))
    if before.get("providerID") and before["providerID"] != spec.get("providerID"):
        detail = 'node updates may not change providerID except from "" to valid'
        errors.append(forbidden("spec.providerID", detail))
    if spec.get("externalID", "") != before.get("externalID", ""):
        errors.append(forbidden("spec.externalID", "may not be updated"))
    return errors + [e for e in validate_node(node) if e.path != "spec.podCIDRs" or not errors]
