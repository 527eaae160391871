"""ResourceClaims by tables: shared, waited for, given back; both twins."""

from __future__ import annotations

import json

import pytest

from tests.contract.scheduler.device_cluster import DRIVER, Cluster, Engine, Json, device, model, pod, request


@pytest.fixture
def cluster(scheduler_engine: Engine) -> Cluster:
    return Cluster(scheduler_engine())


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
