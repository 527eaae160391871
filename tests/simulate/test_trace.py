"""Jobs and node events from CSV files."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyk8s.simulate.problems import ScenarioError

from tests.simulate.scenarios import scenario, simulated


def run(folder: Path, jobs: str = "", nodes: str = "") -> object:
    traces = []
    for kind, text in (("jobs", jobs), ("nodes", nodes)):
        if text:
            (folder / f"{kind}.csv").write_text(text)
            traces.append({kind: f"{kind}.csv"})
    return simulated(scenario(workloads=[], traces=traces), folder)


def test_jobs_of_a_trace_run_as_they_say(tmp_path: Path) -> None:
    simulation = run(
        tmp_path,
        "at,duration,workload,replicas,cpu,memory,priority\n"
        "2026-01-01T00:10:00Z,10m,train,2,1,1Gi,10\n"
        "0,1h,etl,,500m,,\n"
        "1h,1h,train,1,1,1Gi,\n",
    )

    assert simulation.measure.counts["finished"] == 4
    assert {key: len(waits) for key, waits in simulation.measure.waits.items()} == {"etl": 1, "train": 3}


def test_node_events_of_a_trace_happen(tmp_path: Path) -> None:
    simulation = run(
        tmp_path,
        nodes="at,event,node,pool,count,for\n10m,fail,general-1,,,30m\n1h,remove,general-2;general-3,,,\n2h,add,,general,2,\n",
    )

    assert simulation.measure.counts["node_failures"] == 1
    assert list(simulation.state.nodes) == ["general-1", "general-4", "general-5", "general-6"]
    assert not simulation.state.nodes["general-1"].is_failed


@pytest.mark.parametrize(
    ("jobs", "nodes", "told"),
    [
        ("at,length\n", "", "line 1: unknown column 'length'; allowed: at, duration"),
        ("at,cpu\n", "", "line 1: column 'duration' is missing"),
        ("at,duration\n0,5m\n0,x\n", "", "line 3: 'x' is no duration"),
        ("at,duration,cpu\n0,5m,1z\n", "", "line 2: cpu is '1z'; allowed: quantities"),
        ("at,duration,replicas\n0,5m,0\n", "", "line 2: replicas is 0; allowed: 1 to"),
        ("at,duration\n2025-01-01T00:00:00Z,5m\n", "", "is before the scenario's start"),
        ("at,duration,priority_class\n0,5m,gold\n", "", "line 2: priority class 'gold' does not exist"),
        ("", "at,event,node\n0,explode,a\n", "line 2: event is 'explode'; allowed: fail, drain"),
        ("", "at,event\n0,fail\n", "line 2: no node is chosen; allowed: names, pool, zone, count"),
        ("", "at,event,pool,count\n0,add,gpu,1\n", "pool 'gpu' does not exist; allowed: general"),
    ],
)
def test_a_row_that_cannot_be_used_is_told_by_line(tmp_path: Path, jobs: str, nodes: str, told: str) -> None:
    with pytest.raises(ScenarioError) as raised:
        run(tmp_path, jobs, nodes)

    assert told in str(raised.value)
