"""Watches: what a stream shows, how it begins and ends."""

import asyncio

import pytest

from tests.apiserver.api import CONFIG_MAPS, MERGE, config_map

WAIT_S = 10


async def take(stream, count):
    """The next ``count`` events, as (type, name)."""
    found = []
    for _ in range(count):
        event = await asyncio.wait_for(anext(stream), WAIT_S)
        found.append((event["type"], event["object"]["metadata"].get("name", "")))
    return found


async def test_a_watch_from_a_version_shows_what_came_after_it(api):
    before = await api.create(CONFIG_MAPS, config_map("before"))
    stream = await api.watch(f"{CONFIG_MAPS}?watch=1&resourceVersion={before['metadata']['resourceVersion']}")

    await api.create(CONFIG_MAPS, config_map("a"))
    await api("PATCH", CONFIG_MAPS + "/a", {"data": {"x": "1"}}, content_type=MERGE)
    await api("DELETE", CONFIG_MAPS + "/a")

    assert await take(stream, 3) == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]


async def test_a_watch_from_nothing_begins_with_what_there_is(api):
    await api.create(CONFIG_MAPS, config_map("a"))
    stream = await api.watch(CONFIG_MAPS + "?watch=1")

    await api.create(CONFIG_MAPS, config_map("b"))

    assert await take(stream, 2) == [("ADDED", "a"), ("ADDED", "b")]


async def test_the_end_of_the_initial_events_is_marked(api):
    await api.create(CONFIG_MAPS, config_map("a"))
    query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    stream = await api.watch(f"{CONFIG_MAPS}?{query}")

    assert await take(stream, 1) == [("ADDED", "a")]
    mark = await asyncio.wait_for(anext(stream), WAIT_S)

    assert mark["type"] == "BOOKMARK"
    assert mark["object"]["kind"] == "ConfigMap"
    assert mark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


async def test_leaving_and_entering_a_selection_are_a_delete_and_an_add(api):
    stream = await api.watch(CONFIG_MAPS + "?watch=1&labelSelector=x%3D1")

    await api.create(CONFIG_MAPS, config_map("a", labels={"x": "1"}))
    await api("PATCH", CONFIG_MAPS + "/a", {"metadata": {"labels": {"x": "2"}}}, content_type=MERGE)
    await api("PATCH", CONFIG_MAPS + "/a", {"metadata": {"labels": {"x": "1"}}}, content_type=MERGE)

    assert await take(stream, 3) == [("ADDED", "a"), ("DELETED", "a"), ("ADDED", "a")]


async def test_a_compacted_version_is_told_to_relist(api):
    first = await api.create(CONFIG_MAPS, config_map("a"))
    for name in ("b", "c"):
        await api.create(CONFIG_MAPS, config_map(name))
    api.server.store.compact(api.server.store.revision)
    version = first["metadata"]["resourceVersion"]

    stream = await api.watch(f"{CONFIG_MAPS}?watch=1&resourceVersion={version}")
    event = await asyncio.wait_for(anext(stream), WAIT_S)

    assert event["type"] == "ERROR"
    assert (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")
    assert event["object"]["message"].startswith(f"too old resource version: {version} (")
    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(anext(stream), WAIT_S)


async def test_a_stream_ends_after_its_timeout_with_a_bookmark_shortly_before(api, clock):
    stream = await api.watch(CONFIG_MAPS + "?watch=1&timeoutSeconds=10&allowWatchBookmarks=true")

    await clock.advance(8)
    assert await take(stream, 1) == [("BOOKMARK", "")]
    await clock.advance(3)

    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(anext(stream), WAIT_S)


async def test_bookmarks_come_every_minute(api, clock):
    stream = await api.watch(CONFIG_MAPS + "?watch=1&allowWatchBookmarks=true")

    await clock.advance(61)
    assert await take(stream, 1) == [("BOOKMARK", "")]
    await clock.advance(60)
    assert await take(stream, 1) == [("BOOKMARK", "")]


async def test_the_legacy_path_of_one_object_watches_it_alone(api):
    await api.create(CONFIG_MAPS, config_map("a"))
    stream = await api.watch("/api/v1/watch/namespaces/default/configmaps/a")

    await api.create(CONFIG_MAPS, config_map("b"))
    await api("DELETE", CONFIG_MAPS + "/a")

    assert await take(stream, 2) == [("ADDED", "a"), ("DELETED", "a")]


async def test_a_table_watch_sends_the_columns_once(api):
    stream = await api.watch(CONFIG_MAPS + "?watch=1", accept="application/json;as=Table;v=v1;g=meta.k8s.io")

    await api.create(CONFIG_MAPS, config_map("a"))
    await api.create(CONFIG_MAPS, config_map("b"))
    first, second = [await asyncio.wait_for(anext(stream), WAIT_S) for _ in range(2)]

    assert first["object"]["columnDefinitions"]
    assert not second["object"]["columnDefinitions"]
    assert second["object"]["rows"][0]["cells"][0] == "b"


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("continue=x", 422),
        ("sendInitialEvents=true&resourceVersionMatch=Exact&resourceVersion=5", 422),
        ("resourceVersion=abc", 500),
        ("labelSelector=!", 400),
    ],
)
async def test_options_that_mean_nothing_are_refused_before_the_stream(api, query, status):
    assert (await api("GET", f"{CONFIG_MAPS}?watch=1&{query}")).status == status


async def test_an_ended_stream_leaves_no_watcher_behind(api):
    stream = (await api.send("GET", CONFIG_MAPS + "?watch=1")).stream
    watchers = api.server.store.stats()["watchers"]

    await stream.aclose()

    assert api.server.store.stats()["watchers"] == watchers - 1
