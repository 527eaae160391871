"""Patches of anything: the twins agree, identities hold, and hostile patches cost bounded time and memory."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyk8s import _core as rust
from pyk8s import reference
from pyk8s.errors import DecodeError, PatchError

from tests.contract.patching import scheme

KEYS = st.sampled_from(["a", "b", "c/d", "~", "", "0"])
SCALARS = st.none() | st.booleans() | st.sampled_from([0, 1, -1, 80, 1.5, 1e300, 2**63, "", "x", "é", "80"])
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=10
)
OBJECTS = st.dictionaries(KEYS, JSON, max_size=4)
POINTERS = st.lists(st.sampled_from(["a", "b", "c~1d", "~0", "", "0", "1", "-", "-1"]), max_size=4).map(
    lambda steps: "".join(f"/{step}" for step in steps)
)
OPERATIONS = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test", "no"])},
    optional={"path": POINTERS, "from": POINTERS, "value": JSON},
)


def _text(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _outcome(call: Callable[[Any], bytes], twin: Any) -> Any:
    try:
        return call(twin)
    except PatchError as error:
        return (error.reason, str(error), error.value)
    except DecodeError as error:
        return str(error)


def _assert_agreed(call: Callable[[Any], bytes]) -> Any:
    outcome = _outcome(call, rust)
    assert outcome == _outcome(call, reference)
    return outcome


@given(OBJECTS, st.lists(OPERATIONS, max_size=6))
@settings(max_examples=150, deadline=None)
def test_twins_agree_on_json_patches(original: Any, patch: Any) -> None:
    _assert_agreed(lambda twin: twin.json_patch(_text(original), _text(patch)))


@given(JSON, JSON)
@settings(max_examples=100, deadline=None)
def test_twins_agree_on_merge_patches(original: Any, patch: Any) -> None:
    _assert_agreed(lambda twin: twin.merge_patch(_text(original), _text(patch)))


@given(st.binary(max_size=40))
@settings(max_examples=100, deadline=None)
def test_twins_agree_on_any_bytes(patch: bytes) -> None:
    _assert_agreed(lambda twin: twin.json_patch(b"{}", patch))
    _assert_agreed(lambda twin: twin.merge_patch(b"{}", patch))
    _assert_agreed(lambda twin: scheme(twin).strategic_merge_patch("v1/Pod", b"{}", patch))


WITHOUT_NULLS = st.recursive(
    st.sampled_from([0, 1, "", "x", True]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=10,
)


def _difference(before: Any, after: Any) -> Any:
    """The merge patch from one object to another that holds no null."""
    patch = {key: None for key in before if key not in after}
    for key, value in after.items():
        if isinstance(value, dict) and isinstance(before.get(key), dict):
            patch[key] = _difference(before[key], value)
        elif key not in before or json.dumps(before[key]) != json.dumps(value):
            patch[key] = value
    return patch


@given(st.dictionaries(KEYS, WITHOUT_NULLS, max_size=4), st.dictionaries(KEYS, WITHOUT_NULLS, max_size=4))
@settings(max_examples=100, deadline=None)
def test_merging_the_difference_gives_the_other_object(before: Any, after: Any) -> None:
    patched = _assert_agreed(lambda twin: twin.merge_patch(_text(before), _text(_difference(before, after))))

    assert json.loads(patched) == after


NAMES = st.sampled_from(["a", "b", "c"])
DIRECTIVES = st.sampled_from(["delete", "replace", "merge", "explode", 1])
PORTS = st.fixed_dictionaries(
    {}, optional={"containerPort": st.sampled_from([80, 81, 80.0, "80", None]), "protocol": st.sampled_from(["TCP"])}
)
ELEMENTS = st.fixed_dictionaries(
    {},
    optional={
        "name": NAMES | st.sampled_from([1, True, None]), "image": NAMES, "args": st.lists(NAMES, max_size=2),
        "ports": st.lists(PORTS, max_size=3), "$patch": DIRECTIVES, "resources": JSON,
    },
)  # fmt: skip
SPECS = st.fixed_dictionaries(
    {},
    optional={
        "containers": st.lists(ELEMENTS | SCALARS, max_size=4) | SCALARS,
        "volumes": st.lists(ELEMENTS, max_size=3), "nodeSelector": st.dictionaries(NAMES | st.just("$patch"), NAMES),
        "tolerations": st.lists(ELEMENTS, max_size=2), "hostNetwork": st.booleans(), "$patch": DIRECTIVES,
        "$setElementOrder/containers": st.lists(ELEMENTS | NAMES, max_size=4),
        "$retainKeys": st.lists(st.sampled_from(["containers", "volumes", "nodeSelector", "hostNetwork"])) | SCALARS,
        "unknown": JSON,
    },
)  # fmt: skip
METADATA = st.fixed_dictionaries(
    {},
    optional={
        "finalizers": st.lists(NAMES | st.integers(0, 1), max_size=4), "labels": st.dictionaries(NAMES, NAMES) | JSON,
        "$deleteFromPrimitiveList/finalizers": st.lists(NAMES, max_size=2) | SCALARS,
        "$setElementOrder/finalizers": st.lists(NAMES, max_size=4), "name": SCALARS,
    },
)  # fmt: skip
PODS = st.fixed_dictionaries({}, optional={"metadata": METADATA, "spec": SPECS, "kind": NAMES})


@given(PODS, PODS)
@settings(max_examples=150, deadline=None)
def test_twins_agree_on_strategic_patches(original: Any, patch: Any) -> None:
    _assert_agreed(lambda twin: scheme(twin).strategic_merge_patch("v1/Pod", _text(original), _text(patch)))


@given(st.lists(st.tuples(PODS, NAMES, st.sampled_from(["", "status"])), min_size=1, max_size=5))
@settings(max_examples=100, deadline=None)
def test_twins_agree_on_managed_fields(writes: Any) -> None:
    def history(twin: Any) -> bytes:
        value = b""
        for number, (pod, manager, subresource) in enumerate(writes):
            value = scheme(twin).update_managed_fields(
                "v1/Pod", value, _text(pod), manager=manager, time=f"T{number}", subresource=subresource
            )
        return value

    _assert_agreed(history)


def test_copies_are_limited_in_what_they_add(engine: Any) -> None:
    bomb = [{"op": "copy", "from": "/a", "path": "/a/-"} for _ in range(60)]

    with pytest.raises(PatchError, match="copies add") as refusal:
        engine.json_patch(_text({"a": ["x" * 1000]}), _text(bomb))

    assert refusal.value.reason == "unprocessable"


def test_moves_cannot_nest_without_end(engine: Any) -> None:
    nest = [
        operation
        for _ in range(500)
        for operation in (
            {"op": "move", "from": "/a", "path": "/b/a"},
            {"op": "add", "path": "/a", "value": {}},
            {"op": "move", "from": "/b", "path": "/a/b"},
            {"op": "add", "path": "/b", "value": {}},
        )
    ]

    with pytest.raises(PatchError, match="nests deeper"):
        engine.json_patch(b'{"a":{},"b":{}}', _text(nest))


def test_moving_within_a_deep_document_is_allowed(engine: Any) -> None:
    deep = json.loads("[" * 150 + "]" * 150)
    moves = [{"op": "move", "from": f"/{a}", "path": f"/{b}"} for a, b in [("a", "x/y/z"), ("x/y/z", "a")] * 20]

    patched = engine.json_patch(_text({"a": deep, "x": {"y": {}}}), _text(moves))

    assert json.loads(patched) == {"a": deep, "x": {"y": {}}}


HOSTILE_COUNT = 5_000


@pytest.mark.parametrize(
    "patch",
    [
        {"spec": {"containers": [{"name": f"n{number}"} for number in range(HOSTILE_COUNT)]}},
        {"spec": {"containers": [{"name": f"n{number}", "$patch": "delete"} for number in range(HOSTILE_COUNT)]}},
        {"spec": {"$setElementOrder/containers": [{"name": f"c{number}"} for number in range(HOSTILE_COUNT)]}},
        {"metadata": {"finalizers": [f"f{number}" for number in range(HOSTILE_COUNT)]}},
    ],
    ids=["elements", "deletions", "order", "values"],
)
def test_long_lists_are_merged_in_bounded_time(engine: Any, patch: Any) -> None:
    original = {
        "metadata": {"finalizers": [f"g{number}" for number in range(HOSTILE_COUNT)]},
        "spec": {"containers": [{"name": f"c{number}"} for number in reversed(range(HOSTILE_COUNT))]},
    }
    started = time.monotonic()

    scheme(engine).strategic_merge_patch("v1/Pod", _text(original), _text(patch))

    # Scanning for each element would take far longer; the bound leaves room for a loaded machine.
    assert time.monotonic() - started < 10
