"""Cluster life on virtual time: arrivals, ends, scaling, failures, and the same bytes for the same seed."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyk8s.simulate.plan_builder import scenario_plan
from pyk8s.simulate.result import Contender, run_plan, to_bytes
from pyk8s.simulate.scenario import Scenario

from tests.simulate.scenarios import JOBS, POOL, figures, scenario, simulated

Json = dict[str, Any]

SERVICE = {"name": "web", "replicas": 6, "requests": {"cpu": 1, "memory": "1Gi"}}


def result_bytes(seed: int) -> bytes:
    failures = [{"meanTimeBetween": "1d", "repair": {"exponential": "1h"}}]
    document = scenario(seed=seed, failures=failures, workloads=[JOBS, SERVICE])
    plan = scenario_plan(Scenario.model_validate(document), "scenario", Path())
    return to_bytes(run_plan(plan, [Contender("spread")], "scenario"))


def test_the_same_seed_gives_the_same_bytes_and_another_one_does_not() -> None:
    first = result_bytes(7)

    assert first == result_bytes(7)
    assert first != result_bytes(8)


def test_jobs_arrive_run_and_end() -> None:
    jobs = {**JOBS, "arrivals": {"every": "1h"}, "duration": "30m", "replicas": 2}

    found = figures(scenario(workloads=[jobs], duration="10h10m"))

    # At 0 h, 1 h, … 10 h; the last two still run.
    assert found["pods"]["created"] == 22
    assert found["pods"]["finished"] == 20
    assert found["running"]["end"] == 2
    assert found["wait_s"]["max"] == 0


def test_means_are_over_time_exactly() -> None:
    jobs = {**JOBS, "arrivals": {"every": "1h"}, "duration": "15m"}

    found = figures(scenario(workloads=[jobs], duration="10h"))

    # One pod for a quarter of the time; one of the sixteen cores.
    assert found["running"]["mean"] == 0.25
    assert found["utilization"]["cpu"]["mean"] == pytest.approx(0.25 / 16, abs=1e-4)


def test_pods_beyond_the_room_wait_and_say_why() -> None:
    simulation = simulated(scenario(workloads=[{**SERVICE, "replicas": 20}]))

    assert simulation.measure.reasons_now == {"Insufficient cpu": 4}
    assert len(simulation.state.pending) == 4


def test_a_pod_gets_its_node_when_another_one_ends() -> None:
    first = {**JOBS, "name": "first", "arrivals": None, "replicas": 16, "duration": "10m"}
    second = {**first, "name": "second", "at": "5m", "replicas": 1}

    found = figures(scenario(workloads=[first, second]))

    waited = found["workloads"]["second"]["wait_s"]["max"]
    assert 300 <= waited <= 310  # until the first ones end, and at most one backoff more


def test_services_are_scaled_up_and_down() -> None:
    scale = [{"at": "1h", "replicas": 10}, {"at": "2h", "replicas": 3}]

    simulation = simulated(scenario(workloads=[{**SERVICE, "scale": scale}], sample="10m"))

    series = simulation.measure.series
    assert [series.running[series.at_s.index(at_s)] for at_s in (600, 4_200, 7_800)] == [6, 10, 3]


def test_pods_of_a_failed_node_come_again_elsewhere_after_the_grace() -> None:
    events = [{"at": "1h", "failNodes": {"names": ["general-1"]}}]

    simulation = simulated(scenario(workloads=[SERVICE], events=events))

    lost = simulation.measure.counts["lost"]
    assert lost > 0
    assert simulation.measure.counts["resubmitted"] == lost
    assert simulation.state.bound_count == 6
    assert not simulation.state.nodes["general-1"].pods
    youngest = max(pod.created_s for pod in simulation.state.pods.values())
    assert youngest == 3_600 + 340


def test_a_node_that_is_back_in_time_keeps_its_pods() -> None:
    events = [{"at": "1h", "failNodes": {"names": ["general-1"]}, "for": "1m"}]

    simulation = simulated(scenario(workloads=[SERVICE], events=events))

    assert simulation.measure.counts["node_failures"] == 1
    assert simulation.measure.counts["lost"] == 0


def test_a_job_that_was_lost_starts_again_or_goes_on_as_asked() -> None:
    job = {**JOBS, "arrivals": None, "duration": "2h", "replicas": 1}
    events = [
        {"at": "1h", "removeNodes": {"names": ["general-1"]}},
        {"at": "1h", "addNodes": {"pool": "general", "count": 1}},
    ]

    def end_s(**changes: Any) -> float:
        cluster = {"pools": [{**POOL, "count": 1}]}
        document = scenario(cluster=cluster, workloads=[{**job, **changes}], events=events, duration=None)
        return simulated(document).now_s

    again, goes_on = end_s(), end_s(keepsProgress=True)

    assert 3 * 3_600 <= again <= 3 * 3_600 + 20
    assert 2 * 3_600 <= goes_on <= 2 * 3_600 + 20


def test_a_drain_moves_the_pods_and_lets_no_new_ones_in() -> None:
    events = [{"at": "1h", "drainNodes": {"names": ["general-1", "general-2"]}}]

    simulation = simulated(scenario(workloads=[SERVICE], events=events))

    assert simulation.measure.counts["evicted"] > 0
    assert not simulation.state.nodes["general-1"].pods and not simulation.state.nodes["general-2"].pods
    assert simulation.state.bound_count == 6


BUDGET: Json = {
    "apiVersion": "policy/v1",
    "kind": "PodDisruptionBudget",
    "metadata": {"name": "web", "namespace": "default"},
    "spec": {"selector": {"matchLabels": {"app": "web"}}},
}


@pytest.mark.parametrize(("spec", "gone_after_s"), [({"maxUnavailable": 1}, 30), ({"minAvailable": 6}, None)])
def test_a_drain_respects_budgets(tmp_path: Path, spec: Json, gone_after_s: float | None) -> None:
    budget = {**BUDGET, "spec": {**BUDGET["spec"], **spec}}
    (tmp_path / "budget.yaml").write_text(yaml.safe_dump(budget))
    cluster = {"pools": [{**POOL, "count": 2}], "manifests": ["budget.yaml"]}
    events = [{"at": "1h", "drainNodes": {"names": ["general-1"]}}]
    service = {**SERVICE, "requests": {"cpu": "500m"}, "termination": "2s"}

    simulation = simulated(scenario(cluster=cluster, workloads=[service], events=events), tmp_path)

    moved = simulation.measure.counts["evicted"]
    assert len(simulation.state.nodes["general-1"].pods) == (0 if gone_after_s else 3)
    assert moved == (3 if gone_after_s else 0)
    if gone_after_s:
        # One after the other: each must have found a node before the next one goes.
        moments = sorted(pod.created_s for pod in simulation.state.pods.values() if pod.is_resubmission)
        assert all(later - earlier >= 5 for earlier, later in pairwise(moments))
        assert moments[-1] <= 3_600 + gone_after_s


def test_without_a_duration_it_ends_when_nothing_happens_any_more() -> None:
    jobs = {**JOBS, "arrivals": {"every": "10m", "count": 3}, "duration": "5m"}

    simulation = simulated(scenario(workloads=[jobs], duration=None))

    assert simulation.now_s == 1_500
    assert simulation.measure.counts["finished"] == 3


def test_random_failures_come_as_often_as_asked() -> None:
    pool = {**POOL, "count": 50}
    failures = [{"meanTimeBetween": "1d", "repair": "1m"}]

    found = figures(scenario(cluster={"pools": [pool]}, workloads=[], failures=failures, duration="20d"))

    # 50 nodes for 20 days: 1,000 expected, and about 32 either way.
    assert 850 < found["node_failures"] < 1_150


def test_a_scheduler_does_not_change_what_arrives() -> None:
    def created(cpu: int) -> list[float]:
        document = scenario(cluster={"pools": [{**POOL, "allocatable": {"cpu": cpu, "memory": "16Gi"}}]})
        plan = scenario_plan(Scenario.model_validate(document), "scenario", Path())
        return [batch.at_s for batch in plan.workloads[0].batches(7, 86_400)]

    assert created(4) == created(64)


def test_pods_that_ask_for_unknown_resources_wait() -> None:
    simulation = simulated(scenario(workloads=[{**SERVICE, "requests": {"example.com/none": 1}}]))

    assert simulation.measure.reasons_now == {"Insufficient example.com/none": 6}


def test_nodes_without_capacity_take_nothing() -> None:
    pool = {**POOL, "allocatable": {"cpu": 0, "memory": 0, "pods": 0}}

    found = figures(scenario(cluster={"pools": [pool]}, workloads=[SERVICE]))

    assert found["pending"]["end"] == 6
    assert found["utilization"]["cpu"] == {"mean": 0, "max": 0, "end": 0}


@pytest.mark.parametrize("amount", ["8Ei", "9999999999999", "1e30", "0", "0.0000001"])
def test_amounts_beyond_all_measure_do_no_harm(amount: str) -> None:
    found = figures(scenario(workloads=[{**SERVICE, "requests": {"cpu": amount, "memory": amount}}]))

    assert found["pending"]["end"] in (0, 6)
    assert found["pending"]["end"] + found["running"]["end"] == 6


def test_a_cluster_without_nodes_is_told_as_kube_scheduler_tells_it() -> None:
    simulation = simulated(scenario(cluster={}, workloads=[SERVICE]))

    assert {pod.message for pod in simulation.state.pending.values()} == {"no nodes available to schedule pods"}


def test_curves_have_a_bounded_number_of_points_however_long_it_takes() -> None:
    jobs = {**JOBS, "arrivals": {"every": "1h", "count": 200}, "duration": "10m"}

    series = simulated(scenario(workloads=[jobs], duration=None)).measure.series

    assert 1_000 <= len(series.at_s) <= 2_001
    assert {len(series.pending), len(series.heat), len(series.utilization["cpu"]), len(series.reasons)} == {
        len(series.at_s)
    }
    gaps = {later - earlier for earlier, later in pairwise(series.at_s[:-1])}
    assert len(gaps) == 1
