"""InterPodAffinity by tables: near and apart, both ways, in which namespaces, and how preferences score."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from pyk8s.core.scheduler_interface import SchedulerEngine
from pyk8s.errors import DecodeError

sys.path.insert(0, str(Path(__file__).parent))

from scheduler_cluster import HOSTNAME, ZONE, Cluster, Json, pod, selecting

PLUGIN = "InterPodAffinity"
AWAY = ("UnschedulableAndUnresolvable", "node(s) didn't match pod affinity rules")
TOO_NEAR = ("Unschedulable", "node(s) didn't match pod anti-affinity rules")
UNWELCOME = ("Unschedulable", "node(s) didn't satisfy existing pods anti-affinity rules")
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
DB = {"app": "db"}


def term(key: str = ZONE, selector: Json | None = None, **more: Any) -> Json:
    return {"topologyKey": key, "labelSelector": selecting(**DB) if selector is None else selector, **more}


def near(*terms: Json) -> Json:
    return {"podAffinity": {REQUIRED: list(terms)}}


def apart(*terms: Json) -> Json:
    return {"podAntiAffinity": {REQUIRED: list(terms)}}


def preferring(weight: int, wanted: Json, side: str = "podAffinity") -> Json:
    return {side: {PREFERRED: [{"weight": weight, "podAffinityTerm": wanted}]}}


def four_nodes(engine: SchedulerEngine) -> Cluster:
    made = Cluster(engine)
    for name, zone in (("a1", "a"), ("a2", "a"), ("b1", "b")):
        made.node(name, zone)
    made.node("lone")
    made.object("Namespace", "default", labels={"team": "x"})
    made.object("Namespace", "other", labels={"team": "y"})
    return made


@pytest.fixture
def cluster(scheduler_engine: type[SchedulerEngine]) -> Cluster:
    """Zone a (2 nodes), zone b (1), a node without a zone; a database on a1."""
    made = four_nodes(scheduler_engine())
    made.pods("a1", 1, labels=DB)
    return made


@pytest.mark.parametrize(
    ("affinity", "feasible"),
    [
        (near(term()), {"a1", "a2"}),
        (near(term(HOSTNAME)), {"a1"}),
        (near(term(), term(HOSTNAME)), {"a1"}),
        (near(term(selector=selecting(app="web"))), set()),
        (near(term(selector={})), {"a1", "a2"}),
        # one pod must match all terms
        (near(term(), term(HOSTNAME, selecting(app="web"))), set()),
        (apart(term()), {"b1", "lone"}),
        (apart(term(HOSTNAME)), {"a2", "b1", "lone"}),
        (apart(term(selector=selecting(app="web"))), {"a1", "a2", "b1", "lone"}),
        # each term keeps apart by itself
        (apart(term(HOSTNAME), term(ZONE, selecting(app="web"))), {"a2", "b1", "lone"}),
        ({**near(term()), **apart(term(HOSTNAME))}, {"a2"}),
        (near({"topologyKey": ZONE}), set()),
        (apart({"topologyKey": ZONE}), {"a1", "a2", "b1", "lone"}),
    ],
)
def test_required_terms_say_which_nodes_will_do(cluster: Cluster, affinity: Json, feasible: set[str]) -> None:
    assert cluster.feasible(pod(affinity=affinity)) == feasible


def test_reasons_tell_the_three_rules_apart(cluster: Cluster) -> None:
    cluster.pods("b1", 1, labels={"app": "shy"}, affinity=apart(term(HOSTNAME, selecting(app="web"))))

    refused = cluster.refused(pod(labels={"app": "web"}, affinity={**near(term(HOSTNAME, {})), **apart(term())}))

    assert refused == {"a1": TOO_NEAR, "a2": AWAY, "b1": UNWELCOME, "lone": AWAY}


@pytest.mark.parametrize("label", ["db", "web"])
def test_the_first_of_a_group_may_stand_alone(scheduler_engine: type[SchedulerEngine], label: str) -> None:
    cluster = four_nodes(scheduler_engine())

    feasible = cluster.feasible(pod(labels={"app": label}, affinity=near(term())))

    # only one that matches its own term is the first of its group, and only where there is a zone
    assert feasible == ({"a1", "a2", "b1"} if label == "db" else set())


def test_anti_affinity_holds_both_ways(cluster: Cluster) -> None:
    cluster.pods("b1", 1, labels={"app": "shy"}, affinity=apart(term(ZONE, selecting(app="web"))))

    assert cluster.refused(pod(labels={"app": "web"})) == {"b1": UNWELCOME}
    assert cluster.refused(pod(labels={"app": "api"})) == {}


@pytest.mark.parametrize(
    ("more", "feasible"),
    [
        ({}, {"a1", "a2"}),
        ({"namespaces": ["other"]}, {"b1"}),
        ({"namespaces": ["other", "default"]}, {"a1", "a2", "b1"}),
        ({"namespaceSelector": {}}, {"a1", "a2", "b1"}),
        ({"namespaceSelector": selecting(team="y")}, {"b1"}),
        ({"namespaceSelector": selecting(team="z")}, set()),
        ({"namespaceSelector": selecting(team="y"), "namespaces": ["default"]}, {"a1", "a2", "b1"}),
        ({"namespaceSelector": {"matchExpressions": [{"key": "team", "operator": "Exists"}]}}, {"a1", "a2", "b1"}),
    ],
)
def test_terms_look_into_their_namespaces(cluster: Cluster, more: Json, feasible: set[str]) -> None:
    cluster.pods("b1", 1, labels=DB, namespace="other")

    assert cluster.feasible(pod(affinity=near(term(**more)))) == feasible


@pytest.mark.parametrize(
    ("more", "is_welcome"),
    [
        ({}, True),
        ({"namespaces": ["default"]}, False),
        ({"namespaceSelector": selecting(team="x")}, False),
        ({"namespaceSelector": selecting(team="y")}, True),
        ({"namespaceSelector": {}}, False),
    ],
)
def test_terms_of_others_look_into_the_pods_namespace(cluster: Cluster, more: Json, is_welcome: bool) -> None:
    cluster.pods("b1", 1, namespace="other", affinity=apart(term(ZONE, selecting(app="web"), **more)))

    assert ("b1" in cluster.feasible(pod(labels={"app": "web"}))) == is_welcome


def test_relabelled_namespaces_are_seen(cluster: Cluster) -> None:
    cluster.pods("b1", 1, labels=DB, namespace="other")
    incoming = pod(affinity=near(term(namespaceSelector=selecting(team="new"))))
    assert cluster.feasible(incoming) == set()

    cluster.object("Namespace", "other", labels={"team": "new"})
    assert cluster.feasible(incoming) == {"b1"}

    cluster.engine.remove_object("Namespace", "other")
    assert cluster.feasible(incoming) == set()


def test_a_relabelled_namespace_wakes_a_pod_that_selects_namespaces(cluster: Cluster) -> None:
    cluster.pods("b1", 1, labels=DB, namespace="other")
    cluster.wait(pod(affinity=near(term(namespaceSelector=selecting(team="new")))))

    cluster.object("Namespace", "third", labels={})
    assert cluster.waiting_count == 1

    cluster.object("Namespace", "other", labels={"team": "new"})
    assert cluster.waiting_count == 0


def test_a_relabelled_pod_stays_asleep_for_those_it_still_repels(cluster: Cluster) -> None:
    for name, zone in (("b1", "b"), ("lone", "c")):
        cluster.node(name, zone)
        cluster.pods(name, 1, labels=DB)
    wanted = apart(term(), term(HOSTNAME, selecting(tier="back")))
    cluster.wait(pod(affinity=wanted))

    labelled = pod("bound-1", nodeName="a1", labels={**DB, "tier": "front"})
    cluster.engine.set_pod(json.dumps(labelled).encode())
    assert cluster.waiting_count == 1

    labelled["metadata"]["labels"] = {"app": "web"}
    cluster.engine.set_pod(json.dumps(labelled).encode())
    assert cluster.waiting_count == 0


def test_pods_that_are_going_still_count(cluster: Cluster) -> None:
    cluster.pods("b1", 1, labels=DB, is_deleted=True)

    assert cluster.feasible(pod(affinity=apart(term()))) == {"lone"}


@pytest.mark.parametrize(
    ("affinity", "raw"),
    [
        (preferring(10, term()), {"a1": 10, "a2": 10, "b1": 0, "lone": 0}),
        (preferring(10, term(HOSTNAME)), {"a1": 10, "a2": 0, "b1": 0, "lone": 0}),
        (preferring(10, term(), "podAntiAffinity"), {"a1": -10, "a2": -10, "b1": 0, "lone": 0}),
        (
            {**preferring(10, term()), **preferring(4, term(HOSTNAME), "podAntiAffinity")},
            {"a1": 6, "a2": 10, "b1": 0, "lone": 0},
        ),
        (preferring(10, term(selector=selecting(app="none"))), None),
        # what evens out still counts as something to score
        (
            {**preferring(4, term()), **preferring(4, term(), "podAntiAffinity")},
            {"a1": 0, "a2": 0, "b1": 0, "lone": 0},
        ),
    ],
)
def test_preferences_add_up(cluster: Cluster, affinity: Json, raw: Json | None) -> None:
    assert cluster.scores(pod(affinity=affinity), PLUGIN) == raw


def test_every_matching_pod_counts(cluster: Cluster) -> None:
    cluster.pods("a2", 2, labels=DB)

    assert cluster.scores(pod(affinity=preferring(10, term())), PLUGIN) == {"a1": 30, "a2": 30, "b1": 0, "lone": 0}


def test_preferences_of_others_count(cluster: Cluster) -> None:
    web = selecting(app="web")
    cluster.pods("b1", 1, affinity=preferring(9, term(ZONE, web)))
    cluster.pods("a2", 1, affinity=preferring(4, term(HOSTNAME, web), "podAntiAffinity"))
    cluster.pods("a1", 1, affinity=near(term(HOSTNAME, web)))

    assert cluster.scores(pod(labels={"app": "web"}), PLUGIN) == {"a1": 1, "a2": -4, "b1": 9, "lone": 0}
    assert cluster.scores(pod(labels={"app": "api"}), PLUGIN) is None


def test_scores_are_stretched_and_cut_off(cluster: Cluster) -> None:
    cluster.pods("b1", 1, labels={"app": "web"})
    wanted = {
        "podAffinity": {
            PREFERRED: [
                {"weight": 30, "podAffinityTerm": term(HOSTNAME)},
                {"weight": 7, "podAffinityTerm": term(ZONE, selecting(app="web"))},
                {"weight": 1, "podAffinityTerm": term()},
            ]
        }
    }

    raw, weighted = (cluster.scores(pod(affinity=wanted), PLUGIN, stage=stage) for stage in ("raw", "weighted"))

    assert raw == {"a1": 31, "a2": 1, "b1": 7, "lone": 0}
    # 100 · 1 / 31 = 3.2, 100 · 7 / 31 = 22.6
    assert weighted == {"a1": 200, "a2": 2 * 3, "b1": 2 * 22, "lone": 0}


def configured(scheduler_engine: type[SchedulerEngine], **args: Any) -> Cluster:
    config = {"profiles": [{"pluginConfig": {PLUGIN: args}}]}
    return four_nodes(scheduler_engine(config=json.dumps(config).encode()))


@pytest.mark.parametrize(("weight", "raw"), [(1, 1), (30, 30), (0, None)])
def test_required_terms_of_others_have_a_weight(
    scheduler_engine: type[SchedulerEngine], weight: int, raw: int | None
) -> None:
    cluster = configured(scheduler_engine, hardPodAffinityWeight=weight)
    cluster.pods("a1", 1, affinity=near(term(HOSTNAME, selecting(app="web"))))

    scores = cluster.scores(pod(labels={"app": "web"}), PLUGIN)

    assert scores == (None if raw is None else {"a1": raw, "a2": 0, "b1": 0, "lone": 0})


def test_preferences_of_others_can_be_ignored(scheduler_engine: type[SchedulerEngine]) -> None:
    cluster = configured(scheduler_engine, ignorePreferredTermsOfExistingPods=True)
    cluster.pods("b1", 1, affinity=preferring(9, term(ZONE, selecting(app="web"))))

    without = cluster.scores(pod(labels={"app": "web"}), PLUGIN)
    having = cluster.scores(pod(labels={"app": "web"}, affinity=preferring(1, term())), PLUGIN)

    assert without is None
    # a pod with preferences of its own hears the others too
    assert having == {"a1": 0, "a2": 0, "b1": 9, "lone": 0}


def test_an_argument_of_the_wrong_type_is_refused(scheduler_engine: type[SchedulerEngine]) -> None:
    with pytest.raises(DecodeError, match=PLUGIN):
        configured(scheduler_engine, hardPodAffinityWeight="heavy")
