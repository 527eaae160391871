"""EndpointSlices and Endpoints against the real API server: readiness, ports, slices of a hundred, repairs."""

from __future__ import annotations

from typing import Any

from controller_world import World
from pyk8s.client.well_known import ENDPOINT_SLICES, ENDPOINTS, NODES, PODS, SERVICES

Json = dict[str, Any]


def service(**spec: Any) -> Json:
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    return {
        "metadata": {"name": "s", "labels": {"l": "m"}},
        "spec": {"selector": {"app": "a"}, "ports": ports, **spec},
    }


async def create_pod(world: World, name: str, **spec: Any) -> Json:
    containers = [{"name": "c", "image": "i", **spec.pop("container", {})}]
    pod = {"metadata": {"name": name, "labels": {"app": "a"}}, "spec": {"containers": containers, **spec}}
    return await world.client.create(PODS, pod, "default")


async def slices(world: World) -> list[Json]:
    return await world.items(ENDPOINT_SLICES, label_selector="kubernetes.io/service-name=s")


async def ready_addresses(world: World) -> list[str]:
    return [
        address
        for endpoint_slice in await slices(world)
        for endpoint in endpoint_slice.get("endpoints") or []
        if endpoint["conditions"]["ready"]
        for address in endpoint["addresses"]
    ]


async def test_a_ready_pod_becomes_an_endpoint(world: World) -> None:
    await world.nodes.add("n1")
    await world.client.patch(NODES, "n1", {"metadata": {"labels": {"topology.kubernetes.io/zone": "z1"}}})
    await world.client.create(SERVICES, service(clusterIP="None"), "default")
    pod = await create_pod(world, "p")

    await world.until(lambda: ready_addresses(world))

    (endpoint_slice,) = await slices(world)
    pod = await world.client.get(PODS, "p", "default")
    assert endpoint_slice["metadata"]["labels"] == {
        "l": "m",
        "kubernetes.io/service-name": "s",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
        "service.kubernetes.io/headless": "",
    }
    assert endpoint_slice["metadata"]["name"].startswith("s-")
    assert endpoint_slice["metadata"]["ownerReferences"][0]["kind"] == "Service"
    assert endpoint_slice["ports"] == [{"name": "http", "port": 8080, "protocol": "TCP"}]
    assert endpoint_slice["endpoints"] == [
        {
            "addresses": [pod["status"]["podIP"]],
            "conditions": {"ready": True, "serving": True, "terminating": False},
            "nodeName": "n1",
            "zone": "z1",
            "targetRef": {"kind": "Pod", "namespace": "default", "name": "p", "uid": pod["metadata"]["uid"]},
        }
    ]


async def test_endpoints_show_the_same_in_their_old_form(world: World) -> None:
    await world.nodes.add("n1")
    await world.client.create(SERVICES, service(), "default")
    await create_pod(world, "p")

    async def subsets() -> list[Json]:
        found = await world.find(ENDPOINTS, "s")
        return [s for s in (found or {}).get("subsets") or [] if s.get("addresses")]

    (subset,) = await world.until(subsets)

    pod = await world.client.get(PODS, "p", "default")
    endpoints = await world.client.get(ENDPOINTS, "s", "default")
    target = {"kind": "Pod", "namespace": "default", "name": "p", "uid": pod["metadata"]["uid"]}
    assert subset == {
        "addresses": [{"ip": pod["status"]["podIP"], "nodeName": "n1", "targetRef": target}],
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
    }
    assert endpoints["metadata"]["labels"]["endpoints.kubernetes.io/managed-by"] == "endpoint-controller"
    await world.client.delete(SERVICES, "s", "default")

    async def is_gone() -> bool:
        return await world.find(ENDPOINTS, "s") is None and not await slices(world)

    await world.until(is_gone)


async def test_a_service_without_pods_has_one_empty_slice(world: World) -> None:
    await world.client.create(SERVICES, service(), "default")

    (endpoint_slice,) = await world.until(lambda: slices(world))
    await world.clock.advance(30)

    assert not endpoint_slice["endpoints"]
    assert await slices(world) == [endpoint_slice]


async def test_many_pods_fill_slices_of_a_hundred(world: World) -> None:
    await world.nodes.add("n1", "n2")
    await world.client.create(SERVICES, service(), "default")
    for number in range(230):
        await create_pod(world, f"p{number}")

    async def is_full() -> bool:
        return len(await ready_addresses(world)) == 230

    await world.until(is_full)
    await world.clock.advance(5)

    addresses = await ready_addresses(world)
    assert len(set(addresses)) == 230
    assert all(len(endpoint_slice["endpoints"]) <= 100 for endpoint_slice in await slices(world))
    assert len(await slices(world)) <= 4


async def test_pods_that_resolve_a_named_port_differently_lie_in_different_slices(world: World) -> None:
    await world.nodes.add("n1")
    await world.client.create(SERVICES, service(ports=[{"port": 80, "targetPort": "web"}]), "default")
    for name, port in (("a", 8000), ("b", 9000)):
        await create_pod(world, name, container={"ports": [{"name": "web", "containerPort": port}]})

    async def are_there() -> bool:
        return len(await ready_addresses(world)) == 2

    await world.until(are_there)

    ports = sorted(s["ports"][0]["port"] for s in await slices(world) if s.get("endpoints"))
    assert ports == [8000, 9000]


async def test_an_unready_pod_is_listed_but_not_ready(world: World) -> None:
    await world.nodes.add("n1")
    await world.client.create(SERVICES, service(), "default")
    await create_pod(world, "p")
    await world.until(lambda: ready_addresses(world))

    conditions = [{"type": "Ready", "status": "False"}]
    await world.client.patch(
        PODS, "p", {"status": {"conditions": conditions}}, "default", patch_type="strategic", subresource="status"
    )

    async def is_unready() -> bool:
        return not await ready_addresses(world)

    await world.until(is_unready)
    (endpoint_slice,) = await slices(world)
    assert endpoint_slice["endpoints"][0]["conditions"] == {"ready": False, "serving": False, "terminating": False}

    async def is_listed() -> list[Json]:
        endpoints = await world.client.get(ENDPOINTS, "s", "default")
        return [a for s in endpoints.get("subsets") or [] for a in s.get("notReadyAddresses") or []]

    assert len(await world.until(is_listed)) == 1


async def test_a_slice_deleted_or_changed_by_others_is_put_right(world: World) -> None:
    await world.nodes.add("n1")
    await world.client.create(SERVICES, service(), "default")
    await create_pod(world, "p")
    await world.until(lambda: ready_addresses(world))
    (first,) = await slices(world)

    await world.client.patch(ENDPOINT_SLICES, first["metadata"]["name"], {"endpoints": []}, "default")
    await world.until(lambda: ready_addresses(world))
    (second,) = await slices(world)
    await world.client.delete(ENDPOINT_SLICES, second["metadata"]["name"], "default")

    await world.until(lambda: ready_addresses(world))
