"""YAML answers, as sigs.k8s.io/yaml writes them."""

import json

from hypothesis import given
from hypothesis import strategies as st
from pyk8s.api.yaml import to_json
from pyk8s_server.apiserver.endpoints.yaml_text import json_to_yaml

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abcyn0123.:-", min_size=1), inner, max_size=3),
    max_leaves=12,
)


def read(text):
    return json.loads(to_json(text.encode()).value)


def test_text_that_would_read_back_as_something_else_is_quoted_twice():
    assert json_to_yaml(b'{"a":"1","b":"true","c":"x"}') == b'a: "1"\nb: "true"\nc: x\n'


@given(values)
def test_what_is_written_reads_back_the_same(value):
    assert read(json_to_yaml(json.dumps({"v": value}).encode()).decode()) == {"v": value}
