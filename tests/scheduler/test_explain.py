"""Explanations over the API: attempts told as they were, their nodes found again from the store's past."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pyk8s.api.http import Request
from pyk8s.api.resources import resources
from pyk8s.api.status import StatusError
from pyk8s.client.well_known import NODES, PODS
from pyk8s.scheduler import Scheduler
from pyk8s_server.cluster.explain import BEGINNING, ExplainRoute

sys.path.insert(0, str(Path(__file__).parents[1] / "kubelet"))

from cluster_in_process import InProcess, condition, named, pod

Json = dict[str, Any]
PRIORITY_CLASSES = next(resource for resource in resources() if resource.kind == "PriorityClass")


@pytest.fixture
async def cluster() -> AsyncIterator[InProcess]:
    async with InProcess() as made:
        yield made


def start(cluster: InProcess, *, is_attached: bool = True) -> Scheduler:
    client = cluster.client_of("kube-scheduler")
    scheduler = Scheduler(client, clock=cluster.clock, identity=cluster.identity)
    route = cluster.api.extra_routes[BEGINNING] = ExplainRoute(cluster.api.store)
    if is_attached:
        route.attach(scheduler.attempts, None)
    cluster.start(scheduler)
    return scheduler


async def add_node(cluster: InProcess, name: str, cpu: str = "4", **labels: str) -> None:
    resources = {"cpu": cpu, "memory": "8Gi", "pods": "110"}
    made = {**named("Node", name), "status": {"capacity": resources, "allocatable": resources}}
    made["metadata"]["labels"] = labels
    await cluster.client.create(NODES, made)
    await cluster.client.patch(NODES, name, {"spec": {"taints": None}}, patch_type="merge")


async def explained(cluster: InProcess, name: str, **query: str) -> Json:
    return await cluster.client.raw("GET", f"/explain/namespaces/default/pods/{name}", list(query.items()))


async def bound(cluster: InProcess, name: str) -> str:
    async def node() -> str:
        found = await cluster.find(PODS, name, "default")
        return "" if found is None else found["spec"].get("nodeName", "")

    return str(await cluster.until(node))


async def refused(cluster: InProcess, name: str) -> None:
    async def is_told() -> bool:
        return condition(await cluster.client.get(PODS, name, "default"), "PodScheduled") == "False"

    await cluster.until(is_told)


async def test_every_attempt_is_told_with_who_refused_and_with_the_scores(cluster: InProcess) -> None:
    await add_node(cluster, "n-1")
    await add_node(cluster, "n-2")
    start(cluster)
    await cluster.client.create(PODS, pod("p", requests={"cpu": "6"}))
    await refused(cluster, "p")
    await add_node(cluster, "n-3", cpu="8")
    await add_node(cluster, "n-4", cpu="16")
    assert await bound(cluster, "p") in ("n-3", "n-4")

    answer = await explained(cluster, "p", attempt="all")

    first, *_, last = answer["attempts"]
    assert (first["number"], first["outcome"], first["node"]) == (1, "unschedulable", None)
    assert first["details"]["reasons"] == [
        {
            "plugin": "NodeResourcesFit",
            "reason": "Insufficient cpu",
            "code": "UnschedulableAndUnresolvable",
            "nodes": 2,
        }
    ]
    assert [row["node"] for row in first["details"]["rejected"]] == ["n-1", "n-2"]
    assert (last["outcome"], last["node"]) == ("scheduled", answer["pod"]["node"])
    best = last["details"]["candidates"][0]
    assert best["isChosen"]
    assert best["total"] == sum(score["weighted"] for score in best["scores"].values())
    assert best["scores"]["TaintToleration"] == {"raw": 0, "normalised": 100, "weighted": 300}


async def test_an_attempt_is_explained_by_the_past_not_by_the_present(cluster: InProcess) -> None:
    await add_node(cluster, "n-1")
    start(cluster)
    for name in ("a", "b"):
        await cluster.client.create(PODS, pod(name, requests={"cpu": "3"}))
    await bound(cluster, "a")
    await refused(cluster, "b")
    await cluster.client.delete(PODS, "a", "default", options={"gracePeriodSeconds": 0})
    await bound(cluster, "b")

    answer = await explained(cluster, "b", attempt="1")

    assert answer["attempts"][0]["details"]["reasons"][0]["reason"] == "Insufficient cpu"
    assert "details" not in answer["attempts"][-1]


async def test_placements_on_their_way_count_as_they_did_then(cluster: InProcess) -> None:
    await add_node(cluster, "n-1")
    for name in ("a", "b"):
        await cluster.client.create(PODS, pod(name, requests={"cpu": "3"}))
    start(cluster)
    await bound(cluster, "a")
    await refused(cluster, "b")

    answer = await explained(cluster, "b")

    # Both were decided in one batch, before the first binding had reached the store.
    assert answer["attempts"][0]["details"]["rejectedCount"] == 1
    assert answer["attempts"][0]["details"]["message"].startswith("0/1 nodes are available: 1 Insufficient cpu.")


async def test_rows_are_limited_and_what_is_left_off_is_counted(cluster: InProcess) -> None:
    for number in range(12):
        await add_node(cluster, f"n-{number}", cpu="4" if number < 9 else "100m")
    start(cluster)
    await cluster.client.create(PODS, pod("p", requests={"cpu": "1"}))
    await bound(cluster, "p")

    details = (await explained(cluster, "p", rows="2"))["attempts"][-1]["details"]

    assert (details["feasibleCount"], details["rejectedCount"]) == (9, 3)
    assert (len(details["candidates"]), details["candidatesLeftOff"]) == (2, 7)
    assert (len(details["rejected"]), details["rejectedLeftOff"]) == (2, 1)


async def test_without_a_record_the_binding_is_found_in_the_stores_history(cluster: InProcess) -> None:
    await add_node(cluster, "n-1")
    await add_node(cluster, "n-2")
    start(cluster, is_attached=False)
    await cluster.client.create(PODS, pod("p"))
    node = await bound(cluster, "p")
    await cluster.client.patch(PODS, "p", {"metadata": {"labels": {"a": "b"}}}, "default", patch_type="merge")

    answer = await explained(cluster, "p")

    assert answer["attempts"] == []
    assert "no attempt is remembered" in answer["hint"]
    assert answer["now"]["candidates"][0]["node"] == node
    assert answer["now"]["feasibleCount"] == 2


async def test_pods_that_were_never_tried_are_told_why(cluster: InProcess) -> None:
    await add_node(cluster, "n-1")
    start(cluster)
    await cluster.client.create(PODS, pod("gated", schedulingGates=[{"name": "example.com/wait"}]))
    await cluster.client.create(PODS, pod("theirs", schedulerName="other"))
    await cluster.clock.advance(1)

    assert "scheduling gates: example.com/wait" in (await explained(cluster, "gated"))["hint"]
    assert "'other', which is not here" in (await explained(cluster, "theirs"))["hint"]


async def test_kinds_that_rest_are_read_at_the_oldest_revision_that_is_kept(cluster: InProcess) -> None:
    await add_node(cluster, "n-1")
    start(cluster)
    await cluster.client.create(PODS, pod("first"))
    await bound(cluster, "first")
    await cluster.client.create(PODS, pod("p"))
    created = int((await cluster.client.get(PODS, "p", "default"))["metadata"]["resourceVersion"])
    await bound(cluster, "p")
    cluster.api.store.compact(created - 1)

    kept = (await explained(cluster, "p"))["attempts"][0]["details"]
    forgotten = (await explained(cluster, "first"))["attempts"][0]["details"]

    assert kept["candidates"][0]["node"] == "n-1"
    assert "the store has forgotten revision" in forgotten["note"]


async def test_who_was_preempted_and_why_is_told_of_both(cluster: InProcess) -> None:
    high = {**named("PriorityClass", "high"), "apiVersion": "scheduling.k8s.io/v1", "value": 1000}
    await cluster.client.create(PRIORITY_CLASSES, high)
    await add_node(cluster, "n-1")
    start(cluster)
    await cluster.client.create(PODS, pod("low", requests={"cpu": "3"}, terminationGracePeriodSeconds=0))
    await bound(cluster, "low")
    await cluster.client.create(PODS, pod("vip", requests={"cpu": "3"}, priorityClassName="high"))
    await bound(cluster, "vip")

    vip, low = await explained(cluster, "vip", attempt="1"), await explained(cluster, "low")

    first = vip["attempts"][0]
    assert (first["nominatedNode"], [victim["name"] for victim in first["victims"]]) == ("n-1", ["low"])
    assert first["details"]["preemption"]["candidates"] == [
        {"node": "n-1", "victims": ["default/low"], "violations": 0}
    ]
    assert [(other["name"], other["node"]) for other in low["preemptedBy"]] == [("vip", "n-1")]


async def test_a_deleted_pod_is_still_explained(cluster: InProcess) -> None:
    await add_node(cluster, "n-1")
    start(cluster)
    await cluster.client.create(PODS, pod("p"))
    await bound(cluster, "p")
    await cluster.client.delete(PODS, "p", "default", options={"gracePeriodSeconds": 0})

    answer = await explained(cluster, "p")

    assert answer["pod"]["isGone"]
    assert answer["attempts"][0]["details"]["candidates"][0]["node"] == "n-1"


async def test_without_credentials_nothing_is_explained(cluster: InProcess) -> None:
    start(cluster)

    answer = await cluster.api.handle(Request("GET", "/explain/namespaces/default/pods/p"))

    assert answer.status == 401


async def test_explanations_are_asked_for_with_get(cluster: InProcess) -> None:
    start(cluster)

    with pytest.raises(StatusError) as caught:
        await cluster.client.raw("POST", "/explain/namespaces/default/pods/p", body={})

    assert caught.value.code == 405


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        ("/explain/namespaces/default/pods/nobody", [], 404),
        ("/explain/pods", [], 404),
        ("/explain/namespaces/default/pods/p", [("attempt", "9")], 404),
        ("/explain/namespaces/default/pods/p", [("attempt", "first")], 400),
        ("/explain/namespaces/default/pods/p", [("rows", "-1")], 400),
    ],
)
async def test_wrong_questions_are_refused(
    cluster: InProcess, path: str, query: list[tuple[str, str]], code: int
) -> None:
    await add_node(cluster, "n-1")
    start(cluster)
    await cluster.client.create(PODS, pod("p"))
    await bound(cluster, "p")

    with pytest.raises(StatusError) as caught:
        await cluster.client.raw("GET", path, query)

    assert caught.value.code == code
