"""Real kubectl against a real cluster."""

from __future__ import annotations

import json

from tests.cluster.conftest import Home

DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "c", "image": "web:v1", "ports": [{"containerPort": 80}]}]},
        },
    },
}


def apply(cluster: Home, namespace: str, *objects: dict) -> str:
    text = "\n---\n".join(json.dumps(obj) for obj in objects)
    return cluster.kubectl("apply", "-n", namespace, "-f", "-", stdin=text)


def test_create_get_label_patch_delete(cluster: Home, namespace: str) -> None:
    cluster.kubectl("create", "configmap", "c", "-n", namespace, "--from-literal=a=b")
    cluster.kubectl("label", "configmap", "c", "-n", namespace, "x=y")
    cluster.kubectl("patch", "configmap", "c", "-n", namespace, "-p", '{"data":{"k":"v"}}')

    found = cluster.get("configmap", "c", "-n", namespace)

    assert found["data"] == {"a": "b", "k": "v"}
    assert found["metadata"]["labels"] == {"x": "y"}
    cluster.kubectl("delete", "configmap", "c", "-n", namespace)
    assert "c" not in cluster.kubectl("get", "configmaps", "-n", namespace, "-o", "name").split()


def test_apply_changes_only_what_changed(cluster: Home, namespace: str) -> None:
    assert "created" in apply(cluster, namespace, DEPLOYMENT)
    assert "unchanged" in apply(cluster, namespace, DEPLOYMENT)

    more = json.loads(json.dumps(DEPLOYMENT))
    more["spec"]["replicas"] = 3
    assert "configured" in apply(cluster, namespace, more)

    cluster.kubectl("rollout", "status", "deployment/web", "-n", namespace, "--timeout=60s")
    assert cluster.get("deployment", "web", "-n", namespace)["status"]["readyReplicas"] == 3


def test_a_rolling_update_and_its_undo(cluster: Home, namespace: str) -> None:
    apply(cluster, namespace, DEPLOYMENT)
    cluster.kubectl("rollout", "status", "deployment/web", "-n", namespace, "--timeout=60s")

    cluster.kubectl("set", "image", "deployment/web", "c=web:v2", "-n", namespace)
    cluster.kubectl("rollout", "status", "deployment/web", "-n", namespace, "--timeout=60s")
    cluster.kubectl("rollout", "undo", "deployment/web", "-n", namespace)
    cluster.kubectl("rollout", "status", "deployment/web", "-n", namespace, "--timeout=60s")

    found = cluster.get("deployment", "web", "-n", namespace)
    assert found["spec"]["template"]["spec"]["containers"][0]["image"] == "web:v1"
    assert found["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"


def test_a_table_is_what_people_know(cluster: Home, namespace: str) -> None:
    apply(cluster, namespace, DEPLOYMENT)
    cluster.kubectl("rollout", "status", "deployment/web", "-n", namespace, "--timeout=60s")

    lines = cluster.kubectl("get", "deployments", "-n", namespace).splitlines()
    pods = cluster.kubectl("get", "pods", "-n", namespace, "-o", "wide").splitlines()

    assert lines[0].split() == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
    assert lines[1].split()[:4] == ["web", "2/2", "2", "2"]
    assert pods[0].split()[:6] == ["NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP"]
    assert {line.split()[2] for line in pods[1:]} == {"Running"}


def test_a_service_finds_its_pods(cluster: Home, namespace: str) -> None:
    apply(cluster, namespace, DEPLOYMENT)
    cluster.kubectl("expose", "deployment", "web", "-n", namespace, "--port=80")
    cluster.kubectl("rollout", "status", "deployment/web", "-n", namespace, "--timeout=60s")

    cluster.kubectl("wait", "--for=jsonpath={.subsets[0].addresses[1].ip}", "endpoints/web", "-n", namespace)

    service = cluster.get("service", "web", "-n", namespace)
    assert service["spec"]["clusterIP"].startswith("10.")


def test_describe_shows_the_events(cluster: Home, namespace: str) -> None:
    apply(cluster, namespace, DEPLOYMENT)
    cluster.kubectl("rollout", "status", "deployment/web", "-n", namespace, "--timeout=60s")

    shown = cluster.kubectl("describe", "deployment", "web", "-n", namespace)

    assert "ScalingReplicaSet" in shown
    assert "MinimumReplicasAvailable" in shown


def test_a_namespace_takes_its_content_along(cluster: Home) -> None:
    cluster.kubectl("create", "namespace", "short-lived")
    apply(cluster, "short-lived", DEPLOYMENT)

    cluster.kubectl("delete", "namespace", "short-lived", "--timeout=60s")

    assert "No resources" not in cluster.kubectl("get", "namespaces")
    assert "short-lived" not in cluster.kubectl("get", "namespaces", "-o", "name")


def test_an_unschedulable_pod_says_why(cluster: Home, namespace: str) -> None:
    spec = {"containers": [{"name": "c", "image": "i", "resources": {"requests": {"cpu": "1000"}}}]}
    apply(cluster, namespace, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "big"}, "spec": spec})

    cluster.kubectl("wait", "--for=condition=PodScheduled=False", "pod/big", "-n", namespace, "--timeout=30s")

    condition = cluster.get("pod", "big", "-n", namespace)["status"]["conditions"][0]
    assert condition["reason"] == "Unschedulable"
    assert condition["message"].startswith("0/2 nodes are available: 2 Insufficient cpu.")


def test_strict_validation_names_the_unknown_field(cluster: Home, namespace: str) -> None:
    text = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "datta": {}})

    done = cluster.run(["kubectl", "create", "-n", namespace, "-f", "-"], code=1, stdin=text)

    assert 'unknown field "datta"' in done.stderr
