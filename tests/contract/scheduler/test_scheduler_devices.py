"""Devices and their selectors by tables; both twins."""

from __future__ import annotations

import pytest

from tests.contract.scheduler.device_cluster import (
    DRIVER,
    NOT_ALLOCATED,
    Cluster,
    Engine,
    Json,
    device,
    exactly,
    model,
    pod,
    request,
)


@pytest.fixture
def cluster(scheduler_engine: Engine) -> Cluster:
    return Cluster(scheduler_engine())


@pytest.mark.parametrize(
    ("expression", "matches"),
    [
        ('device.driver == "gpu.example.com"', True),
        ("device.driver == 'other'", False),
        ('device.attributes["gpu.example.com"].model == "large"', True),
        ('device.attributes["gpu.example.com"].model != "large"', False),
        ('device.attributes["gpu.example.com"]["model"].startsWith("lar")', True),
        ('device.attributes["gpu.example.com"].model.contains("x") || device.driver.endsWith(".com")', True),
        ('device.attributes["gpu.example.com"].cores >= 8 && device.attributes["gpu.example.com"].cores < 10', True),
        ('device.attributes["gpu.example.com"].cores in [7, 9]', False),
        ('device.attributes["gpu.example.com"].cores + 2 * 3 - 4 / 2 % 3 == 12', True),
        ('device.attributes["gpu.example.com"].shared', True),
        ('!device.attributes["gpu.example.com"].shared', False),
        ('device.attributes["numa.example.com"].node == 1', True),
        ('"model" in device.attributes["gpu.example.com"]', True),
        ('"model" in device.attributes["nobody.example.com"]', False),
        ('has(device.attributes["gpu.example.com"].color)', False),
        ('device.attributes["gpu.example.com"].color == "red" || true', True),
        ('false && device.attributes["gpu.example.com"].color == "red"', False),
        ('device.capacity["gpu.example.com"].memory.compareTo(quantity("20Gi")) >= 0', True),
        ('device.capacity["gpu.example.com"].memory.isGreaterThan(quantity("40Gi"))', False),
        ('device.capacity["gpu.example.com"].memory == quantity("40960Mi")', True),
        ('device.attributes["gpu.example.com"].version.isGreaterThan(semver("1.9.0"))', True),
        ('device.attributes["gpu.example.com"].version.isLessThan(semver("1.10.0-rc.1"))', False),
        ('device.attributes["gpu.example.com"].version.minor() == 10', True),
        ('cel.bind(gpu, device.attributes["gpu.example.com"], gpu.shared && gpu.cores == 8)', True),
        ('["small", "large"].exists(m, m == device.attributes["gpu.example.com"].model)', True),
        ('device.attributes["gpu.example.com"].all(name, size(name) > 3)', True),
        ('device.attributes["gpu.example.com"].shared ? 1 < 2 : 2 < 1', True),
        ("[1, 2, 3].map(x, x * 2).filter(x, x > 2).size() == 2", True),
        ('{"a": 1}["a"] == 1 && 1 == 1.0 && "1" != "2"', True),
        ("device.allowMultipleAllocations", False),
        ("// nothing but\n  (((true)))", True),
    ],
)
def test_selectors(cluster: Cluster, expression: str, matches: bool) -> None:
    more: Json = {"cores": {"int": 8}, "shared": {"bool": True}, "version": {"version": "1.10.0"}}
    cluster.devices("a", device("dev-0", model=model("large"), numa__node={"int": 1}, **more))
    cluster.claim("claim", request("r", expression))

    assert (cluster.feasible("claim") == ["a"]) == matches


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("device.driver ==", "request r: selector #0: CEL compile error: syntax error: unexpected 'end'"),
        ("device.driver = 'x'", "CEL compile error: syntax error: unexpected '='"),
        ("'open", "CEL compile error: syntax error: unexpected '''"),
        ("true)", "CEL compile error: syntax error: unexpected ')'"),
        ("(" * 40 + "true" + ")" * 40, "CEL compile error: expression is nested too deeply"),
        ("!" * 40 + "true", "CEL compile error: expression is nested too deeply"),
        ("true" + " && true" * 40, "CEL compile error: expression is nested too deeply"),
        ("99999999999999999999 > 1", "CEL compile error: integer overflow"),
        (r"'\q' == 'q'", r"CEL compile error: unsupported escape '\q'"),
    ],
)
def test_what_is_no_expression_is_refused_by_name(cluster: Cluster, expression: str, text: str) -> None:
    cluster.devices("a", device("dev-0"))
    cluster.claim("claim", request("r", expression))

    answer = cluster.evaluate(pod("p", "claim"))

    assert answer["chosen"] is None and text in answer["message"]


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ('device.attributes["gpu.example.com"].color == "red"', "no such key: color"),
        ("device.driver", "expression does not give a bool"),
        ("device.driver > 1", "no such overload"),
        ("nothing == 1", "undeclared reference to 'nothing'"),
        ("device.driver.matches('x')", "unsupported function 'matches'"),
        ("url('x') == 1", "unsupported function 'url'"),
        ("quantity('x') == 1", "'x' is not a quantity"),
        ("1 / 0 == 1", "division by zero"),
        ("9223372036854775807 + 1 > 0", "integer overflow"),
        ("[1][1] == 1", "index out of bounds: 1"),
    ],
)
def test_an_expression_that_fails_fails_the_attempt(cluster: Cluster, expression: str, text: str) -> None:
    cluster.devices("a", device("dev-0"))
    cluster.claim("claim", request("r", expression))

    answer = cluster.evaluate(pod("p", "claim"))

    assert answer["message"] == f"request r: selector #0: CEL runtime error: {text}"


