"""Selectors on both twins: scripts, the calls of the contract, and agreement on anything at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyk8s import _core as rust
from pyk8s import reference
from pyk8s.errors import SelectorError

SCRIPTS = sorted((Path(__file__).parents[1] / "scripts" / "selector").glob("*.txt"))

GRAMMAR_TEXT = st.lists(
    st.sampled_from(
        ["a", "b/c", "in", "notin", "=", "==", "!=", "!", "(", ")", ",", " ", "<", ">", "12", "-", "\\", "\0"]
    )
).map("".join)


def _told(selection: Any) -> str:
    if selection.is_everything:
        return "(everything)"
    if selection.is_nothing:
        return "(nothing)"
    return str(selection) + " ".join(f"{field}{op}{value}" for field, op, value in selection.field_requirements)


def _matches(selection: Any, argument: str) -> str:
    pairs = [pair.split("=", 1) for pair in argument.split() if "=" in pair]
    labels = {key: value for key, value in pairs if not key.startswith("@")}
    fields = {key[1:]: value for key, value in pairs if key.startswith("@")}
    return "yes" if selection.matches(labels, fields) else "no"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_script_comes_out_as_it_says(engine: Any, script: Path) -> None:
    makers = {
        "labels": lambda text: engine.Selection(text),
        "fields": lambda text: engine.Selection(fields=text.strip()),
        "selector": lambda text: engine.Selection.from_label_selector(text.encode()),
    }
    selection = engine.Selection()
    for number, line in enumerate(script.read_text().splitlines(), 1):
        step, arrow, expected = line.rpartition("-> ")
        if not arrow or line.startswith("#"):
            continue
        command, _, argument = step.strip().partition(" ")
        if command == "match":
            outcome = _matches(selection, argument)
        else:
            try:
                selection = makers[command](argument)
                outcome = _told(selection)
            except SelectorError as error:
                outcome = f"error {error}"
        assert outcome == expected, f"{script.name}:{number}"


def test_requirements_are_told_with_one_name_per_meaning(engine: Any) -> None:
    selection = engine.Selection("f>1,e==2,d!=3,c notin (y,x),b,!a,g<9,h in (z),i=0", "b!=2,a==1")

    assert selection.label_requirements == [
        ("a", "!", []),
        ("b", "exists", []),
        ("c", "notin", ["x", "y"]),
        ("d", "!=", ["3"]),
        ("e", "=", ["2"]),
        ("f", "gt", ["1"]),
        ("g", "lt", ["9"]),
        ("h", "in", ["z"]),
        ("i", "=", ["0"]),
    ]
    assert selection.field_requirements == [("a", "=", "1"), ("b", "!=", "2")]
    assert not selection.is_everything
    assert engine.Selection().is_everything


def _outcome(make: Any) -> Any:
    try:
        selection = make()
    except SelectorError as error:
        return f"error {error}"
    return (str(selection), selection.label_requirements, selection.field_requirements, selection.is_nothing)


def _assert_agreed(make: Any) -> None:
    assert _outcome(lambda: make(rust)) == _outcome(lambda: make(reference))


@given(GRAMMAR_TEXT)
@settings(max_examples=200, deadline=None)
def test_twins_agree_on_anything_made_of_the_grammars_parts(text: str) -> None:
    _assert_agreed(lambda twin: twin.Selection(text))
    _assert_agreed(lambda twin: twin.Selection(fields=text))


@given(st.text(st.characters(exclude_categories=["Cs"])))
@settings(max_examples=100, deadline=None)
def test_twins_agree_on_any_text(text: str) -> None:
    _assert_agreed(lambda twin: twin.Selection(text))
    _assert_agreed(lambda twin: twin.Selection(fields=text))


@given(st.binary())
@settings(max_examples=100, deadline=None)
def test_twins_agree_on_any_bytes_as_label_selector(selector: bytes) -> None:
    _assert_agreed(lambda twin: twin.Selection.from_label_selector(selector))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["a", "In", "Exists", "-", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["key", "operator", "values"]), inner),
    max_leaves=12,
)


@given(
    st.fixed_dictionaries(
        {}, optional={"matchLabels": st.dictionaries(st.sampled_from("a-"), JSON), "matchExpressions": JSON}
    )
)
@settings(max_examples=200, deadline=None)
def test_twins_agree_on_any_shape_of_label_selector(selector: Any) -> None:
    _assert_agreed(lambda twin: twin.Selection.from_label_selector(json.dumps(selector).encode()))


LABELS = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["", "1", "2", "-3", "+4", "x"]))


@given(GRAMMAR_TEXT | st.sampled_from(["a=1", "a>1", "a<1,b", "!a,b in (1,x)", "a!=1"]), LABELS)
@settings(max_examples=200, deadline=None)
def test_twins_agree_on_what_matches(text: str, labels: dict[str, str]) -> None:
    try:
        pair = [twin.Selection(text, "") for twin in (rust, reference)]
    except SelectorError:
        return
    assert pair[0].matches(labels, {}) == pair[1].matches(labels, {})


@pytest.mark.parametrize("text", ["(" * 100_000, "a," * 30_000, "a in (" + "b," * 30_000, "!" * 100_000, "=" * 100_000])
def test_absurd_selectors_are_refused_in_bounded_time(engine: Any, text: str) -> None:
    with pytest.raises(SelectorError):
        engine.Selection(text)
