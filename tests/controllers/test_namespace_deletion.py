"""The conditions of a namespace on its way out, and when it is looked at again."""

from __future__ import annotations

from typing import Any

import pytest
from pyk8s.controllers.namespace_deletion import Remaining, conditions_after, retry_in_s

Json = dict[str, Any]
NOW_S = 1_767_225_600.0


def left_behind() -> Remaining:
    remaining = Remaining()
    remaining.add("configmaps", "", [{"metadata": {"finalizers": ["example.com/f"]}}])
    remaining.add("deployments", "apps", [{"metadata": {}}, {"metadata": {}}])
    return remaining


def test_an_empty_pass_leaves_five_good_conditions() -> None:
    conditions = conditions_after([], Remaining(), NOW_S)

    assert [(c["type"], c["status"], c["reason"]) for c in conditions] == [
        ("NamespaceDeletionDiscoveryFailure", "False", "ResourcesDiscovered"),
        ("NamespaceDeletionGroupVersionParsingFailure", "False", "ParsedGroupVersions"),
        ("NamespaceDeletionContentFailure", "False", "ContentDeleted"),
        ("NamespaceContentRemaining", "False", "ContentRemoved"),
        ("NamespaceFinalizersRemaining", "False", "ContentHasNoFinalizers"),
    ]


def test_what_remains_is_named_and_counted() -> None:
    conditions = {c["type"]: c for c in conditions_after([], left_behind(), NOW_S)}

    assert conditions["NamespaceContentRemaining"]["message"] == (
        "Some resources are remaining: configmaps. has 1 resource instances, deployments.apps has 2 resource instances"
    )
    assert conditions["NamespaceFinalizersRemaining"]["message"] == (
        "Some content in the namespace has finalizers remaining: example.com/f in 1 resource instances"
    )
    assert conditions["NamespaceFinalizersRemaining"]["status"] == "True"


def test_an_unchanged_condition_keeps_its_time() -> None:
    first = conditions_after([], left_behind(), NOW_S)

    assert conditions_after(first, left_behind(), NOW_S + 60) == first


def pods(*graces: int, phase: str = "Running") -> Remaining:
    remaining = Remaining()
    items: list[Json] = [
        {"metadata": {}, "spec": {"terminationGracePeriodSeconds": grace}, "status": {"phase": phase}}
        for grace in graces
    ]
    remaining.add("pods", "", items)
    return remaining


@pytest.mark.parametrize(
    ("remaining", "deleted_for_s", "expected"),
    [(pods(30, 10), 0.0, 16.0), (left_behind(), 0.0, 8.5), (pods(30), 31.0, 8.5)],
)
def test_the_next_look_is_after_half_the_estimate(remaining: Remaining, deleted_for_s: float, expected: float) -> None:
    assert retry_in_s(remaining, deleted_for_s) == expected
