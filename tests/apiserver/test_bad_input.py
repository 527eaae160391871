"""Whatever is sent: the right Status, in bounded time and memory, and the server goes on."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyk8s.api.http import Request

from tests.apiserver.api import ADMIN, CONFIG_MAPS, MERGE, config_map

DEPTH = 10_000
PROTOBUF = "application/vnd.kubernetes.protobuf"
TYPES = ["application/json", "application/yaml", PROTOBUF]
PATCH_TYPES = ["application/json-patch+json", MERGE, "application/strategic-merge-patch+json"]


@pytest.mark.parametrize("media", TYPES)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"x"',
        b"5",
        b"\xff\xfe\x00",
        b'{"metadata":{"name":"\xff"}}',
        b"k8s\x00",
        b"k8s\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        b'{"metadata":' + b"[" * DEPTH + b"]" * DEPTH + b"}",
        b'{"data":' + b'{"a":' * DEPTH + b"1" + b"}" * DEPTH + b"}",
        b"{" * 100_000,
    ],
)
async def test_a_body_that_is_no_object_is_refused(api, media, body):
    answer = await api("POST", CONFIG_MAPS, body, content_type=media)

    assert answer.status in (400, 422), answer.raw[:300]
    assert answer.body["kind"] == "Status"
    assert (await api("GET", CONFIG_MAPS)).status == 200


@pytest.mark.parametrize("media", PATCH_TYPES)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"[" * DEPTH + b"]" * DEPTH,
        b'{"data":' + b'{"a":' * DEPTH + b"1" + b"}" * DEPTH + b"}",
        b'[{"op":"copy","from":"","path":"/data/x"}]',
    ],
)
async def test_a_patch_that_is_none_is_refused(api, media, body):
    await api.create(CONFIG_MAPS, config_map("a"))

    answer = await api("PATCH", CONFIG_MAPS + "/a", body, content_type=media)

    assert answer.status in (400, 413, 422), answer.raw[:300]
    assert (await api("GET", CONFIG_MAPS + "/a")).body["data"] == {"k": "v"}


async def test_a_patch_that_doubles_the_object_again_and_again_is_bounded(api):
    await api.create(CONFIG_MAPS, config_map("a", {"k": "x" * 1000}))
    doubling = [{"op": "copy", "from": "/data", "path": f"/data/{index}"} for index in range(40)]

    answer = await api("PATCH", CONFIG_MAPS + "/a", doubling, content_type="application/json-patch+json")

    assert answer.status in (413, 422)


async def test_a_body_over_three_mebibytes_is_too_large(api):
    body = json.dumps(config_map("a", {"k": "x" * 3 * 1024 * 1024})).encode()

    answer = await api("POST", CONFIG_MAPS, body)

    assert (answer.status, answer.body["reason"]) == (413, "RequestEntityTooLarge")


@pytest.mark.parametrize("media", ["text/plain", "application/cbor", "a b c", "application/xml"])
async def test_a_body_of_an_unknown_type_is_refused_with_the_types_that_are_read(api, media):
    answer = await api("POST", CONFIG_MAPS, config_map("a"), content_type=media)

    assert (answer.status, answer.body["reason"]) == (415, "UnsupportedMediaType")


@pytest.mark.parametrize("name", ["A", "a/b", "..", "a" * 254, "a\u0000b", "é", " "])
async def test_an_absurd_name_is_invalid(api, name):
    answer = await api("POST", CONFIG_MAPS, config_map(name))

    assert answer.status == 422


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/nothings",
        "/api/v2/pods",
        "/apis/none.example.com/v1/things",
        "/api/v1/namespaces/default/pods/p/nothing",
        "/api/v1/namespaces//pods",
        "/apis/apps/v1/namespaces/default/deployments/a/b/c/d",
        "//",
        "/api/v1/watch/",
        "/%00",
    ],
)
async def test_a_path_that_means_nothing_is_not_found_or_not_allowed(api, path):
    assert (await api("GET", path)).status in (200, 404, 405)


async def test_a_verb_that_is_none_is_not_allowed(api):
    assert (await api("BREW", CONFIG_MAPS)).status == 405


async def test_a_full_disk_fails_writes_with_500_and_reads_go_on(api):
    await api.create(CONFIG_MAPS, config_map("a"))

    class Full:
        engine = api.server.backend.storage.engine

        async def create(self, *args, **kwargs):
            raise OSError(28, "No space left on device")

        update = delete = create

        def close(self):
            pass

    api.server.backend.storage = Full()

    created = await api("POST", CONFIG_MAPS, config_map("b"))
    deleted = await api("DELETE", CONFIG_MAPS + "/a")

    assert (created.status, deleted.status) == (500, 500)
    assert "No space left on device" in created.message
    assert (await api("GET", CONFIG_MAPS + "/a")).status == 200


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]),
    path=st.sampled_from([CONFIG_MAPS, CONFIG_MAPS + "/a", "/api/v1/namespaces/default", "/api/v1/pods"]) | st.text(),
    query=st.lists(
        st.tuples(
            st.sampled_from(["limit", "continue", "resourceVersion", "labelSelector", "fieldSelector", "dryRun"]),
            st.text(max_size=20),
        ),
        max_size=3,
    ),
    media=st.sampled_from([*TYPES, *PATCH_TYPES]),
    accept=st.sampled_from(["", "application/json", "application/yaml", PROTOBUF]) | st.text(max_size=30),
    body=st.binary(max_size=100),
)
async def test_any_request_gets_a_status_that_is_no_fault_of_the_server(api, method, path, query, media, accept, body):
    if any(name == "resourceVersion" for name, _ in query) and method == "GET":
        query = [pair for pair in query if pair[0] != "resourceVersion"]
    request = Request(method, path, query, {"content-type": media, "accept": accept}, body, user=ADMIN)

    response = await api.server.handle(request)

    assert 200 <= response.status < 500
