"""Namespaces against the real API server: what they get, and how they go."""

from __future__ import annotations

from typing import Any

from controller_world import World
from pyk8s.client.well_known import CONFIG_MAPS, NAMESPACES, PODS, SECRETS, SERVICE_ACCOUNTS

Json = dict[str, Any]


async def create_namespace(world: World) -> None:
    await world.client.create(NAMESPACES, {"metadata": {"name": "team"}})
    await world.until(lambda: world.find(SERVICE_ACCOUNTS, "default", "team"))


async def is_gone(world: World) -> bool:
    return await world.find(NAMESPACES, "team") is None


async def test_a_new_namespace_gets_its_account_and_root_ca(world: World) -> None:
    await create_namespace(world)

    config_map = await world.until(lambda: world.find(CONFIG_MAPS, "kube-root-ca.crt", "team"))

    assert config_map["data"] == {"ca.crt": "CA"}
    assert "kubernetes.io/description" in config_map["metadata"]["annotations"]


async def test_what_a_namespace_must_have_comes_back(world: World) -> None:
    await create_namespace(world)
    await world.until(lambda: world.find(CONFIG_MAPS, "kube-root-ca.crt", "team"))
    account = await world.client.get(SERVICE_ACCOUNTS, "default", "team")

    await world.client.delete(SERVICE_ACCOUNTS, "default", "team")
    await world.client.patch(CONFIG_MAPS, "kube-root-ca.crt", {"data": {"ca.crt": "forged"}}, "team")

    async def is_restored() -> bool:
        found = await world.find(SERVICE_ACCOUNTS, "default", "team")
        config_map = await world.client.get(CONFIG_MAPS, "kube-root-ca.crt", "team")
        is_new = found is not None and found["metadata"]["uid"] != account["metadata"]["uid"]
        return is_new and config_map["data"] == {"ca.crt": "CA"}

    await world.until(is_restored)


async def test_a_deleted_namespace_is_emptied_and_gone(world: World) -> None:
    await world.nodes.add("n1")
    await create_namespace(world)
    await world.client.create(SECRETS, {"metadata": {"name": "s"}}, "team")
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    await world.client.create(PODS, pod, "team")

    await world.client.delete(NAMESPACES, "team")

    await world.until(lambda: is_gone(world))
    assert await world.items(SECRETS, "team") == await world.items(PODS, "team") == []


async def test_a_finalizer_holds_the_namespace_and_the_conditions_say_so(world: World) -> None:
    await create_namespace(world)
    await world.client.create(CONFIG_MAPS, {"metadata": {"name": "c", "finalizers": ["example.com/f"]}}, "team")
    await world.client.delete(NAMESPACES, "team")

    async def conditions() -> dict[str, Json]:
        namespace = await world.client.get(NAMESPACES, "team")
        return {c["type"]: c for c in namespace["status"].get("conditions", [])}

    async def is_told() -> bool:
        return (await conditions()).get("NamespaceFinalizersRemaining", {}).get("status") == "True"

    await world.until(is_told)
    found = await conditions()
    assert list(found) == [
        "NamespaceDeletionDiscoveryFailure",
        "NamespaceDeletionGroupVersionParsingFailure",
        "NamespaceDeletionContentFailure",
        "NamespaceContentRemaining",
        "NamespaceFinalizersRemaining",
    ]
    assert found["NamespaceContentRemaining"]["message"] == (
        "Some resources are remaining: configmaps. has 1 resource instances"
    )

    await world.client.patch(CONFIG_MAPS, "c", {"metadata": {"finalizers": None}}, "team")

    await world.until(lambda: is_gone(world), timeout_s=20)


async def test_pods_go_before_anything_else(world: World) -> None:
    await world.nodes.add("n1")
    await create_namespace(world)
    await world.client.create(SECRETS, {"metadata": {"name": "s"}}, "team")
    held = {"name": "p", "finalizers": ["example.com/f"]}
    pod = {"metadata": held, "spec": {"containers": [{"name": "c", "image": "i"}], "terminationGracePeriodSeconds": 2}}
    await world.client.create(PODS, pod, "team")

    await world.client.delete(NAMESPACES, "team")
    await world.clock.advance(10)
    assert await world.find(SECRETS, "s", "team") is not None
    await world.client.patch(PODS, "p", {"metadata": {"finalizers": None}}, "team")

    await world.until(lambda: is_gone(world))
