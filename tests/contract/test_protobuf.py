"""Protobuf bodies: the same objects as in JSON, and damaged bytes refused quickly."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyk8s import _core, reference

from tests.contract.objects import from_protobuf

CODEC = json.loads((Path(__file__).parents[1] / "golden" / "codec.json").read_text())


def body_of(name: str) -> bytes:
    return base64.b64decode(CODEC[name]["protobuf"])


@pytest.mark.parametrize("name", CODEC)
def test_protobuf_and_json_of_an_object_are_one(engine: Any, name: str) -> None:
    written = CODEC[name]["json"]
    text = json.dumps(written, separators=(",", ":"), ensure_ascii=False)

    assert from_protobuf(engine, body_of(name)) == [f"{written['apiVersion']}/{written['kind']}", text]


def test_another_kind_than_expected_is_refused(engine: Any) -> None:
    words = "cannot be handled as a ConfigMap: converting (v1.Secret) to (core.ConfigMap): unknown conversion"

    assert from_protobuf(engine, body_of("secrets"), "v1/ConfigMap") == [f'error Secret in version "v1" {words}']


def test_a_message_sent_in_parts_is_merged(engine: Any) -> None:
    def field(number: int, data: bytes) -> bytes:
        return bytes([number << 3 | 2, len(data)]) + data

    parts = field(1, field(1, b"n")) + field(1, field(2, b"g")) + field(2, field(1, b"a") + field(2, b"1"))
    envelope = b"k8s\0" + field(1, field(1, b"v1") + field(2, b"ConfigMap")) + field(2, parts)

    value = json.loads(from_protobuf(engine, envelope)[1])

    assert value["metadata"] == {"name": "n", "generateName": "g"}
    assert value["data"] == {"a": "1"}


def test_endless_nesting_is_refused(engine: Any) -> None:
    schema = b""
    for _ in range(400):
        length = len(schema)
        schema = b"\xe2\x01" + bytes([length & 0x7F | 0x80, length >> 7 & 0x7F | 0x80, length >> 14]) + schema
    version = b"\x22" + _length(b"\x0a" + _length(schema))
    spec = b"\x12" + _length(b"\x3a" + _length(version))
    type_meta = b"\x0a\x17apiextensions.k8s.io/v1\x12\x18CustomResourceDefinition"
    envelope = b"k8s\0" + b"\x0a" + _length(type_meta) + b"\x12" + _length(spec)

    assert from_protobuf(engine, envelope)[0].endswith("exceeded max depth")


def _length(data: bytes) -> bytes:
    size, head = len(data), bytearray()
    while size >= 0x80:
        head.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([*head, size]) + data


@given(st.sampled_from(sorted(CODEC)), st.integers(0, 10_000), st.integers(0, 255), st.booleans())
def test_both_twins_answer_damaged_bytes_alike(name: str, at: int, byte: int, is_cut: bool) -> None:
    body = bytearray(body_of(name))
    at %= len(body)
    body[at] = byte
    damaged = bytes(body[:at]) if is_cut else bytes(body)

    assert from_protobuf(_core, damaged, "v1/Pod") == from_protobuf(reference, damaged, "v1/Pod")
    assert from_protobuf(_core, damaged) == from_protobuf(reference, damaged)


@given(st.binary(max_size=80))
def test_both_twins_answer_any_bytes_alike(tail: bytes) -> None:
    body = body_of("configmaps")[:23] if "configmaps" in CODEC else b"k8s\0\x0a\x0f\x0a\x02v1\x12\x09ConfigMap"
    damaged = body + b"\x12" + bytes([len(tail)]) + tail

    assert from_protobuf(_core, damaged) == from_protobuf(reference, damaged)
