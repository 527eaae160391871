"""The scheduler against the API server in process: bindings, conditions, events."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pyk8s.client.well_known import EVENTS, LEASES, NODES, PODS
from pyk8s.scheduler import Scheduler, reports

sys.path.insert(0, str(Path(__file__).parents[1] / "kubelet"))

from cluster_in_process import InProcess, condition, named, pod

Json = dict[str, Any]


@pytest.fixture
async def cluster() -> AsyncIterator[InProcess]:
    async with InProcess() as made:
        yield made


def scheduler_of(cluster: InProcess, *, leader_elect: bool = False) -> Scheduler:
    scheduler = Scheduler(
        cluster.client_of("kube-scheduler"),
        clock=cluster.clock,
        identity=cluster.identity,
        leader_elect=leader_elect,
    )
    cluster.start(scheduler)
    return scheduler


async def add_node(cluster: InProcess, name: str, **allocatable: str) -> None:
    resources = {"cpu": "4", "memory": "8Gi", "pods": "110", **allocatable}
    status = {"capacity": resources, "allocatable": resources}
    await cluster.client.create(NODES, {**named("Node", name), "status": status})
    await cluster.client.patch(NODES, name, {"spec": {"taints": None}}, patch_type="merge")


async def bound_to(cluster: InProcess, name: str) -> str:
    found = await cluster.find(PODS, name, "default")
    return "" if found is None else found["spec"].get("nodeName", "")


async def events(cluster: InProcess) -> list[tuple[str, str, str]]:
    await cluster.clock.advance(0.1)
    return [(e["type"], e["reason"], e["message"]) for e in (await cluster.client.list(EVENTS))["items"]]


async def test_pods_are_bound_and_told_so(cluster: InProcess) -> None:
    await add_node(cluster, "n-1")
    scheduler_of(cluster)
    await cluster.client.create(PODS, pod("p"))

    await cluster.until(lambda: bound_to(cluster, "p"))

    found = await cluster.client.get(PODS, "p", "default")
    assert condition(found, "PodScheduled") == "True"
    assert await events(cluster) == [("Normal", "Scheduled", "Successfully assigned default/p to n-1")]


async def test_a_pod_without_room_is_told_why_and_bound_once_there_is(cluster: InProcess) -> None:
    await add_node(cluster, "n-1")
    scheduler_of(cluster)
    await cluster.client.create(PODS, pod("big", requests={"cpu": "6"}))

    async def refused() -> Json | None:
        found = await cluster.client.get(PODS, "big", "default")
        return found if condition(found, "PodScheduled") == "False" else None

    found = await cluster.until(refused)
    told = next(c for c in found["status"]["conditions"] if c["type"] == "PodScheduled")
    message = (
        "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, "
        "preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
    )
    assert (told["reason"], told["message"]) == ("Unschedulable", message)
    assert ("Warning", "FailedScheduling", message) in await events(cluster)

    await add_node(cluster, "n-2", cpu="8")
    await cluster.until(lambda: bound_to(cluster, "big"))
    assert await bound_to(cluster, "big") == "n-2"


async def test_an_unchanged_condition_is_not_written_again(cluster: InProcess) -> None:
    await add_node(cluster, "n-1")
    scheduler = scheduler_of(cluster)
    await cluster.client.create(PODS, pod("big", requests={"cpu": "6"}))

    async def refused() -> str:
        return condition(await cluster.client.get(PODS, "big", "default"), "PodScheduled")

    await cluster.until(refused)
    before = (await cluster.client.get(PODS, "big", "default"))["metadata"]["resourceVersion"]
    await cluster.clock.advance(minutes=6)

    assert (await cluster.client.get(PODS, "big", "default"))["metadata"]["resourceVersion"] == before
    assert scheduler.engine.counts()["unschedulable"] == 1


async def test_many_pods_are_spread_over_the_nodes(cluster: InProcess) -> None:
    for number in range(4):
        await add_node(cluster, f"n-{number}")
    scheduler_of(cluster)
    for number in range(40):
        await cluster.client.create(PODS, pod(f"p-{number}", requests={"cpu": "400m", "memory": "800Mi"}))

    async def placed() -> list[str] | None:
        nodes = [p["spec"].get("nodeName", "") for p in (await cluster.client.list(PODS, "default"))["items"]]
        return nodes if all(nodes) else None

    nodes = await cluster.until(placed)
    assert sorted(nodes.count(f"n-{number}") for number in range(4)) == [10, 10, 10, 10]


async def test_pods_of_other_schedulers_are_left_alone(cluster: InProcess) -> None:
    await add_node(cluster, "n-1")
    scheduler_of(cluster)
    await cluster.client.create(PODS, pod("theirs", schedulerName="other"))
    await cluster.client.create(PODS, pod("ours"))

    await cluster.until(lambda: bound_to(cluster, "ours"))

    assert await bound_to(cluster, "theirs") == ""


async def test_a_deleted_pod_gives_its_place_to_the_next(cluster: InProcess) -> None:
    await add_node(cluster, "n-1", pods="1")
    scheduler_of(cluster)
    await cluster.client.create(PODS, pod("first"))
    await cluster.until(lambda: bound_to(cluster, "first"))
    await cluster.client.create(PODS, pod("second"))
    await cluster.clock.advance(1)

    await cluster.client.delete(PODS, "first", "default", options={"gracePeriodSeconds": 0})

    await cluster.until(lambda: bound_to(cluster, "second"))


async def test_with_leader_election_the_lease_is_held(cluster: InProcess) -> None:
    await add_node(cluster, "n-1")
    scheduler_of(cluster, leader_elect=True)
    await cluster.client.create(PODS, pod("p"))

    await cluster.until(lambda: bound_to(cluster, "p"))

    lease = await cluster.client.get(LEASES, "kube-scheduler", "kube-system")
    assert lease["spec"]["holderIdentity"]


@pytest.mark.parametrize("length", [10, 1024, 1025, 5000])
def test_a_note_fits_an_event(length: int) -> None:
    note = reports.note("x" * length)

    assert len(note) == min(length, 1024)
    assert note.endswith(" ...") is (length > 1024)


def test_a_condition_keeps_its_transition_time_while_it_stays_false() -> None:
    seen = {"metadata": {"generation": 2}, "status": {}}
    first = reports.condition(seen, reason="Unschedulable", message="a", now_s=0.0)
    seen["status"] = {"conditions": [first]}

    assert first is not None and first["lastTransitionTime"] == "1970-01-01T00:00:00Z"
    assert reports.condition(seen, reason="Unschedulable", message="a", now_s=60.0) is None
    second = reports.condition(seen, reason="Unschedulable", message="b", now_s=60.0)
    assert second is not None and second["lastTransitionTime"] == "1970-01-01T00:00:00Z"
