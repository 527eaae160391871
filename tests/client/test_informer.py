"""Reflector and informer: the cache follows the server over drops, expiry and refusals."""

from __future__ import annotations

from typing import Any

import pytest
from fake_api import FakeApi
from pyk8s.api.clock import VirtualClock
from pyk8s.api.identity import Identity
from pyk8s.api.resources import Resource
from pyk8s.api.status import StatusError
from pyk8s.client.informer import (
    NODE_NAME_INDEX,
    OWNER_UID_INDEX,
    Informer,
    InformerFactory,
    by_node_name,
    by_owner_uid,
)
from pyk8s.client.rest import RestClient
from pyk8s.client.well_known import PODS

Json = dict[str, Any]


@pytest.fixture
def pods() -> Resource:
    return PODS


@pytest.fixture
def informer(client: RestClient, clock: VirtualClock, identity: Identity, pods: Resource) -> Informer:
    return Informer(client, pods, clock=clock, identity=identity)


def pod(name: str, **fields: Any) -> Json:
    metadata = {"name": name, "namespace": "ns", **fields.pop("metadata", {})}
    return {"kind": "Pod", "apiVersion": "v1", "metadata": metadata, **fields}


class Seen:
    """Records what an informer's handlers are told."""

    def __init__(self, informer: Informer) -> None:
        self.log: list[str] = []
        informer.add_handler(
            on_add=lambda obj: self.log.append(f"add {obj['metadata']['name']}"),
            on_update=lambda old, new: self.log.append(f"update {new['metadata']['name']}"),
            on_delete=lambda obj: self.log.append(f"delete {obj['metadata']['name']}"),
        )


async def test_the_cache_holds_what_was_there_and_every_change(
    informer: Informer, api: FakeApi, clock: VirtualClock, pods: Resource
) -> None:
    api.put(pods, pod("a"))
    seen = Seen(informer)
    informer.start()
    await clock.advance(0)
    assert informer.has_synced

    api.put(pods, pod("b"))
    api.put(pods, pod("a", spec={"nodeName": "n"}))
    api.remove(pods, "b", "ns")
    await clock.advance(0)

    assert seen.log == ["add a", "add b", "update a", "delete b"]
    assert [obj["metadata"]["name"] for obj in informer.cache] == ["a"]
    assert api.verbs("list") == 0
    await informer.stop()


async def test_a_server_without_initial_events_is_listed_and_watched(
    informer: Informer, api: FakeApi, clock: VirtualClock, pods: Resource
) -> None:
    api.is_watch_list_served = False
    api.put(pods, pod("a"))
    seen = Seen(informer)
    informer.start()

    await clock.advance(0)
    api.put(pods, pod("b"))
    await clock.advance(0)

    assert seen.log == ["add a", "add b"]
    assert informer.cache.get("a", "ns") is not None
    assert informer.cache.get("a", "ns")["kind"] == "Pod"  # type: ignore[index]
    await informer.stop()


async def test_a_dropped_watch_goes_on_from_the_last_version_without_a_list(
    informer: Informer, api: FakeApi, clock: VirtualClock, pods: Resource
) -> None:
    api.put(pods, pod("a"))
    seen = Seen(informer)
    informer.start()
    await clock.advance(0)

    api.drop_watches()
    api.put(pods, pod("b"))
    await clock.advance(2)

    assert seen.log == ["add a", "add b"]
    queries = [dict(request.query) for request in api.requests]
    assert "sendInitialEvents" in queries[0]
    assert [q.get("sendInitialEvents") for q in queries[1:]] == [None]
    await informer.stop()


async def test_an_expired_version_leads_to_a_new_list_and_a_diff(
    informer: Informer, api: FakeApi, clock: VirtualClock, pods: Resource
) -> None:
    api.put(pods, pod("a"))
    api.put(pods, pod("b"))
    seen = Seen(informer)
    informer.start()
    await clock.advance(0)

    api.drop_watches()
    api.remove(pods, "a", "ns")
    api.put(pods, pod("c"))
    api.expire()
    await clock.advance(5)

    assert seen.log == ["add a", "add b", "add c", "delete a"]
    await informer.stop()


