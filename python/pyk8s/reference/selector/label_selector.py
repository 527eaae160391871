"""The object form of a label selector: metav1.LabelSelector with ``matchLabels`` and ``matchExpressions``.

Always true: an absent selector (null) selects nothing, an empty one everything.
Not here: the API server's validation of selectors inside objects, whose messages carry paths.
"""

from __future__ import annotations

from typing import Any

from pyk8s.reference.object.scan import NotJson, Number, read
from pyk8s.reference.selector.requirement import Operator, Requirement, quoted

DEPTH_MAX = 127
"""Nesting accepted, where the twin's JSON library stops; a selector has four levels."""

OPERATORS = {
    "In": Operator.IN,
    "NotIn": Operator.NOT_IN,
    "Exists": Operator.EXISTS,
    "DoesNotExist": Operator.DOES_NOT_EXIST,
}


def parse(selector: bytes) -> list[Requirement] | None:
    """Read the JSON of a LabelSelector; None is the selector that selects nothing. Raises ValueError."""
    try:
        _, value = read(selector, depth_max=DEPTH_MAX)
    except NotJson:
        raise ValueError("label selector: not valid JSON") from None
    if value is None:
        return None
    if not isinstance(value, dict):
        raise _wrong_type(value, "type v1.LabelSelector")
    found = [*_match_labels(value.get("matchLabels")), *_match_expressions(value.get("matchExpressions"))]
    return sorted(found, key=lambda requirement: requirement.key)


def _match_labels(labels: Any) -> list[Requirement]:
    into = "Go struct field LabelSelector.matchLabels of type"
    if labels is None:
        return []
    if not isinstance(labels, dict):
        raise _wrong_type(labels, f"{into} map[string]string")
    # Go walks a map in any order; by key, the first error is always the same one.
    found = []
    for key in sorted(labels, key=str.encode):
        found.append(Requirement.check(key, Operator.EQUALS, [_text(labels[key], f"{into} string")]))
    return found


def _match_expressions(expressions: Any) -> list[Requirement]:
    into = "Go struct field LabelSelector.matchExpressions of type"
    if expressions is None:
        return []
    if not isinstance(expressions, list):
        raise _wrong_type(expressions, f"{into} []v1.LabelSelectorRequirement")
    return [_expression(expression) for expression in expressions]


def _expression(expression: Any) -> Requirement:
    into = "Go struct field LabelSelectorRequirement.matchExpressions"
    if expression is None:
        expression = {}
    if not isinstance(expression, dict):
        raise _wrong_type(
            expression, "Go struct field LabelSelector.matchExpressions of type v1.LabelSelectorRequirement"
        )
    key = _text(expression.get("key"), f"{into}.key of type string")
    operator = _text(expression.get("operator"), f"{into}.operator of type v1.LabelSelectorOperator")
    items = expression.get("values")
    if items is not None and not isinstance(items, list):
        raise _wrong_type(items, f"{into}.values of type []string")
    values = [_text(item, f"{into}.values of type string") for item in items or []]
    if operator not in OPERATORS:
        raise ValueError(f"{quoted(operator)} is not a valid label selector operator")
    return Requirement.check(key, OPERATORS[operator], values)


def _text(value: Any, into: str) -> str:
    """A JSON string; null is "", as Go's decoder leaves it."""
    if value is None:
        return ""
    if not isinstance(value, str) or isinstance(value, Number):
        raise _wrong_type(value, into)
    return value


def _wrong_type(value: Any, into: str) -> ValueError:
    kinds = {bool: "bool", Number: "number", str: "string", list: "array", dict: "object"}
    return ValueError(f"json: cannot unmarshal {kinds[type(value)]} into {into}")
