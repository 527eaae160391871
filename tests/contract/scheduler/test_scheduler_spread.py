"""PodTopologySpread by tables: which domains count, who is refused, how soft constraints score."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest
from pyk8s.core.scheduler_interface import SchedulerEngine
from pyk8s.errors import DecodeError

sys.path.insert(0, str(Path(__file__).parent))

from scheduler_cluster import HOSTNAME, ZONE, Cluster, Json, pod, selecting

PLUGIN = "PodTopologySpread"
SKEWED = ("Unschedulable", "node(s) didn't match pod topology spread constraints")
UNLABELLED = (
    "UnschedulableAndUnresolvable",
    "node(s) didn't match pod topology spread constraints (missing required label)",
)
WEB = {"app": "web"}
REPLICA_SET = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1"}


def hard(key: str = ZONE, max_skew: int = 1, **more: Any) -> Json:
    base = {"topologyKey": key, "maxSkew": max_skew, "whenUnsatisfiable": "DoNotSchedule"}
    return {**base, "labelSelector": selecting(app="web"), **more}


def soft(key: str = ZONE, max_skew: int = 1, **more: Any) -> Json:
    return hard(key, max_skew, whenUnsatisfiable="ScheduleAnyway", **more)


def web(*constraints: Json, **more: Any) -> Json:
    return pod(labels=WEB, topologySpreadConstraints=list(constraints), **more)


@pytest.fixture
def cluster(scheduler_engine: type[SchedulerEngine]) -> Cluster:
    """Zones a (2 nodes), b and c (1 each), with 3, 1 and 0 pods of the web."""
    made = Cluster(scheduler_engine())
    for name, zone in (("a1", "a"), ("a2", "a"), ("b1", "b"), ("c1", "c")):
        made.node(name, zone, disk="ssd" if name != "c1" else "hdd")
    made.pods("a1", 2, labels=WEB)
    made.pods("a2", 1, labels=WEB)
    made.pods("b1", 1, labels=WEB)
    return made


@pytest.mark.parametrize(
    ("constraint", "feasible"),
    [
        (hard(), {"c1"}),
        (hard(max_skew=2), {"b1", "c1"}),
        (hard(max_skew=4), {"a1", "a2", "b1", "c1"}),
        (hard(HOSTNAME), {"c1"}),
        (hard(HOSTNAME, max_skew=2), {"a2", "b1", "c1"}),
        # fewer domains than wanted: measured against none
        (hard(max_skew=1, minDomains=4), {"c1"}),
        (hard(max_skew=3, minDomains=4), {"b1", "c1"}),
        # a selector that does not match the pod itself adds none of its own
        (hard(max_skew=1, labelSelector=selecting(app="db")), {"a1", "a2", "b1", "c1"}),
        # no selector matches nothing, an empty one counts nothing but the pod
        (hard(max_skew=1, labelSelector=None), {"a1", "a2", "b1", "c1"}),
        (hard(max_skew=1, labelSelector={}), {"a1", "a2", "b1", "c1"}),
        # the label's value must be the pod's own
        (hard(max_skew=1, labelSelector={}, matchLabelKeys=["app"]), {"c1"}),
        (hard(max_skew=1, matchLabelKeys=["app", "absent"]), {"c1"}),
    ],
)
def test_hard_constraints_admit_what_keeps_the_skew(cluster: Cluster, constraint: Json, feasible: set[str]) -> None:
    assert cluster.feasible(web(constraint)) == feasible


def test_every_constraint_must_hold(cluster: Cluster) -> None:
    cluster.node("c2", "c")
    cluster.pods("c1", 1, labels=WEB)

    assert cluster.feasible(web(hard(max_skew=1), hard(HOSTNAME))) == {"c2"}


def test_reasons_say_whether_a_label_is_missing(cluster: Cluster) -> None:
    cluster.node("lone")

    refused = cluster.refused(web(hard()))

    assert refused == {"a1": SKEWED, "a2": SKEWED, "b1": SKEWED, "lone": UNLABELLED}


def test_nodes_without_all_keys_do_not_count(cluster: Cluster) -> None:
    cluster.node("lone", rack="r")
    cluster.node("c1", "c", rack="r")

    assert cluster.feasible(web(hard(), hard("rack", max_skew=9))) == {"c1"}


@pytest.mark.parametrize(
    ("policy", "feasible"),
    [
        # zone c is out of the pod's reach: it does not lower the minimum
        ({}, {"b1"}),
        ({"nodeAffinityPolicy": "Honor"}, {"b1"}),
        ({"nodeAffinityPolicy": "Ignore"}, set()),
    ],
)
def test_affinity_policy_says_which_nodes_count(cluster: Cluster, policy: Json, feasible: set[str]) -> None:
    assert cluster.feasible(web(hard(**policy), nodeSelector={"disk": "ssd"})) == feasible


@pytest.mark.parametrize(
    ("policy", "feasible"),
    [({}, set()), ({"nodeTaintsPolicy": "Ignore"}, set()), ({"nodeTaintsPolicy": "Honor"}, {"b1"})],
)
def test_taints_policy_says_which_nodes_count(cluster: Cluster, policy: Json, feasible: set[str]) -> None:
    cluster.node("c1", "c", taint="dedicated")

    assert cluster.feasible(web(hard(**policy))) == feasible


def test_only_living_pods_of_the_namespace_count(cluster: Cluster) -> None:
    cluster.pods("c1", 5, labels=WEB, namespace="other")
    cluster.pods("c1", 5, labels=WEB, is_deleted=True)
    cluster.pods("c1", 5, labels={"app": "db"})

    assert cluster.feasible(web(hard())) == {"c1"}


def test_soft_scores_weigh_pods_by_the_number_of_domains(cluster: Cluster) -> None:
    weight = math.log(3 + 2)

    raw = cluster.scores(web(soft(max_skew=2)), PLUGIN)

    assert raw == {"a1": round(3 * weight + 1), "a2": round(3 * weight + 1), "b1": round(weight + 1), "c1": 1}


def test_soft_scores_by_hostname_count_the_node_alone(cluster: Cluster) -> None:
    weight = math.log(4 + 2)

    raw = cluster.scores(web(soft(HOSTNAME)), PLUGIN)

    assert raw == {"a1": round(2 * weight), "a2": round(weight), "b1": round(weight), "c1": 0}


def test_soft_scores_are_turned_round(cluster: Cluster) -> None:
    raw, weighted = (cluster.scores(web(soft()), PLUGIN, stage=stage) for stage in ("raw", "weighted"))

    assert raw == {"a1": 5, "a2": 5, "b1": 2, "c1": 0}
    assert weighted == {"a1": 0, "a2": 0, "b1": 2 * 60, "c1": 2 * 100}


def test_nodes_without_a_key_score_nothing(cluster: Cluster) -> None:
    cluster.node("lone")

    weighted = cluster.scores(web(soft()), PLUGIN, stage="weighted")

    assert weighted == {"a1": 0, "a2": 0, "b1": 120, "c1": 200, "lone": 0}


def test_scores_are_full_when_there_are_no_pods(scheduler_engine: type[SchedulerEngine]) -> None:
    cluster = Cluster(scheduler_engine())
    cluster.node("a", "a")
    cluster.node("b", "b")

    assert cluster.scores(web(soft()), PLUGIN, stage="weighted") == {"a": 200, "b": 200}


@pytest.mark.parametrize(
    ("kind", "owner", "selector"),
    [
        ("Service", None, WEB),
        ("ReplicaSet", REPLICA_SET, selecting(app="web")),
        ("StatefulSet", {**REPLICA_SET, "kind": "StatefulSet"}, selecting(app="web")),
        ("ReplicationController", {**REPLICA_SET, "apiVersion": "v1", "kind": "ReplicationController"}, WEB),
    ],
)
def test_system_defaults_spread_what_belongs_together(cluster: Cluster, kind: str, owner: Json, selector: Json) -> None:
    incoming = pod(labels=WEB, owner=owner)
    assert cluster.scores(incoming, PLUGIN) is None

    cluster.object(kind, "web-1", namespace="default", selector=selector)

    zone, name = math.log(3 + 2), math.log(4 + 2)
    raw = cluster.scores(incoming, PLUGIN)
    assert raw == {
        "a1": round(2 * name + 2 + 3 * zone + 4),
        "a2": round(name + 2 + 3 * zone + 4),
        "b1": round(name + 2 + zone + 4),
        "c1": 2 + 4,
    }


@pytest.mark.parametrize(
    ("labels", "owner", "namespace", "selector"),
    [
        ({"app": "db"}, None, "default", WEB),
        (WEB, None, "other", WEB),
        (WEB, None, "default", {}),
        (WEB, None, "default", None),
    ],
)
def test_services_of_others_spread_nothing(
    cluster: Cluster, labels: Json, owner: Json, namespace: str, selector: Json
) -> None:
    cluster.object("Service", "web", namespace=namespace, selector=selector)

    assert cluster.scores(pod(labels=labels, owner=owner), PLUGIN) is None


def test_an_owner_of_another_kind_spreads_nothing(cluster: Cluster) -> None:
    cluster.object("ReplicaSet", "web-1", namespace="default", selector=selecting(app="web"))

    assert cluster.scores(pod(labels=WEB, owner={**REPLICA_SET, "apiVersion": "apps/v2"}), PLUGIN) is None
    assert cluster.scores(pod(labels=WEB, owner={**REPLICA_SET, "kind": "Job"}), PLUGIN) is None


def test_a_removed_service_spreads_nothing_any_more(cluster: Cluster) -> None:
    cluster.object("Service", "web", namespace="default", selector=WEB)
    assert cluster.scores(pod(labels=WEB), PLUGIN) is not None

    cluster.engine.remove_object("Service", "default/web")

    assert cluster.scores(pod(labels=WEB), PLUGIN) is None


def test_service_and_owner_are_joined(cluster: Cluster) -> None:
    cluster.object("Service", "web", namespace="default", selector=WEB)
    cluster.object("ReplicaSet", "web-1", namespace="default", selector=selecting(hash="1"))
    cluster.pods("c1", 1, labels={**WEB, "hash": "1"})

    raw = cluster.scores(pod(labels={**WEB, "hash": "1"}, owner=REPLICA_SET), PLUGIN)

    # only the one pod that both select counts
    assert raw is not None
    assert raw["a1"] == raw["a2"] == raw["b1"] == 6
    assert raw["c1"] > 6


def test_system_defaults_spread_by_name_where_there_are_no_zones(scheduler_engine: type[SchedulerEngine]) -> None:
    cluster = Cluster(scheduler_engine())
    for name in ("x", "y"):
        cluster.node(name)
    cluster.object("Service", "web", namespace="default", selector=WEB)
    cluster.pods("x", 1, labels=WEB)

    weighted = cluster.scores(pod(labels=WEB), PLUGIN, stage="weighted")

    assert weighted is not None
    assert weighted["y"] == 200
    assert weighted["x"] < 200


def configured(scheduler_engine: type[SchedulerEngine], **args: Any) -> Cluster:
    config = {"profiles": [{"pluginConfig": {PLUGIN: args}}]}
    return Cluster(scheduler_engine(config=json.dumps(config).encode()))


def test_listed_defaults_refuse_and_score(scheduler_engine: type[SchedulerEngine]) -> None:
    constraints = [
        {"topologyKey": ZONE, "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"},
        {"topologyKey": "rack", "maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway"},
    ]
    cluster = configured(scheduler_engine, defaultingType="List", defaultConstraints=constraints)
    cluster.node("a1", "a", rack="1")
    cluster.node("b1", "b", rack="2")
    cluster.node("b2", "b")
    cluster.node("lone", rack="3")
    cluster.pods("a1", 1, labels=WEB)
    cluster.object("Service", "web", namespace="default", selector=WEB)

    assert cluster.refused(pod(labels=WEB)) == {"a1": SKEWED, "lone": UNLABELLED}
    # with a list, nodes that lack the key of a soft constraint score nothing
    assert cluster.scores(pod(labels=WEB), PLUGIN, stage="weighted") == {"b1": 200, "b2": 0}
    assert cluster.feasible(pod(labels={"app": "db"})) == {"a1", "b1", "b2", "lone"}
    # constraints of its own replace the defaults wholly
    assert cluster.feasible(web(soft())) == {"a1", "b1", "b2", "lone"}


def test_a_pod_refused_by_default_constraints_wakes_when_its_service_goes(
    scheduler_engine: type[SchedulerEngine],
) -> None:
    constraint = {"topologyKey": ZONE, "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}
    cluster = configured(scheduler_engine, defaultingType="List", defaultConstraints=[constraint])
    cluster.node("a1", "a")
    cluster.node("b1", "b", taint="shut")
    cluster.pods("a1", 1, labels=WEB)
    cluster.object("Service", "web", namespace="default", selector=WEB)
    cluster.wait(pod(labels=WEB))

    cluster.object("Service", "web", namespace="other", selector=WEB)
    assert cluster.waiting_count == 1

    cluster.engine.remove_object("Service", "default/web")
    assert cluster.waiting_count == 0


def test_an_empty_list_switches_the_defaults_off(scheduler_engine: type[SchedulerEngine]) -> None:
    cluster = configured(scheduler_engine, defaultingType="List")
    cluster.node("a1", "a")
    cluster.node("b1", "b")
    cluster.object("Service", "web", namespace="default", selector=WEB)

    assert cluster.scores(pod(labels=WEB), PLUGIN) is None


def test_defaults_that_are_no_list_are_refused(scheduler_engine: type[SchedulerEngine]) -> None:
    with pytest.raises(DecodeError, match=PLUGIN):
        configured(scheduler_engine, defaultingType="List", defaultConstraints="all")
