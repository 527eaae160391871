"""Tests of the operator: its reconcile function alone, and the whole operator at work beside a cluster."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from kubernetes import client, config
from status_operator import reconcile

HERE = Path(__file__).parent


@pytest.fixture
def api(k8s):
    """The kubernetes package's client of this test's cluster."""
    with config.new_client_from_config(k8s.kubeconfig) as made:
        yield made


@pytest.fixture
def operator(k8s):
    """The operator as a process of its own, as it runs in production."""
    environment = {**os.environ, "KUBECONFIG": k8s.kubeconfig}
    process = subprocess.Popen([sys.executable, HERE / "status_operator.py"], env=environment)
    yield process
    process.terminate()
    process.wait()


def published(k8s) -> list[str]:
    return [found["metadata"]["name"] for found in k8s.list("configmaps", "default") if "wanted" in found["data"]]


def test_a_deployment_that_no_longer_asks_loses_its_config_map(k8s, api):
    k8s.apply(HERE / "web.yaml")
    reconcile(api, client.AppsV1Api(api).read_namespaced_deployment("web", "default"))
    assert published(k8s) == ["web-status"]

    k8s.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "annotations": None}})
    reconcile(api, client.AppsV1Api(api).read_namespaced_deployment("web", "default"))

    assert published(k8s) == []


def test_reconciling_twice_changes_nothing_more(k8s, api):
    k8s.apply(HERE / "web.yaml")
    k8s.wait_for("deployment", "web", "Available")
    deployment = client.AppsV1Api(api).read_namespaced_deployment("web", "default")

    reconcile(api, deployment)
    first = k8s.get("configmap", "web-status")
    reconcile(api, deployment)

    assert k8s.get("configmap", "web-status")["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


def test_the_counts_follow_the_deployment(k8s, operator):
    k8s.apply(HERE / "web.yaml")

    k8s.wait_for("configmap", "web-status", lambda found: found["data"] == {"wanted": "3", "ready": "3"})
    k8s.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 1}})

    k8s.wait_for("configmap", "web-status", lambda found: found["data"] == {"wanted": "1", "ready": "1"})


def test_the_config_map_goes_with_its_deployment(k8s, operator):
    k8s.apply(HERE / "web.yaml")
    k8s.wait_for("configmap", "web-status", lambda found: True)

    k8s.delete("deployment", "web")

    k8s.wait_for("configmap", "web-status", "deleted")
