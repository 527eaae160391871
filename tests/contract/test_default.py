"""Versioned defaulting: the objects kube-apiserver made of the same bodies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.contract.objects import decoded, scheme

CASES = json.loads((Path(__file__).parents[1] / "golden" / "objects.json").read_text())["default"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_defaults_are_those_of_kube_apiserver(engine: Any, case: dict[str, Any]) -> None:
    value = decoded(engine, case["kind"], case["body"].encode())[0].encode()

    assert json.loads(scheme(engine).default(case["kind"], value)) == case["object"]


@pytest.mark.parametrize("case", CASES[::5], ids=lambda case: case["name"])
def test_defaulting_twice_changes_nothing_more(engine: Any, case: dict[str, Any]) -> None:
    once = scheme(engine).default(case["kind"], decoded(engine, case["kind"], case["body"].encode())[0].encode())

    assert scheme(engine).default(case["kind"], once) == once


def test_a_kind_without_defaults_is_left_as_it_is(engine: Any) -> None:
    assert scheme(engine).default("v1/Event", b'{"a": 1}') == b'{"a": 1}'
