"""The rules of resource quotas and limit ranges."""

from __future__ import annotations

from typing import Any

from pyk8s.api.field import FieldError, duplicate, forbidden, invalid, required
from pyk8s.api.quantity import Quantity

from pyk8s_server.apiserver.registry.validation import formats
from pyk8s_server.apiserver.registry.validation.choices import formatted
from pyk8s_server.apiserver.registry.validation.resources import (
    HUGE_PAGES,
    STANDARD,
    is_integer_resource,
    validate_resource_name,
)

Json = dict[str, Any]

QUOTA_STANDARD = STANDARD | {"cpu", "memory", "ephemeral-storage"}
SCOPES = (
    "BestEffort",
    "CrossNamespacePodAffinity",
    "NotBestEffort",
    "NotTerminating",
    "PriorityClass",
    "Terminating",
    "VolumeAttributesClass",
)
POD_COUNTED = frozenset({"pods"})
CONFLICTING = ({"BestEffort", "NotBestEffort"}, {"Terminating", "NotTerminating"})


def validate_quota(obj: Json) -> list[FieldError]:
    spec = obj.get("spec") or {}
    hard = spec.get("hard") or {}
    errors: list[FieldError] = []
    for name, value in hard.items():
        path = f"spec.hard[{name}]"
        errors += validate_quota_name(path, name)
        errors += validate_quota_amount(path, name, value)
    errors += _scopes(spec.get("scopes") or [], hard)
    return errors + _scope_selector(spec.get("scopeSelector") or {})


def validate_quota_name(path: str, name: str) -> list[FieldError]:
    errors = validate_resource_name(path, name)
    if "/" not in name and name not in QUOTA_STANDARD and not _is_huge(name):
        errors.append(invalid(path, name, "must be a standard resource for quota"))
    return errors


def _is_huge(name: str) -> bool:
    return name.startswith((HUGE_PAGES, f"requests.{HUGE_PAGES}"))


def validate_quota_amount(path: str, name: str, value: Any) -> list[FieldError]:
    amount = Quantity.of(value)
    errors = [invalid(path, str(value), formats.NOT_NEGATIVE)] if amount.nano < 0 else []
    if is_integer_resource(name) and amount.nano % 10**9:
        errors.append(invalid(path, str(value), "must be an integer"))
    return errors


def _scopes(scopes: list[str], hard: Json) -> list[FieldError]:
    if not scopes:
        return []
    errors: list[FieldError] = []
    for scope in scopes:
        if scope not in SCOPES:
            errors.append(invalid("spec.scopes", scopes, "unsupported scope"))
        if any(not _is_counted(scope, name) for name in hard):
            errors.append(invalid("spec.scopes", scopes, "unsupported scope applied to resource"))
    errors += (invalid("spec.scopes", scopes, "conflicting scopes") for pair in CONFLICTING if pair <= set(scopes))
    return errors


def _is_counted(scope: str, name: str) -> bool:
    """BestEffort pods ask for nothing, so only their number can be limited."""
    return scope != "BestEffort" or name in POD_COUNTED


def _scope_selector(selector: Json) -> list[FieldError]:
    path = "spec.scopeSelector.matchExpressions"
    errors: list[FieldError] = []
    for expression in selector.get("matchExpressions") or ():
        scope, operator = expression.get("scopeName", ""), expression.get("operator", "")
        values = expression.get("values") or []
        if scope not in SCOPES:
            errors.append(invalid(f"{path}.scopeName", scope, "unsupported scope"))
        if operator in ("In", "NotIn"):
            if not values:
                detail = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
                errors.append(required(f"{path}.values", detail))
        elif operator in ("Exists", "DoesNotExist"):
            if values:
                detail = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"
                errors.append(invalid(f"{path}.values", values, detail))
        else:
            errors.append(invalid(f"{path}.operator", operator, "not a valid selector operator"))
    return errors


def validate_quota_update(obj: Json, old: Json) -> list[FieldError]:
    errors = validate_quota(obj)
    new, was = obj["spec"].get("scopes") or [], old["spec"].get("scopes") or []
    if set(new) != set(was):
        errors.append(invalid("spec.scopes", new, formats.IMMUTABLE))
    return errors


def validate_quota_status(obj: Json, old: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    for side in ("hard", "used"):
        for name, value in ((obj.get("status") or {}).get(side) or {}).items():
            path = f"status.{side}[{name}]"
            errors += validate_quota_name(path, name) + validate_quota_amount(path, name, value)
    return errors


SIDES = ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio")


def validate_limit_range(obj: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    seen: set[str] = set()
    for i, limit in enumerate((obj.get("spec") or {}).get("limits") or ()):
        path, kind = f"spec.limits[{i}]", limit.get("type", "")
        errors += formatted(f"{path}.type", kind, formats.qualified_name)
        if kind in seen:
            errors.append(duplicate(f"{path}.type", kind))
        seen.add(kind)
        errors += _limit(path, limit, kind)
    return errors


def _limit(path: str, limit: Json, kind: str) -> list[FieldError]:
    errors: list[FieldError] = []
    if kind == "Pod":
        for name in ("default", "defaultRequest"):
            if limit.get(name):
                errors.append(forbidden(f"{path}.{name}", "may not be specified when `type` is 'Pod'"))
    if kind == "PersistentVolumeClaim":
        has = [(limit.get(name) or {}).get("storage") for name in ("min", "max")]
        if has == [None, None]:
            detail = "either minimum or maximum storage value is required, but neither was provided"
            errors.append(required(path, detail))
    names = dict.fromkeys(name for side in SIDES for name in limit.get(side) or ())
    for name in names:
        errors += _ordered(path, name, {side: (limit.get(side) or {}).get(name) for side in SIDES})
    return errors


REQUEST = "default request value {} is greater than "
ORDER = (
    ("min", "max", "min", "min", "min value {} is greater than max value {}"),
    ("min", "defaultRequest", *(2 * ("defaultRequest",)), "min value {} is greater than default request value {}"),
    ("defaultRequest", "max", *(2 * ("defaultRequest",)), REQUEST + "max value {}"),
    ("defaultRequest", "default", *(2 * ("defaultRequest",)), REQUEST + "default limit value {}"),
    ("min", "default", "default", "min", "min value {} is greater than default value {}"),
    ("default", "max", "default", "max", "default value {} is greater than max value {}"),
)
"""(smaller, larger, whose path, whose value is shown, text), in the order in which they are looked at."""


def _ordered(path: str, name: str, values: dict[str, Any]) -> list[FieldError]:
    amounts = {side: Quantity.of(v) for side, v in values.items() if v is not None}
    errors: list[FieldError] = []
    for low, high, where, shown, text in ORDER:
        if low in amounts and high in amounts and amounts[low] > amounts[high]:
            detail = text.format(amounts[low], amounts[high])
            errors.append(invalid(f"{path}.{where}[{name}]", str(values[shown]), detail))
    ratio = amounts.get("maxLimitRequestRatio")
    if ratio is not None and ratio.nano < 10**9:
        detail = f"ratio {ratio} is less than 1"
        errors.append(invalid(f"{path}.maxLimitRequestRatio[{name}]", str(values["maxLimitRequestRatio"]), detail))
    return errors
