"""The scheduler makes room for more important pods: victims, budgets, events, nominations."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pyk8s.api.resources import resources
from pyk8s.client.well_known import EVENTS, NODES, PODS
from pyk8s.scheduler import Scheduler

sys.path.insert(0, str(Path(__file__).parents[1] / "kubelet"))

from cluster_in_process import InProcess, named, pod

Json = dict[str, Any]
PRIORITY_CLASSES = next(resource for resource in resources() if resource.kind == "PriorityClass")


@pytest.fixture
async def cluster() -> AsyncIterator[InProcess]:
    async with InProcess() as made:
        await made.client.create(PRIORITY_CLASSES, priority_class("high", 1000))
        await made.client.create(PRIORITY_CLASSES, priority_class("mid", 10))
        await add_node(made, "n-1", "4")
        scheduler = Scheduler(made.client_of("kube-scheduler"), clock=made.clock, identity=made.identity)
        made.start(scheduler)
        yield made


def priority_class(name: str, value: int) -> Json:
    body = named("PriorityClass", name)
    return {**body, "apiVersion": "scheduling.k8s.io/v1", "value": value}


async def add_node(cluster: InProcess, name: str, cpu: str) -> None:
    resources = {"cpu": cpu, "memory": "8Gi", "pods": "110"}
    await cluster.client.create(
        NODES, {**named("Node", name), "status": {"capacity": resources, "allocatable": resources}}
    )
    await cluster.client.patch(NODES, name, {"spec": {"taints": None}}, patch_type="merge")


async def create(cluster: InProcess, name: str, cpu: str, priority_class: str = "", **spec: Any) -> None:
    await cluster.client.create(PODS, pod(name, requests={"cpu": cpu}, priorityClassName=priority_class, **spec))


async def bind(cluster: InProcess, name: str, cpu: str, priority_class: str = "", **spec: Any) -> None:
    """A pod that the scheduler has placed already."""
    await create(cluster, name, cpu, priority_class, **spec)
    await cluster.until(lambda: bound_to(cluster, name))


async def bound_to(cluster: InProcess, name: str) -> str:
    found = await cluster.find(PODS, name, "default")
    return "" if found is None else found["spec"].get("nodeName", "")


async def nominated_to(cluster: InProcess, name: str) -> str:
    found = await cluster.find(PODS, name, "default")
    return "" if found is None else found["status"].get("nominatedNodeName", "")


async def leaving(cluster: InProcess, name: str) -> Json | None:
    found = await cluster.find(PODS, name, "default")
    return found if found is not None and found["metadata"].get("deletionTimestamp") else None


async def test_a_victim_is_told_why_and_leaves_in_its_own_time(cluster: InProcess) -> None:
    await bind(cluster, "low", "3")
    await create(cluster, "vip", "3", "high")

    victim = await cluster.until(lambda: leaving(cluster, "low"))

    told = next(c for c in victim["status"]["conditions"] if c["type"] == "DisruptionTarget")
    assert (told["status"], told["reason"]) == ("True", "PreemptionByScheduler")
    assert told["message"] == "default-scheduler: preempting to accommodate a higher priority pod"
    assert victim["metadata"]["deletionGracePeriodSeconds"] == 30
    assert await cluster.until(lambda: nominated_to(cluster, "vip")) == "n-1"
    assert await bound_to(cluster, "vip") == ""

    await cluster.client.delete(PODS, "low", "default", options={"gracePeriodSeconds": 0})
    assert await cluster.until(lambda: bound_to(cluster, "vip")) == "n-1"


async def test_the_event_on_the_victim_names_the_preemptor(cluster: InProcess) -> None:
    await bind(cluster, "low", "3")
    await create(cluster, "vip", "3", "high")
    await cluster.until(lambda: leaving(cluster, "low"))

    async def told() -> Json | None:
        events = (await cluster.client.list(EVENTS))["items"]
        return next((event for event in events if event["reason"] == "Preempted"), None)

    event = await cluster.until(told)
    uid = (await cluster.client.get(PODS, "vip", "default"))["metadata"]["uid"]
    assert (event["type"], event["action"]) == ("Normal", "Preempting")
    assert event["message"] == f"Preempted by pod {uid} on node n-1"
    assert event["involvedObject"]["name"] == "low"
    assert (event["related"]["name"], event["related"]["uid"]) == ("vip", uid)


async def test_only_as_many_go_as_must(cluster: InProcess) -> None:
    for name in ("a", "b", "c", "d"):
        await bind(cluster, name, "1", "mid" if name == "a" else "", terminationGracePeriodSeconds=0)
    await create(cluster, "vip", "3", "high")

    assert await cluster.until(lambda: bound_to(cluster, "vip")) == "n-1"

    left = {found["metadata"]["name"] for found in (await cluster.client.list(PODS, "default"))["items"]}
    assert left == {"a", "vip"}


async def test_a_more_important_pod_takes_over_a_nomination(cluster: InProcess) -> None:
    await bind(cluster, "low", "4")
    await create(cluster, "mid", "4", "mid")
    await cluster.until(lambda: nominated_to(cluster, "mid"))

    await create(cluster, "vip", "4", "high")

    await cluster.until(lambda: nominated_to(cluster, "vip"))

    async def is_given_up() -> bool:
        return await nominated_to(cluster, "mid") == ""

    assert await cluster.until(is_given_up)
    await cluster.client.delete(PODS, "low", "default", options={"gracePeriodSeconds": 0})
    assert await cluster.until(lambda: bound_to(cluster, "vip")) == "n-1"
    assert await bound_to(cluster, "mid") == ""


async def test_a_victim_that_is_gone_already_does_no_harm(cluster: InProcess) -> None:
    await bind(cluster, "low", "4", terminationGracePeriodSeconds=0)
    await create(cluster, "vip", "4", "high")
    await cluster.client.delete(PODS, "low", "default")

    assert await cluster.until(lambda: bound_to(cluster, "vip")) == "n-1"
