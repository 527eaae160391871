"""Simulated nodes against the API server: registration, heartbeats, pods, scaling."""

from __future__ import annotations

from typing import Any

from cluster_in_process import InProcess, condition, pod
from pyk8s.api.clock import parse_rfc3339
from pyk8s.client.well_known import CONFIG_MAPS, EVENTS, LEASES, NODES, PODS
from pyk8s.kubelet import SimulatedNodes

Json = dict[str, Any]


def nodes_of(cluster: InProcess, count: int) -> SimulatedNodes:
    nodes = SimulatedNodes(cluster.client_of("kubelet"), clock=cluster.clock, identity=cluster.identity, count=count)
    cluster.start(nodes)
    return nodes


async def one_node(cluster: InProcess) -> SimulatedNodes:
    nodes = nodes_of(cluster, 1)
    await cluster.give_network("node-1", "10.244.7.0/24")
    return nodes


async def events(cluster: InProcess, kind: str = "Pod") -> list[tuple[str, str]]:
    await cluster.clock.advance(0.1)
    found = (await cluster.client.list(EVENTS))["items"]
    return [(e["reason"], e["message"]) for e in found if e["involvedObject"]["kind"] == kind]


async def test_a_node_is_ready_once_it_has_a_pod_cidr(cluster: InProcess) -> None:
    nodes_of(cluster, 1)
    node = await cluster.until(lambda: cluster.find(NODES, "node-1"))

    assert condition(node, "Ready") == "False"
    assert node["status"]["capacity"] == {"cpu": "8", "ephemeral-storage": "100Gi", "memory": "32Gi", "pods": "110"}
    assert node["status"]["nodeInfo"]["kubeletVersion"] == "v1.36.2"

    await cluster.give_network("node-1", "10.244.7.0/24")

    assert condition(await cluster.client.get(NODES, "node-1"), "Ready") == "True"
    ready = ("NodeReady", "Node node-1 status is now: NodeReady")
    assert await events(cluster, "Node") == [("Starting", "Starting kubelet."), ready]


async def test_the_lease_is_renewed_every_ten_seconds(cluster: InProcess) -> None:
    await one_node(cluster)

    async def renewals() -> str:
        lease = await cluster.client.get(LEASES, "node-1", "kube-node-lease")
        return str(lease["spec"]["renewTime"])

    seen = {await renewals()}
    for _ in range(60):
        await cluster.clock.advance(1)
        seen.add(await renewals())

    assert 6 <= len(seen) <= 8


async def test_the_status_is_reported_every_five_minutes(cluster: InProcess) -> None:
    await one_node(cluster)
    beats = set()
    for _ in range(22):
        await cluster.clock.advance(60)
        node = await cluster.client.get(NODES, "node-1")
        beats.add(parse_rfc3339(node["status"]["conditions"][0]["lastHeartbeatTime"]))

    assert 4 <= len(beats) <= 6


async def test_a_bound_pod_comes_up_with_an_address_of_the_node(cluster: InProcess) -> None:
    await one_node(cluster)
    await cluster.client.create(PODS, pod("p", nodeName="node-1"))

    await cluster.until(cluster.has_phase("p", "Running"))

    status = (await cluster.client.get(PODS, "p", "default"))["status"]
    assert status["podIP"] == "10.244.7.2"
    assert status["hostIP"] == "172.18.0.2"
    assert {c["status"] for c in status["conditions"]} == {"True"}
    assert [reason for reason, _ in await events(cluster)] == ["Pulled", "Created", "Started"]


async def test_a_pod_start_is_one_status_write(cluster: InProcess) -> None:
    await one_node(cluster)
    created = await cluster.client.create(PODS, pod("p", nodeName="node-1"))
    versions = []
    async for event in cluster.client.watch(
        PODS, "default", resource_version=created["metadata"]["resourceVersion"], timeout_s=20
    ):
        versions.append(event.object["status"]["phase"])
        if versions[-1] == "Running":
            break

    assert versions == ["Running"]


async def test_deletion_is_graceful_and_then_final(cluster: InProcess) -> None:
    await one_node(cluster)
    created = await cluster.client.create(PODS, pod("p", nodeName="node-1"))
    await cluster.until(cluster.has_phase("p", "Running"))

    await cluster.client.delete(PODS, "p", "default")
    await cluster.until(cluster.has_phase("p", ""))

    kinds = []
    async for event in cluster.client.watch(
        PODS, "default", resource_version=created["metadata"]["resourceVersion"], timeout_s=20
    ):
        kinds.append((event.type, event.object["status"]["phase"]))
        if event.type == "DELETED":
            break
    assert kinds[-2:] == [("MODIFIED", "Succeeded"), ("DELETED", "Succeeded")]
    assert ("Killing", "Stopping container c") in await events(cluster)


