"""A scheduler with a configuration: all profiles hosted by one engine, each telling what it does under its own name."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pyk8s.client.well_known import EVENTS, LEASES, NODES, PODS
from pyk8s.scheduler import Scheduler
from pyk8s.scheduler.configuration import compile_configuration, load_configuration

sys.path.insert(0, str(Path(__file__).parents[1] / "kubelet"))

from cluster_in_process import InProcess, named, pod

Json = dict[str, Any]
HEAD = {"apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration"}


@pytest.fixture
async def cluster() -> AsyncIterator[InProcess]:
    async with InProcess() as made:
        yield made


def start(cluster: InProcess, configuration: Any, *, leader_elect: bool = False) -> None:
    scheduler = Scheduler(
        cluster.client_of("kube-scheduler"),
        clock=cluster.clock,
        identity=cluster.identity,
        configuration=compile_configuration(configuration),
        leader_elect=leader_elect,
    )
    cluster.start(scheduler)


async def add_nodes(cluster: InProcess, count: int) -> None:
    resources = {"cpu": "4", "memory": "8Gi", "pods": "110"}
    for number in range(count):
        made = {**named("Node", f"n-{number}"), "status": {"capacity": resources, "allocatable": resources}}
        await cluster.client.create(NODES, made)
        await cluster.client.patch(NODES, f"n-{number}", {"spec": {"taints": None}}, patch_type="merge")


async def fill(cluster: InProcess, names: list[str], **spec: Any) -> Counter[str]:
    """Create pods and count them by node once all are bound."""
    for name in names:
        await cluster.client.create(PODS, pod(name, requests={"cpu": "500m", "memory": "1Gi"}, **spec))

    async def placed() -> list[str] | None:
        listed = (await cluster.client.list(PODS, "default"))["items"]
        nodes = [found["spec"].get("nodeName", "") for found in listed if found["metadata"]["name"] in names]
        return nodes if all(nodes) else None

    return Counter(await cluster.until(placed))


async def test_spread_uses_every_node_and_binpack_as_few_as_possible(cluster: InProcess) -> None:
    await add_nodes(cluster, 4)
    spread = {"schedulerName": "default-scheduler"}
    (binpack,) = _profiles(load_configuration("binpack"))
    start(cluster, {**HEAD, "profiles": [spread, {**binpack, "schedulerName": "packer"}]})

    packed = await fill(cluster, [f"a-{i}" for i in range(8)], schedulerName="packer")
    await remove_pods(cluster)
    scattered = await fill(cluster, [f"b-{i}" for i in range(8)])

    assert list(packed.values()) == [8]
    assert sorted(scattered.values()) == [2, 2, 2, 2]


async def remove_pods(cluster: InProcess) -> None:
    """Empty the cluster, so that the next profile begins as the first one did."""
    for found in (await cluster.client.list(PODS, "default"))["items"]:
        await cluster.client.delete(PODS, found["metadata"]["name"], "default", options={"gracePeriodSeconds": 0})


def _profiles(text: bytes) -> list[Json]:
    import yaml

    found: list[Json] = yaml.safe_load(text)["profiles"]
    return found


async def test_binpack_ratio_leaves_room_on_the_nodes_it_fills(cluster: InProcess) -> None:
    await add_nodes(cluster, 3)
    start(cluster, load_configuration("binpack-ratio"))

    counts = await fill(cluster, [f"p-{i}" for i in range(12)])

    assert sorted(counts.values()) == [5, 7]


async def test_events_are_told_by_the_profile_that_the_pod_asked_for(cluster: InProcess) -> None:
    await add_nodes(cluster, 1)
    start(cluster, {**HEAD, "profiles": [{"schedulerName": "one"}, {"schedulerName": "two"}]})

    await fill(cluster, ["a"], schedulerName="one")
    await fill(cluster, ["b"], schedulerName="two")
    await cluster.clock.advance(0.1)

    told = {
        (event["involvedObject"]["name"], event["source"]["component"], event["reportingComponent"])
        for event in (await cluster.client.list(EVENTS))["items"]
    }
    assert told == {("a", "one", "one"), ("b", "two", "two")}


async def test_the_lease_is_the_one_that_the_file_names(cluster: InProcess) -> None:
    await add_nodes(cluster, 1)
    election = {"resourceName": "mine", "resourceNamespace": "default", "leaseDuration": "30s"}
    start(cluster, {**HEAD, "leaderElection": election}, leader_elect=True)

    await fill(cluster, ["a"])

    lease = await cluster.client.get(LEASES, "mine", "default")
    assert lease["spec"]["leaseDurationSeconds"] == 30
