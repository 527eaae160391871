"""ResourceClaims, devices and their selectors by tables; both twins."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pyk8s.core.scheduler_interface import SchedulerEngine

Json = dict[str, Any]
Engine = type[SchedulerEngine]

DRIVER = "gpu.example.com"
NOT_ALLOCATED = ["cannot allocate all claims"]


def device(name: str, memory: str = "40Gi", **attributes: Any) -> Json:
    """``attributes``: name → {kind: value}; a double underscore stands for a domain of its own."""
    named = {name.replace("__", ".example.com/"): value for name, value in attributes.items()}
    return {"name": name, "attributes": named, "capacity": {"memory": {"value": memory}}}


def model(name: str) -> Json:
    return {"string": name}


def request(name: str = "r", *selectors: str, **more: Any) -> Json:
    return {"name": name, "exactly": exactly(*selectors, **more)}


def exactly(*selectors: str, **more: Any) -> Json:
    return {"deviceClassName": "gpu", "selectors": [{"cel": {"expression": text}} for text in selectors], **more}


def pod(name: str = "p", *claims: str, **status: Any) -> Json:
    wanted = [{"name": f"d{i}", "resourceClaimName": claim} for i, claim in enumerate(claims)]
    spec = {"containers": [{"name": "c"}], "resourceClaims": wanted}
    return {"metadata": {"name": name, "namespace": "default", "uid": name}, "spec": spec, "status": status}


class Cluster:
    """Nodes a, b and c; what devices they have is up to the test."""

    def __init__(self, engine: SchedulerEngine) -> None:
        self.engine = engine
        for name in ("a", "b", "c"):
            body = {
                "metadata": {"name": name, "labels": {"rack": name}},
                "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "20"}},
            }
            engine.set_node(json.dumps(body).encode())
        selector = {"cel": {"expression": f'device.driver == "{DRIVER}"'}}
        self.put("DeviceClass", {"metadata": {"name": "gpu"}, "spec": {"selectors": [selector]}})

    def put(self, kind: str, obj: Json) -> None:
        self.engine.set_object(kind, json.dumps(obj).encode())

    def devices(self, node: str, *devices: Json, **more: Any) -> None:
        """A slice of the node; ``more`` says otherwise (nodeSelector, allNodes, pool, slice)."""
        pool = {"name": node, "generation": 1, "resourceSliceCount": 1, **more.pop("pool", {})}
        name = more.pop("slice", f"slice-{pool['name']}")
        where = more or {"nodeName": node}
        spec = {"driver": DRIVER, "pool": pool, "devices": list(devices), **where}
        self.put("ResourceSlice", {"metadata": {"name": name}, "spec": spec})

    def claim(
        self, name: str, *requests: Json, status: Json | None = None, meta: Json | None = None, **more: Any
    ) -> None:
        body: Json = {"metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}", **(meta or {})}}
        body |= {"spec": {"devices": {"requests": list(requests) or [request()], **more}}}
        if status is not None:
            body["status"] = status
        self.put("ResourceClaim", body)

    def evaluate(self, incoming: Json) -> Json:
        answer: Json = json.loads(self.engine.evaluate(json.dumps(incoming).encode()))
        return answer

    def feasible(self, *claims: str) -> list[str]:
        feasible: list[str] = self.evaluate(pod("p", *claims))["feasible"]
        return feasible

    def place(self, *claims: str, name: str = "p") -> tuple[str, list[Json]]:
        """Schedule a pod: its node, and what is to be written."""
        self.engine.set_pod(json.dumps(pod(name, *claims)).encode())
        decision = self.engine.schedule_one(100.0)
        assert decision is not None and decision.outcome == "scheduled", decision and decision.message
        return decision.node_name, json.loads(decision.writes or b"[]")

    def picked(self, *claims: str) -> list[str]:
        """Schedule a pod: the devices it gets, with their requests."""
        _, writes = self.place(*claims)
        allocations = [write["patch"]["status"]["allocation"] for write in writes if "status" in write["patch"]]
        results = [result for allocation in allocations for result in allocation["devices"]["results"]]
        return [f"{result['request']}={result['pool']}/{result['device']}" for result in results]


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


def allocated(node: str = "a", *uids: str) -> Json:
    """A claim's status: it holds a device of the node, for these pods."""
    field = {"key": "metadata.name", "operator": "In", "values": [node]}
    results = [{"request": "r", "driver": DRIVER, "pool": node, "device": "dev-0"}]
    return {
        "allocation": {
            "devices": {"results": results},
            "nodeSelector": {"nodeSelectorTerms": [{"matchFields": [field]}]},
        },
        "reservedFor": [{"resource": "pods", "name": uid, "uid": uid} for uid in uids],
    }


