"""Nodes against the real API server: silence, taints, eviction, lost nodes, address ranges."""

from __future__ import annotations

from typing import Any

from controller_world import World
from pyk8s.client.well_known import NODES, PODS

Json = dict[str, Any]


async def create_pod(world: World, name: str, **spec: Any) -> None:
    pod = {"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "i"}], **spec}}
    await world.client.create(PODS, pod, "default")


def condition(obj: Json, condition_type: str) -> Json:
    return next((c for c in obj["status"].get("conditions") or [] if c["type"] == condition_type), {})


async def ready(world: World, name: str) -> str:
    return str(condition(await world.client.get(NODES, name), "Ready").get("status"))


async def taints(world: World, name: str) -> list[tuple[str, str]]:
    node = await world.client.get(NODES, name)
    return [(t["key"].rpartition("/")[2], t["effect"]) for t in node["spec"].get("taints") or []]


async def is_silent(world: World, name: str) -> bool:
    return await ready(world, name) == "Unknown"


async def test_a_new_node_gets_addresses_and_loses_its_taint(world: World) -> None:
    await world.nodes.add("n1", "n2")

    async def is_settled() -> bool:
        nodes = [await world.client.get(NODES, name) for name in ("n1", "n2")]
        return all(n["spec"].get("podCIDR") and not n["spec"].get("taints") for n in nodes)

    await world.until(is_settled)

    ranges = [(await world.client.get(NODES, name))["spec"]["podCIDRs"] for name in ("n1", "n2")]
    assert ranges == [["10.244.0.0/24"], ["10.244.1.0/24"]]
    await world.clock.advance(10)
    assert await world.events("RegisteredNode") == [
        f"Node {name} event: Registered Node {name} in Controller" for name in ("n1", "n2")
    ]


async def test_a_cordoned_node_is_tainted(world: World) -> None:
    await world.nodes.add("n1")

    await world.client.patch(NODES, "n1", {"spec": {"unschedulable": True}})

    async def is_tainted() -> bool:
        return ("unschedulable", "NoSchedule") in await taints(world, "n1")

    await world.until(is_tainted)


async def test_a_silent_node_loses_its_pods_after_their_toleration(world: World) -> None:
    await world.nodes.add("n1", "n2", "n3")
    await create_pod(world, "p", nodeName="n1")

    async def is_running() -> bool:
        return (await world.client.get(PODS, "p", "default"))["status"]["phase"] == "Running"

    await world.until(is_running)

    world.nodes.silence("n1")
    await world.until(lambda: is_silent(world, "n1"), timeout_s=80)
    await world.clock.advance(1)
    assert sorted(await taints(world, "n1")) == [("unreachable", "NoExecute"), ("unreachable", "NoSchedule")]
    pod = await world.client.get(PODS, "p", "default")
    assert condition(pod, "Ready")["status"] == "False"
    assert await world.events("NodeNotReady") == ["Node n1 status is now: NodeNotReady", "Node is not ready"]
    await world.clock.advance(290)
    assert not (await world.client.get(PODS, "p", "default"))["metadata"].get("deletionTimestamp")
    await world.clock.advance(20)

    pod = await world.client.get(PODS, "p", "default")
    assert pod["metadata"]["deletionTimestamp"]
    assert condition(pod, "DisruptionTarget")["reason"] == "DeletionByTaintManager"
    assert await world.events("TaintManagerEviction") == ["Marking for deletion Pod default/p"]


async def test_a_node_that_comes_back_keeps_its_pods(world: World) -> None:
    await world.nodes.add("n1", "n2", "n3")
    await create_pod(world, "p", nodeName="n1")
    world.nodes.silence("n1")
    await world.until(lambda: is_silent(world, "n1"), timeout_s=80)
    await world.clock.advance(100)

    await world.nodes.wake("n1")

    async def is_clean() -> bool:
        return not await taints(world, "n1")

    await world.until(is_clean)
    await world.clock.advance(400)
    assert not (await world.client.get(PODS, "p", "default"))["metadata"].get("deletionTimestamp")
    assert await world.events("TaintManagerEviction") == ["Cancelling deletion of Pod default/p"]


async def test_nothing_is_evicted_while_every_node_is_silent(world: World) -> None:
    await world.nodes.add("n1", "n2")
    await create_pod(world, "p", nodeName="n1")

    world.nodes.silence("n1", "n2")
    await world.until(lambda: is_silent(world, "n2"), timeout_s=80)
    await world.clock.advance(600)

    assert ("unreachable", "NoExecute") not in await taints(world, "n1")
    assert not (await world.client.get(PODS, "p", "default"))["metadata"].get("deletionTimestamp")


async def test_pods_of_a_lost_node_fail_and_go(world: World) -> None:
    await world.nodes.add("n1", "n2")
    await create_pod(world, "p", nodeName="n1")
    world.nodes.silence("n1")
    await world.clock.advance(6)

    await world.client.delete(NODES, "n1")
    await world.clock.advance(30)
    assert await world.find(PODS, "p") is not None

    async def is_gone() -> bool:
        return await world.find(PODS, "p") is None

    await world.until(is_gone, timeout_s=60)
    assert "Node n1 event: Removing Node n1 from Controller" in await world.events("RemovingNode")
