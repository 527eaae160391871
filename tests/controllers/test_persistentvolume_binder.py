"""Claims and volumes against the real API server: who gets whom, what both say, what is left when one goes."""

from __future__ import annotations

from typing import Any

import pytest
from controller_world import World
from pyk8s.client.well_known import PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, STORAGE_CLASSES
from pyk8s.controllers import volume_choice as choice

Json = dict[str, Any]


def storage_class(name: str, mode: str = "Immediate", provisioner: str = choice.NO_PROVISIONER) -> Json:
    return {"metadata": {"name": name}, "provisioner": provisioner, "volumeBindingMode": mode}


def volume(name: str, size: str = "1Gi", *, class_name: str = "c", **spec: Any) -> Json:
    source = {"hostPath": {"path": "/mnt"}}
    fixed = {"accessModes": ["ReadWriteOnce"], "storageClassName": class_name, "capacity": {"storage": size}}
    return {"metadata": {"name": name}, "spec": {**source, **fixed, **spec}}


def claim(name: str, size: str = "1Gi", *, class_name: str = "c", **spec: Any) -> Json:
    fixed = {"accessModes": ["ReadWriteOnce"], "storageClassName": class_name}
    return {"metadata": {"name": name}, "spec": {**fixed, "resources": {"requests": {"storage": size}}, **spec}}


async def make(world: World, *objects: Json) -> None:
    for obj in objects:
        if "provisioner" in obj:
            await world.client.create(STORAGE_CLASSES, obj)
        elif "resources" in obj["spec"]:
            await world.client.create(PERSISTENT_VOLUME_CLAIMS, obj, "default")
        else:
            await world.client.create(PERSISTENT_VOLUMES, obj)


async def until_phase(world: World, name: str, phase: str) -> Json:
    """The volume or claim of that name, once it is in the phase."""

    async def found() -> Json | None:
        for resource in (PERSISTENT_VOLUMES, PERSISTENT_VOLUME_CLAIMS):
            obj = await world.find(resource, name)
            if obj is not None and obj["status"].get("phase") == phase:
                return obj
        return None

    result: Json = await world.until(found)
    return result


async def test_a_claim_gets_the_smallest_volume_that_will_do(world: World) -> None:
    await make(world, volume("large", "10Gi"), volume("small", "1Gi"), volume("right", "3Gi"), storage_class("c"))
    for name in ("large", "small", "right"):
        await until_phase(world, name, "Available")

    await make(world, claim("data", "2Gi"))

    bound = await until_phase(world, "data", "Bound")
    taken = await until_phase(world, "right", "Bound")
    assert bound["spec"]["volumeName"] == "right"
    assert bound["status"]["capacity"] == {"storage": "3Gi"}
    assert bound["status"]["accessModes"] == ["ReadWriteOnce"]
    assert choice.is_bound(bound)
    assert taken["spec"]["claimRef"]["uid"] == bound["metadata"]["uid"]
    assert choice.annotations_of(taken) == {choice.BOUND_BY_CONTROLLER: "yes"}


async def test_a_volume_that_comes_later_is_found_by_its_claim(world: World) -> None:
    await make(world, storage_class("c"), claim("data"))

    await make(world, volume("v"))

    await until_phase(world, "data", "Bound")


async def test_two_claims_never_share_a_volume(world: World) -> None:
    await make(world, storage_class("c"), volume("v-1"), volume("v-2"), claim("a"), claim("b"))

    bound = [await until_phase(world, name, "Bound") for name in ("a", "b")]

    assert {each["spec"]["volumeName"] for each in bound} == {"v-1", "v-2"}


async def test_a_claim_that_waits_for_a_pod_gets_only_a_volume_that_names_it(world: World) -> None:
    await make(world, storage_class("c", "WaitForFirstConsumer"), volume("v"), claim("data"))
    await until_phase(world, "v", "Available")
    waiting = await world.find(PERSISTENT_VOLUME_CLAIMS, "data")
    assert waiting is not None and "volumeName" not in waiting["spec"]

    reference = {"kind": "PersistentVolumeClaim", "namespace": "default", "name": "data"}
    await world.client.patch(PERSISTENT_VOLUMES, "v", {"spec": {"claimRef": reference}})

    bound = await until_phase(world, "data", "Bound")
    assert bound["spec"]["volumeName"] == "v"
    assert choice.BOUND_BY_CONTROLLER not in choice.annotations_of(await until_phase(world, "v", "Bound"))


