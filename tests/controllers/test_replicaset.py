"""ReplicaSets against the real API server: adoption, release, replacement, minimum readiness, failures."""

from __future__ import annotations

from typing import Any

from controller_world import World
from pyk8s.client.well_known import PODS, REPLICA_SETS

Json = dict[str, Any]


def replica_set(replicas: int, **spec: Any) -> Json:
    template = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    selector = {"matchLabels": {"app": "a"}}
    return {
        "metadata": {"name": "r"},
        "spec": {"replicas": replicas, "selector": selector, "template": template, **spec},
    }


async def status(world: World) -> Json:
    found: Json = (await world.client.get(REPLICA_SETS, "r", "default"))["status"]
    return found


async def test_a_matching_orphan_is_adopted_and_a_relabeled_pod_released(world: World) -> None:
    pod = {
        "metadata": {"name": "orphan", "labels": {"app": "a"}},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    }
    await world.client.create(PODS, pod, "default")
    rs = await world.client.create(REPLICA_SETS, replica_set(1), "default")

    async def owners() -> list[Json]:
        return (await world.client.get(PODS, "orphan", "default"))["metadata"].get("ownerReferences") or []

    adopted = await world.until(owners)
    assert adopted == [
        {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "name": "r",
            "uid": rs["metadata"]["uid"],
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]
    assert len(await world.items(PODS)) == 1

    await world.client.patch(PODS, "orphan", {"metadata": {"labels": {"app": "b"}}}, "default")

    async def is_replaced() -> bool:
        return not await owners() and len(await world.items(PODS, label_selector="app=a")) == 1

    await world.until(is_replaced)


async def test_a_deleted_pod_is_replaced(world: World) -> None:
    await world.nodes.add("n1")
    await world.client.create(REPLICA_SETS, replica_set(2), "default")

    async def ready() -> bool:
        return (await status(world)).get("readyReplicas") == 2

    await world.until(ready)
    before = {pod["metadata"]["uid"] for pod in await world.items(PODS)}

    victim = (await world.items(PODS))[0]
    await world.client.delete(PODS, victim["metadata"]["name"], "default")

    async def is_replaced() -> bool:
        now = {pod["metadata"]["uid"] for pod in await world.items(PODS)}
        return victim["metadata"]["uid"] not in now and len(now) == 2 and await ready()

    await world.until(is_replaced)
    assert len(before & {pod["metadata"]["uid"] for pod in await world.items(PODS)}) == 1


async def test_pods_become_available_when_they_were_ready_long_enough(world: World) -> None:
    await world.nodes.add("n1")
    await world.client.create(REPLICA_SETS, replica_set(1, minReadySeconds=20), "default")

    async def is_ready() -> bool:
        return (await status(world)).get("readyReplicas") == 1

    async def is_available() -> bool:
        return (await status(world)).get("availableReplicas") == 1

    await world.until(is_ready)
    await world.clock.advance(15)
    assert not await is_available()

    await world.until(is_available, timeout_s=10)


async def test_scaling_down_says_which_pods_went(world: World) -> None:
    await world.nodes.add("n1")
    await world.client.create(REPLICA_SETS, replica_set(3), "default")

    async def count(wanted: int) -> bool:
        return (await status(world)).get("readyReplicas", 0) == wanted and len(await world.items(PODS)) == wanted

    await world.until(lambda: count(3))
    before = {pod["metadata"]["name"] for pod in await world.items(PODS)}

    await world.client.patch(REPLICA_SETS, "r", {"spec": {"replicas": 1}}, "default")
    await world.until(lambda: count(1))

    gone = before - {pod["metadata"]["name"] for pod in await world.items(PODS)}
    assert sorted(await world.events("SuccessfulDelete")) == sorted(f"Deleted pod: {name}" for name in gone)


async def test_a_refused_pod_is_a_condition_and_an_event(world: World) -> None:
    spec = replica_set(1)
    spec["spec"]["template"]["spec"]["serviceAccountName"] = "nobody"
    await world.client.create(REPLICA_SETS, spec, "default")

    async def failure() -> Json | None:
        return next((c for c in (await status(world)).get("conditions", []) if c["type"] == "ReplicaFailure"), None)

    condition = await world.until(failure)

    assert (condition["status"], condition["reason"]) == ("True", "FailedCreate")
    assert 'serviceaccount "nobody" not found' in condition["message"]
    assert (await world.events("FailedCreate"))[0] == f"Error creating: {condition['message']}"
