"""The status of quotas against the real API server: filled, followed, never losing a reservation."""

from __future__ import annotations

import asyncio
from typing import Any

from controller_world import World
from pyk8s.api.status import StatusError
from pyk8s.client.well_known import CONFIG_MAPS, PODS, RESOURCE_QUOTAS, SERVICE_ACCOUNTS, SERVICES

Json = dict[str, Any]


async def limit(world: World, hard: Json, **spec: Any) -> None:
    await world.until(lambda: world.find(SERVICE_ACCOUNTS, "default"))
    await world.client.create(RESOURCE_QUOTAS, {"metadata": {"name": "q"}, "spec": {"hard": hard, **spec}}, "default")


async def status(world: World) -> Json:
    found: Json = (await world.client.get(RESOURCE_QUOTAS, "q", "default")).get("status") or {}
    return found


async def until_used(world: World, used: Json) -> None:
    async def is_so() -> bool:
        return (await status(world)).get("used") == used

    await world.until(is_so)


def pod(name: str, cpu: str = "250m") -> Json:
    containers = [{"name": "c", "image": "x", "resources": {"requests": {"cpu": cpu}}}]
    return {"metadata": {"name": name}, "spec": {"containers": containers}}


async def test_a_new_quota_learns_what_is_used(world: World) -> None:
    await world.until(lambda: world.find(SERVICE_ACCOUNTS, "default"))
    await world.client.create(PODS, pod("p"), "default")
    await world.until(lambda: world.find(CONFIG_MAPS, "kube-root-ca.crt"))
    hard = {"pods": "2", "count/configmaps": "5", "requests.cpu": "1"}
    await limit(world, hard)

    await until_used(world, {"pods": "1", "count/configmaps": "1", "requests.cpu": "250m"})

    assert (await status(world))["hard"] == hard


async def test_creates_are_seen_at_once_and_deletes_soon(world: World) -> None:
    await limit(world, {"count/configmaps": "3"})
    await until_used(world, {"count/configmaps": "1"})
    await world.client.create(CONFIG_MAPS, {"metadata": {"name": "a"}}, "default")
    at_once = (await status(world))["used"]

    await world.client.delete(CONFIG_MAPS, "a", "default")

    await until_used(world, {"count/configmaps": "1"})
    assert at_once == {"count/configmaps": "2"}


async def test_changed_limits_reach_the_status(world: World) -> None:
    await limit(world, {"pods": "2"})
    await until_used(world, {"pods": "0"})

    await world.client.patch(RESOURCE_QUOTAS, "q", {"spec": {"hard": {"pods": "3", "services": "2"}}}, "default")

    await until_used(world, {"pods": "0", "services": "1"})
    assert (await status(world))["hard"] == {"pods": "3", "services": "2"}


async def test_a_pod_that_ends_gives_back_what_it_used(world: World) -> None:
    await limit(world, {"pods": "2", "count/pods": "2", "requests.cpu": "1"})
    await until_used(world, {"pods": "0", "count/pods": "0", "requests.cpu": "0"})
    await world.client.create(PODS, pod("p"), "default")

    await world.client.patch(PODS, "p", {"status": {"phase": "Succeeded"}}, "default", subresource="status")

    await until_used(world, {"pods": "0", "count/pods": "1", "requests.cpu": "0"})


async def test_a_service_without_node_ports_gives_them_back(world: World) -> None:
    await limit(world, {"services.nodeports": "2"})
    await until_used(world, {"services.nodeports": "0"})
    spec = {"type": "NodePort", "ports": [{"port": 80}]}
    await world.client.create(SERVICES, {"metadata": {"name": "s"}, "spec": spec}, "default")
    await until_used(world, {"services.nodeports": "1"})

    await world.client.patch(SERVICES, "s", {"spec": {"type": "ClusterIP"}}, "default")

    await until_used(world, {"services.nodeports": "0"})


async def test_a_scoped_quota_counts_its_pods_alone(world: World) -> None:
    await world.until(lambda: world.find(SERVICE_ACCOUNTS, "default"))
    await world.client.create(PODS, pod("p"), "default")
    best_effort = {"metadata": {"name": "be"}, "spec": {"containers": [{"name": "c", "image": "x"}]}}
    await world.client.create(PODS, best_effort, "default")
    await limit(world, {"pods": "5"}, scopes=["BestEffort"])

    await until_used(world, {"pods": "1"})


async def test_what_was_reserved_in_vain_is_given_back_in_time(world: World) -> None:
    await limit(world, {"count/configmaps": "9"})
    await until_used(world, {"count/configmaps": "1"})
    wrong = {"status": {"used": {"count/configmaps": "7"}}}
    await world.client.patch(RESOURCE_QUOTAS, "q", wrong, "default", subresource="status")

    await world.clock.advance(300)

    await until_used(world, {"count/configmaps": "1"})


async def test_counting_while_objects_come_and_go_never_lets_too_many_in(world: World) -> None:
    await limit(world, {"count/configmaps": "4"})
    await until_used(world, {"count/configmaps": "1"})

    async def churn(number: int) -> None:
        for turn in range(10):
            name = f"m{number}-{turn}"
            try:
                await world.client.create(CONFIG_MAPS, {"metadata": {"name": name}}, "default")
            except StatusError as error:
                assert "exceeded quota" in error.message
            assert len(await world.items(CONFIG_MAPS)) <= 4
            await world.clock.sleep(0.1)
            if await world.find(CONFIG_MAPS, name):
                await world.client.delete(CONFIG_MAPS, name, "default")

    work = asyncio.gather(*(churn(number) for number in range(6)))
    await world.until(work.done)

    await work
    await until_used(world, {"count/configmaps": "1"})
