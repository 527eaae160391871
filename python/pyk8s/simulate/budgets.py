"""PodDisruptionBudgets as an eviction sees them: how many more of the pods they guard may go.

Always true: what a budget allows follows from its spec and from the pods that are bound, as the disruption controller
computes it; a pod guarded by several budgets may go only if all of them allow it.
Source: kubernetes.io, "Disruptions", "Specifying a Disruption Budget".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

Json = dict[str, Any]


class Budget:
    """One budget. ``expected``: the pods that it guards, ``healthy``: those of them that run."""

    def __init__(self, obj: Json) -> None:
        metadata, self._spec = obj["metadata"], obj.get("spec") or {}
        self.namespace, self.name = metadata.get("namespace") or "default", metadata["name"]
        self.expected = self.healthy = 0

    def guards(self, namespace: str, labels: Mapping[str, str]) -> bool:
        """An empty selector guards every pod of the namespace, none at all guards none."""
        selector = self._spec.get("selector")
        return selector is not None and namespace == self.namespace and matches(selector, labels)

    def allowed(self) -> int:
        return max(0, self.healthy - self._wanted())

    def _wanted(self) -> int:
        """Pods that must stay. Percentages are rounded up."""
        if (least := self._spec.get("minAvailable")) is not None:
            return _of(least, self.expected)
        if (most := self._spec.get("maxUnavailable")) is not None:
            return self.expected - _of(most, self.expected)
        return 0


def _of(amount: int | str, total: int) -> int:
    text = str(amount)
    return math.ceil(total * int(text[:-1]) / 100) if text.endswith("%") else int(text)


def matches(selector: Json, labels: Mapping[str, str]) -> bool:
    """A LabelSelector; all of its parts must hold."""
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_holds(requirement, labels) for requirement in selector.get("matchExpressions") or ())


def _holds(requirement: Json, labels: Mapping[str, str]) -> bool:
    key, operator, values = requirement["key"], requirement["operator"], requirement.get("values") or ()
    if operator == "In":
        return key in labels and labels[key] in values
    if operator == "NotIn":
        return labels.get(key) not in values
    return (key in labels) is (operator == "Exists")


def budgets_of(objects: Iterable[tuple[str, Json]]) -> list[Budget]:
    return [Budget(obj) for kind, obj in objects if kind == "PodDisruptionBudget"]
