"""LabelSelector objects as functions of labels.

Always true: an empty selector selects everything, a missing one nothing, as in Kubernetes.
Not here: the string form of selectors (see `pyk8s.core.Selection`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Json = dict[str, Any]
Labels = Mapping[str, str]
Matcher = Callable[[Labels], bool]


def labels_of(obj: Json) -> Labels:
    labels: Labels = obj["metadata"].get("labels") or {}
    return labels


def matcher(selector: Json | None) -> Matcher:
    """The predicate of a LabelSelector. Raises ValueError for an operator that does not exist."""
    if selector is None:
        return lambda labels: False
    equal = list((selector.get("matchLabels") or {}).items())
    tests = [_expression(expression) for expression in selector.get("matchExpressions") or ()]
    if not tests:
        return lambda labels: all(labels.get(key) == value for key, value in equal)
    return lambda labels: all(labels.get(k) == v for k, v in equal) and all(test(labels) for test in tests)


def map_matcher(selector: Labels | None) -> Matcher:
    """The predicate of a plain map (a Service's selector); an empty map selects nothing."""
    if not selector:
        return lambda labels: False
    equal = list(selector.items())
    return lambda labels: all(labels.get(key) == value for key, value in equal)


def is_empty(selector: Json | None) -> bool:
    """True for a selector that selects everything."""
    return selector is not None and not selector.get("matchLabels") and not selector.get("matchExpressions")


def _expression(expression: Json) -> Matcher:
    key, operator = expression["key"], expression["operator"]
    values = frozenset(expression.get("values") or ())
    if operator == "In":
        return lambda labels: labels.get(key) in values
    if operator == "NotIn":
        return lambda labels: labels.get(key) not in values
    if operator == "Exists":
        return lambda labels: key in labels
    if operator == "DoesNotExist":
        return lambda labels: key not in labels
    raise ValueError(f"{operator!r} is not a valid label selector operator")
