"""Where a pod may run: affinity, tolerations, spread constraints, gates."""

from __future__ import annotations

from typing import Any

from pyk8s.api.field import FieldError, duplicate, forbidden, invalid, required

from pyk8s_server.apiserver.registry.validation import formats
from pyk8s_server.apiserver.registry.validation.choices import choice, formatted
from pyk8s_server.apiserver.registry.validation.selectors import (
    validate_label_selector,
    validate_node_selector,
    validate_node_selector_term,
)

Json = dict[str, Any]

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
WEIGHT_RANGE = "must be in the range 1-100"
NO_KEY = "can not be empty"
EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
NO_SELECTOR = "must not be specified when labelSelector is not set"
MATCH_ALL = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
UNSATISFIABLE = ("DoNotSchedule", "ScheduleAnyway")


def validate_affinity(path: str, affinity: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    if node := affinity.get("nodeAffinity"):
        errors += _node_affinity(f"{path}.nodeAffinity", node)
    for name in ("podAffinity", "podAntiAffinity"):
        if pods := affinity.get(name):
            errors += _pod_affinity(f"{path}.{name}", pods)
    return errors


def _node_affinity(path: str, affinity: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    selector = affinity.get(REQUIRED)
    if selector is not None:
        errors += validate_node_selector(f"{path}.{REQUIRED}", selector)
    for i, preference in enumerate(affinity.get(PREFERRED) or ()):
        where = f"{path}.{PREFERRED}[{i}]"
        errors += _weight(where, preference)
        errors += validate_node_selector_term(f"{where}.preference", preference.get("preference") or {})
    return errors


def _weight(path: str, preference: Json) -> list[FieldError]:
    weight = preference.get("weight", 0)
    return [] if 1 <= weight <= 100 else [invalid(f"{path}.weight", weight, WEIGHT_RANGE)]


def _pod_affinity(path: str, affinity: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    for i, term in enumerate(affinity.get(REQUIRED) or ()):
        errors += _pod_term(f"{path}.{REQUIRED}[{i}]", term)
    for i, preference in enumerate(affinity.get(PREFERRED) or ()):
        where = f"{path}.{PREFERRED}[{i}]"
        errors += _weight(where, preference)
        errors += _pod_term(f"{where}.podAffinityTerm", preference.get("podAffinityTerm") or {})
    return errors


def _pod_term(path: str, term: Json) -> list[FieldError]:
    errors = validate_label_selector(f"{path}.labelSelector", term.get("labelSelector"))
    errors += validate_label_selector(f"{path}.namespaceSelector", term.get("namespaceSelector"))
    for namespace in term.get("namespaces") or ():
        errors += formatted(f"{path}.namespace", namespace, formats.dns_label)
    errors += _label_keys(path, term)
    key = term.get("topologyKey", "")
    if not key:
        errors.append(required(f"{path}.topologyKey", NO_KEY))
    return errors + formatted(f"{path}.topologyKey", key, formats.qualified_name)


def _label_keys(path: str, term: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    match, mismatch = term.get("matchLabelKeys") or [], term.get("mismatchLabelKeys") or []
    for name, keys in (("matchLabelKeys", match), ("mismatchLabelKeys", mismatch)):
        if keys and term.get("labelSelector") is None:
            errors.append(forbidden(f"{path}.{name}", NO_SELECTOR))
        for i, key in enumerate(keys):
            errors += formatted(f"{path}.{name}[{i}]", key, formats.qualified_name)
    for i, key in enumerate(match):
        if key in mismatch:
            detail = "exists in both matchLabelKeys and mismatchLabelKeys"
            errors.append(invalid(f"{path}.matchLabelKeys[{i}]", key, detail))
    return errors


def validate_tolerations(path: str, tolerations: list[Json]) -> list[FieldError]:
    errors: list[FieldError] = []
    for i, toleration in enumerate(tolerations):
        errors += _toleration(f"{path}[{i}]", toleration)
    return errors


def _toleration(path: str, toleration: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    key, operator = toleration.get("key", ""), toleration.get("operator", "")
    value, effect = toleration.get("value", ""), toleration.get("effect", "")
    if key:
        if formats.qualified_name(key):
            errors += formatted(f"{path}.key", key, formats.qualified_name)
    elif operator != "Exists":
        errors.append(invalid(f"{path}.operator", operator, MATCH_ALL))
    if toleration.get("tolerationSeconds") is not None and effect != "NoExecute":
        detail = "effect must be 'NoExecute' when `tolerationSeconds` is set"
        errors.append(invalid(f"{path}.effect", effect, detail))
    if operator in ("Equal", ""):
        if messages := formats.label_value(value):
            errors.append(invalid(f"{path}.operator", value, ";".join(messages)))
    elif operator == "Exists":
        if value:
            errors.append(invalid(f"{path}.operator", value, "value must be empty when `operator` is 'Exists'"))
    else:
        errors += choice(f"{path}.operator", operator, ("Equal", "Exists"))
    if effect and effect not in EFFECTS:
        errors += choice(f"{path}.effect", effect, EFFECTS)
    return errors


def validate_spread(path: str, constraints: list[Json]) -> list[FieldError]:
    errors: list[FieldError] = []
    for i, constraint in enumerate(constraints):
        errors += _constraint(f"{path}[{i}]", constraint)
        pair = (constraint.get("topologyKey", ""), constraint.get("whenUnsatisfiable", ""))
        if any((c.get("topologyKey", ""), c.get("whenUnsatisfiable", "")) == pair for c in constraints[i + 1 :]):
            where = f"{path}[{i}].{{topologyKey, whenUnsatisfiable}}"
            errors.append(duplicate(where, f"{{{pair[0]}, {pair[1]}}}"))
        errors += validate_label_selector(f"{path}[{i}].labelSelector", constraint.get("labelSelector"))
        errors += _spread_keys(f"{path}[{i}].matchLabelKeys", constraint)
    return errors


def _constraint(path: str, constraint: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    if (skew := constraint.get("maxSkew", 0)) <= 0:
        errors.append(invalid(f"{path}.maxSkew", skew, formats.GREATER_THAN_ZERO))
    if not constraint.get("topologyKey"):
        errors.append(required(f"{path}.topologyKey", NO_KEY))
    action = constraint.get("whenUnsatisfiable", "")
    errors += choice(f"{path}.whenUnsatisfiable", action, UNSATISFIABLE)
    domains = constraint.get("minDomains")
    if domains is not None:
        if domains <= 0:
            errors.append(invalid(f"{path}.minDomains", domains, formats.GREATER_THAN_ZERO))
        if action != "DoNotSchedule":
            detail = f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}"
            errors.append(invalid(f"{path}.minDomains", domains, detail))
    for name in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
        if (policy := constraint.get(name)) is not None:
            errors += choice(f"{path}.{name}", policy, ("Honor", "Ignore"))
    return errors


def _spread_keys(path: str, constraint: Json) -> list[FieldError]:
    keys = constraint.get("matchLabelKeys") or []
    if not keys:
        return []
    selector = constraint.get("labelSelector")
    if selector is None:
        return [forbidden(path, NO_SELECTOR)]
    errors: list[FieldError] = []
    for i, key in enumerate(keys):
        errors += formatted(f"{path}[{i}]", key, formats.qualified_name)
        if key in (selector.get("matchLabels") or {}):
            errors.append(invalid(f"{path}[{i}]", key, "exists in both matchLabelKeys and labelSelector"))
    return errors


def validate_gates(path: str, gates: list[Json]) -> list[FieldError]:
    errors: list[FieldError] = []
    seen: set[str] = set()
    for i, gate in enumerate(gates):
        name = gate.get("name", "")
        errors += formatted(f"{path}[{i}]", name, formats.qualified_name)
        if name in seen:
            errors.append(duplicate(f"{path}[{i}]", name))
        seen.add(name)
    return errors


def validate_taints(path: str, taints: list[Json]) -> list[FieldError]:
    """Taints of a node."""
    errors: list[FieldError] = []
    seen: set[tuple[str, str]] = set()
    for i, taint in enumerate(taints):
        where, key, effect = f"{path}[{i}]", taint.get("key", ""), taint.get("effect", "")
        errors += formatted(f"{where}.key", key, formats.qualified_name)
        value = taint.get("value", "")
        errors += formatted(f"{where}.value", value, formats.label_value)
        if not effect:
            errors.append(required(f"{where}.effect"))
        else:
            errors += choice(f"{where}.effect", effect, EFFECTS)
        if (key, effect) in seen:
            errors.append(duplicate(where, taint))
        seen.add((key, effect))
    return errors
