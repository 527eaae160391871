"""Who is evicted for whom: victims, budgets, the choice among nodes, and what follows a preemption."""

from __future__ import annotations

from typing import Any

import pytest
from preemption_cluster import Cluster, budget, node, pod
from pyk8s.core.scheduler_interface import SchedulerEngine

Json = dict[str, Any]


@pytest.fixture
def cluster(scheduler_engine: type[SchedulerEngine]) -> Cluster:
    return Cluster(scheduler_engine())


def candidates(answer: Json) -> dict[str, list[str]]:
    rows = answer["preemption"]["candidates"]
    return {row["node"]: [victim.removeprefix("default/") for victim in row["victims"]] for row in rows}


@pytest.mark.parametrize(
    ("held", "wanted_cpu", "victims"),
    [
        # (name, cpu, priority, start): what is on the node of 4 cpus
        ([("a", "2", 1, ""), ("b", "2", 2, "")], "2", ["a"]),
        ([("a", "2", 1, ""), ("b", "2", 2, "")], "4", ["b", "a"]),
        ([("a", "2", 1, "00:00:01"), ("b", "2", 1, "00:00:02")], "2", ["b"]),
        ([("a", "2", 1, ""), ("b", "2", 1, "00:00:02")], "2", ["a"]),
        ([("a", "1", 1, "00:00:01"), ("b", "3", 1, "00:00:02")], "1", ["b"]),
        ([("a", "3", 1, ""), ("b", "1", 9, "")], "1", ["a"]),
        ([("a", "1", 1, ""), ("b", "1", 2, ""), ("c", "2", 3, "")], "2", ["b", "a"]),
        ([("a", "4", 1, "")], "1", ["a"]),
    ],
)
def test_the_least_important_pods_that_make_enough_room_go(
    cluster: Cluster, held: list[tuple[str, str, int, str]], wanted_cpu: str, victims: list[str]
) -> None:
    on_node = [pod(name, cpu=cpu, priority=priority, on="n", started=start) for name, cpu, priority, start in held]
    cluster.nodes(node("n")).pods(*on_node)

    assert candidates(cluster.evaluated(pod("p", cpu=wanted_cpu, priority=9))) == {"n": victims}


@pytest.mark.parametrize(
    ("on_x", "on_y", "best"),
    [
        # (name, cpu, priority, start); the budget of pods labelled app=a allows no disruption, others have none
        ([("a", "4", 1, "")], [("o1", "4", 5, "")], "y"),
        ([("o1", "4", 3, "")], [("o2", "4", 2, "")], "y"),
        ([("o1", "2", 3, ""), ("o2", "2", 1, "")], [("o3", "2", 3, ""), ("o4", "2", 2, "")], "x"),
        ([("o1", "2", 3, ""), ("o2", "2", -9, "")], [("o3", "4", 3, "")], "y"),
        ([("o1", "4", 3, "00:00:01")], [("o2", "4", 3, "00:00:02")], "y"),
        ([("o1", "4", 3, "")], [("o2", "4", 3, "00:00:02")], "x"),
    ],
)
def test_the_node_whose_victims_matter_least_is_chosen(
    cluster: Cluster,
    on_x: list[tuple[str, str, int, str]],
    on_y: list[tuple[str, str, int, str]],
    best: str,
) -> None:
    for where, held in (("x", on_x), ("y", on_y)):
        for name, cpu, priority, start in held:
            labels = {"app": name[0]}
            cluster.pods(pod(name, cpu=cpu, priority=priority, on=where, started=start, labels=labels))
    cluster.nodes(node("x"), node("y")).objects("PodDisruptionBudget", budget("b", allowed=0))

    assert cluster.evaluated(pod("p", cpu="4", priority=9))["preemption"]["nominated"] == best


