"""Decoding of JSON bodies: what kube-apiserver answered to the same bodies, and what no body may do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyk8s import _core, reference
from pyk8s.errors import DecodeError

from tests.contract.objects import decoded, scheme

GOLDEN = Path(__file__).parents[1] / "golden"
CASES = json.loads((GOLDEN / "objects.json").read_text())["decode"]
CODEC = json.loads((GOLDEN / "codec.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_bodies_are_refused_or_warned_about_as_recorded(engine: Any, case: dict[str, Any]) -> None:
    answer = decoded(engine, case["kind"], case["body"].encode())

    if "error" in case:
        assert answer == [f"error {case['error']}"]
    else:
        assert answer[1:] == case["problems"]


@pytest.mark.parametrize("name", CODEC)
def test_what_kube_apiserver_wrote_is_read_and_written_the_same(engine: Any, name: str) -> None:
    written = CODEC[name]["json"]
    text = json.dumps(written, separators=(",", ":"), ensure_ascii=False)

    assert decoded(engine, f"{written['apiVersion']}/{written['kind']}", text.encode()) == [text]


ABSURD = {
    "ten thousand objects deep": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "ten thousand lists deep": b'{"data":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "never closed": b'{"data":{"a":"' + b"x" * 100_000,
    "a number of 100,000 digits": b'{"spec":{"replicas":' + b"9" * 100_000 + b"}}",
    "a quantity of 100,000 digits": b'{"spec":{"containers":[{"resources":{"limits":{"cpu":"'
    + b"9" * 100_000
    + b'"}}}]}}',
}


@pytest.mark.parametrize("name", ABSURD)
def test_absurd_bodies_are_refused(engine: Any, name: str) -> None:
    kind = "apps/v1/Deployment" if "replicas" in ABSURD[name].decode() else "v1/Pod"

    with pytest.raises(DecodeError) as caught:
        scheme(engine).decode_json(kind, ABSURD[name])

    assert caught.value.cause in str(caught.value)


def test_a_million_repeated_keys_take_no_more_than_their_reading(engine: Any) -> None:
    body = b'{"data":{' + b",".join([b'"a":"1"'] * 20_000) + b'},"metadata":{' + b",".join([b'"x":1'] * 20_000) + b"}}"

    value, *problems = decoded(engine, "v1/ConfigMap", body)

    assert json.loads(value)["data"] == {"a": "1"}
    assert problems == ['duplicate field "data.a"', 'unknown field "metadata.x"']


def test_no_more_than_a_hundred_problems_are_told(engine: Any) -> None:
    body = json.dumps({f"u{number}": 1 for number in range(500)}).encode()

    assert len(decoded(engine, "v1/ConfigMap", body)) == 101


def test_bytes_that_are_no_utf8_are_replaced_as_in_go(engine: Any) -> None:
    assert '"data":{"a":"\ufffd\ufffdx"}' in decoded(engine, "v1/ConfigMap", b'{"data":{"a":"\xf0\x9fx"}}')[0]
    assert '"data":{"a":"\ufffdx"}' in decoded(engine, "v1/ConfigMap", rb'{"data":{"a":"\ud800x"}}')[0]


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "1", "100m", "1.5Gi", "x", "YQ==", "2026-01-01T00:00:00Z", "25%"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            [
                "metadata", "spec", "status", "name", "labels", "containers", "resources", "limits", "cpu", "volumes",
                "emptyDir", "template", "ports", "port", "targetPort", "data", "creationTimestamp", "replicas",
                "strategy", "rollingUpdate", "maxSurge", "image", "env", "valueFrom", "kind", "apiVersion", "xyz",
            ]
        ),
        inner,
        max_size=5,
    ),
    max_leaves=20,
)  # fmt: skip


@given(VALUES, st.sampled_from(["v1/Pod", "apps/v1/Deployment", "v1/Service", "v1/Secret"]))
def test_both_twins_decode_and_default_alike(value: Any, kind: str) -> None:
    body = json.dumps(value).encode()

    answers = [decoded(twin, kind, body) for twin in (_core, reference)]

    assert answers[0] == answers[1]
    if not answers[0][0].startswith("error"):
        filled = [scheme(twin).default(kind, answers[0][0].encode()) for twin in (_core, reference)]
        assert filled[0] == filled[1]
        assert scheme(_core).default(kind, filled[0]) == filled[0]


@given(st.sampled_from(sorted(CODEC)), st.integers(0, 10_000), st.sampled_from(list(b'{}[]",:019n\\-e. \xff')))
def test_both_twins_answer_a_damaged_body_alike(name: str, at: int, byte: int) -> None:
    written = CODEC[name]["json"]
    body = bytearray(json.dumps(written).encode())
    body[at % len(body)] = byte
    kind = f"{written['apiVersion']}/{written['kind']}"

    assert decoded(_core, kind, bytes(body)) == decoded(reference, kind, bytes(body))