def test_an_allocated_claim_is_shared_where_it_is(cluster: Cluster) -> None:
    cluster.devices("a", device("dev-0"))
    cluster.claim("claim", status=allocated("a", "other"))

    refused = {row["node"]: row["reasons"] for row in cluster.evaluate(pod("p", "claim"))["rejected"]}
    assert refused == {node: ["resourceclaim not available on the node"] for node in ("b", "c")}
    node, writes = cluster.place("claim")

    assert node == "a"
    assert [one["uid"] for one in writes[0]["patch"]["status"]["reservedFor"]] == ["other", "p"]
    assert "allocation" not in writes[0]["patch"]["status"] and len(writes) == 1


def test_a_claim_has_room_for_so_many_pods(cluster: Cluster) -> None:
    cluster.devices("a", device("dev-0"))
    cluster.claim("claim", status=allocated("a", *(f"pod-{i}" for i in range(256))))

    assert "resourceclaim in use" in cluster.evaluate(pod("p", "claim"))["message"]
    assert cluster.evaluate(pod("pod-0", "claim"))["chosen"] == "a"


def test_a_claim_being_allocated_is_waited_for(cluster: Cluster) -> None:
    cluster.devices("a", device("dev-0"))
    cluster.claim("claim")
    cluster.place("claim")

    answer = cluster.evaluate(pod("q", "claim"))
    assert "resource claim default/claim is in the process of being allocated" in answer["message"]
    cluster.claim("claim", status=allocated("a", "p"))

    assert cluster.evaluate(pod("q", "claim"))["chosen"] == "a"


def test_a_binding_that_fails_gives_the_devices_back(cluster: Cluster) -> None:
    cluster.devices("a", device("dev-0"))
    cluster.claim("one")
    cluster.claim("two")
    cluster.place("one")
    assert cluster.feasible("two") == []

    assert cluster.engine.forget("p")

    assert cluster.feasible("two") == ["a"]


def test_giving_back_one_share_leaves_the_others(cluster: Cluster) -> None:
    cluster.devices("a", device("dev-0"))
    cluster.claim("claim", status=allocated("a"))
    cluster.place("claim", name="p")
    _, writes = cluster.place("claim", name="q")
    assert [one["uid"] for one in writes[0]["patch"]["status"]["reservedFor"]] == ["p", "q"]

    assert cluster.engine.forget("p")
    _, writes = cluster.place("claim", name="s")

    assert [one["uid"] for one in writes[0]["patch"]["status"]["reservedFor"]] == ["q", "s"]


def test_an_idle_claim_in_the_wrong_place_is_given_back(cluster: Cluster) -> None:
    cluster.devices("a", device("dev-0"))
    cluster.claim("idle", status=allocated("a"))
    cluster.claim("busy", status=allocated("b", "other"))

    cluster.engine.set_pod(json.dumps(pod("p", "busy", "idle")).encode())
    decision = cluster.engine.schedule_one(1.0)

    assert decision is not None and decision.outcome == "unschedulable"
    assert "deallocation of ResourceClaim completed" in decision.message
    target = {"kind": "ResourceClaim", "namespace": "default", "name": "idle", "uid": "uid-idle"}
    patch = {"status": {"allocation": None, "reservedFor": None}}
    assert json.loads(decision.writes) == [{**target, "patch": patch, "subresource": "status"}]


def test_a_claim_in_use_elsewhere_is_waited_for(cluster: Cluster) -> None:
    cluster.claim("one", status=allocated("a", "other"))
    cluster.claim("two", status=allocated("b", "other"))
    cluster.engine.set_pod(json.dumps(pod("p", "one", "two")).encode())

    decision = cluster.engine.schedule_one(1.0)

    assert decision is not None and "still not schedulable" in decision.message and not decision.writes


def test_devices_with_admin_access_stay_free(cluster: Cluster) -> None:
    cluster.devices("a", device("dev-0"))
    cluster.claim("admin", request("r", adminAccess=True))
    cluster.claim("one")

    _, writes = cluster.place("admin", name="watcher")
    assert writes[1]["patch"]["status"]["allocation"]["devices"]["results"][0]["adminAccess"] is True

    assert cluster.picked("one") == ["r=a/dev-0"]


