"""Lists: pages, versions, selectors, forms."""

import pytest

from tests.apiserver.api import CONFIG_MAPS, PODS, config_map, pod

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
METADATA = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"


@pytest.fixture
async def five(api):
    for index in range(5):
        labels = {"n": str(index), "odd": str(index % 2)}
        await api.create(CONFIG_MAPS, config_map(f"m{index}", labels=labels))
    return api


def names(answer):
    return [item["metadata"]["name"] for item in answer.body["items"]]


async def test_items_carry_no_kind_of_their_own_and_an_empty_list_is_no_null(five):
    answer = await five("GET", CONFIG_MAPS)
    empty = await five("GET", "/api/v1/namespaces/none/configmaps")

    assert (answer.body["kind"], answer.body["apiVersion"]) == ("ConfigMapList", "v1")
    assert not any("kind" in item for item in answer.body["items"])
    assert empty.body["items"] == []


async def test_pages_show_one_version_though_objects_change_between_them(five):
    first = await five("GET", CONFIG_MAPS + "?limit=2")
    await five("DELETE", CONFIG_MAPS + "/m4")
    token = first.body["metadata"]["continue"]
    second = await five("GET", f"{CONFIG_MAPS}?continue={token}")

    assert (names(first), names(second)) == (["m0", "m1"], ["m2", "m3", "m4"])
    assert first.body["metadata"]["remainingItemCount"] == 3
    assert second.body["metadata"]["resourceVersion"] == first.body["metadata"]["resourceVersion"]
    assert "continue" not in second.body["metadata"]


async def test_a_selective_page_does_not_count_the_rest(five):
    answer = await five("GET", CONFIG_MAPS + "?limit=1&labelSelector=odd%3D1")

    assert names(answer) == ["m1"]
    assert "remainingItemCount" not in answer.body["metadata"]


async def test_a_compacted_token_answers_with_one_that_goes_on_at_the_latest_version(five, clock):
    first = await five("GET", CONFIG_MAPS + "?limit=2")
    await five.create(CONFIG_MAPS, config_map("m5"))
    await clock.advance(minutes=20)
    await five.create(CONFIG_MAPS, config_map("m6"))
    five.server.store.compact(five.server.store.revision)

    expired = await five("GET", f"{CONFIG_MAPS}?limit=9&continue={first.body['metadata']['continue']}")
    rest = await five("GET", f"{CONFIG_MAPS}?limit=9&continue={expired.body['metadata']['continue']}")

    assert (expired.status, expired.body["reason"]) == (410, "Expired")
    assert names(rest) == ["m2", "m3", "m4", "m5", "m6"]


async def test_an_exact_version_is_shown_as_it_was(five):
    version = (await five("GET", CONFIG_MAPS + "/m2")).body["metadata"]["resourceVersion"]

    answer = await five("GET", f"{CONFIG_MAPS}?resourceVersion={version}&resourceVersionMatch=Exact")

    assert names(answer) == ["m0", "m1", "m2"]
    assert answer.body["metadata"]["resourceVersion"] == version


async def test_a_version_of_the_future_is_waited_for_and_then_refused(api, clock):
    import asyncio

    asked = asyncio.ensure_future(api("GET", CONFIG_MAPS + "?resourceVersion=9999"))
    await clock.advance(3.5)
    answer = await asked

    assert (answer.status, answer.body["reason"]) == (504, "Timeout")
    assert answer.body["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"
    assert answer.all("retry-after") == ["1"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("resourceVersion=abc", 400),
        ("resourceVersion=-1", 400),
        ("resourceVersion=99999999999999999999999", 400),
        ("resourceVersion=007", 200),
        ("resourceVersionMatch=Exact", 422),
        ("resourceVersion=1&resourceVersionMatch=Newest", 422),
        ("resourceVersion=0&resourceVersionMatch=Exact", 422),
        ("sendInitialEvents=true", 422),
        ("continue=abc", 400),
        ("limit=x", 400),
        ("limit=99999999999999999999", 400),
        ("labelSelector=n%20in%201", 400),
        ("fieldSelector=data.a%3Db", 400),
        ("unknown=1", 200),
    ],
)
async def test_options_that_mean_nothing_are_refused(api, query, status):
    assert (await api("GET", f"{CONFIG_MAPS}?{query}")).status == status


async def test_the_words_of_an_unknown_field_depend_on_the_kind(api):
    plain = await api("GET", CONFIG_MAPS + "?fieldSelector=data.a%3Db")
    own = await api("GET", PODS + "?fieldSelector=spec.foo%3Dx")

    assert plain.message == '"data.a" is not a known field selector: only "metadata.name", "metadata.namespace"'
    assert own.message == "field label not supported: spec.foo"


async def test_fields_select_pods_by_node_and_by_its_older_name(api):
    await api.create(PODS, pod("on", nodeName="n1"))
    await api.create(PODS, pod("off"))

    assert names(await api("GET", PODS + "?fieldSelector=spec.nodeName%3Dn1")) == ["on"]
    assert names(await api("GET", PODS + "?fieldSelector=spec.host%3Dn1")) == ["on"]
    assert names(await api("GET", PODS + "?fieldSelector=metadata.name!%3Don")) == ["off"]
    assert names(await api("GET", PODS + "?fieldSelector=status.phase%3DPending")) == ["off", "on"]


async def test_a_table_has_a_row_for_each_object_and_the_list_of_its_columns(five):
    answer = await five("GET", CONFIG_MAPS + "?limit=2", accept=TABLE)

    assert answer.body["kind"] == "Table"
    assert [row["cells"][0] for row in answer.body["rows"]] == ["m0", "m1"]
    assert answer.body["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    assert answer.body["metadata"]["remainingItemCount"] == 3


async def test_metadata_alone_is_a_list_of_its_own_kind(five):
    answer = await five("GET", CONFIG_MAPS, accept=METADATA)

    assert answer.body["kind"] == "PartialObjectMetadataList"
    assert {item["kind"] for item in answer.body["items"]} == {"PartialObjectMetadata"}
    assert "data" not in answer.body["items"][0]


async def test_a_table_with_another_object_form_is_refused(five):
    answer = await five("GET", CONFIG_MAPS + "?includeObject=Everything", accept=TABLE)

    assert answer.status == 400


async def test_a_large_answer_is_compressed_for_clients_that_take_it(api):
    import gzip

    for index in range(20):
        await api.create(CONFIG_MAPS, config_map(f"big{index}", {"k": "x" * 10_000}))

    packed = await api("GET", CONFIG_MAPS, accept_encoding="gzip, deflate")
    plain = await api("GET", CONFIG_MAPS)
    small = await api("GET", CONFIG_MAPS + "/big0", accept_encoding="gzip")

    assert packed.all("content-encoding") == ["gzip"]
    assert gzip.decompress(packed.raw) == plain.raw
    assert not plain.all("content-encoding")
    assert not small.all("content-encoding")
