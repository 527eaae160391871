"""The mode http: a workload through an API server and a scheduler that are processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pyk8s.cli.bench import app
from pyk8s.cli.exits import CommandError
from pyk8s.simulate.bench.cluster import ClusterError
from pyk8s.simulate.bench.processes import Scheduler
from typer.testing import CliRunner

MIXED = Path(__file__).with_name("fixtures") / "mixed" / "performance.yaml"


def test_a_workload_runs_through_the_api_server() -> None:
    words = ["--config", str(MIXED), "--case", "WaitAndRelease", "--mode", "http", "-o", "json"]

    done = CliRunner().invoke(app, ["scheduler", *words], catch_exceptions=False)

    assert done.exit_code == 0, done.output
    by_metric = {item["labels"]["Metric"]: item["data"] for item in json.loads(done.stdout)["dataItems"]}
    assert by_metric["SchedulingThroughput"]["Average"] > 0
    # The API server, the scheduler and this process.
    assert by_metric["ProcessMemory"]["Peak"] > 100


def test_a_server_that_cannot_be_reached_is_told(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"WaitAndRelease/tiny: .*kubeconfig"):
        words = ["--case", "WaitAndRelease", "--mode", "http", "--kubeconfig", str(tmp_path / "kubeconfig")]
        CliRunner().invoke(app, ["scheduler", "--config", str(MIXED), *words], catch_exceptions=False)


def test_a_scheduler_that_ends_by_itself_is_told_with_its_last_words(tmp_path: Path) -> None:
    log = tmp_path / "scheduler.log"
    log.write_text("starting\nno such plugin: Nonsense\n")
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()

    with pytest.raises(ClusterError, match="the scheduler ended by itself: no such plugin: Nonsense"):
        Scheduler(process, log).check()