@pytest.mark.parametrize(
    ("claim", "text"),
    [
        ({"name": "r", "exactly": {"deviceClassName": "none"}}, "request r: device class none does not exist"),
        ({"name": "r"}, "request r: unsupported request type"),
        (request("r", allocationMode="Some"), "request r: unsupported count mode Some"),
        (request("r", capacity={"requests": {"memory": "1Gi"}}), "request r: capacity is not supported"),
        ({"name": "r", "exactly": {"deviceClassName": "gpu", "selectors": [{}]}}, "selector #0: CEL expression empty"),
    ],
)
def test_requests_that_cannot_be_met_anywhere(cluster: Cluster, claim: Json, text: str) -> None:
    cluster.devices("a", device("dev-0"))
    cluster.claim("claim", claim)

    answer = cluster.evaluate(pod("p", "claim"))

    assert text in answer["message"] and answer["feasible"] == []


def test_devices_given_out_in_parts_are_refused_by_name(cluster: Cluster) -> None:
    cluster.devices("a", {**device("dev-0"), "allowMultipleAllocations": True})
    cluster.claim("claim")

    message = cluster.evaluate(pod("p", "claim"))["message"]

    assert message == "device gpu.example.com/a/dev-0: allowMultipleAllocations is not supported"


def test_a_hopeless_search_ends(cluster: Cluster) -> None:
    cluster.devices("a", *(device(f"dev-{i}", model=model(str(i))) for i in range(60)))
    cluster.claim("claim", request(count=30), constraints=[{"distinctAttribute": "gpu.example.com/none"}])
    assert cluster.feasible("claim") == []

    same = [{"matchAttribute": "gpu.example.com/model", "requests": ["z"]}]
    cluster.claim("claim", request("y", count=12), request("z", count=2), constraints=same)
    refused = {row["node"]: row["reasons"] for row in cluster.evaluate(pod("p", "claim"))["rejected"]}

    assert refused["a"] == ["timed out trying to allocate devices"]


def from_template(made: Json | None) -> Json:
    body = pod("p")
    body["spec"]["resourceClaims"] = [{"name": "d", "resourceClaimTemplateName": "template"}]
    body["status"] = {"resourceClaimStatuses": [{"name": "d", **made}]} if made is not None else {}
    return body


def test_a_pod_waits_for_claims_that_are_still_to_be_made(cluster: Cluster) -> None:
    cluster.devices("a", device("dev-0"))
    cluster.engine.set_pod(json.dumps(from_template(None)).encode())
    assert cluster.engine.schedule_one(1.0) is None
    assert cluster.engine.counts()["gated"] == 1

    cluster.claim("made", meta={"ownerReferences": [{"uid": "p"}]})
    cluster.engine.set_pod(json.dumps(from_template({"resourceClaimName": "made"})).encode())
    decision = cluster.engine.schedule_one(60.0)

    assert decision is not None and decision.node_name == "a"


@pytest.mark.parametrize(
    ("meta", "text"),
    [
        ({}, "ResourceClaim default/made was not created for pod default/p (pod is not owner)"),
        ({"deletionTimestamp": "2026-01-01T00:00:00Z"}, 'resourceclaim "made" is being deleted'),
    ],
)
def test_claims_that_are_not_the_pods(cluster: Cluster, meta: Json, text: str) -> None:
    cluster.devices("a", device("dev-0"))
    cluster.claim("made", meta=meta)

    assert text in cluster.evaluate(from_template({"resourceClaimName": "made"}))["message"]


def test_a_template_that_made_no_claim_asks_for_nothing(cluster: Cluster) -> None:
    assert cluster.evaluate(from_template({}))["feasible"] == ["a", "b", "c"]


def test_a_claim_that_is_not_there_is_named(cluster: Cluster) -> None:
    assert 'resourceclaim "default/none" not found' in cluster.evaluate(pod("p", "none"))["message"]


@pytest.mark.parametrize(
    "news",
    [
        ("ResourceSlice", {"metadata": {"name": "s"}, "spec": {"driver": DRIVER}}),
        ("DeviceClass", {"metadata": {"name": "other"}, "spec": {}}),
        ("ResourceClaim", {"metadata": {"name": "other", "namespace": "default"}, "spec": {}}),
    ],
)
def test_news_that_may_help_wakes_the_pod(cluster: Cluster, news: tuple[str, Json]) -> None:
    cluster.claim("claim")
    cluster.claim("other", status=allocated("a"))
    cluster.engine.set_pod(json.dumps(pod("p", "claim")).encode())
    decision = cluster.engine.schedule_one(1.0)
    assert decision is not None and list(decision.plugins) == ["DynamicResources"]

    cluster.put("ResourceClaim", {"metadata": {"name": "third", "namespace": "default"}, "spec": {}})
    assert cluster.engine.schedule_one(60.0) is None
    cluster.put(*news)

    assert cluster.engine.schedule_one(120.0) is not None
