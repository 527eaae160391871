"""What would become of the pods of drained nodes."""

from __future__ import annotations

from typing import Any

import pytest
from pyk8s.simulate.drain import Drain
from pyk8s.simulate.manifests import Manifests
from pyk8s.simulate.problems import ScenarioError
from pyk8s.simulate.question import question_plan
from pyk8s.simulate.result import Contender

from tests.simulate.test_capacity import node

Json = dict[str, Any]


def pod(name: str, node_name: str, *, cpu: str = "1", owner: str = "ReplicaSet", app: str = "web") -> Json:
    owners = [{"apiVersion": "apps/v1", "kind": owner, "name": app, "uid": app, "controller": True}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": name,
            "labels": {"app": app},
            "ownerReferences": owners if owner else [],
        },
        "spec": {"nodeName": node_name, "containers": [{"name": "c", "resources": {"requests": {"cpu": cpu}}}]},
        "status": {"phase": "Running"},
    }


def budget(**spec: Any) -> tuple[str, Json]:
    spec = {"selector": {"matchLabels": {"app": "web"}}, **spec}
    return "PodDisruptionBudget", {"metadata": {"name": "guard", "namespace": "default"}, "spec": spec}


def drained(pods: list[Json], *names: str, nodes: int = 3, objects: Any = ()) -> Json:
    cluster = Manifests(nodes=[node(f"n{i + 1}") for i in range(nodes)], pods=pods, objects=list(objects))
    return Drain(question_plan(cluster, []), Contender("spread")).answer(names, "cluster")


def fates(answer: Json) -> dict[str, str]:
    return {fate["name"]: fate["outcome"] for fate in answer["pods"]}


def test_pods_that_fit_elsewhere_move() -> None:
    answer = drained([pod("a", "n1"), pod("b", "n1"), pod("c", "n2")], "n1")

    assert fates(answer) == {"a": "moves", "b": "moves"}
    assert {fate["to"] for fate in answer["pods"]} <= {"n2", "n3"}
    assert answer["is_complete"]


def test_pods_that_fit_nowhere_stay_pending_with_the_reason() -> None:
    pods = [pod("a", "n1", cpu="3"), pod("b", "n2", cpu="3"), pod("c", "n3", cpu="3")]

    answer = drained(pods, "n1")

    assert fates(answer) == {"a": "pending"}
    assert "2 Insufficient cpu" in answer["pods"][0]["why"]
    assert "1 node(s) were unschedulable" in answer["pods"][0]["why"]
    assert not answer["is_complete"]


def test_nodes_that_go_together_take_nothing_from_each_other() -> None:
    answer = drained([pod("a", "n1"), pod("b", "n2")], "n1", "n2")

    assert {fate["to"] for fate in answer["pods"]} == {"n3"}


def test_a_budget_without_room_blocks() -> None:
    answer = drained([pod("a", "n1"), pod("b", "n2")], "n1", objects=[budget(minAvailable=2)])

    assert fates(answer) == {"a": "blocked"}
    assert answer["pods"][0]["why"] == "PodDisruptionBudget guard allows no disruption"


def test_a_budget_is_paid_back_by_pods_that_found_a_node() -> None:
    pods = [pod("a", "n1"), pod("b", "n1"), pod("c", "n2")]

    assert fates(drained(pods, "n1", objects=[budget(maxUnavailable="34%")])) == {"a": "moves", "b": "moves"}


def test_a_budget_is_not_paid_back_by_pods_that_wait() -> None:
    pods = [pod("a", "n1", cpu="2"), pod("b", "n1", cpu="2"), pod("c", "n2", cpu="4"), pod("d", "n3", cpu="4")]

    answer = drained(pods, "n1", objects=[budget(maxUnavailable=1)])

    assert fates(answer) == {"a": "pending", "b": "blocked"}


def test_pods_of_the_node_stay_and_pods_of_nobody_are_lost() -> None:
    pods = [pod("agent", "n1", owner="DaemonSet", app="agent"), pod("static", "n1", owner="Node", app="n1")]

    answer = drained([*pods, pod("alone", "n1", owner="")], "n1")

    assert fates(answer) == {"agent": "stays", "static": "stays", "alone": "lost"}


def test_a_node_that_does_not_exist_is_told() -> None:
    with pytest.raises(ScenarioError, match=r"node 'n9' does not exist; allowed: n1, n2, n3"):
        drained([], "n9")
