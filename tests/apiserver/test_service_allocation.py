"""Cluster IPs and node ports: given out once, kept with the service, given back."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from pyk8s.api.identity import Identity
from pyk8s.api.status import StatusError
from pyk8s_server.apiserver.registry import lifecycle_for
from pyk8s_server.apiserver.registry.allocation.numbers import NumberPool
from pyk8s_server.apiserver.registry.allocation.services import ServiceLifecycle
from registry_cases import StoredObjects, context, copied, resource_of

Json = dict[str, Any]

SERVICES = resource_of("services")


def service(name: str = "s", **spec: Any) -> Json:
    ports = [{"port": 80, "protocol": "TCP", "targetPort": 80}]
    return {"metadata": {"name": name, "namespace": "ns"}, "spec": {"type": "ClusterIP", "ports": ports, **spec}}


def lifecycle() -> ServiceLifecycle:
    made = lifecycle_for(SERVICES)
    assert isinstance(made, ServiceLifecycle)
    return made


def test_a_service_gets_an_address_and_a_family() -> None:
    obj = service(selector={"a": "b"})

    lifecycle().allocate(context(), obj, None)

    assert obj["spec"]["clusterIPs"] == [obj["spec"]["clusterIP"]]
    assert obj["spec"]["clusterIP"].startswith("10.")
    assert (obj["spec"]["ipFamilies"], obj["spec"]["ipFamilyPolicy"]) == (["IPv4"], "SingleStack")


def test_a_taken_address_is_refused_in_kubernetes_words() -> None:
    stored = StoredObjects([(SERVICES, service("kubernetes", clusterIP="10.96.0.1", clusterIPs=["10.96.0.1"]))])

    with pytest.raises(StatusError) as refusal:
        lifecycle().allocate(context(stored), service(clusterIP="10.96.0.1", clusterIPs=["10.96.0.1"]), None)

    assert refusal.value.message == (
        'Service "s" is invalid: spec.clusterIPs: Invalid value: ["10.96.0.1"]:'
        " failed to allocate IP 10.96.0.1: provided IP is already allocated"
    )


def test_an_address_outside_the_range_is_refused() -> None:
    with pytest.raises(StatusError, match=r"The range of valid IPs is 10\.96\.0\.0/16"):
        lifecycle().allocate(context(), service(clusterIP="1.2.3.4", clusterIPs=["1.2.3.4"]), None)


@pytest.mark.parametrize(
    ("port", "words"),
    [
        (80, "provided port is not in the valid range. The range of valid ports is 30000-32767"),
        (30080, "provided port is already allocated"),
    ],
)
def test_a_node_port_that_cannot_be_had_is_refused(port: int, words: str) -> None:
    holder = service("holder", type="NodePort", ports=[{"port": 1, "protocol": "TCP", "nodePort": 30080}])
    wish = service(type="NodePort", ports=[{"port": 80, "protocol": "TCP", "nodePort": port}])

    with pytest.raises(StatusError) as refusal:
        lifecycle().allocate(context(StoredObjects([(SERVICES, holder)])), wish, None)

    assert refusal.value.details["causes"] == [
        {
            "reason": "FieldValueInvalid",
            "message": f"Invalid value: {port}: {words}",
            "field": "spec.ports[0].nodePort",
        }
    ]


def test_a_failed_write_gives_everything_back() -> None:
    pool = lifecycle()

    release = pool.allocate(context(), service(type="NodePort"), None)
    release(False)

    assert (pool.addresses.taken_count, pool.ports.taken_count) == (0, 0)


def test_a_refused_port_gives_the_address_back() -> None:
    pool = lifecycle()
    wish = service(type="NodePort", ports=[{"port": 80, "protocol": "TCP", "nodePort": 1}])

    with pytest.raises(StatusError):
        pool.allocate(context(), wish, None)

    assert pool.addresses.taken_count == 0


def test_a_dry_run_takes_nothing() -> None:
    pool = lifecycle()
    request = context()
    request.dry_run = True

    pool.allocate(request, service(), None)(True)

    assert pool.addresses.taken_count == 0


def test_an_update_keeps_what_the_service_holds_and_drops_what_its_type_has_no_more() -> None:
    pool = lifecycle()
    old = service(type="NodePort")
    pool.allocate(context(), old, None)(True)
    new = copied(old)
    new["spec"]["type"] = "ExternalName"
    for name in ("clusterIP", "clusterIPs"):
        del new["spec"][name]
    del new["spec"]["ports"][0]["nodePort"]

    pool.allocate(context(), new, old)(True)

    assert (pool.addresses.taken_count, pool.ports.taken_count) == (0, 0)


def test_a_deleted_service_frees_its_numbers() -> None:
    pool = lifecycle()
    obj = service(type="NodePort")
    pool.allocate(context(), obj, None)(True)

    pool.release(context(), obj)

    assert (pool.addresses.taken_count, pool.ports.taken_count) == (0, 0)


def test_two_protocols_of_one_port_share_a_node_port() -> None:
    ports = [{"name": n, "port": 53, "protocol": p} for n, p in (("u", "UDP"), ("t", "TCP"))]
    obj = service(type="NodePort", ports=ports)

    lifecycle().allocate(context(), obj, None)

    assert len({port["nodePort"] for port in obj["spec"]["ports"]}) == 1


def test_a_local_load_balancer_gets_a_health_check_port() -> None:
    obj = service(type="LoadBalancer", externalTrafficPolicy="Local")

    lifecycle().allocate(context(), obj, None)

    assert obj["spec"]["healthCheckNodePort"] not in (0, obj["spec"]["ports"][0]["nodePort"])


def test_headless_without_selector_belongs_to_both_families() -> None:
    obj = service(clusterIP="None", clusterIPs=["None"])

    lifecycle().allocate(context(), obj, None)

    assert (obj["spec"]["ipFamilies"], obj["spec"]["ipFamilyPolicy"]) == (["IPv4", "IPv6"], "RequireDualStack")


@pytest.mark.parametrize(
    ("spec", "path", "words"),
    [
        ({"ipFamilies": ["IPv6"]}, "spec.ipFamilies[0]", 'Invalid value: "IPv6": not configured on this cluster'),
        (
            {"ipFamilyPolicy": "RequireDualStack"},
            "spec.ipFamilyPolicy",
            'Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services',
        ),
    ],
)
def test_families_that_the_cluster_lacks_are_refused(spec: Json, path: str, words: str) -> None:
    with pytest.raises(StatusError) as refusal:
        lifecycle().allocate(context(), service(**spec), None)

    assert [(c["field"], c["message"]) for c in refusal.value.details["causes"]] == [(path, words)]


def test_concurrent_services_never_share_an_address() -> None:
    pool = lifecycle()
    held: list[str] = []

    def create(count: int) -> None:
        for i in range(count):
            obj = service(f"s{i}", type="NodePort")
            pool.allocate(context(), obj, None)(True)
            held.append(obj["spec"]["clusterIP"])

    threads = [threading.Thread(target=create, args=(100,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(held)) == 400
    assert pool.ports.taken_count == 400


def test_a_pool_gives_out_every_number_once_and_then_none() -> None:
    pool = NumberPool(1, 50, reserved_count=10)
    source = Identity(seed=7)

    given = [pool.pick(source) for _ in range(51)]

    assert sorted(n for n in given if n is not None) == list(range(1, 51))
    assert given[50] is None
