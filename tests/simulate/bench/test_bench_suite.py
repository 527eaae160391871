"""Our own suite: every workload of it can be planned, and the table names workloads that are there."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest
from pyk8s.simulate.bench.format import load
from pyk8s.simulate.bench.session import prepare

ROOT = Path(__file__).parents[3]
SUITE = ROOT / "benches" / "scheduler" / "performance.yaml"


@pytest.fixture(scope="module")
def table() -> Any:
    spec = importlib.util.spec_from_file_location("bench_scheduler_table", SUITE.with_name("run.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_every_workload_can_be_planned() -> None:
    ready = prepare(SUITE, lambda path, gates: b"")

    assert len(ready) == sum(len(case.workloads) for case in load(SUITE))


def test_each_row_of_the_table_is_a_workload_with_the_rows_aim_and_size(table: Any) -> None:
    workloads = {(case.name, one.name): one for case in load(SUITE) for one in case.workloads}

    for row in table.TABLE:
        workload = workloads[row.case, row.workload]
        params = workload.params
        pods = params.get("measurePods") or int(params["initPodGroups"]) * int(params["podsPerGroup"])
        assert pods == row.pod_count and workload.threshold_value == row.aim


def test_every_case_of_the_table_has_a_size_for_a_shared_machine(table: Any) -> None:
    small = {case.name for case in load(SUITE) for one in case.workloads if "twentieth" in one.labels}

    assert small >= {row.case for row in table.TABLE}


def test_the_table_shows_ours_beside_floor_and_aim(table: Any, capsys: pytest.CaptureFixture[str]) -> None:
    measured = {
        "average": 90_000.0,
        "attempt_p99_ms": 0.02,
        "memory_gib": 0.5,
        "agreement_percent": 100.0,
        "sample": 100.0,
    }

    table.show([(table.TABLE[0], measured), (table.TABLE[1], None)])

    _, basic, daemons, *_ = capsys.readouterr().out.splitlines()
    assert basic.split() == ["SchedulingBasic", "5000Nodes_50000Pods", "810", "90,000", "100,000", "missed", "111",
                             "20", "µs", "0.50", "GiB", "100", "%", "of", "100"]  # fmt: skip
    assert "failed" in daemons
