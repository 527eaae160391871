"""`pyk8s bench scheduler` as people call it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pyk8s.cli.bench import app
from pyk8s.cli.exits import CommandError, ExitCode
from typer.testing import CliRunner

MIXED = Path(__file__).with_name("fixtures") / "mixed" / "performance.yaml"


def run(*words: str) -> str:
    done = CliRunner().invoke(app, ["scheduler", *words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_workload_prints_a_table_with_its_threshold() -> None:
    head, line = run("--config", str(MIXED), "--case", "AffinityInOneZone", "--workload", "tiny").splitlines()

    assert head.split()[:3] == ["workload", "pods", "pods/s"]
    assert line.startswith("AffinityInOneZone/tiny/team-1") and line.endswith("1 met")


def test_json_goes_to_stdout_alone() -> None:
    document = json.loads(run("--config", str(MIXED), "--label", "fast", "-o", "json"))

    names = {item["labels"]["Name"].split("/")[0] for item in document["dataItems"]}
    assert names == {"AffinityInOneZone", "SpreadUnderChurn", "WaitAndRelease"}


def test_a_wrong_file_exits_with_2_and_the_fields_path(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(MIXED.read_text().replace("countParam: $nodes", "countParams: $nodes", 1))

    with pytest.raises(CommandError) as caught:
        run("--config", str(file))

    assert caught.value.code == ExitCode.USAGE
    assert f"{file}: [0].workloadTemplate[0].countParams: unknown field; allowed: " in str(caught.value)


def test_a_template_that_is_missing_exits_with_2(tmp_path: Path) -> None:
    file = tmp_path / "elsewhere.yaml"
    file.write_text(MIXED.read_text())

    with pytest.raises(CommandError) as caught:
        run("--config", str(file))

    assert caught.value.code == ExitCode.USAGE and "cannot read the template" in str(caught.value)


def test_a_wrong_scheduler_configuration_exits_with_2(tmp_path: Path) -> None:
    (tmp_path / "scheduler.yaml").write_text("apiVersion: kubescheduler.config.k8s.io/v1\nkind: Wrong\n")
    file = tmp_path / "case.yaml"
    file.write_text(
        "- name: Case\n  schedulerConfigPath: scheduler.yaml\n"
        "  workloadTemplate: [{opcode: createNodes, count: 1}]\n  workloads: [{name: w}]\n"
    )

    with pytest.raises(CommandError) as caught:
        run("--config", str(file))

    assert caught.value.code == ExitCode.USAGE and "[0].schedulerConfigPath: " in str(caught.value)


@pytest.mark.parametrize(("option", "value"), [("--output", "xml"), ("--mode", "telepathy")])
def test_an_unknown_choice_exits_with_2(option: str, value: str) -> None:
    with pytest.raises(CommandError) as caught:
        run("--config", str(MIXED), option, value)

    assert caught.value.code == ExitCode.USAGE and value in str(caught.value)


def test_a_report_is_one_page_with_both_pictures(tmp_path: Path) -> None:
    report = tmp_path / "report.html"

    run("--config", str(MIXED), "--case", "AffinityInOneZone", "--workload", "tiny", "--report", str(report))

    page = report.read_text()
    assert "Throughput of 8 pods in team-1" in page and "How full the nodes are" in page
    assert "pods bound per second" in page and "CPU requested (% of allocatable)" in page
    assert '<script src="http' not in page


def test_a_template_that_the_scheduler_cannot_read_exits_with_2_and_names_it(tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {generateName: p-}\nspec:\n"
        "  containers: [{name: c, image: i, resources: {requests: {cpu: plenty}}}]\n"
    )
    file = tmp_path / "case.yaml"
    file.write_text(
        "- name: Case\n  workloadTemplate: [{opcode: createPods, count: 1, podTemplatePath: pod.yaml}]\n"
        "  workloads: [{name: w}]\n"
    )

    with pytest.raises(CommandError) as caught:
        run("--config", str(file))

    assert caught.value.code == ExitCode.USAGE and str(tmp_path / "pod.yaml") in str(caught.value)
    assert "quantities must match" in str(caught.value)


def test_a_file_that_is_not_there_exits_with_2(tmp_path: Path) -> None:
    with pytest.raises(CommandError) as caught:
        run("--config", str(tmp_path / "none.yaml"))

    assert caught.value.code == ExitCode.USAGE and "No such file" in str(caught.value)
