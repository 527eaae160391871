"""Which change in the cluster lets which waiting pod be tried again, and which does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from preemption_cluster import Cluster, node, pod
from pyk8s.core.scheduler_interface import SchedulerEngine

Json = dict[str, Any]
Change = Callable[[Cluster], object]
PORT = [{"hostPort": 80, "containerPort": 80}]
TAINT = [{"key": "k", "value": "v", "effect": "NoSchedule"}]
TOLERATION = [{"key": "k", "operator": "Exists"}]
SELECTED = {"nodeSelector": {"disk": "fast"}}


def labelled(name: str, **labels: str) -> Json:
    body = node(name)
    body["metadata"]["labels"] |= labels
    return body


@pytest.fixture
def cluster(scheduler_engine: type[SchedulerEngine]) -> Cluster:
    return Cluster(scheduler_engine())


def is_moved(cluster: Cluster, waiting: Json, change: Change) -> bool:
    """Whether the pod, refused before, is tried again once its backoff is over."""
    cluster.pods(waiting)
    cluster.decide()
    assert cluster.counts("unschedulable", "active", "backoff") == [1, 0, 0]
    change(cluster)
    return waiting["metadata"]["name"] in cluster.placed(after_s=20.0)


FULL = [pod("held", cpu="4", on="n", priority=9)]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda c: c.gone("held"), True),
        (lambda c: c.pods(pod("held", cpu="1", on="n", priority=9)), True),
        (lambda c: c.pods(pod("held", cpu="4", on="n", priority=9, labels={"app": "b"})), False),
        (lambda c: c.nodes(node("n", cpu="8")), True),
        (lambda c: c.nodes(labelled("n", disk="fast")), False),
        (lambda c: c.nodes(node("m")), True),
        (lambda c: c.nodes(node("m", cpu="1")), False),
        (lambda c: c.pods(pod("other", cpu="0", on="n")), False),
        (lambda c: c.pods(pod("p", cpu="1")), True),
        (lambda c: c.pods(pod("p", cpu="2", labels={"app": "b"})), False),
        (lambda c: c.objects("PodDisruptionBudget", {"metadata": {"name": "b", "namespace": "default"}}), False),
        (lambda c: c.engine.remove_node("n"), False),
    ],
)
def test_too_little_room(cluster: Cluster, change: Change, expected: bool) -> None:
    cluster.nodes(node("n")).pods(*FULL)

    assert is_moved(cluster, pod("p", cpu="2"), change) is expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda c: c.gone("held"), True),
        (lambda c: c.gone("other"), False),
        (lambda c: c.nodes(node("m")), True),
        (lambda c: c.nodes(node("n", cpu="8")), False),
    ],
)
def test_a_taken_port(cluster: Cluster, change: Change, expected: bool) -> None:
    cluster.nodes(node("n")).pods(pod("held", on="n", ports=PORT), pod("other", on="n"))

    assert is_moved(cluster, pod("p", ports=PORT), change) is expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda c: c.nodes(node("n")), True),
        (lambda c: c.nodes(node("n", cpu="8", taints=TAINT)), False),
        (lambda c: c.nodes(node("m")), True),
        (lambda c: c.nodes(node("m", taints=TAINT)), False),
        (lambda c: c.pods(pod("p", tolerations=TOLERATION)), True),
        (lambda c: c.pods(pod("p", labels={"app": "b"})), False),
        (lambda c: c.gone("held"), False),
    ],
)
def test_a_taint(cluster: Cluster, change: Change, expected: bool) -> None:
    cluster.nodes(node("n", taints=TAINT)).pods(pod("held", on="n"))

    assert is_moved(cluster, pod("p"), change) is expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda c: c.nodes(node("n")), True),
        (lambda c: c.nodes(node("n", cpu="8", unschedulable=True)), False),
        (lambda c: c.nodes(node("m", unschedulable=True)), False),
        (lambda c: c.pods(pod("p", tolerations=[{"operator": "Exists"}])), True),
        (lambda c: c.pods(pod("p", tolerations=TOLERATION)), False),
    ],
)
def test_a_cordoned_node(cluster: Cluster, change: Change, expected: bool) -> None:
    cluster.nodes(node("n", unschedulable=True))

    assert is_moved(cluster, pod("p"), change) is expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda c: c.nodes(labelled("n", disk="fast")), True),
        (lambda c: c.nodes(labelled("n", disk="slow")), False),
        (lambda c: c.nodes(labelled("m", disk="fast")), True),
        (lambda c: c.nodes(node("m")), False),
        (lambda c: c.gone("held"), False),
    ],
)
def test_a_selector(cluster: Cluster, change: Change, expected: bool) -> None:
    cluster.nodes(node("n")).pods(pod("held", on="n"))

    assert is_moved(cluster, pod("p", **SELECTED), change) is expected


def test_gates_are_looked_at_when_the_pod_changes(cluster: Cluster) -> None:
    gates = [{"name": "a"}, {"name": "b"}]
    cluster.nodes(node("n")).pods(pod("p", schedulingGates=gates))
    assert cluster.placed(after_s=400.0) == {}

    cluster.pods(pod("p", schedulingGates=gates[:1]))
    assert (cluster.placed(), cluster.counts("gated")) == ({}, [1])

    cluster.pods(pod("p"))
    assert cluster.placed() == {"p": "n"}


def test_only_pods_refused_by_that_plugin_are_moved(cluster: Cluster) -> None:
    cluster.nodes(node("n", taints=TAINT)).pods(pod("held", cpu="4", on="n"))
    cluster.pods(pod("tainted"), pod("full", tolerations=TOLERATION), pod("picky", tolerations=TOLERATION, **SELECTED))
    cluster.decide()

    cluster.gone("held")

    assert cluster.placed(after_s=20.0) == {"full": "n"}
    assert cluster.counts("unschedulable") == [2]


def test_whatever_happens_a_pod_is_tried_after_five_minutes(cluster: Cluster) -> None:
    cluster.nodes(node("n", taints=TAINT)).pods(pod("p"))
    cluster.decide()

    assert cluster.placed(after_s=299.0) == {}
    assert cluster.engine.next_deadline_s() == 1320.0
    assert cluster.placed(after_s=21.0) == {"p": ""}


def test_pods_are_moved_in_the_order_in_which_they_came(cluster: Cluster) -> None:
    cluster.nodes(node("n")).pods(pod("held", cpu="4", on="n", priority=9))
    cluster.pods(*(pod(f"p{number}", cpu="2") for number in range(4)))
    cluster.decide()

    cluster.gone("held")

    assert [decision.name for decision in cluster.decide(after_s=20.0)] == ["p0", "p1", "p2", "p3"]
