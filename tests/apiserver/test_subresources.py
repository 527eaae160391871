"""Scale, binding, eviction, and subresources that are not there."""

import pytest
from pyk8s_server.apiserver.endpoints.subresources.scale import selector_text

from tests.apiserver.api import CONFIG_MAPS, DEPLOYMENTS, MERGE, PODS, config_map, deployment, pod

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


async def test_a_scale_shows_and_sets_the_replicas_of_its_workload(api):
    created = await api.create(DEPLOYMENTS, deployment("d", 2))

    shown = await api("GET", DEPLOYMENTS + "/d/scale")
    put = await api("PUT", DEPLOYMENTS + "/d/scale", {**shown.body, "spec": {"replicas": 5}})
    patched = await api("PATCH", DEPLOYMENTS + "/d/scale", {"spec": {"replicas": 0}}, content_type=MERGE)

    assert shown.body["spec"] == {"replicas": 2}
    assert shown.body["status"] == {"replicas": 0, "selector": "app=d"}
    assert shown.body["metadata"]["resourceVersion"] == created["metadata"]["resourceVersion"]
    assert put.body["spec"] == {"replicas": 5}
    assert patched.body["spec"] == {}
    assert (await api("GET", DEPLOYMENTS + "/d")).body["metadata"]["generation"] == 3


async def test_a_scale_of_an_older_version_is_a_conflict(api):
    await api.create(DEPLOYMENTS, deployment("d"))
    shown = await api("GET", DEPLOYMENTS + "/d/scale")
    await api("PATCH", DEPLOYMENTS + "/d/scale", {"spec": {"replicas": 4}}, content_type=MERGE)

    answer = await api("PUT", DEPLOYMENTS + "/d/scale", {**shown.body, "spec": {"replicas": 5}})

    assert answer.status == 409


async def test_a_negative_scale_is_invalid(api):
    await api.create(DEPLOYMENTS, deployment("d"))

    answer = await api("PATCH", DEPLOYMENTS + "/d/scale", {"spec": {"replicas": -1}}, content_type=MERGE)

    assert answer.status == 422
    assert answer.message.startswith('Scale.autoscaling "d" is invalid: spec.replicas: Invalid value: -1')


async def test_a_scale_has_a_table_of_its_own(api):
    await api.create(DEPLOYMENTS, deployment("d"))

    answer = await api("GET", DEPLOYMENTS + "/d/scale", accept=TABLE)

    assert [column["name"] for column in answer.body["columnDefinitions"]] == ["Name", "Desired", "Available", "Age"]


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        (None, ""),
        ({"matchLabels": {"b": "2", "a": "1"}}, "a=1,b=2"),
        ({"b": "2", "a": "1"}, "a=1,b=2"),
        ({"matchExpressions": [{"key": "k", "operator": "In", "values": ["y", "x"]}]}, "k in (x,y)"),
        ({"matchExpressions": [{"key": "k", "operator": "NotIn", "values": ["x"]}]}, "k notin (x)"),
        ({"matchExpressions": [{"key": "k", "operator": "Exists"}]}, "k"),
        ({"matchExpressions": [{"key": "k", "operator": "DoesNotExist"}]}, "!k"),
    ],
)
def test_a_selector_is_shown_as_a_query(selector, expected):
    assert selector_text(selector) == expected


async def test_a_binding_puts_a_pod_on_a_node_once(api):
    await api.create(PODS, pod("p"))
    binding = {"metadata": {"name": "p", "annotations": {"a": "b"}}, "target": {"kind": "Node", "name": "n1"}}

    bound = await api("POST", PODS + "/p/binding", binding)
    again = await api("POST", PODS + "/p/binding", binding)
    found = (await api("GET", PODS + "/p")).body

    assert (bound.status, bound.body["status"]) == (201, "Success")
    assert found["spec"]["nodeName"] == "n1"
    assert found["metadata"]["annotations"] == {"a": "b"}
    assert [(c["type"], c["status"]) for c in found["status"]["conditions"]] == [("PodScheduled", "True")]
    assert again.status == 409
    assert again.message.endswith('"p": pod p is already assigned to node "n1"')


async def test_a_pod_takes_the_topology_labels_of_its_node(api):
    await api.create("/api/v1/nodes", {"metadata": {"name": "n1", "labels": {"topology.kubernetes.io/zone": "z"}}})
    await api.create(PODS, pod("p"))

    await api("POST", PODS + "/p/binding", {"metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n1"}})

    assert (await api("GET", PODS + "/p")).body["metadata"]["labels"] == {"topology.kubernetes.io/zone": "z"}


async def test_the_older_bindings_resource_binds_too(api):
    await api.create(PODS, pod("p"))
    path = "/api/v1/namespaces/default/bindings"

    assert (await api("POST", path, {"metadata": {"name": "p"}, "target": {"name": "n1"}})).status == 201
    assert (await api("POST", path, {"metadata": {"name": "none"}, "target": {"name": "n1"}})).status == 404
    assert (await api("POST", path, {"metadata": {"name": "p"}, "target": {"kind": "Pod", "name": "x"}})).status == 422


async def test_an_eviction_deletes_the_pod(api):
    await api.create(PODS, pod("p"))
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}}

    evicted = await api("POST", PODS + "/p/eviction", eviction)
    again = await api("POST", PODS + "/p/eviction", eviction)

    assert (evicted.status, again.status) == (201, 404)


async def test_an_eviction_names_the_pod_of_its_path(api):
    await api.create(PODS, pod("p"))

    answer = await api("POST", PODS + "/p/eviction", {"metadata": {"name": "other"}})

    assert (answer.status, answer.message) == (400, "name in URL does not match name in Eviction object")


async def test_an_eviction_of_the_beta_version_is_read(api):
    await api.create(PODS, pod("p"))
    eviction = {"apiVersion": "policy/v1beta1", "kind": "Eviction", "metadata": {"name": "p"}}

    assert (await api("POST", PODS + "/p/eviction", eviction)).status == 201


async def test_a_dry_run_of_an_eviction_keeps_the_pod(api):
    await api.create(PODS, pod("p"))
    body = {"metadata": {"name": "p"}, "deleteOptions": {"dryRun": ["All"]}}

    assert (await api("POST", PODS + "/p/eviction", body)).status == 201
    assert (await api("GET", PODS + "/p")).status == 200


async def test_an_unknown_subresource_is_not_found_and_one_that_is_not_served_not_allowed(api):
    await api.create(CONFIG_MAPS, config_map("a"))
    await api.create(PODS, pod("p"))

    missing = await api("GET", CONFIG_MAPS + "/a/status")
    unserved = await api("GET", PODS + "/p/log")

    assert (missing.status, missing.message) == (404, "the server could not find the requested resource")
    assert unserved.status == 405


async def test_reviews_answer_and_are_not_stored(api):
    access = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    asked = {"spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}}

    who = await api("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {})
    may = await api("POST", access, asked)

    assert who.body["status"]["userInfo"]["username"] == "admin"
    assert may.body["status"] == {"allowed": True}
    assert (await api("GET", access)).status == 405
