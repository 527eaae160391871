"""Pods of higher priority push out others; what was pushed out comes again and waits for room."""

from __future__ import annotations

from typing import Any

from tests.simulate.scenarios import scenario, simulated

Json = dict[str, Any]

LOW: Json = {"name": "low", "replicas": 12, "requests": {"cpu": 1}, "priorityClassName": "batch"}
HIGH: Json = {"name": "high", "replicas": 2, "at": "10m", "requests": {"cpu": 2}, "priorityClassName": "service"}


def run(*workloads: Json, **changes: Any) -> Any:
    pool = {"name": "node", "count": 3, "allocatable": {"cpu": 4, "memory": "16Gi"}}
    cluster = {"pools": [pool], "priorityClasses": {"batch": 0, "service": 1000}}
    return simulated(scenario(cluster=cluster, workloads=list(workloads), **{"duration": "2h", **changes}))


def test_victims_make_room_and_come_again() -> None:
    simulation = run(LOW, HIGH)

    counts = simulation.measure.counts
    assert counts["preempted"] == counts["resubmitted"] == 4
    assert all(pod.node is not None for pod in simulation.state.pods.values() if pod.shape.priority == 1000)
    assert {pod.shape.priority for pod in simulation.state.pending.values()} == {0}
    assert len(simulation.state.pending) == 4


def test_a_pod_that_preempts_waits_for_its_victims_to_end() -> None:
    waits = run({**LOW, "termination": "30s"}, HIGH).measure.waits["high"]

    # Their end wakes it, and it may back off for a second before.
    assert all(30 <= wait <= 32 for wait in waits)


def test_victims_that_are_not_resubmitted_are_gone() -> None:
    simulation = run({**LOW, "resubmit": False}, HIGH)

    assert simulation.measure.counts["preempted"] == 4
    assert not simulation.state.pending
    assert simulation.state.bound_count == 10


def test_nobody_is_pushed_out_for_equals() -> None:
    simulation = run(LOW, {**HIGH, "priorityClassName": "batch"})

    assert simulation.measure.counts["preempted"] == 0
    assert len(simulation.state.pending) == 2


def test_victims_come_back_when_the_others_leave() -> None:
    simulation = run(LOW, {**HIGH, "scale": [{"at": "1h", "replicas": 0}]})

    assert not simulation.state.pending
    assert simulation.state.bound_count == 12
