"""Answers in protobuf: the form of the table, and the engine reads them back."""

import json

import pytest
from pyk8s import core
from pyk8s.api.tables import scheme_tables
from pyk8s_server.apiserver.endpoints import protobuf

from tests.apiserver.api import CONFIG_MAPS, config_map, deployment, pod

PROTOBUF = "application/vnd.kubernetes.protobuf"


@pytest.fixture(scope="module")
def scheme():
    return core.Scheme(scheme_tables())


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0, b"\x00"), (127, b"\x7f"), (128, b"\x80\x01"), (300, b"\xac\x02"), (-1, b"\xff" * 9 + b"\x01")],
)
def test_a_number_is_written_in_groups_of_seven_bits(number, expected):
    assert protobuf.varint(number) == expected


def test_what_is_no_pointer_is_written_though_it_is_zero_and_a_pointer_only_when_set():
    encode = protobuf.encoder("k8s.io.api.autoscaling.v1.ScaleSpec")

    assert encode({}) == b"\x08\x00"
    assert protobuf.encoder("k8s.io.api.apps.v1.DeploymentStrategy")({}) == b"\x0a\x00"


@pytest.mark.parametrize(
    ("kind", "obj"),
    [
        ("v1/ConfigMap", config_map("a", {"b": "2", "a": "1"}, creationTimestamp="2026-01-01T00:00:00Z")),
        ("v1/Secret", {"metadata": {"name": "s"}, "data": {"k": "dmFsdWU="}, "type": "Opaque"}),
        ("v1/Pod", pod("p", terminationGracePeriodSeconds=0)),
        ("apps/v1/Deployment", deployment("d", 0)),
        (
            "v1/Service",
            {
                "metadata": {"name": "s"},
                "spec": {"ports": [{"port": 1, "targetPort": "http"}, {"port": 2, "targetPort": 8}]},
            },
        ),
        (
            "coordination.k8s.io/v1/Lease",
            {
                "metadata": {"name": "l"},
                "spec": {"renewTime": "2026-01-01T00:00:00.123456Z", "leaseDurationSeconds": 5},
            },
        ),
    ],
)
def test_the_engine_reads_back_what_was_written(scheme, kind, obj):
    value = scheme.decode_json(kind, json.dumps(obj).encode()).value

    found, read = scheme.decode_protobuf(protobuf.encode(value))

    assert found == kind
    assert json.loads(read) == json.loads(value)


def test_a_kind_without_a_message_has_no_protobuf_form():
    assert protobuf.encode(b'{"kind":"Table","apiVersion":"meta.k8s.io/v1"}') is None


async def test_an_object_and_an_error_are_answered_in_protobuf_when_asked_for(api):
    await api.create(CONFIG_MAPS, config_map("a"))

    found = await api("GET", CONFIG_MAPS + "/a", accept=f"{PROTOBUF},application/json")
    missing = await api("GET", CONFIG_MAPS + "/none", accept=PROTOBUF)

    for answer in (found, missing):
        assert answer.all("content-type") == [PROTOBUF]
        assert answer.raw.startswith(b"k8s\0")


async def test_a_list_is_json_when_the_client_takes_both(api):
    both = await api("GET", CONFIG_MAPS, accept=f"{PROTOBUF},application/json")
    only = await api("GET", CONFIG_MAPS, accept=PROTOBUF)

    assert both.all("content-type") == ["application/json"]
    assert only.all("content-type") == [PROTOBUF]


async def test_a_protobuf_stream_is_framed_by_length(api):
    await api.create(CONFIG_MAPS, config_map("a"))
    response = await api.send("GET", CONFIG_MAPS + "?watch=1", accept=PROTOBUF)

    chunk = await anext(response.stream)

    assert ("content-type", PROTOBUF + ";stream=watch") in response.headers
    assert int.from_bytes(chunk[:4], "big") == len(chunk) - 4
