"""YAML: resolved as Kubernetes does, bounded, with keys set twice told by line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyk8s.api.yaml import YamlError, documents, to_json

SCALARS: dict[str, Any] = {
    "yes": True, "No": False, "on": True, "OFF": False, "y": True, "true": True, "TRUE": True, "truE": "truE",
    "~": None, "null": None, "": None, "1": 1, "-7": -7, "+7": 7, "0x1F": 31, "0o17": 15, "017": 15, "0b101": 5,
    "1_000": 1000, "1.5": 1.5, ".5": 0.5, "1e3": 1000.0, "1.": 1.0, "08": 8.0, "12:30:45": "12:30:45",
    "2026-01-01": "2026-01-01", "2026-01-01T00:00:00Z": "2026-01-01T00:00:00Z", "1.2.3": "1.2.3", "'yes'": "yes",
    '"1"': "1", "!!str 1": "1", "a b": "a b", "-": [None], "=": "=", "1e999": "1e999",
}  # fmt: skip


@pytest.mark.parametrize("text", SCALARS)
def test_scalars_are_what_kubernetes_takes_them_for(text: str) -> None:
    assert json.loads(to_json(b"v: " + text.encode() if text != "-" else b"v:\n-").value) == {"v": SCALARS[text]}


def test_keys_set_twice_are_told_by_line_and_the_last_counts() -> None:
    document = to_json(b"apiVersion: v1\nkind: ConfigMap\ndata:\n  a: b\n  a: c\n")

    assert json.loads(document.value)["data"] == {"a": "c"}
    assert document.problems == ['line 5: key "a" already set in map']


def test_keys_are_text() -> None:
    assert json.loads(to_json(b"1: a\ntrue: b\n1.5: c\n").value) == {"1": "a", "true": "b", "1.5": "c"}


def test_anchors_and_merges_are_resolved() -> None:
    text = b"base: &b {x: 1, w: 2}\nall: {<<: *b, w: 3}\nboth: {<<: [*b, {z: 4, x: 9}]}\n"

    value = json.loads(to_json(text).value)

    assert value["all"] == {"x": 1, "w": 3}
    assert value["both"] == {"x": 1, "w": 2, "z": 4}


def test_a_file_holds_several_documents_and_empty_ones_are_left_out() -> None:
    values = [json.loads(document.value) for document in documents(b"---\na: 1\n---\n# nothing\n---\nb: 2\n...\n")]

    assert values == [{"a": 1}, {"b": 2}]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"{", "yaml: line 1: did not find expected node content"),
        (b"a: [1", "yaml: line 1: did not find expected ',' or ']'"),
        (b"a: b: c", "yaml: mapping values are not allowed in this context"),
        (b"a: *x", "yaml: found undefined alias"),
        (b"\xff", "yaml: "),
        (b"{[a]: b}", "yaml: invalid map key"),
        (b"a: .inf", "json: unsupported value: .inf"),
        (b"[" * 5_000, "yaml: "),
        (b"- " * 400 + b"x", "yaml: exceeded max depth"),
    ],
)
def test_bad_yaml_is_refused(text: bytes, words: str) -> None:
    with pytest.raises(YamlError) as caught:
        to_json(text)

    assert str(caught.value).startswith(words)


def test_aliases_cannot_blow_a_document_up() -> None:
    lines = [b"a0: &a0 [x,x,x,x,x,x,x,x,x,x]"]
    lines += [b"a%d: &a%d [%s]" % (i, i, b",".join([b"*a%d" % (i - 1)] * 10)) for i in range(1, 9)]

    with pytest.raises(YamlError, match="excessive aliasing"):
        to_json(b"\n".join(lines))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(st.characters(categories=("L", "N", "P")), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON)
def test_json_is_yaml(value: Any) -> None:
    assert json.loads(to_json(json.dumps(value, ensure_ascii=False).encode()).value) == value


@given(st.binary(max_size=60) | st.text("ab:- \n[]{}&*!'\"#|>?%@`,1", max_size=40).map(str.encode))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        document = to_json(body)
    except YamlError:
        return
    json.loads(document.value)
