"""Which nodes a DaemonSet has pods on, as its controller decides: node selector, required node affinity, taints.

Always true: preferences play no part; a node that refuses new pods (cordoned) still gets its daemons.
Source: kubernetes.io, "DaemonSet: how daemon pods are scheduled".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pyk8s.simulate.nodes import NodeShape

Json = dict[str, Any]
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def wants_node(spec: Json, name: str, node: NodeShape) -> bool:
    """Whether a daemon with this pod spec (tolerations filled in) belongs on the node."""
    if any(node.labels.get(key) != value for key, value in (spec.get("nodeSelector") or {}).items()):
        return False
    required = ((spec.get("affinity") or {}).get("nodeAffinity") or {}).get(REQUIRED)
    if required and not any(_term_matches(term, name, node.labels) for term in required["nodeSelectorTerms"]):
        return False
    tolerations = spec.get("tolerations") or ()
    return all(_is_tolerated(taint, tolerations) for taint in node.taints)


def _term_matches(term: Json, name: str, labels: Mapping[str, str]) -> bool:
    expressions = term.get("matchExpressions") or ()
    fields = term.get("matchFields") or ()
    if not expressions and not fields:
        return False
    return all(_matches(requirement, labels) for requirement in expressions) and all(
        _matches(requirement, {"metadata.name": name}) for requirement in fields
    )


def _matches(requirement: Json, labels: Mapping[str, str]) -> bool:
    value, operator = labels.get(requirement["key"]), requirement["operator"]
    values = requirement.get("values") or ()
    if operator == "In":
        return value is not None and value in values
    if operator == "NotIn":
        return value is None or value not in values
    if operator == "Exists":
        return value is not None
    if operator == "DoesNotExist":
        return value is None
    try:
        left, right = int(value or ""), int(next(iter(values), ""))
    except ValueError:
        return False
    return left > right if operator == "Gt" else left < right


def _is_tolerated(taint: Json, tolerations: Iterable[Json]) -> bool:
    return taint.get("effect") == "PreferNoSchedule" or any(_tolerates(entry, taint) for entry in tolerations)


def _tolerates(toleration: Json, taint: Json) -> bool:
    if toleration.get("effect") and toleration["effect"] != taint.get("effect"):
        return False
    if toleration.get("operator") == "Exists":
        return not toleration.get("key") or toleration["key"] == taint.get("key")
    return toleration.get("key") == taint.get("key") and toleration.get("value", "") == taint.get("value", "")
