"""Pod groups: all of them that must start together, or none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from preemption_cluster import Cluster, encoded, group, node, pod
from pyk8s.core.scheduler_interface import SchedulerEngine
from pyk8s.scheduler.configuration import compile_configuration

Json = dict[str, Any]
GATES = {"GenericWorkload": True, "GangScheduling": True}
INCOMPLETE = (
    "pod group is unschedulable, waiting for minCount pods from a gang to be scheduled, "
    "one or more plugins asked to wait and no plugin rejected pod"
)


@pytest.fixture
def cluster(scheduler_engine: type[SchedulerEngine]) -> Cluster:
    configuration = {"apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration"}
    return Cluster(scheduler_engine(config=compile_configuration(configuration, feature_gates=GATES).config))


def members(name: str, count: int, *, start: int = 0, **spec: Any) -> list[Json]:
    part = {"schedulingGroup": {"podGroupName": name}}
    return [pod(f"{name}-{number}", **spec, **part) for number in range(start, start + count)]


@pytest.mark.parametrize(
    ("min_count", "count", "placed"),
    [(3, 3, 3), (3, 4, 4), (4, 5, 4), (5, 5, 0), (6, 6, 0), (None, 6, 4), (1, 6, 4)],
)
def test_as_many_as_needed_are_placed_or_none(cluster: Cluster, min_count: int | None, count: int, placed: int) -> None:
    cluster.nodes(node("n", cpu="2"), node("m", cpu="2")).objects("PodGroup", group("g", min_count))
    cluster.pods(*members("g", count))

    decided = cluster.placed()

    assert len(decided) == count
    assert sum(bool(node_name) for node_name in decided.values()) == placed
    assert cluster.counts("bound", "assumed", "unschedulable") == [placed, placed, count - placed]


def test_a_group_that_does_not_fit_leaves_its_room_to_others(cluster: Cluster) -> None:
    cluster.nodes(node("n", cpu="2")).objects("PodGroup", group("g", 3))
    cluster.pods(*members("g", 3, priority=1), pod("single", cpu="2"))

    decisions = {decision.name: decision for decision in cluster.decide()}

    assert decisions["single"].node_name == "n"
    group_of = [decision for name, decision in decisions.items() if name != "single"]
    [left] = [decision for decision in group_of if decision.message != INCOMPLETE]
    assert left.message.startswith("0/1 nodes are available: 1 Insufficient cpu.")
    assert [decision.plugins for decision in group_of if decision is not left] == [["GangScheduling"]] * 2


def test_a_group_waits_until_enough_of_it_are_there(cluster: Cluster) -> None:
    cluster.nodes(node("n")).objects("PodGroup", group("g", 3)).pods(*members("g", 2))
    assert (cluster.placed(), cluster.counts("gated")) == ({}, [2])

    cluster.pods(*members("g", 1, start=2))

    assert cluster.placed() == {"g-0": "n", "g-1": "n", "g-2": "n"}


def test_pods_wait_for_their_group_to_be_created(cluster: Cluster) -> None:
    cluster.nodes(node("n")).pods(*members("g", 2))
    assert (cluster.placed(), cluster.counts("gated")) == ({}, [2])

    cluster.objects("PodGroup", group("g", 2))

    assert cluster.placed() == {"g-0": "n", "g-1": "n"}


def test_a_pod_that_comes_later_joins_those_that_run(cluster: Cluster) -> None:
    cluster.nodes(node("n")).objects("PodGroup", group("g", 2)).pods(*members("g", 2))
    cluster.decide()

    cluster.pods(*members("g", 1, start=2))

    assert cluster.placed() == {"g-2": "n"}


def test_a_group_is_tried_again_as_a_whole_when_room_is_made(cluster: Cluster) -> None:
    cluster.nodes(node("n", cpu="3")).pods(pod("held", cpu="2", on="n", priority=9))
    cluster.objects("PodGroup", group("g", 3)).pods(*members("g", 3))
    assert set(cluster.placed().values()) == {""}

    cluster.gone("held")

    assert cluster.placed(after_s=20.0) == {"g-0": "n", "g-1": "n", "g-2": "n"}


def test_a_group_that_failed_is_tried_again_when_another_pod_joins_it(cluster: Cluster) -> None:
    cluster.nodes(node("n")).objects("PodGroup", group("g", 2))
    gated = members("g", 1, start=1, schedulingGates=[{"name": "gate"}])
    cluster.pods(*members("g", 1), *gated)
    assert cluster.placed() == {"g-0": ""}

    cluster.pods(*members("g", 1, start=2))

    assert cluster.placed(after_s=20.0) == {"g-0": "n", "g-2": "n"}


def test_a_group_evicts_others_only_when_that_is_enough_for_it(cluster: Cluster) -> None:
    cluster.nodes(node("n", cpu="2"), node("m", cpu="2")).objects("PodGroup", group("g", 2), group("h", 4))
    cluster.pods(pod("a", cpu="2", on="n"), pod("b", cpu="2", on="m", priority=9))

    cluster.pods(*members("h", 4, priority=5))
    assert [decision.victims for decision in cluster.decide()] == [[], [], [], []]

    cluster.gone(*(f"h-{number}" for number in range(4))).pods(*members("g", 2, priority=5))
    decisions = cluster.decide()
    assert {victim[1] for decision in decisions for victim in decision.victims} == {"a"}
    assert [decision.nominated_node_name for decision in decisions] == ["n", "n"]
    assert cluster.gone("a").placed(after_s=20.0) == {"g-0": "n", "g-1": "n"}


def test_without_the_plugin_a_group_is_but_a_name(scheduler_engine: type[SchedulerEngine]) -> None:
    cluster = Cluster(scheduler_engine()).nodes(node("n", cpu="2")).pods(*members("g", 3))

    assert sorted(cluster.placed().values()) == ["", "n", "n"]


@pytest.mark.parametrize(("min_count", "result"), [(2, "bound"), (3, "unschedulable"), (4, "waiting")])
def test_a_dry_run_changes_nothing(cluster: Cluster, min_count: int, result: str) -> None:
    cluster.nodes(node("n", cpu="2")).objects("PodGroup", group("g", min_count))
    pods = [encoded(each) for each in members("g", 3)]
    before = cluster.engine.counts()

    told = [json.loads(cluster.engine.evaluate_group(pods)) for _ in range(2)]

    assert told[0] == told[1]
    assert (told[0]["result"], cluster.engine.counts()) == (result, before)
    chosen = [answer["chosen"] for answer in told[0]["pods"]]
    assert chosen == {"bound": ["n", "n", None], "unschedulable": [None, None, None], "waiting": []}[result]
