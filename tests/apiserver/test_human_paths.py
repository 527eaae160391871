"""Health, version, metrics, headers: what people and monitors read."""

import pytest

from tests.apiserver.api import CONFIG_MAPS, Api


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz", "/livez/ping", "/livez/etcd"])
async def test_health_is_ok_to_anyone(api, path):
    answer = await Api(api.server, user=None)("GET", path)

    assert (answer.status, answer.raw) == (200, b"ok")


async def test_verbose_health_names_every_check(api):
    answer = await api("GET", "/readyz?verbose")

    assert answer.raw.startswith(b"[+]ping ok\n[+]log ok\n[+]informer-sync ok\n")
    assert answer.raw.endswith(b"readyz check passed\n")


async def test_a_failing_check_is_named_and_its_reason_withheld(api):
    def fail():
        raise RuntimeError("secret reason")

    api.server.health.ready_checks["shaky"] = fail

    ready, live = await api("GET", "/readyz"), await api("GET", "/livez")
    excluded = await api("GET", "/readyz?exclude=shaky")

    assert ready.status == 500
    assert b"[-]shaky failed: reason withheld" in ready.raw
    assert b"secret reason" not in ready.raw
    assert (live.status, excluded.status) == (200, 200)


async def test_a_server_is_not_ready_before_it_is_bootstrapped(api):
    api.server.is_ready = False

    assert (await api("GET", "/readyz")).status == 500


async def test_an_unknown_check_is_not_found(api):
    assert (await api("GET", "/livez/nothing")).status == 404


async def test_the_version_is_that_of_the_api_level(api):
    assert (await api("GET", "/version")).body["gitVersion"] == "v1.36.2"


async def test_metrics_count_requests_under_kubernetes_names(api):
    secrets = "/api/v1/namespaces/default/secrets"
    await api("GET", secrets)
    await api("GET", secrets + "/none")

    page = (await api("GET", "/metrics")).raw.decode()

    labels = 'group="",version="v1",resource="secrets",subresource=""'
    assert f'apiserver_request_total{{verb="LIST",{labels},scope="namespace",code="200"}} 1' in page
    assert f'apiserver_request_total{{verb="GET",{labels},scope="resource",code="404"}} 1' in page
    assert "apiserver_request_duration_seconds_bucket" in page
    assert 'apiserver_resource_objects{group="",resource="configmaps"}' in page


async def test_every_answer_has_one_audit_id_and_forbids_caching(api):
    given = await api("GET", CONFIG_MAPS, audit_id="mine")
    made = await api("GET", CONFIG_MAPS + "/none")

    assert given.all("audit-id") == ["mine"]
    assert len(made.all("audit-id")[0]) == 36
    assert made.all("cache-control") == ["no-cache, private"]


async def test_a_head_of_an_object_has_its_headers(api):
    assert (await api("HEAD", CONFIG_MAPS)).status == 200


async def test_a_fresh_server_holds_what_a_fresh_cluster_holds(api):
    namespaces = await api("GET", "/api/v1/namespaces")
    service = await api("GET", "/api/v1/namespaces/default/services/kubernetes")
    slices = await api("GET", "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes")
    classes = await api("GET", "/apis/scheduling.k8s.io/v1/priorityclasses")

    names = [item["metadata"]["name"] for item in namespaces.body["items"]]
    assert names == ["default", "kube-node-lease", "kube-public", "kube-system"]
    assert service.body["spec"]["clusterIP"] == "10.96.0.1"
    assert slices.body["endpoints"][0]["addresses"] == ["127.0.0.1"]
    assert {item["value"] for item in classes.body["items"]} == {2000000000, 2000001000}


async def test_bootstrapping_again_changes_nothing(api):
    before = api.server.store.revision

    await api.server.bootstrap()

    assert api.server.store.revision == before
