"""What pods use of a quota."""

import pytest
from pyk8s.api import quota
from pyk8s.api.pod_resources import pod_limits, pod_requests
from pyk8s.api.resources import find

PODS = find("", "v1", "pods")
NOW_S = 1_800_000_000.0


def container(cpu, **more):
    return {"name": "c", "resources": {"requests": {"cpu": cpu}, "limits": {"cpu": cpu}}, **more}


def texts(amounts):
    return {name: str(value) for name, value in amounts.items()}


@pytest.mark.parametrize(
    ("spec", "cpu"),
    [
        ({"containers": [container("1"), container("500m")]}, "1500m"),
        ({"containers": [container("1")], "initContainers": [container("3"), container("2")]}, "3"),
        ({"containers": [container("1")], "initContainers": [container("2", restartPolicy="Always")]}, "3"),
        (
            {
                "containers": [container("1")],
                "initContainers": [container("1", restartPolicy="Always"), container("4")],
            },
            "5",
        ),
        ({"containers": [container("1")], "overhead": {"cpu": "100m"}}, "1100m"),
        ({"containers": [container("1")], "resources": {"requests": {"cpu": "4"}, "limits": {"cpu": "4"}}}, "4"),
    ],
)
def test_a_pods_amounts_follow_how_its_containers_run(spec, cpu):
    assert texts(pod_requests(spec)) == texts(pod_limits(spec)) == {"cpu": cpu}


def test_overhead_makes_no_limit():
    assert pod_limits({"containers": [{"name": "c"}], "overhead": {"cpu": "1"}}) == {}


def test_compute_resources_have_the_names_of_quotas():
    requests = {"cpu": "1", "example.com/gpu": "2", "hugepages-2Mi": "4Mi", "ephemeral-storage": "1Gi"}
    pod = {"metadata": {}, "spec": {"containers": [{"resources": {"requests": requests, "limits": {"cpu": "2"}}}]}}

    assert texts(quota.usage_of(PODS, pod, NOW_S)) == {
        "count/pods": "1",
        "pods": "1",
        "cpu": "1",
        "requests.cpu": "1",
        "limits.cpu": "2",
        "requests.example.com/gpu": "2",
        "hugepages-2Mi": "4Mi",
        "requests.hugepages-2Mi": "4Mi",
        "ephemeral-storage": "1Gi",
        "requests.ephemeral-storage": "1Gi",
    }


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_pod_that_ended_is_only_counted_as_an_object(phase):
    pod = {"metadata": {}, "spec": {"containers": [container("1")]}, "status": {"phase": phase}}

    assert texts(quota.usage_of(PODS, pod, NOW_S)) == {"count/pods": "1"}


def test_a_pod_whose_deletion_is_overdue_uses_nothing():
    meta = {"deletionTimestamp": "2027-01-15T08:00:00Z", "deletionGracePeriodSeconds": 30}
    pod = {"metadata": meta, "spec": {"containers": []}}

    assert quota.is_pod_charged(pod, NOW_S + 30)
    assert not quota.is_pod_charged(pod, NOW_S + 31)


def test_names_are_counted_by_the_resource_that_uses_them():
    names = ["pods", "cpu", "limits.cpu", "requests.storage", "services", "count/pods", "requests.example.com/gpu"]
    names += ["gold.storageclass.storage.k8s.io/requests.storage"]

    counted = {plural: quota.counted_names(find("", "v1", plural), names) for plural in ("pods", "services", "secrets")}
    claims = quota.counted_names(find("", "v1", "persistentvolumeclaims"), names)

    assert counted["pods"] == ["pods", "cpu", "limits.cpu", "count/pods", "requests.example.com/gpu"]
    assert (counted["services"], counted["secrets"]) == (["services"], [])
    assert claims == ["requests.storage", "gold.storageclass.storage.k8s.io/requests.storage"]
