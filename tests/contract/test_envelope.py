"""What both twins read off an object: seen through the store, which lists, selects and splices by it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyk8s import _core as rust
from pyk8s import reference
from pyk8s.errors import DecodeError

FIELDS = [
    ("spec.nodeName", "spec.nodeName|spec.host", ""),
    ("spec.hostNetwork", "spec.hostNetwork", "false"),
    ("spec.replicas", "spec.replicas", ""),
    ("status.podIPs", "status.podIPs", ""),
    ("status.phase", "status.phase", "Pending"),
]

POD = (
    b'{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a","namespace":"n","uid":"u-1",'
    b'"labels":{"b":"2","a":"1"}},"spec":{"nodeName":"","host":"h","hostNetwork":true,"replicas":12},'
    b'"status":{"podIPs":[{"ip":"10.0.0.1"},{"ip":"fd00::1"}]}}'
)


def new_store(engine: Any) -> Any:
    store = engine.Store(objects=True)
    store.set_fields("/", FIELDS)
    return store


@pytest.mark.parametrize(
    "selector",
    [
        "metadata.name=a",
        "metadata.namespace=n",
        "spec.nodeName=h",
        "spec.hostNetwork=true",
        "spec.replicas=12",
        r"status.podIPs=10.0.0.1\,fd00::1",
        "status.phase=Pending",
        "unknown=",
    ],
)
def test_field_is_read_as_text(engine: Any, selector: str) -> None:
    store = new_store(engine)
    store.put("/a", POD)

    assert len(store.range("/", selection=engine.Selection(fields=selector)).items) == 1
    assert store.range("/", selection=engine.Selection(fields=selector.replace("=", "!="))).items == []


def test_labels_are_read(engine: Any) -> None:
    store = new_store(engine)
    store.put("/a", POD)

    assert len(store.range("/", selection=engine.Selection("a=1,b=2,!c")).items) == 1
    assert store.range("/", selection=engine.Selection("a=2")).items == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'{"metadata":{"resourceVersion":"1","a":1}}', b'{"metadata":{"resourceVersion":"2","a":1}}'),
        (b'{"metadata":{"resourceVersion":null}}', b'{"metadata":{"resourceVersion":"2"}}'),
        (b'{"metadata":{"name":"a","uid":"u"}}', b'{"metadata":{"name":"a","uid":"u","resourceVersion":"2"}}'),
        (b'{"metadata":{"name":"a"}}', b'{"metadata":{"resourceVersion":"2","name":"a"}}'),
        (b'{"metadata":{}}', b'{"metadata":{"resourceVersion":"2"}}'),
        (b'{"metadata":null,"a":1}', b'{"metadata":{"resourceVersion":"2"},"a":1}'),
        (b"{}", b'{"metadata":{"resourceVersion":"2"}}'),
        (b'{"spec":1}', b'{"metadata":{"resourceVersion":"2"},"spec":1}'),
        (b'{"kind":"A","apiVersion":"v1"}', b'{"kind":"A","apiVersion":"v1","metadata":{"resourceVersion":"2"}}'),
        (
            '{"metadata":{"name":"é","uid":"ü"}}'.encode(),
            '{"metadata":{"name":"é","uid":"ü","resourceVersion":"2"}}'.encode(),
        ),
    ],
)
def test_revision_finds_its_place(engine: Any, before: bytes, after: bytes) -> None:
    store = engine.Store(objects=True)

    assert store.put("/a", before).value == after
    assert store.put("/a", after).value == after.replace(b'"2"', b'"3"')
    assert store.delete("/a").value == after.replace(b'"2"', b'"4"')


@pytest.mark.parametrize(
    ("value", "stripped"),
    [
        (b'{"kind":"A","apiVersion":"v1","metadata":{"uid":"u"}}', b'{"metadata":{"uid":"u","resourceVersion":"2"}}'),
        (b'{"apiVersion":"v1","kind":"A"}', b'{"metadata":{"resourceVersion":"2"}}'),
        (b'{"kind":"A","spec":1}', b'{"metadata":{"resourceVersion":"2"},"spec":1}'),
        (b'{"spec":1,"kind":"A","metadata":{}}', b'{"spec":1,"kind":"A","metadata":{"resourceVersion":"2"}}'),
        (b"{}", b'{"metadata":{"resourceVersion":"2"}}'),
    ],
)
def test_type_at_the_beginning_is_left_out_of_lists(engine: Any, value: bytes, stripped: bytes) -> None:
    store = engine.Store(objects=True)
    store.put("/a", value)

    assert store.list_encoded("/").body == stripped


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (b"", "object is not valid JSON"),
        (b'{"a":01}', "object is not valid JSON"),
        (b"{}x", "object is not valid JSON"),
        (b'{"a":"\xff"}', "object is not valid JSON"),
        (b'{"a":"\\ud800"}', "object is not valid JSON"),
        (b'{"metadata":{"name":1}', "object is not valid JSON"),
        (b'{"a":NaN}', "object is not valid JSON"),
        (b"[" * 100_000 + b"]" * 100_000, "object is not valid JSON"),
        (b'{"a":' + b"[" * 200 + b"]" * 200 + b"}", "object is not valid JSON"),
        (b"[]", "object is not a JSON object"),
        (b'{"metadata":[]}', "metadata is not an object"),
        (b'{"metadata":{"name":1}}', "metadata.name is not a string"),
        (b'{"metadata":{"labels":{"a":true}}}', "metadata.labels is not a string"),
        (b'{"metadata":{"labels":"a"}}', "metadata.labels is not an object"),
        (b'{"metadata":{"ownerReferences":{}}}', "metadata.ownerReferences is not an array"),
        (b'{"metadata":{"ownerReferences":["a"]}}', "metadata.ownerReferences is not an array of objects"),
    ],
)
def test_what_is_no_object_is_refused(engine: Any, value: bytes, words: str) -> None:
    store = engine.Store(objects=True)

    with pytest.raises(DecodeError) as refused:
        store.put("/a", value)

    assert str(refused.value) == words
    assert store.revision == 1


def _outcome(twin: Any, value: bytes) -> Any:
    store = new_store(twin)
    try:
        written = store.put("/a", value).value
    except DecodeError as error:
        return str(error)
    seen = [
        [len(store.range("/", selection=twin.Selection(labels, fields)).items) for labels, fields in SELECTORS],
        store.list_encoded("/").body,
        store.delete("/a").value,
    ]
    return written, seen


SELECTORS = [
    ("a=1", ""),
    ("a", ""),
    ("", "spec.nodeName=x"),
    ("", "spec.nodeName="),
    ("", "spec.hostNetwork=true"),
    ("", "spec.replicas=1"),
    ("", "status.phase=x"),
    ("", "status.podIPs=x"),
    ("", "metadata.name=x"),
]

TEXTS = st.sampled_from(["", "x", "1", "é", 'a"b', "\\", "\n", "\U0001f600"])
LEAVES = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
ANY = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=6
)
METADATA = st.fixed_dictionaries(
    {},
    optional={
        "name": TEXTS | st.none(),
        "namespace": TEXTS,
        "uid": TEXTS,
        "resourceVersion": ANY,
        "labels": st.dictionaries(st.sampled_from("ab"), TEXTS) | ANY,
        "ownerReferences": st.lists(st.fixed_dictionaries({}, optional={"uid": LEAVES, "kind": ANY})) | ANY,
        "deletionTimestamp": TEXTS | st.none(),
        "other": ANY,
    },
)
IPS = st.lists(st.fixed_dictionaries({}, optional={"ip": LEAVES, "x": ANY}) | LEAVES, max_size=3)
OBJECTS = st.fixed_dictionaries(
    {},
    optional={
        "kind": TEXTS | ANY,
        "apiVersion": TEXTS,
        "metadata": METADATA | ANY,
        "spec": st.fixed_dictionaries({}, optional={"nodeName": ANY, "host": ANY, "hostNetwork": ANY, "replicas": ANY})
        | ANY,
        "status": st.fixed_dictionaries({}, optional={"phase": ANY, "podIPs": IPS | ANY}),
    },
)


@given(value=OBJECTS, is_compact=st.booleans(), is_ascii=st.booleans(), shuffle=st.randoms(use_true_random=False))
@settings(max_examples=300, deadline=None)
def test_twins_agree_on_any_object(value: dict[str, Any], is_compact: bool, is_ascii: bool, shuffle: Any) -> None:
    keys = list(value)
    shuffle.shuffle(keys)
    separators = (",", ":") if is_compact else (" , ", " : ")
    text = json.dumps({key: value[key] for key in keys}, separators=separators, ensure_ascii=is_ascii)

    assert _outcome(rust, text.encode()) == _outcome(reference, text.encode())


@given(st.binary(max_size=100))
@settings(max_examples=200, deadline=None)
def test_twins_agree_on_any_bytes(value: bytes) -> None:
    assert _outcome(rust, value) == _outcome(reference, value)


@given(at=st.integers(0, len(POD) - 1), byte=st.integers(0, 255))
@settings(max_examples=300, deadline=None)
def test_twins_agree_on_a_damaged_object(at: int, byte: int) -> None:
    damaged = POD[:at] + bytes([byte]) + POD[at + 1 :]

    assert _outcome(rust, damaged) == _outcome(reference, damaged)
