"""Garbage collection against the real API server: background, foreground, orphan, absent owners."""

from __future__ import annotations

from typing import Any

from controller_world import World
from pyk8s.client.well_known import CONFIG_MAPS, DEPLOYMENTS, NODES, PODS, REPLICA_SETS

Json = dict[str, Any]


def reference(owner: Json, **fields: Any) -> Json:
    metadata = owner["metadata"]
    return {"apiVersion": "v1", "kind": "ConfigMap", "name": metadata["name"], "uid": metadata["uid"], **fields}


async def config_map(world: World, name: str, *owners: Json, **metadata: Any) -> Json:
    made = {"metadata": {"name": name, "ownerReferences": list(owners), **metadata}}
    return await world.client.create(CONFIG_MAPS, made, "default")


async def is_gone(world: World, name: str) -> bool:
    return await world.find(CONFIG_MAPS, name) is None


async def test_background_deletion_takes_the_whole_family(world: World) -> None:
    await world.nodes.add("n1")
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    spec = {"replicas": 2, "selector": {"matchLabels": {"a": "b"}}, "template": template}
    await world.client.create(DEPLOYMENTS, {"metadata": {"name": "d"}, "spec": spec}, "default")

    async def has_pods() -> bool:
        return len(await world.items(PODS)) == 2

    async def is_empty() -> bool:
        return not await world.items(PODS) and not await world.items(REPLICA_SETS)

    await world.until(has_pods)

    await world.client.delete(DEPLOYMENTS, "d", "default")

    await world.until(is_empty)


async def test_foreground_deletion_removes_the_dependent_before_the_owner(world: World) -> None:
    owner = await config_map(world, "owner")
    await config_map(world, "dep", reference(owner, blockOwnerDeletion=True), finalizers=["example.com/hold"])

    await world.client.delete(CONFIG_MAPS, "owner", "default", options={"propagationPolicy": "Foreground"})
    dep = await world.until(lambda: is_deleting(world, "dep"))
    held = await world.find(CONFIG_MAPS, "owner")
    patch = {"metadata": {"finalizers": None}}
    await world.client.patch(CONFIG_MAPS, "dep", patch, "default")

    assert dep["metadata"]["finalizers"] == ["example.com/hold"]
    assert held is not None
    assert held["metadata"]["finalizers"] == ["foregroundDeletion"]
    await world.until(lambda: is_gone(world, "owner"))
    assert await is_gone(world, "dep")


async def is_deleting(world: World, name: str) -> Json | None:
    obj = await world.find(CONFIG_MAPS, name)
    return obj if obj and obj["metadata"].get("deletionTimestamp") else None


async def test_foreground_deletion_does_not_wait_for_those_that_do_not_block(world: World) -> None:
    owner = await config_map(world, "owner")
    await config_map(world, "dep", reference(owner), finalizers=["example.com/hold"])

    await world.client.delete(CONFIG_MAPS, "owner", "default", options={"propagationPolicy": "Foreground"})

    await world.until(lambda: is_gone(world, "owner"))
    await world.until(lambda: is_deleting(world, "dep"))


async def test_orphan_deletion_frees_the_dependents(world: World) -> None:
    owner = await config_map(world, "owner")
    await config_map(world, "dep", reference(owner))

    await world.client.delete(CONFIG_MAPS, "owner", "default", options={"propagationPolicy": "Orphan"})

    await world.until(lambda: is_gone(world, "owner"))
    dep = await world.find(CONFIG_MAPS, "dep")
    assert dep is not None
    assert not dep["metadata"].get("ownerReferences")
    assert not dep["metadata"].get("deletionTimestamp")


async def test_an_object_whose_owner_never_existed_goes(world: World) -> None:
    ghost = {"metadata": {"name": "ghost", "uid": "00000000-0000-4000-8000-0000000000aa"}}
    await config_map(world, "dep", reference(ghost))

    await world.until(lambda: is_gone(world, "dep"))


async def test_an_object_with_another_owner_stays_and_loses_the_dangling_reference(world: World) -> None:
    first, second = await config_map(world, "first"), await config_map(world, "second")
    await config_map(world, "dep", reference(first), reference(second))

    async def has_one_owner() -> Json | None:
        dep = await world.client.get(CONFIG_MAPS, "dep", "default")
        return dep if len(dep["metadata"]["ownerReferences"]) == 1 else None

    await world.client.delete(CONFIG_MAPS, "first", "default")
    dep = await world.until(has_one_owner)

    assert dep["metadata"]["ownerReferences"][0]["name"] == "second"


async def test_a_recreated_owner_does_not_save_what_belonged_to_the_old_one(world: World) -> None:
    old = await config_map(world, "owner")
    await world.client.delete(CONFIG_MAPS, "owner", "default")
    await config_map(world, "owner")
    await config_map(world, "dep", reference(old))

    await world.until(lambda: is_gone(world, "dep"))


async def test_a_namespaced_owner_of_a_cluster_scoped_object_deletes_nothing(world: World) -> None:
    owner = await config_map(world, "owner")
    node = {"metadata": {"name": "n", "ownerReferences": [reference(owner)]}}
    await world.client.create(NODES, node)
    await world.clock.advance(5)

    assert await world.find(NODES, "n") is not None
    assert await world.events("OwnerRefInvalidNamespace") == [
        f"ownerRef [v1/ConfigMap, namespace: , name: owner, uid: {owner['metadata']['uid']}] "
        'does not exist in namespace ""'
    ]