@pytest.mark.parametrize(
    ("budgets", "victim", "violations"),
    [
        ([], "b", 0),
        ([budget("x", allowed=0, labels={"app": "b"})], "a", 0),
        ([budget("x", allowed=1, labels={"app": "b"})], "b", 0),
        ([budget("x", allowed=0, labels={"app": "b"}, disrupted=("b",))], "b", 0),
        ([budget("x", allowed=0, labels={})], "b", 0),
        ([budget("x", allowed=0, labels={"app": "a"}), budget("y", allowed=0, labels={"app": "b"})], "b", 1),
    ],
)
def test_budgets_protect_pods_as_far_as_others_will_do(
    cluster: Cluster, budgets: list[Json], victim: str, violations: int
) -> None:
    cluster.nodes(node("n")).objects("PodDisruptionBudget", *budgets)
    cluster.pods(pod("a", cpu="2", priority=2, on="n", labels={"app": "a"}))
    cluster.pods(pod("b", cpu="2", priority=1, on="n", labels={"app": "b"}))

    [candidate] = cluster.evaluated(pod("p", cpu="2", priority=9))["preemption"]["candidates"]

    assert (candidate["victims"], candidate["violations"]) == ([f"default/{victim}"], violations)


def test_one_budget_is_spent_from_the_most_important_pod_down(cluster: Cluster) -> None:
    cluster.nodes(node("n")).objects("PodDisruptionBudget", budget("b", allowed=1))
    cluster.pods(*(pod(name, cpu="2", priority=priority, on="n") for name, priority in (("a", 2), ("b", 1))))

    answer = cluster.evaluated(pod("p", cpu="2", priority=9))

    # a's eviction is covered, b's would then violate: b is given back first.
    assert candidates(answer) == {"n": ["a"]}


@pytest.mark.parametrize(
    ("wanted", "held", "reason"),
    [
        ({"priority": 0}, {"priority": 0}, "1 No preemption victims found for incoming pod."),
        ({"priority": 5, "cpu": "3"}, {"priority": 0, "cpu": "1"}, "1 Insufficient cpu."),
        ({"priority": 5, "cpu": "9"}, {"priority": 0}, "1 Preemption is not helpful for scheduling."),
    ],
)
def test_the_message_says_why_preemption_does_not_help(cluster: Cluster, wanted: Json, held: Json, reason: str) -> None:
    cluster.nodes(node("n")).pods(pod("keeps", cpu="3", priority=9, on="n"), pod("held", on="n", **held))

    answer = cluster.evaluated(pod("p", **{"cpu": "2", **wanted}))

    tail = f"no new claims to deallocate, preemption: 0/1 nodes are available: {reason}"
    assert answer["message"] == f"0/1 nodes are available: 1 Insufficient cpu. {tail}"
    assert answer["preemption"]["nominated"] is None


def test_a_polite_pod_preempts_nobody(cluster: Cluster) -> None:
    cluster.nodes(node("n")).pods(pod("a", cpu="4", on="n"))

    answer = cluster.evaluated(pod("p", priority=9, preemptionPolicy="Never"))

    assert answer["preemption"]["notEligible"] == "not eligible due to preemptionPolicy=Never."
    assert answer["message"].endswith("preemption: not eligible due to preemptionPolicy=Never.")


def test_enough_candidates_end_the_search(scheduler_engine: type[SchedulerEngine]) -> None:
    config = (
        b'{"profiles":[{"pluginConfig":{"DefaultPreemption":'
        b'{"minCandidateNodesPercentage":10,"minCandidateNodesAbsolute":3}}}]}'
    )
    cluster = Cluster(scheduler_engine(config=config))
    for number in range(20):
        cluster.nodes(node(f"n{number}")).pods(pod(f"a{number}", cpu="4", on=f"n{number}"))

    assert len(cluster.evaluated(pod("p", priority=9))["preemption"]["candidates"]) == 3


def test_a_preemptor_waits_for_its_victims_and_takes_its_node(cluster: Cluster) -> None:
    cluster.nodes(node("n")).pods(pod("a", cpu="2", on="n"), pod("b", cpu="2", on="n"), pod("p", cpu="4", priority=9))

    [decision] = cluster.decide()

    assert (decision.outcome, decision.nominated_node_name) == ("unschedulable", "n")
    assert decision.victims == [("default", name, f"default/{name}") for name in ("a", "b")]
    assert decision.message == "0/1 nodes are available: 1 Insufficient cpu."
    assert cluster.gone("a").placed(after_s=2.0) == {}, "one of two victims is still there"
    assert cluster.counts("gated") == [1]
    assert cluster.gone("b").placed() == {"p": "n"}


