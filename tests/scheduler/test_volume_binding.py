"""Pods with volumes, against the API server in process and the volume binder: written, awaited, given up."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from pyk8s.api.resources import Resource
from pyk8s.api.status import not_found
from pyk8s.client.interfaces import Client
from pyk8s.client.well_known import (
    EVENTS,
    NODES,
    PERSISTENT_VOLUME_CLAIMS,
    PERSISTENT_VOLUMES,
    PODS,
    SERVICES,
    STORAGE_CLASSES,
)
from pyk8s.controllers.manager import Manager
from pyk8s.scheduler import Scheduler
from pyk8s.scheduler.configuration.compile import compile_configuration
from pyk8s.scheduler.object_feed import fed_resources, is_served
from pyk8s.scheduler.pre_bind import BIND_TIMEOUT_S, SELECTED_NODE, bind_timeouts_s

sys.path.insert(0, str(Path(__file__).parents[1] / "kubelet"))

from cluster_in_process import InProcess, named, pod

Json = dict[str, Any]
DRIVER = "csi.example.com"


@pytest.fixture
async def cluster() -> AsyncIterator[InProcess]:
    async with InProcess() as made:
        client = made.client_of("kube-controller-manager")
        made.start(Manager(client, made.clock, made.identity, controllers=["persistentvolume-binder"]))
        for name in ("n-1", "n-2"):
            resources = {"cpu": "4", "memory": "8Gi", "pods": "110"}
            node = {**named("Node", name), "status": {"capacity": resources, "allocatable": resources}}
            node["metadata"]["labels"] = {"kubernetes.io/hostname": name}
            await made.client.create(NODES, node)
            await made.client.patch(NODES, name, {"spec": {"taints": None}})
        for name, provisioner in (("local", "kubernetes.io/no-provisioner"), ("made", DRIVER)):
            waiting = {"provisioner": provisioner, "volumeBindingMode": "WaitForFirstConsumer"}
            await made.client.create(STORAGE_CLASSES, {"metadata": {"name": name}, **waiting})
        yield made


def scheduler_of(cluster: InProcess, *, bind_timeout_s: int = 600) -> Scheduler:
    args = [{"name": "VolumeBinding", "args": {"bindTimeoutSeconds": bind_timeout_s}}]
    wanted = {"profiles": [{"schedulerName": "default-scheduler", "pluginConfig": args}]}
    header = {"apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration"}
    scheduler = Scheduler(
        cluster.client_of("kube-scheduler"),
        clock=cluster.clock,
        identity=cluster.identity,
        configuration=compile_configuration(orjson.dumps({**header, **wanted})),
    )
    cluster.start(scheduler)
    return scheduler


def on_node(name: str) -> Json:
    expression = {"key": "kubernetes.io/hostname", "operator": "In", "values": [name]}
    return {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}}


async def add_volume(cluster: InProcess, name: str, node: str, **spec: Any) -> None:
    fixed = {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "nodeAffinity": on_node(node)}
    source = {} if "csi" in spec else {"local": {"path": "/mnt"}, "storageClassName": "local"}
    await cluster.client.create(
        PERSISTENT_VOLUMES, {**named("PersistentVolume", name), "spec": {**fixed, **source, **spec}}
    )


async def add_claim(cluster: InProcess, name: str, class_name: str) -> None:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    claim = {**named("PersistentVolumeClaim", name), "spec": {**spec, "storageClassName": class_name}}
    await cluster.client.create(PERSISTENT_VOLUME_CLAIMS, claim, "default")


async def add_pod(cluster: InProcess, name: str, claim: str) -> None:
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]
    await cluster.client.create(PODS, pod(name, volumes=volumes))


async def bound_to(cluster: InProcess, name: str) -> str:
    found = await cluster.client.get(PODS, name, "default")
    return str(found["spec"].get("nodeName", ""))


async def claim_of(cluster: InProcess, name: str) -> Json:
    return await cluster.client.get(PERSISTENT_VOLUME_CLAIMS, name, "default")


async def selected_node(cluster: InProcess, claim: str) -> str:
    found = await claim_of(cluster, claim)
    return str((found["metadata"].get("annotations") or {}).get(SELECTED_NODE, ""))


async def has_told(cluster: InProcess, text: str) -> bool:
    return any(text in event["message"] for event in (await cluster.client.list(EVENTS))["items"])


async def test_a_pod_goes_where_its_volume_is_and_starts_bound(cluster: InProcess) -> None:
    await add_volume(cluster, "pv", "n-2")
    await add_claim(cluster, "data", "local")
    scheduler_of(cluster)

    await add_pod(cluster, "p", "data")

    await cluster.until(lambda: bound_to(cluster, "p"))
    claim = await claim_of(cluster, "data")
    assert await bound_to(cluster, "p") == "n-2"
    assert (claim["spec"]["volumeName"], claim["status"]["phase"]) == ("pv", "Bound")


async def test_a_pod_waits_until_the_driver_has_made_its_volume(cluster: InProcess) -> None:
    await add_claim(cluster, "data", "made")
    scheduler_of(cluster)
    await add_pod(cluster, "p", "data")
    node = await cluster.until(lambda: selected_node(cluster, "data"))
    await cluster.clock.advance(5.0)
    assert await bound_to(cluster, "p") == ""

    reference = {"namespace": "default", "name": "data"}
    csi = {"driver": DRIVER, "volumeHandle": "v"}
    await add_volume(cluster, "pv", node, csi=csi, storageClassName="made", claimRef=reference)

    await cluster.until(lambda: bound_to(cluster, "p"))
    assert await bound_to(cluster, "p") == node


async def test_a_pod_is_tried_again_when_the_driver_gives_up(cluster: InProcess) -> None:
    await add_claim(cluster, "data", "made")
    scheduler_of(cluster)
    await add_pod(cluster, "p", "data")
    await cluster.until(lambda: selected_node(cluster, "data"))

    given_up = {"metadata": {"annotations": {SELECTED_NODE: None}}}
    await cluster.client.patch(PERSISTENT_VOLUME_CLAIMS, "data", given_up, "default")

    cause = 'running PreBind plugin "VolumeBinding": binding volumes: provisioning failed for PVC "data"'
    await cluster.until(lambda: has_told(cluster, f"binding rejected: {cause}"))
    await cluster.until(lambda: selected_node(cluster, "data"))


async def test_waiting_for_a_volume_ends_at_the_configured_time(cluster: InProcess) -> None:
    await add_claim(cluster, "data", "made")
    scheduler_of(cluster, bind_timeout_s=30)

    await add_pod(cluster, "p", "data")

    cause = 'running PreBind plugin "VolumeBinding": binding volumes: context deadline exceeded'
    await cluster.until(lambda: has_told(cluster, f"binding rejected: {cause}"))


async def test_a_pod_that_goes_while_it_waits_is_not_told_of_and_frees_its_node(cluster: InProcess) -> None:
    await add_claim(cluster, "data", "made")
    scheduler = scheduler_of(cluster)
    await add_pod(cluster, "p", "data")
    await cluster.until(lambda: selected_node(cluster, "data"))

    await cluster.client.delete(PODS, "p", "default", options={"gracePeriodSeconds": 0})

    async def is_forgotten() -> bool:
        return scheduler.engine.counts()["bound"] == 0

    await cluster.until(is_forgotten)
    assert not await has_told(cluster, "binding rejected")


async def test_two_pods_do_not_get_one_volume(cluster: InProcess) -> None:
    for node in ("n-1", "n-2"):
        await add_volume(cluster, f"pv-{node}", node)
    scheduler_of(cluster)

    for name in ("a", "b"):
        await add_claim(cluster, name, "local")
        await add_pod(cluster, name, name)
    nodes = [await cluster.until(lambda name=name: bound_to(cluster, name)) for name in ("a", "b")]

    assert sorted(nodes) == ["n-1", "n-2"]
    assert {(await claim_of(cluster, name))["spec"]["volumeName"] for name in ("a", "b")} == {"pv-n-1", "pv-n-2"}


async def test_a_claim_that_comes_later_wakes_its_pod(cluster: InProcess) -> None:
    await add_volume(cluster, "pv", "n-1")
    scheduler_of(cluster)
    await add_pod(cluster, "p", "data")
    await cluster.until(lambda: has_told(cluster, 'persistentvolumeclaim "data" not found'))

    await add_claim(cluster, "data", "local")

    await cluster.until(lambda: bound_to(cluster, "p"))


async def test_a_kind_that_the_server_does_not_have_is_left_out(cluster: InProcess) -> None:
    class Without:
        """A client of a server without services that is out of order for nodes."""

        async def list(self, resource: Resource, **_: Any) -> Json:
            if resource == SERVICES:
                raise not_found("", "services", "")
            if resource == NODES:
                raise ConnectionError("no server")
            return {"items": []}

    client: Client = Without()  # type: ignore[assignment]

    assert [await is_served(client, resource) for resource in (SERVICES, PODS, NODES)] == [False, True, True]


def test_every_kind_of_the_contract_is_fed_but_those_the_table_lacks() -> None:
    kinds = {resource.kind for resource in fed_resources()}

    assert {"PersistentVolume", "CSINode", "ReplicaSet", "PodDisruptionBudget", "ResourceClaim"} <= kinds
    assert len(kinds) == len(fed_resources()) == 16


def test_each_profile_has_its_own_time_to_wait() -> None:
    args = {"VolumeBinding": {"bindTimeoutSeconds": 5}}
    profiles = [{"schedulerName": "a", "pluginConfig": args}, {"schedulerName": "b"}]

    assert bind_timeouts_s(orjson.dumps({"profiles": profiles})) == {"a": 5.0, "b": BIND_TIMEOUT_S}
    assert bind_timeouts_s(b"") == {}
