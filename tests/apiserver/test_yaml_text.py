"""YAML in and out, as sigs.k8s.io/yaml reads and writes it."""

import contextlib
import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pyk8s_server.apiserver.endpoints.yaml_text import json_to_yaml, yaml_to_json

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abcyn0123.:-", min_size=1), inner, max_size=3),
    max_leaves=12,
)


def read(text):
    return json.loads(yaml_to_json(text.encode())[0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("yes", True),
        ("off", False),
        ("1:30", "1:30"),
        ("2020-01-01", "2020-01-01"),
        ("0x10", 16),
        ("1.5", 1.5),
        ("~", None),
        ('"yes"', "yes"),
        ("1e3", 1000.0),
    ],
)
def test_a_scalar_is_read_as_kubernetes_reads_it(text, expected):
    assert read(f"a: {text}") == {"a": expected}


def test_a_key_that_is_there_twice_is_reported_with_its_line():
    _, problems = yaml_to_json(b"a: 1\nb: 2\na: 3\n")

    assert problems == ['line 3: key "a" already set in map']


def test_text_that_would_read_back_as_something_else_is_quoted_twice():
    assert json_to_yaml(b'{"a":"1","b":"true","c":"x"}') == b'a: "1"\nb: "true"\nc: x\n'


def test_aliases_that_multiply_are_refused():
    layers = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    layers += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]

    with pytest.raises((ValueError, yaml.YAMLError)):
        yaml_to_json("\n".join(layers).encode())


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body):
    with contextlib.suppress(ValueError, yaml.YAMLError, RecursionError):
        json.loads(yaml_to_json(body)[0])


@given(values)
def test_what_is_written_reads_back_the_same(value):
    assert read(json_to_yaml(json.dumps({"v": value}).encode()).decode()) == {"v": value}
