"""Label selectors and node selectors inside objects.

Not here: selectors in query strings (the engine parses them).
"""

from __future__ import annotations

from typing import Any

from pyk8s.api.field import FieldError, forbidden, invalid, required

from pyk8s_server.apiserver.registry.validation import formats
from pyk8s_server.apiserver.registry.validation.meta import validate_labels

Json = dict[str, Any]

SET_OPERATORS = frozenset({"In", "NotIn"})
EXISTENCE_OPERATORS = frozenset({"Exists", "DoesNotExist"})
ORDER_OPERATORS = frozenset({"Gt", "Lt"})
NO_VALUES = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
VALUES_NEEDED = "must be specified when `operator` is 'In' or 'NotIn'"
NOT_AN_OPERATOR = "not a valid selector operator"


def validate_label_selector(path: str, selector: Json | None) -> list[FieldError]:
    """metav1.LabelSelector; None is fine."""
    if not selector:
        return []
    errors = validate_labels(f"{path}.matchLabels", selector.get("matchLabels") or {})
    for i, requirement in enumerate(selector.get("matchExpressions") or ()):
        errors += _label_requirement(f"{path}.matchExpressions[{i}]", requirement)
    return errors


def _label_requirement(path: str, requirement: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    operator, values = requirement.get("operator", ""), requirement.get("values") or []
    if operator in SET_OPERATORS:
        if not values:
            errors.append(required(f"{path}.values", VALUES_NEEDED))
    elif operator in EXISTENCE_OPERATORS:
        if values:
            errors.append(forbidden(f"{path}.values", NO_VALUES))
    else:
        errors.append(invalid(f"{path}.operator", operator, NOT_AN_OPERATOR))
    key = requirement.get("key", "")
    errors += (invalid(f"{path}.key", key, m) for m in formats.qualified_name(key))
    for i, value in enumerate(values):
        errors += (invalid(f"{path}.values[{i}]", value, m) for m in formats.label_value(value))
    return errors


def matches(selector: Json | None, labels: dict[str, str]) -> bool:
    """Whether labels satisfy a valid selector; None selects nothing, {} everything."""
    if selector is None:
        return False
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_requirement_matches(r, labels) for r in selector.get("matchExpressions") or ())


def _requirement_matches(requirement: Json, labels: dict[str, str]) -> bool:
    key, values = requirement.get("key", ""), requirement.get("values") or []
    match requirement.get("operator"):
        case "In":
            return key in labels and labels[key] in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels


def is_empty(selector: Json) -> bool:
    return not selector.get("matchLabels") and not selector.get("matchExpressions")


def validate_node_selector(path: str, selector: Json) -> list[FieldError]:
    """core NodeSelector: at least one term."""
    terms = selector.get("nodeSelectorTerms") or []
    if not terms:
        return [required(f"{path}.nodeSelectorTerms", "must have at least one node selector term")]
    errors: list[FieldError] = []
    for i, term in enumerate(terms):
        errors += validate_node_selector_term(f"{path}.nodeSelectorTerms[{i}]", term)
    return errors


def validate_node_selector_term(path: str, term: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    for i, requirement in enumerate(term.get("matchExpressions") or ()):
        errors += _node_requirement(f"{path}.matchExpressions[{i}]", requirement)
    for i, requirement in enumerate(term.get("matchFields") or ()):
        errors += _node_field(f"{path}.matchFields[{i}]", requirement)
    return errors


def _node_requirement(path: str, requirement: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    operator, values = requirement.get("operator", ""), requirement.get("values") or []
    if operator in SET_OPERATORS:
        if not values:
            errors.append(required(f"{path}.values", VALUES_NEEDED))
    elif operator in EXISTENCE_OPERATORS:
        if values:
            errors.append(forbidden(f"{path}.values", NO_VALUES))
    elif operator in ORDER_OPERATORS:
        if len(values) != 1:
            detail = "must be specified single value when `operator` is 'Lt' or 'Gt'"
            errors.append(required(f"{path}.values", detail))
    else:
        errors.append(invalid(f"{path}.operator", operator, NOT_AN_OPERATOR))
    key = requirement.get("key", "")
    errors += (invalid(f"{path}.key", key, m) for m in formats.qualified_name(key))
    for i, value in enumerate(values):
        errors += (invalid(f"{path}.values[{i}]", value, m) for m in formats.label_value(value))
    return errors


def _node_field(path: str, requirement: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    operator, values = requirement.get("operator", ""), requirement.get("values") or []
    if operator not in SET_OPERATORS:
        errors.append(invalid(f"{path}.operator", operator, NOT_AN_OPERATOR))
    elif len(values) != 1:
        detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
        errors.append(required(f"{path}.values", detail))
    if (key := requirement.get("key", "")) != "metadata.name":
        errors.append(invalid(f"{path}.key", key, "not a valid field selector key"))
        return errors
    for i, value in enumerate(values):
        errors += (invalid(f"{path}.values[{i}]", value, m) for m in formats.dns_subdomain(value))
    return errors