async def test_a_name_reused_between_two_lists_is_a_delete_and_an_add(
    informer: Informer, api: FakeApi, clock: VirtualClock, pods: Resource
) -> None:
    api.put(pods, pod("a"))
    seen = Seen(informer)
    informer.start()
    await clock.advance(0)

    api.drop_watches()
    api.remove(pods, "a", "ns")
    api.put(pods, pod("a", metadata={"uid": "other"}))
    api.expire()
    await clock.advance(5)

    assert seen.log == ["add a", "delete a", "add a"]
    await informer.stop()


async def test_an_unreachable_server_is_asked_again_after_a_backoff(
    informer: Informer, api: FakeApi, clock: VirtualClock, pods: Resource
) -> None:
    api.failures = [ConnectionRefusedError("refused"), StatusError(503, "ServiceUnavailable", "starting")]
    api.put(pods, pod("a"))
    informer.start()

    await clock.advance(0.7)
    assert len(api.requests) == 1
    await clock.advance(10)

    assert informer.has_synced
    assert len(api.requests) == 3
    await informer.stop()


async def test_indexes_follow_every_change(
    informer: Informer, api: FakeApi, clock: VirtualClock, pods: Resource
) -> None:
    informer.add_index(NODE_NAME_INDEX, by_node_name)
    informer.add_index(OWNER_UID_INDEX, by_owner_uid)
    owned = {"ownerReferences": [{"uid": "u1", "name": "r", "kind": "ReplicaSet", "apiVersion": "apps/v1"}]}
    api.put(pods, pod("a", metadata=owned, spec={"nodeName": "n1"}))
    api.put(pods, pod("b", spec={"nodeName": "n1"}))
    informer.start()
    await clock.advance(0)

    api.put(pods, pod("a", metadata=owned, spec={"nodeName": "n2"}))
    await clock.advance(0)

    def names(index: str, value: str) -> list[str]:
        return [obj["metadata"]["name"] for obj in informer.cache.by_index(index, value)]

    assert names(NODE_NAME_INDEX, "n1") == ["b"]
    assert names(NODE_NAME_INDEX, "n2") == ["a"]
    assert names(OWNER_UID_INDEX, "u1") == ["a"]
    assert informer.cache.index_values(OWNER_UID_INDEX) == ["u1"]
    await informer.stop()


async def test_a_handler_added_late_is_told_of_what_is_there(
    informer: Informer, api: FakeApi, clock: VirtualClock, pods: Resource
) -> None:
    api.put(pods, pod("a"))
    informer.start()
    await clock.advance(0)

    seen = Seen(informer)

    assert seen.log == ["add a"]
    await informer.stop()


async def test_a_failing_handler_does_not_stop_the_others(
    informer: Informer, api: FakeApi, clock: VirtualClock, pods: Resource, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(obj: Json) -> None:
        raise KeyError("bug")

    informer.add_handler(on_add=broken)
    seen = Seen(informer)
    api.put(pods, pod("a"))
    informer.start()
    await clock.advance(0)

    assert seen.log == ["add a"]
    assert "a handler of pods failed" in caplog.text
    await informer.stop()


async def test_the_factory_shares_one_watch_between_its_users(
    client: RestClient, api: FakeApi, clock: VirtualClock, identity: Identity, pods: Resource
) -> None:
    factory = InformerFactory(client, clock=clock, identity=identity)

    assert factory.informer(pods) is factory.informer(pods)
    assert factory.informer(pods) is not factory.informer(pods, namespace="kube-system")
    await factory.start()
    await clock.advance(0)

    assert api.verbs("watch") == 2
    await factory.stop()