def test_devices_are_given_in_order(cluster: Cluster) -> None:
    cluster.devices("a", device("dev-0"), device("dev-1"), device("dev-2"))
    cluster.claim("claim", request("one"), request("two", count=2))

    assert cluster.picked("claim") == ["one=a/dev-0", "two=a/dev-1", "two=a/dev-2"]


def test_a_choice_that_leads_nowhere_is_taken_back(cluster: Cluster) -> None:
    cluster.devices("a", device("dev-0", model=model("large")), device("dev-1", model=model("small")))
    cluster.claim("claim", request("any"), request("large", 'device.attributes["gpu.example.com"].model == "large"'))

    assert cluster.picked("claim") == ["any=a/dev-1", "large=a/dev-0"]


def test_claims_of_one_pod_share_nothing(cluster: Cluster) -> None:
    cluster.devices("a", device("dev-0"), device("dev-1"))
    cluster.claim("one")
    cluster.claim("two")
    cluster.claim("three")

    assert cluster.feasible("one", "two") == ["a"]
    assert cluster.feasible("one", "two", "three") == []


def test_all_devices_that_match(cluster: Cluster) -> None:
    cluster.devices("a", device("dev-0"), device("dev-1"))
    cluster.claim("all", request("r", allocationMode="All"))
    cluster.claim("one")
    assert cluster.feasible("all") == ["a"]

    assert cluster.picked("one") == ["r=a/dev-0"]
    refused = {row["node"]: row["reasons"] for row in cluster.evaluate(pod("q", "all"))["rejected"]}

    assert refused == {"a": NOT_ALLOCATED, "b": NOT_ALLOCATED, "c": NOT_ALLOCATED}


def test_all_devices_of_a_pool_that_is_not_complete_fail_the_attempt(cluster: Cluster) -> None:
    cluster.devices("a", device("dev-0"), pool={"resourceSliceCount": 2})
    cluster.claim("all", request("r", allocationMode="All"))
    cluster.claim("one")

    assert "resource pool gpu.example.com/a is currently being updated" in cluster.evaluate(pod("p", "all"))["message"]
    assert cluster.feasible("one") == ["a"]


