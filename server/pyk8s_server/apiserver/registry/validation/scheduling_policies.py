"""The rules of priority classes and disruption budgets."""

from __future__ import annotations

from typing import Any

from pyk8s.api.field import FieldError, forbidden, invalid

from pyk8s_server.apiserver.registry.internal_form import internal_form
from pyk8s_server.apiserver.registry.validation.choices import choice, immutable, not_negative
from pyk8s_server.apiserver.registry.validation.selectors import validate_label_selector
from pyk8s_server.apiserver.registry.validation.workloads import at_most_100_percent, int_or_percent

Json = dict[str, Any]

PRIORITY_MAX = 1_000_000_000
SYSTEM_CLASSES = {"system-node-critical": 2_000_001_000, "system-cluster-critical": 2_000_000_000}


def validate_priority_class(obj: Json) -> list[FieldError]:
    name, value = obj["metadata"].get("name", ""), obj.get("value", 0)
    errors: list[FieldError] = []
    if name.startswith("system-"):
        if SYSTEM_CLASSES.get(name) != value or obj.get("globalDefault"):
            detail = (
                "priority class names with 'system-' prefix are reserved for system use only."
                f" error: {name} is not a known system priority class"
            )
            errors.append(forbidden("metadata.name", detail))
    elif value > PRIORITY_MAX:
        detail = f"maximum allowed value of a user defined priority is {PRIORITY_MAX}"
        errors.append(forbidden("value", detail))
    if (policy := obj.get("preemptionPolicy")) is not None:
        errors += choice("preemptionPolicy", policy, ("PreemptLowerPriority", "Never"))
    return errors


def validate_priority_class_update(obj: Json, old: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    if obj.get("value", 0) != old.get("value", 0):
        errors.append(forbidden("value", "may not be changed in an update."))
    return errors + immutable("preemptionPolicy", obj.get("preemptionPolicy"), old.get("preemptionPolicy"))


def validate_budget(obj: Json) -> list[FieldError]:
    spec = obj.get("spec") or {}
    errors: list[FieldError] = []
    least, most = spec.get("minAvailable"), spec.get("maxUnavailable")
    if least is not None and most is not None:
        shown = internal_form("k8s.io.api.policy.v1.PodDisruptionBudgetSpec", spec)
        errors.append(invalid("spec", shown, "minAvailable and maxUnavailable cannot be both set"))
    for name, value in (("minAvailable", least), ("maxUnavailable", most)):
        if value is not None:
            errors += int_or_percent(f"spec.{name}", value)
            errors += at_most_100_percent(f"spec.{name}", value)
    errors += validate_label_selector("spec.selector", spec.get("selector"))
    if (policy := spec.get("unhealthyPodEvictionPolicy")) is not None:
        errors += choice("spec.unhealthyPodEvictionPolicy", policy, ("AlwaysAllow", "IfHealthyBudget"))
    return errors


def validate_budget_status(obj: Json, old: Json) -> list[FieldError]:
    status = obj.get("status") or {}
    names = ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods")
    return [error for name in names for error in not_negative(f"status.{name}", status.get(name))]