def test_victims_that_take_their_time_are_waited_for(cluster: Cluster) -> None:
    cluster.nodes(node("n")).pods(pod("a", cpu="4", on="n"), pod("p", cpu="4", priority=9))
    cluster.decide()
    cluster.pods(pod("a", cpu="4", on="n", leaving=True))

    # Something else that might help: the pod is tried, and preempts nobody else meanwhile.
    cluster.nodes(node("m", cpu="4")).pods(pod("c", cpu="4", on="m", priority=5))
    cluster.pods(pod("q", cpu="1", priority=1))
    decisions = {decision.name: decision for decision in cluster.decide(after_s=2.0)}

    assert decisions["p"].message.endswith("preemption: not eligible due to a terminating pod on the nominated node.")
    assert (decisions["p"].nominated_node_name, decisions["p"].victims, decisions["p"].cleared) == ("n", [], [])
    assert decisions["q"].node_name == ""
    assert cluster.gone("a").placed(after_s=5.0) == {"p": "n", "q": ""}


def test_a_pod_for_which_room_is_made_holds_its_place_against_lower_ones(cluster: Cluster) -> None:
    cluster.nodes(node("n")).pods(pod("a", cpu="4", on="n"), pod("p", cpu="3", priority=9))
    cluster.decide()
    cluster.pods(pod("q", cpu="2", priority=1)).gone("a")

    assert cluster.placed() == {"p": "n", "q": ""}


def test_a_higher_pod_takes_the_nomination_of_a_lower_one(cluster: Cluster) -> None:
    cluster.nodes(node("n")).pods(pod("a", cpu="4", on="n"), pod("p", cpu="3", priority=5))
    cluster.decide()
    cluster.pods(pod("r", cpu="3", priority=9))

    [decision] = cluster.decide()

    assert (decision.name, decision.nominated_node_name) == ("r", "n")
    assert decision.cleared == [("default", "p", "default/p")]
    assert cluster.gone("a").placed(after_s=2.0) == {"r": "n", "p": ""}


def test_a_nomination_ends_when_preemption_no_longer_helps(cluster: Cluster) -> None:
    cluster.nodes(node("n")).pods(pod("a", cpu="4", on="n", priority=9), pod("p", priority=5, nominated="n"))

    [decision] = cluster.decide()

    assert (decision.nominated_node_name, decision.cleared) == ("", [("default", "p", "default/p")])


def test_a_nomination_outlives_what_the_api_has_not_heard_of_yet(cluster: Cluster) -> None:
    cluster.nodes(node("n")).pods(pod("a", cpu="4", on="n"), pod("p", cpu="4", priority=9))
    cluster.decide()
    cluster.pods(pod("p", cpu="4", priority=9, labels={"app": "new"}), pod("q", cpu="4", priority=3)).gone("a")

    assert cluster.placed() == {"p": "n", "q": ""}


def test_the_room_of_a_pod_that_is_gone_is_free(cluster: Cluster) -> None:
    cluster.nodes(node("n")).pods(pod("a", cpu="4", on="n"), pod("p", cpu="3", priority=9))
    cluster.decide()
    cluster.gone("a").pods(pod("p", cpu="3", priority=9, schedulingGates=[{"name": "g"}]))
    cluster.pods(pod("q", cpu="4", priority=1))
    assert cluster.placed()["q"] == ""

    cluster.gone("p")

    assert cluster.placed(after_s=2.0) == {"q": "n"}


def test_a_preemptor_whose_victims_cannot_be_evicted_is_tried_again(cluster: Cluster) -> None:
    cluster.nodes(node("n")).pods(pod("a", cpu="4", on="n"), pod("p", cpu="4", priority=9))
    cluster.decide()

    assert cluster.engine.forget("default/p")
    [decision] = cluster.decide(after_s=2.0)

    assert decision.victims == [("default", "a", "default/a")]
    assert not cluster.engine.forget("default/q")


def test_a_nominated_node_is_tried_alone(cluster: Cluster) -> None:
    cluster.nodes(node("n", cpu="8"), node("m", cpu="4")).pods(pod("p", nominated="m"))

    assert cluster.placed() == {"p": "m"}