def test_the_first_available_alternative_scores_best(cluster: Cluster) -> None:
    large, small = (f'device.attributes["gpu.example.com"].model == "{name}"' for name in ("large", "small"))
    cluster.devices("a", device("dev-0", model=model("small")))
    cluster.devices("b", device("dev-0", model=model("large")))
    wanted = [{"name": "large", **exactly(large)}, {"name": "small", **exactly(small)}]
    cluster.claim("claim", {"name": "r", "firstAvailable": wanted})

    answer = cluster.evaluate(pod("p", "claim"))
    assert dict(zip(answer["feasible"], answer["raw"]["DynamicResources"], strict=True)) == {"a": 7, "b": 8}
    assert dict(zip(answer["feasible"], answer["weighted"]["DynamicResources"], strict=True)) == {"a": 174, "b": 200}
    assert cluster.picked("claim") == ["r/large=b/dev-0"]


@pytest.mark.parametrize(
    ("constraint", "picked"),
    [
        ({"matchAttribute": "gpu.example.com/model"}, ["r=a/dev-1", "r=a/dev-2"]),
        ({"distinctAttribute": "gpu.example.com/model"}, ["r=a/dev-0", "r=a/dev-1"]),
        ({"matchAttribute": "gpu.example.com/model", "requests": ["other"]}, ["r=a/dev-0", "r=a/dev-1"]),
    ],
)
def test_constraints(cluster: Cluster, constraint: Json, picked: list[str]) -> None:
    models = ("small", "large", "large")
    cluster.devices("a", *(device(f"dev-{i}", model=model(name)) for i, name in enumerate(models)))
    cluster.claim("claim", request(count=2), constraints=[constraint])

    assert cluster.picked("claim") == picked


def test_a_constraint_needs_the_attribute(cluster: Cluster) -> None:
    cluster.devices("a", device("dev-0"), device("dev-1"))
    cluster.claim("claim", request(count=2), constraints=[{"matchAttribute": "gpu.example.com/model"}])

    assert cluster.feasible("claim") == []


def test_slices_reach_the_nodes_that_they_say(cluster: Cluster) -> None:
    racks = {"matchExpressions": [{"key": "rack", "operator": "In", "values": ["b", "c"]}]}
    cluster.devices("some", device("dev-0"), nodeSelector={"nodeSelectorTerms": [racks]})
    cluster.claim("claim")
    assert cluster.feasible("claim") == ["b", "c"]

    cluster.devices("every", device("dev-0"), allNodes=True)
    assert cluster.feasible("claim") == ["a", "b", "c"]

    own = [{**device("dev-0"), "nodeName": "a"}, {**device("dev-1"), "nodeName": "b"}]
    cluster.devices("some", *own, perDeviceNodeSelection=True)
    cluster.devices("every", allNodes=True)
    assert cluster.feasible("claim") == ["a", "b"]


def test_only_the_newest_generation_of_a_pool_counts(cluster: Cluster) -> None:
    cluster.devices("a", device("old"), slice="one")
    cluster.devices("a", device("new"), slice="two", pool={"generation": 2})
    cluster.claim("claim")

    assert cluster.picked("claim") == ["r=a/new"]


def test_what_is_written_for_a_claim(cluster: Cluster) -> None:
    opaque = {"opaque": {"driver": DRIVER, "parameters": {"mode": "fast"}}}
    cluster.put("DeviceClass", {"metadata": {"name": "gpu"}, "spec": {"config": [opaque]}})
    cluster.devices("a", device("dev-0"))
    cluster.claim("claim", config=[{"requests": ["r"], **opaque}, {"requests": ["other"], **opaque}])

    node, writes = cluster.place("claim")

    target = {"kind": "ResourceClaim", "namespace": "default", "name": "claim", "uid": "uid-claim"}
    selector = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["a"]}]}
    allocation = {
        "devices": {
            "results": [{"request": "r", "driver": DRIVER, "pool": "a", "device": "dev-0"}],
            "config": [
                {"source": "FromClass", "requests": ["r"], **opaque},
                {"source": "FromClaim", "requests": ["r"], **opaque},
            ],
        },
        "nodeSelector": {"nodeSelectorTerms": [selector]},
    }
    reserved = [{"resource": "pods", "name": "p", "uid": "p"}]
    assert node == "a"
    assert writes == [
        {**target, "patch": {"metadata": {"finalizers": ["resource.kubernetes.io/delete-protection"]}}},
        {**target, "patch": {"status": {"reservedFor": reserved, "allocation": allocation}}, "subresource": "status"},
    ]
