"""Rules that recordings do not show: doubled fields, updates, address families, quality of service."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from pyk8s.api.status import StatusError
from pyk8s_server.apiserver.admission import default_plugins
from pyk8s_server.apiserver.registry import round_trip, strategy_for
from pyk8s_server.apiserver.registry.internal_form import go_name, struct_diff
from pyk8s_server.apiserver.registry.quality_of_service import qos_class
from pyk8s_server.apiserver.registry.services import ServiceStrategy
from pyk8s_server.apiserver.registry.validation.meta import validate_meta_update
from pyk8s_server.apiserver.registry.validation.selectors import matches
from registry_cases import StoredObjects, attributes, context, copied, resource_of

Json = dict[str, Any]


def test_a_single_pod_address_becomes_a_list_of_one() -> None:
    body = {"metadata": {}, "spec": {}, "status": {"podIP": "10.1.0.1"}}

    status = orjson.loads(round_trip("v1/Pod", orjson.dumps(body)))["status"]

    assert status == {"podIP": "10.1.0.1", "podIPs": [{"ip": "10.1.0.1"}]}


def test_the_first_pod_cidr_is_also_the_single_one() -> None:
    body = {"metadata": {}, "spec": {"podCIDRs": ["10.9.0.0/24", "fd00::/64"]}}

    spec = orjson.loads(round_trip("v1/Node", orjson.dumps(body)))["spec"]

    assert spec["podCIDR"] == "10.9.0.0/24"


def test_most_kinds_pass_the_round_trip_untouched() -> None:
    body = b'{"metadata":{"name":"c"},  "data":{}}'

    assert round_trip("v1/ConfigMap", body) is body


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({}, "BestEffort"),
        ({"requests": {"cpu": "0"}}, "BestEffort"),
        ({"requests": {"cpu": "1"}}, "Burstable"),
        ({"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "1Gi"}}, "Guaranteed"),
        ({"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "1Gi"}}, "Burstable"),
        ({"requests": {"cpu": "1000m", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "1024Mi"}}, "Guaranteed"),
        ({"limits": {"example.com/gpu": "1"}}, "BestEffort"),
    ],
)
def test_quality_of_service_follows_from_requests_and_limits(resources: Json, expected: str) -> None:
    assert qos_class({"containers": [{"name": "c", "resources": resources}]}) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("dnsPolicy", "DNSPolicy"), ("nodeName", "NodeName"), ("hostPID", "HostPID"), ("tty", "TTY"), ("nfs", "NFS")],
)
def test_go_names_of_fields(name: str, expected: str) -> None:
    assert go_name(name) == expected


def test_equal_structs_have_no_difference() -> None:
    spec: Json = {"containers": [{"name": "c", "image": "x"}]}

    assert struct_diff("k8s.io.api.core.v1.PodSpec", spec, copied(spec)) == ""


def test_finalizers_may_go_but_not_come_while_an_object_is_deleted() -> None:
    old = {"name": "x", "deletionTimestamp": "2020-01-01T00:00:00Z", "finalizers": ["e.com/a", "e.com/b"]}

    assert validate_meta_update("metadata", {**old, "finalizers": ["e.com/a"]}, old) == []
    errors = validate_meta_update("metadata", {**old, "finalizers": ["e.com/c"]}, old)
    assert [e.detail for e in errors] == [
        'no new finalizers can be added if the object is being deleted, found new finalizers []string{"e.com/c"}'
    ]


@pytest.mark.parametrize(
    ("selector", "is_match"),
    [
        (None, False),
        ({}, True),
        ({"matchLabels": {"a": "1"}}, True),
        ({"matchLabels": {"a": "2"}}, False),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1", "2"]}]}, True),
        ({"matchExpressions": [{"key": "b", "operator": "NotIn", "values": ["1"]}]}, True),
        ({"matchExpressions": [{"key": "b", "operator": "Exists"}]}, False),
        ({"matchExpressions": [{"key": "b", "operator": "DoesNotExist"}]}, True),
    ],
)
def test_label_selectors_select(selector: Json | None, is_match: bool) -> None:
    assert matches(selector, {"a": "1"}) is is_match


def service(**spec: Any) -> Json:
    ports = [{"name": "p", "port": 80, "protocol": "TCP", "targetPort": 80}]
    base = {"type": "ClusterIP", "ports": ports, "sessionAffinity": "None", "internalTrafficPolicy": "Cluster"}
    return {"metadata": {"name": "s", "namespace": "ns", "uid": "u"}, "spec": {**base, **spec}}


def updated_service(old: Json, **changes: Any) -> Json:
    obj = copied(old)
    for name, value in changes.items():
        if value is None:
            obj["spec"].pop(name, None)
        else:
            obj["spec"][name] = value
    strategy = strategy_for(resource_of("services"))
    assert isinstance(strategy, ServiceStrategy)
    strategy.prepare_for_update(context(), obj, old)
    spec: Json = obj["spec"]
    return spec


def test_a_service_keeps_an_address_that_the_client_leaves_out() -> None:
    old = service(clusterIP="10.96.0.9", clusterIPs=["10.96.0.9"])

    spec = updated_service(old, clusterIP=None, clusterIPs=None)

    assert spec["clusterIPs"] == ["10.96.0.9"]


def test_a_service_keeps_its_node_port_by_the_ports_name() -> None:
    port = {"name": "p", "port": 80, "protocol": "TCP", "targetPort": 80}
    old = service(type="NodePort", ports=[{**port, "nodePort": 30080}])

    spec = updated_service(old, ports=[{**port, "port": 81}])

    assert spec["ports"][0]["nodePort"] == 30080


def test_a_service_that_becomes_internal_loses_its_node_ports() -> None:
    port = {"name": "p", "port": 80, "protocol": "TCP", "targetPort": 80, "nodePort": 30080}
    old = service(type="NodePort", ports=[port], externalTrafficPolicy="Cluster")

    spec = updated_service(old, type="ClusterIP")

    assert "nodePort" not in spec["ports"][0]
    assert "externalTrafficPolicy" not in spec


@pytest.mark.parametrize(
    ("pod", "asked", "expected"),
    [
        ({"spec": {"terminationGracePeriodSeconds": 30}}, None, 0),
        ({"spec": {"terminationGracePeriodSeconds": 30, "nodeName": "n"}}, None, 30),
        ({"spec": {"terminationGracePeriodSeconds": 30, "nodeName": "n"}}, 5, 5),
        ({"spec": {"terminationGracePeriodSeconds": 30, "nodeName": "n"}}, -1, 1),
        ({"spec": {"nodeName": "n"}, "status": {"phase": "Succeeded"}}, 30, 0),
    ],
)
def test_grace_of_a_pods_deletion(pod: Json, asked: int | None, expected: int) -> None:
    assert strategy_for(resource_of("pods")).grace_period_s(context(), pod, asked) == expected


async def test_a_pod_is_resized_only_on_a_node_that_exists() -> None:
    old: Json = {"metadata": {"name": "p", "namespace": "ns"}, "spec": {"nodeName": "n1", "containers": []}}
    new = copied(old)
    new["spec"]["containers"] = [{"name": "c"}]
    request = attributes("UPDATE", resource_of("pods"), new, reader=StoredObjects(), old=old)
    request.subresource = "resize"

    with pytest.raises(StatusError, match='node "n1" not found'):
        for plugin in default_plugins():
            await plugin.validate(request)


@pytest.mark.parametrize("given", ["serviceAccountName", "serviceAccount"])
def test_either_spelling_of_the_account_fills_in_the_other(given: str) -> None:
    body = {"metadata": {}, "spec": {"template": {"spec": {given: "own"}}}}

    spec = orjson.loads(round_trip("apps/v1/Deployment", orjson.dumps(body)))["spec"]["template"]["spec"]

    assert spec == {"serviceAccountName": "own", "serviceAccount": "own"}


def test_a_daemon_set_counts_its_templates_from_zero_until_created() -> None:
    body: Json = {"metadata": {"name": "d"}, "spec": {}}

    meta = orjson.loads(round_trip("apps/v1/DaemonSet", orjson.dumps(body)))["metadata"]

    assert meta["annotations"] == {"deprecated.daemonset.template.generation": "0"}
