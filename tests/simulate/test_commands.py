"""`pyk8s simulate …` as a user sees it: tables, JSON, files, exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from pyk8s.cli.exits import CommandError, ExitCode
from pyk8s.cli.simulate_commands import Changes, Outputs, Source, run_capacity, run_drain, run_scenarios

from tests.simulate.scenarios import JOBS, POOL, scenario, write
from tests.simulate.test_capacity import node, workload
from tests.simulate.test_drain import pod


def simulate(files: list[Path], **changes: object) -> None:
    outputs = Outputs(**{"output": "table", **changes})  # type: ignore[arg-type]
    run_scenarios([str(file) for file in files], outputs, Changes())


def test_the_table_has_a_column_per_scheduler(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    simulate([write(tmp_path, scenario(schedulers=["spread", "binpack"]))])

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["FIGURE", "SPREAD", "BINPACK"]
    assert any(line.startswith("pods created") for line in lines)


def test_the_table_and_the_file_hold_the_same_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path, scenario())

    simulate([file], output="json", json_file=str(tmp_path / "result.json"))

    assert capsys.readouterr().out == (tmp_path / "result.json").read_text()


def test_a_failed_assertion_is_told_and_is_exit_code_10(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asserted = [{"metric": "pods.created", "equals": 3}, {"metric": "pods.created", "atLeast": 1}]

    with pytest.raises(CommandError) as raised:
        simulate([write(tmp_path, scenario(assertions=asserted))])

    assert raised.value.code == ExitCode.ASSERTION_FAILED
    assert "assertion failed: pods.created of spread is " in str(raised.value)
    assert str(raised.value).endswith(", not = 3")
    table = capsys.readouterr().out
    assert "FAILED" in table and "holds" in table


def test_a_wrong_scenario_is_exit_code_2_with_the_path(tmp_path: Path) -> None:
    file = write(tmp_path, scenario(workloads=[{**JOBS, "replicaz": 3}]))

    process = subprocess.run(
        [sys.executable, "-m", "pyk8s.cli.main", "simulate", "-f", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert process.returncode == 2
    assert f"{file}: workloads[0].replicaz: unknown field; allowed: name, namespace, template" in process.stderr
    assert process.stdout == ""


def test_an_unknown_scheduler_is_exit_code_2_with_the_path(tmp_path: Path) -> None:
    with pytest.raises(CommandError) as raised:
        simulate([write(tmp_path, scenario(schedulers=["spread", "random"]))])

    assert raised.value.code == ExitCode.USAGE
    assert "schedulers[1]: " in str(raised.value)
    assert "spread, binpack" in str(raised.value)


def test_a_configuration_file_is_read_beside_the_scenario(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    header = {"apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration"}
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(header))

    simulate([write(tmp_path, scenario(schedulers=[{"name": "mine", "config": "own.yaml"}]))])

    assert capsys.readouterr().out.splitlines()[0].split() == ["FIGURE", "MINE"]


def test_scenarios_are_compared_side_by_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = write(tmp_path, scenario(name="few"), "few.yaml")
    many = write(tmp_path, scenario(name="many", cluster={"pools": [{**POOL, "count": 40}]}), "many.yaml")

    simulate([few, many], output="json")

    result = json.loads(capsys.readouterr().out)
    assert [run["name"] for run in result["schedulers"]] == ["few", "many"]
    waits = [run["summary"]["wait_s"]["p99"] for run in result["schedulers"]]
    assert waits[0] > waits[1] == 0


def test_capacity_prints_a_row_per_pool(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    app = tmp_path / "app.yaml"
    app.write_text(yaml.safe_dump(workload("Deployment", "web", {"cpu": "1"}, replicas=8)))

    run_capacity([str(app)], ["small:cpu=4,memory=16Gi"], "", source=Source(), scheduler="spread", output="table")

    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[0][:4] == ["POOL", "NODES", "FITS", "PENDING"]
    assert rows[1][:4] == ["small", "2", "yes", "0"]


def test_capacity_without_any_pool_is_exit_code_2(tmp_path: Path) -> None:
    with pytest.raises(CommandError) as raised:
        run_capacity([], [], "", source=Source(), scheduler="spread", output="table")

    assert raised.value.code == ExitCode.USAGE


def test_drain_reads_what_kubectl_exports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export = tmp_path / "cluster.json"
    exported_pod = {**pod("a", "n1"), "status": {"phase": "Running", "somethingNew": True}}
    export.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [node("n1"), node("n2"), exported_pod]}))

    run_drain(["n1"], source=Source(export=str(export)), scheduler="spread", output="table")

    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["n1", "default/a", "moves", "n2"]
    assert lines[-1] == "1 moves; the drain goes through"


def test_without_a_file_the_option_is_named() -> None:
    with pytest.raises(CommandError, match=r"say -f SCENARIO.yaml") as raised:
        run_scenarios([""], Outputs("table"), Changes())

    assert raised.value.code == ExitCode.USAGE


def test_pods_of_a_scheduler_without_a_profile_are_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, scenario(duration="1h", workloads=[{**JOBS, "schedulerName": "other"}]))

    simulate([file])

    assert "scheduler spread: it has no profile 'other'; pods that ask for that one wait" in capsys.readouterr().err


def test_a_gang_starts_together_or_not_at_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cluster = {"pools": [{**POOL, "count": 2}]}
    filler = {"name": "filler", "replicas": 4, "requests": {"cpu": 1}, "duration": "1h"}
    gang = {"name": "gang", "at": "1m", "replicas": 6, "requests": {"cpu": 1}, "duration": "1h", "gang": True}

    simulate([write(tmp_path, scenario(cluster=cluster, workloads=[filler, gang], duration="3h"))], output="json")

    figures = json.loads(capsys.readouterr().out)["schedulers"][0]["summary"]["workloads"]["gang"]
    # Four of the six would have fitted at once; all wait until the filler has ended.
    assert figures["bound"] == 6
    assert figures["wait_s"]["p50"] >= 59 * 60