async def test_a_driver_is_asked_for_what_is_not_there(world: World) -> None:
    waiting = storage_class("later", "WaitForFirstConsumer", "csi.example.com")
    await make(world, storage_class("c", provisioner="csi.example.com"), waiting)
    await make(world, claim("now"), claim("later", class_name="later"))

    async def asked(name: str) -> bool:
        found = await world.find(PERSISTENT_VOLUME_CLAIMS, name)
        return found is not None and choice.annotations_of(found).get(choice.PROVISIONER) == "csi.example.com"

    await world.until(lambda: asked("now"))
    assert not await asked("later")
    selected = {"metadata": {"annotations": {choice.SELECTED_NODE: "n-1"}}}
    await world.client.patch(PERSISTENT_VOLUME_CLAIMS, "later", selected, "default")
    await world.until(lambda: asked("later"))


async def test_a_volume_is_released_when_its_claim_goes_and_a_claim_lost_when_its_volume_does(world: World) -> None:
    await make(world, storage_class("c"), volume("v-1"), claim("a"))
    await until_phase(world, "a", "Bound")
    await world.client.patch(PERSISTENT_VOLUME_CLAIMS, "a", {"metadata": {"finalizers": None}}, "default")
    await world.client.delete(PERSISTENT_VOLUME_CLAIMS, "a", "default")
    await until_phase(world, "v-1", "Released")

    await make(world, volume("v-2"), claim("b"))
    await until_phase(world, "b", "Bound")
    await world.client.patch(PERSISTENT_VOLUMES, "v-2", {"metadata": {"finalizers": None}})
    await world.client.delete(PERSISTENT_VOLUMES, "v-2")
    await until_phase(world, "b", "Lost")


@pytest.mark.parametrize(
    ("offered", "asked", "is_taken"),
    [
        pytest.param({}, {}, True, id="alike"),
        pytest.param({"capacity": {"storage": "512Mi"}}, {}, False, id="too small"),
        pytest.param({"accessModes": ["ReadWriteOnce", "ReadOnlyMany"]}, {}, True, id="more modes than asked for"),
        pytest.param({}, {"accessModes": ["ReadWriteMany"]}, False, id="a mode it has not"),
        pytest.param({"volumeMode": "Block"}, {}, False, id="a block device for a file system"),
        pytest.param({"volumeMode": "Filesystem"}, {}, True, id="the default mode, said"),
        pytest.param({"storageClassName": "d"}, {}, False, id="another class"),
        pytest.param({"volumeAttributesClassName": "fast"}, {}, False, id="other attributes"),
        pytest.param({}, {"selector": {"matchLabels": {"disk": "ssd"}}}, True, id="selected"),
        pytest.param({}, {"selector": {"matchLabels": {"disk": "hdd"}}}, False, id="not selected"),
        pytest.param({"claimRef": {"namespace": "default", "name": "other"}}, {}, False, id="reserved for another"),
        pytest.param({"claimRef": {"namespace": "default", "name": "data"}}, {}, True, id="reserved for it"),
        pytest.param(
            {"claimRef": {"namespace": "default", "name": "data", "uid": "u-0"}}, {}, False, id="for one before it"
        ),
    ],
)
def test_what_a_volume_needs_for_a_claim(offered: Json, asked: Json, is_taken: bool) -> None:
    there = volume("v", **offered)
    there |= {"metadata": {"name": "v", "labels": {"disk": "ssd"}}, "status": {"phase": "Available"}}
    wanting = claim("data", **asked)
    wanting["metadata"] |= {"namespace": "default", "uid": "u-1"}

    assert (choice.choose(wanting, [there], is_waiting=False) is there) == is_taken
