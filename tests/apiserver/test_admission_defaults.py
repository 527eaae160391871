"""The default admission plugins: what they fill in and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest
from pyk8s.api.status import StatusError
from pyk8s_server.apiserver.admission import default_plugins
from pyk8s_server.apiserver.interfaces import Attributes
from registry_cases import StoredObjects, attributes, resource_of

Json = dict[str, Any]

PODS = resource_of("pods")
NAMESPACES = resource_of("namespaces")
CLASSES = resource_of("priorityclasses", "scheduling.k8s.io")


def cluster() -> StoredObjects:
    return StoredObjects(
        [
            (NAMESPACES, {"metadata": {"name": "ns"}, "status": {"phase": "Active"}}),
            (NAMESPACES, {"metadata": {"name": "going"}, "status": {"phase": "Terminating"}}),
            (resource_of("serviceaccounts"), {"metadata": {"name": "default", "namespace": "ns"}}),
        ]
    )


def pod(namespace: str = "ns", **spec: Any) -> Json:
    containers = [{"name": "c", "image": "nginx"}]
    return {"metadata": {"name": "p", "namespace": namespace}, "spec": {"containers": containers, **spec}}


async def admitted(request: Attributes) -> Attributes:
    plugins = default_plugins()
    for plugin in plugins:
        await plugin.admit(request)
    for plugin in plugins:
        await plugin.validate(request)
    return request


async def test_a_plain_pod_gets_account_token_tolerations_and_priority() -> None:
    obj = pod()

    await admitted(attributes("CREATE", PODS, obj, reader=cluster()))

    spec = obj["spec"]
    volume = spec["volumes"][0]
    assert spec["serviceAccountName"] == spec["serviceAccount"] == "default"
    assert volume["name"].startswith("kube-api-access-")
    assert spec["containers"][0]["volumeMounts"] == [
        {"name": volume["name"], "readOnly": True, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}
    ]
    assert [t["key"] for t in spec["tolerations"]] == [
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
    ]
    assert (spec["priority"], spec["preemptionPolicy"]) == (0, "PreemptLowerPriority")


async def test_a_pod_may_decline_the_token() -> None:
    obj = pod(automountServiceAccountToken=False)

    await admitted(attributes("CREATE", PODS, obj, reader=cluster()))

    assert "volumes" not in obj["spec"]


async def test_a_missing_account_is_named_in_the_refusal() -> None:
    with pytest.raises(StatusError) as refusal:
        await admitted(attributes("CREATE", PODS, pod(serviceAccountName="none"), reader=cluster()))

    assert refusal.value.message == (
        'pods "p" is forbidden: error looking up service account ns/none: serviceaccount "none" not found'
    )


async def test_a_pod_that_tolerates_everything_gets_no_further_tolerations() -> None:
    obj = pod(tolerations=[{"operator": "Exists"}])

    await admitted(attributes("CREATE", PODS, obj, reader=cluster()))

    assert obj["spec"]["tolerations"] == [{"operator": "Exists"}]


async def test_priority_follows_from_the_class_and_may_not_be_given() -> None:
    stored = cluster()
    stored.put(CLASSES, {"metadata": {"name": "high"}, "value": 1000, "preemptionPolicy": "Never"})
    obj = pod(priorityClassName="high")

    await admitted(attributes("CREATE", PODS, obj, reader=stored))
    with pytest.raises(StatusError, match=r"the integer value of priority \(5\) must not be provided"):
        await admitted(attributes("CREATE", PODS, pod(priority=5), reader=stored))

    assert (obj["spec"]["priority"], obj["spec"]["preemptionPolicy"]) == (1000, "Never")


async def test_only_one_priority_class_may_be_the_default() -> None:
    stored = cluster()
    stored.put(CLASSES, {"metadata": {"name": "one"}, "value": 7, "globalDefault": True})
    second = {"metadata": {"name": "two"}, "value": 8, "globalDefault": True}

    with pytest.raises(StatusError, match="PriorityClass one is already marked as default"):
        await admitted(attributes("CREATE", CLASSES, second, reader=stored))


async def test_nothing_is_created_in_a_missing_namespace() -> None:
    with pytest.raises(StatusError) as refusal:
        await admitted(attributes("CREATE", PODS, pod("nowhere"), reader=cluster()))

    assert (refusal.value.code, refusal.value.message) == (404, 'namespaces "nowhere" not found')


async def test_nothing_is_created_in_a_terminating_namespace() -> None:
    with pytest.raises(StatusError) as refusal:
        await admitted(attributes("CREATE", PODS, pod("going"), reader=cluster()))

    assert refusal.value.details["causes"] == [
        {
            "reason": "NamespaceTerminating",
            "message": "namespace going is being terminated",
            "field": "metadata.namespace",
        }
    ]


@pytest.mark.parametrize("name", ["default", "kube-system", "kube-public"])
async def test_system_namespaces_cannot_be_deleted(name: str) -> None:
    request = attributes("DELETE", NAMESPACES, None, old={"metadata": {"name": name}}, reader=cluster())

    with pytest.raises(StatusError, match="this namespace may not be deleted"):
        await admitted(request)


async def test_a_new_node_is_tainted_not_ready() -> None:
    node: Json = {"metadata": {"name": "n"}}

    await admitted(attributes("CREATE", resource_of("nodes"), node, reader=cluster()))

    assert node["spec"]["taints"] == [{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]


async def test_claims_carry_the_protection_finalizer_and_the_newest_default_class() -> None:
    stored = cluster()
    marked = {"storageclass.kubernetes.io/is-default-class": "true"}
    for name, created in (("old", "2020-01-01T00:00:00Z"), ("new", "2021-01-01T00:00:00Z")):
        meta = {"name": name, "creationTimestamp": created, "annotations": marked}
        stored.put(resource_of("storageclasses", "storage.k8s.io"), {"metadata": meta})
    claim: Json = {"metadata": {"name": "c", "namespace": "ns"}, "spec": {}}

    await admitted(attributes("CREATE", resource_of("persistentvolumeclaims"), claim, reader=stored))

    assert claim["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]
    assert claim["spec"]["storageClassName"] == "new"


async def test_a_runtime_class_narrows_where_a_pod_runs() -> None:
    stored = cluster()
    runtime = {"metadata": {"name": "rc"}, "handler": "h", "scheduling": {"nodeSelector": {"a": "b"}}}
    stored.put(resource_of("runtimeclasses", "node.k8s.io"), runtime)
    obj = pod(runtimeClassName="rc")

    await admitted(attributes("CREATE", PODS, obj, reader=stored))
    with pytest.raises(StatusError, match=r"conflict: runtimeClass.scheduling.nodeSelector\[a\] = b"):
        await admitted(attributes("CREATE", PODS, pod(runtimeClassName="rc", nodeSelector={"a": "z"}), reader=stored))

    assert obj["spec"]["nodeSelector"] == {"a": "b"}
