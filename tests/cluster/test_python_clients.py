"""The Python clients people use, unmodified: `kubernetes` and `kr8s`."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from typing import Any

import kr8s
import pytest
from kr8s._async_utils import as_sync_func
from kr8s.objects import ConfigMap, Pod
from kubernetes import client, config, watch

from tests.cluster.conftest import Home

WAIT_S = 30


@pytest.fixture
def core(cluster: Home) -> Iterator[client.CoreV1Api]:
    api = config.new_client_from_config(config_file=str(cluster.kubeconfig))
    yield client.CoreV1Api(api)
    api.close()


@pytest.fixture
def kr8s_api(cluster: Home, namespace: str) -> Iterator[Any]:
    with warnings.catch_warnings():
        # kr8s names the newest minor version it was tested with; it works with newer ones.
        warnings.filterwarnings("ignore", "Kubernetes version")
        api = kr8s.api(kubeconfig=str(cluster.kubeconfig), namespace=namespace)
    yield api
    # kr8s leaves its connections, a watch's among them, to the collector, which warns of each.
    as_sync_func(api._session.aclose)()


def config_map(name: str, **data: str) -> client.V1ConfigMap:
    return client.V1ConfigMap(metadata=client.V1ObjectMeta(name=name, labels={"app": "x"}), data=data)


def test_kubernetes_creates_lists_patches_and_deletes(core: client.CoreV1Api, namespace: str) -> None:
    core.create_namespaced_config_map(namespace, config_map("a", k="1"))
    core.create_namespaced_config_map(namespace, config_map("b", k="2"))

    core.patch_namespaced_config_map("a", namespace, {"data": {"k": "3"}})
    listed = core.list_namespaced_config_map(namespace, label_selector="app=x")
    core.delete_namespaced_config_map("b", namespace)

    assert {item.metadata.name: item.data["k"] for item in listed.items} == {"a": "3", "b": "2"}
    with pytest.raises(client.ApiException) as caught:
        core.read_namespaced_config_map("b", namespace)
    assert caught.value.status == 404


def test_kubernetes_tells_a_conflict(core: client.CoreV1Api, namespace: str) -> None:
    made = core.create_namespaced_config_map(namespace, config_map("a", k="1"))
    core.patch_namespaced_config_map("a", namespace, {"data": {"k": "2"}})

    with pytest.raises(client.ApiException) as caught:
        core.replace_namespaced_config_map("a", namespace, made)

    assert caught.value.status == 409


def test_kubernetes_watches(core: client.CoreV1Api, namespace: str) -> None:
    seen = []
    stream = watch.Watch()
    start = core.list_namespaced_config_map(namespace).metadata.resource_version

    def follow() -> None:
        for event in stream.stream(
            core.list_namespaced_config_map,
            namespace,
            label_selector="app=x",
            resource_version=start,
            timeout_seconds=WAIT_S,
        ):
            seen.append((event["type"], event["object"].metadata.name))
            if event["type"] == "DELETED":
                stream.stop()

    follower = threading.Thread(target=follow)
    follower.start()
    core.create_namespaced_config_map(namespace, config_map("a", k="1"))
    core.patch_namespaced_config_map("a", namespace, {"data": {"k": "2"}})
    core.delete_namespaced_config_map("a", namespace)
    follower.join(WAIT_S)

    assert seen == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]


def test_kubernetes_pages_through_a_list(core: client.CoreV1Api, namespace: str) -> None:
    for number in range(7):
        core.create_namespaced_config_map(namespace, config_map(f"c{number}"))

    names, token = [], None
    while token != "":
        page = core.list_namespaced_config_map(namespace, limit=3, label_selector="app=x", _continue=token)
        names += [item.metadata.name for item in page.items]
        token = page.metadata._continue or ""

    assert names == [f"c{number}" for number in range(7)]


def test_kr8s_creates_waits_and_deletes(kr8s_api: Any, namespace: str) -> None:
    spec = {"containers": [{"name": "c", "image": "pause"}]}
    resource = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": namespace}, "spec": spec}
    pod = Pod(resource, api=kr8s_api)

    pod.create()
    pod.wait("condition=Ready", timeout=WAIT_S)

    assert pod.status.phase == "Running"
    assert [found.name for found in kr8s_api.get("pods", namespace=namespace)] == ["p"]
    pod.delete()
    pod.wait("delete", timeout=WAIT_S)


def test_kr8s_watches_and_patches(kr8s_api: Any, namespace: str) -> None:
    resource = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": namespace}}
    made = ConfigMap(resource, api=kr8s_api)
    made.create()

    made.patch({"data": {"k": "v"}})

    for kind, found in kr8s_api.watch("configmaps", namespace=namespace):
        if found.name == "c":
            assert kind in ("ADDED", "MODIFIED")
            assert found.data.k == "v"
            break
