"""Strategies: what a write may set and what it keeps."""

from __future__ import annotations

from typing import Any

from pyk8s.api.resources import resources
from pyk8s_server.apiserver.registry import strategy_for
from registry_cases import context, copied, resource_of

Json = dict[str, Any]


def deployment(**spec: Any) -> Json:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d", "namespace": "ns", "uid": "u", "generation": 3, "resourceVersion": "7"},
        "spec": {"replicas": 1, **spec},
        "status": {"replicas": 1},
    }


def test_every_resource_and_subresource_has_a_strategy() -> None:
    for resource in resources():
        assert strategy_for(resource).resource is resource
        for subresource in resource.subresources:
            assert strategy_for(resource, subresource.name).subresource == subresource.name


def test_create_clears_status_and_starts_generation() -> None:
    obj = deployment()

    strategy_for(resource_of("deployments", "apps")).prepare_for_create(context(), obj)

    assert obj["status"] == {}
    assert obj["metadata"]["generation"] == 1


def test_replica_sets_keep_the_fields_that_go_always_writes_in_a_cleared_status() -> None:
    obj = {"metadata": {"name": "r"}, "spec": {}, "status": {"replicas": 9}}

    strategy_for(resource_of("replicasets", "apps")).prepare_for_create(context(), obj)

    assert obj["status"] == {"replicas": 0}


def test_update_keeps_status_and_raises_generation_on_a_spec_change() -> None:
    old, obj = deployment(), deployment(replicas=2)
    obj["status"] = {"replicas": 5}
    obj["metadata"]["generation"] = 99

    strategy_for(resource_of("deployments", "apps")).prepare_for_update(context(), obj, old)

    assert obj["status"] == {"replicas": 1}
    assert obj["metadata"]["generation"] == 4


def test_status_update_keeps_spec_and_labels_and_generation() -> None:
    old, obj = deployment(), deployment(replicas=2)
    obj["status"] = {"replicas": 5}
    obj["metadata"]["labels"] = {"a": "b"}

    strategy_for(resource_of("deployments", "apps"), "status").prepare_for_update(context(), obj, old)

    assert obj["spec"] == {"replicas": 1}
    assert obj["status"] == {"replicas": 5}
    assert "labels" not in obj["metadata"]
    assert obj["metadata"]["generation"] == 3


def test_status_endpoint_of_a_claim_resets_all_metadata() -> None:
    claim = {"metadata": {"name": "c", "labels": {"a": "1"}, "resourceVersion": "5"}, "spec": {"devices": {}}}
    obj = copied(claim)
    obj["metadata"] = {"name": "c", "labels": {"a": "2"}, "resourceVersion": "6", "managedFields": [{"x": 1}]}

    strategy_for(resource_of("resourceclaims", "resource.k8s.io"), "status").prepare_for_update(context(), obj, claim)

    assert obj["metadata"] == {
        "name": "c",
        "labels": {"a": "1"},
        "resourceVersion": "6",
        "managedFields": [{"x": 1}],
    }


def test_an_update_without_version_is_refused_where_the_kind_demands_one() -> None:
    lease = {"metadata": {"name": "l", "namespace": "ns"}, "spec": {}}

    errors = strategy_for(resource_of("leases", "coordination.k8s.io")).validate_update(context(), lease, lease)

    assert [e.text() for e in errors] == ["metadata.resourceVersion: Invalid value: 0: must be specified for an update"]
