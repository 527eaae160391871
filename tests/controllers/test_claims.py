"""Whom an owner keeps, takes and lets go: as a table."""

from __future__ import annotations

from typing import Any

import pytest
from pyk8s.controllers.controller_ref import decide_claims
from pyk8s.controllers.label_selector import is_empty, map_matcher, matcher

Json = dict[str, Any]
SELECTOR = {"matchLabels": {"app": "a"}}


def owner(**metadata: Any) -> Json:
    return {"metadata": {"uid": "me", **metadata}}


def obj(uid: str, app: str, *references: tuple[str, bool], **metadata: Any) -> Json:
    owners = [{"uid": holder, "controller": controls} for holder, controls in references]
    return {"metadata": {"uid": uid, "labels": {"app": app}, "ownerReferences": owners, **metadata}}


def sorted_out(owner: Json, *objects: Json) -> tuple[list[str], list[str], list[str]]:
    claims = decide_claims(owner, objects, matcher(SELECTOR))
    kept, adopted, released = (
        [o["metadata"]["uid"] for o in group] for group in (claims.kept, claims.adopted, claims.released)
    )
    return kept, adopted, released


@pytest.mark.parametrize(
    ("candidate", "expected"),
    [
        (obj("x", "a", ("me", True)), (["x"], [], [])),
        (obj("x", "b", ("me", True)), ([], [], ["x"])),
        (obj("x", "a"), ([], ["x"], [])),
        (obj("x", "b"), ([], [], [])),
        (obj("x", "a", ("other", True)), ([], [], [])),
        (obj("x", "a", ("me", False)), ([], ["x"], [])),
        (obj("x", "a", deletionTimestamp="now"), ([], [], [])),
    ],
)
def test_an_owner_keeps_takes_and_lets_go(candidate: Json, expected: tuple[list[str], list[str], list[str]]) -> None:
    assert sorted_out(owner(), candidate) == expected


def test_an_owner_that_is_going_neither_takes_nor_lets_go() -> None:
    going = owner(deletionTimestamp="now")

    assert sorted_out(going, obj("x", "a"), obj("y", "b", ("me", True)), obj("z", "a", ("me", True))) == (["z"], [], [])


def test_a_candidate_given_twice_is_claimed_once() -> None:
    assert sorted_out(owner(), obj("x", "a"), obj("x", "a")) == ([], ["x"], [])


@pytest.mark.parametrize(
    ("expression", "labels", "expected"),
    [
        ({"key": "k", "operator": "In", "values": ["a", "b"]}, {"k": "b"}, True),
        ({"key": "k", "operator": "In", "values": ["a"]}, {}, False),
        ({"key": "k", "operator": "NotIn", "values": ["a"]}, {}, True),
        ({"key": "k", "operator": "NotIn", "values": ["a"]}, {"k": "a"}, False),
        ({"key": "k", "operator": "Exists"}, {"k": ""}, True),
        ({"key": "k", "operator": "DoesNotExist"}, {"k": ""}, False),
    ],
)
def test_expressions_select_as_kubernetes_does(expression: Json, labels: dict[str, str], expected: bool) -> None:
    assert matcher({"matchExpressions": [expression]})(labels) is expected


def test_empty_selectors_select_everything_and_missing_ones_nothing() -> None:
    assert matcher({})({})
    assert is_empty({})
    assert not matcher(None)({})
    assert not map_matcher({})({"a": "b"})
    with pytest.raises(ValueError, match="not a valid label selector operator"):
        matcher({"matchExpressions": [{"key": "k", "operator": "Near"}]})
