"""The event recorder: what is written, counted, combined and dropped."""

from __future__ import annotations

from typing import Any

import pytest
from fake_api import FakeApi
from pyk8s.api.clock import VirtualClock
from pyk8s.client.events import AGGREGATE_PREFIX, QUEUE_LENGTH_MAX, EventRecorder
from pyk8s.client.rest import RestClient

Json = dict[str, Any]
POD: Json = {
    "kind": "Pod",
    "apiVersion": "v1",
    "metadata": {"name": "p", "namespace": "ns", "uid": "u", "resourceVersion": "5"},
}


@pytest.fixture
def recorder(client: RestClient, clock: VirtualClock) -> EventRecorder:
    return EventRecorder(client, "tester", clock=clock)


def written(api: FakeApi) -> list[Json]:
    return [obj for key, obj in api.objects.items() if key[0] == "events"]


async def test_an_event_says_what_happened_to_which_object(recorder: EventRecorder, api: FakeApi) -> None:
    recorder.event(POD, "Normal", "Killing", "Stopping container c", field_path="spec.containers{c}")
    await recorder.flush()

    (event,) = written(api)
    assert event["metadata"]["namespace"] == "ns"
    assert event["metadata"]["name"] == f"p.{int(1_767_225_600e9):x}"
    assert event["involvedObject"] == {
        "kind": "Pod",
        "apiVersion": "v1",
        "name": "p",
        "namespace": "ns",
        "uid": "u",
        "resourceVersion": "5",
        "fieldPath": "spec.containers{c}",
    }
    assert (event["type"], event["reason"], event["message"]) == ("Normal", "Killing", "Stopping container c")
    assert (event["count"], event["source"], event["reportingComponent"]) == (1, {"component": "tester"}, "tester")
    assert event["firstTimestamp"] == event["lastTimestamp"] == "2026-01-01T00:00:00Z"


async def test_the_same_event_again_raises_its_count(
    recorder: EventRecorder, api: FakeApi, clock: VirtualClock
) -> None:
    for _ in range(3):
        recorder.event(POD, "Normal", "Pulled", "image there")
        await recorder.flush()
        await clock.advance(10)

    (event,) = written(api)
    assert event["count"] == 3
    assert event["firstTimestamp"] == "2026-01-01T00:00:00Z"
    assert event["lastTimestamp"] == "2026-01-01T00:00:20Z"


async def test_a_counted_event_that_expired_is_written_anew(recorder: EventRecorder, api: FakeApi) -> None:
    recorder.event(POD, "Normal", "Pulled", "image there")
    await recorder.flush()
    api.objects.clear()

    recorder.event(POD, "Normal", "Pulled", "image there")
    await recorder.flush()

    (event,) = written(api)
    assert event["count"] == 2


async def test_ten_different_messages_are_combined(recorder: EventRecorder, api: FakeApi) -> None:
    for number in range(15):
        recorder.event(POD, "Normal", "Created", f"created {number}")
    await recorder.flush()

    events = written(api)
    combined = [event for event in events if event["message"].startswith(AGGREGATE_PREFIX)]
    assert len(events) == 10
    assert [(event["count"], event["message"]) for event in combined] == [(6, f"{AGGREGATE_PREFIX}created 14")]


async def test_a_flood_about_one_object_is_cut_after_its_burst(
    recorder: EventRecorder, api: FakeApi, clock: VirtualClock
) -> None:
    for number in range(60):
        recorder.event(POD, "Warning", f"Reason{number}", "x")
    await recorder.flush()
    assert len(written(api)) == 25

    await clock.advance(300)
    recorder.event(POD, "Warning", "Later", "x")
    await recorder.flush()

    assert len(written(api)) == 26


async def test_events_beyond_the_queue_are_dropped_and_counted(recorder: EventRecorder) -> None:
    for number in range(QUEUE_LENGTH_MAX + 3):
        recorder.event(POD, "Normal", "R", str(number))

    assert recorder.dropped_count == 3


async def test_an_event_of_a_cluster_scoped_object_lies_in_default(recorder: EventRecorder, api: FakeApi) -> None:
    node = {"kind": "Node", "apiVersion": "v1", "metadata": {"name": "n", "uid": "n"}}

    recorder.event(node, "Normal", "NodeNotReady", "Node n status is now: NodeNotReady")
    await recorder.flush()

    assert [event["metadata"]["namespace"] for event in written(api)] == ["default"]