async def test_a_job_like_pod_ends_by_its_annotations(cluster: InProcess) -> None:
    await one_node(cluster)
    annotations = {"pyk8s.io/run-seconds": "30", "pyk8s.io/exit-code": "4"}
    await cluster.client.create(PODS, pod("p", annotations=annotations, nodeName="node-1", restartPolicy="Never"))
    await cluster.until(cluster.has_phase("p", "Running"))
    started_s = cluster.clock.now_s()

    await cluster.until(cluster.has_phase("p", "Failed"))

    assert 29 <= cluster.clock.now_s() - started_s <= 31


async def test_a_missing_config_map_is_waited_for(cluster: InProcess) -> None:
    await one_node(cluster)
    container = {"name": "c", "image": "nginx", "envFrom": [{"configMapRef": {"name": "late"}}]}
    await cluster.client.create(PODS, pod("p", nodeName="node-1", containers=[container]))

    async def waits() -> bool:
        statuses = (await cluster.client.get(PODS, "p", "default"))["status"].get("containerStatuses") or [{}]
        return statuses[0].get("state", {}).get("waiting", {}).get("reason") == "CreateContainerConfigError"

    await cluster.until(waits)
    assert ("Failed", 'Error: configmap "late" not found') in await events(cluster)

    metadata = {"name": "late", "namespace": "default"}
    await cluster.client.create(CONFIG_MAPS, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    await cluster.until(cluster.has_phase("p", "Running"), step_s=0.01)


async def test_a_pod_that_waits_can_be_deleted(cluster: InProcess) -> None:
    await one_node(cluster)
    container = {"name": "c", "image": "nginx", "envFrom": [{"secretRef": {"name": "never"}}]}
    await cluster.client.create(PODS, pod("p", nodeName="node-1", containers=[container]))
    await cluster.until(cluster.has_phase("p", "Pending"))
    await cluster.clock.advance(5)

    await cluster.client.delete(PODS, "p", "default")

    await cluster.until(cluster.has_phase("p", ""))


async def test_a_crash_loop_is_told_and_counted(cluster: InProcess) -> None:
    await one_node(cluster)
    annotations = {"pyk8s.io/run-seconds": "1", "pyk8s.io/exit-code": "1"}
    await cluster.client.create(PODS, pod("p", annotations=annotations, nodeName="node-1"))

    await cluster.clock.advance(minutes=2)

    found = await cluster.client.get(PODS, "p", "default")
    status = found["status"]["containerStatuses"][0]
    # Runs of 1 s at 0, 1, 12, 33, 74 s: the fifth has ended, the next waits 80 s.
    assert (status["restartCount"], found["status"]["phase"]) == (4, "Running")
    assert status["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    back_off = f"Back-off restarting failed container c in pod p_default({found['metadata']['uid']})"
    assert ("BackOff", back_off) in await events(cluster)


async def test_a_deleted_node_falls_silent(cluster: InProcess) -> None:
    await one_node(cluster)
    await cluster.client.delete(NODES, "node-1")
    await cluster.clock.advance(minutes=11)

    assert await cluster.find(NODES, "node-1") is None


async def test_scaling_adds_and_removes_nodes(cluster: InProcess) -> None:
    nodes = await one_node(cluster)

    async def names() -> list[str]:
        return [n["metadata"]["name"] for n in (await cluster.client.list(NODES))["items"]]

    async def there_are(*wanted: str) -> bool:
        return await names() == list(wanted)

    await nodes.scale(3)
    await cluster.until(lambda: there_are("node-1", "node-2", "node-3"))
    await cluster.give_network("node-3", "10.244.9.0/24")
    await cluster.client.create(PODS, pod("p", nodeName="node-3"))
    await cluster.until(cluster.has_phase("p", "Running"))

    await nodes.scale(1)
    await cluster.until(lambda: there_are("node-1"))

    assert await cluster.pod_phase("p") == ""
    assert await cluster.find(LEASES, "node-3", "kube-node-lease") is None
    await nodes.scale(2)
    await cluster.until(lambda: there_are("node-1", "node-2"))


async def test_pods_outlive_a_restart_of_their_kubelet(cluster: InProcess) -> None:
    nodes = await one_node(cluster)
    await cluster.client.create(PODS, pod("p", nodeName="node-1"))
    await cluster.until(cluster.has_phase("p", "Running"))
    before = await cluster.client.get(PODS, "p", "default")
    await cluster.stop(nodes)

    nodes_of(cluster, 1)
    await cluster.client.create(PODS, pod("q", nodeName="node-1"))
    await cluster.until(cluster.has_phase("q", "Running"))

    after = await cluster.client.get(PODS, "p", "default")
    assert after["status"] == before["status"]
    assert (await cluster.client.get(PODS, "q", "default"))["status"]["podIP"] != before["status"]["podIP"]
