"""The report and the pictures: the same bytes for the same result, axes with titles, nothing from the network."""

from __future__ import annotations

import xml.etree.ElementTree
from pathlib import Path
from typing import Any

import pytest
from pyk8s.cli.exits import CommandError, ExitCode
from pyk8s.cli.simulate_commands import Changes, Outputs, run_scenarios
from pyk8s.simulate import report as reports
from pyk8s.simulate.axes import ticks, time_ticks
from pyk8s.simulate.charts import charts
from pyk8s.simulate.pictures import pictures
from pyk8s.simulate.plan_builder import scenario_plan
from pyk8s.simulate.result import Contender, run_plan
from pyk8s.simulate.scenario import Scenario

from tests.simulate.scenarios import JOBS, scenario, write

Json = dict[str, Any]


@pytest.fixture(scope="module")
def result() -> Json:
    busy = {**JOBS, "arrivals": {"poisson": "60/h"}}
    document = scenario(workloads=[busy], assertions=[{"metric": "pending.end", "atMost": 1000}])
    plan = scenario_plan(Scenario.model_validate(document), "scenario", Path())
    return run_plan(plan, [Contender("spread"), Contender("<other>")], "scenario")


def test_the_same_result_gives_the_same_report(result: Json) -> None:
    assert reports.report(result) == reports.report(result)


def test_a_report_needs_no_network_and_holds_every_chart(result: Json) -> None:
    page = reports.report(result)

    assert "<script src" not in page and "<link" not in page
    for chart in charts(result):
        assert f'<div class="chart" id="{chart.id}"' in page


def test_names_are_text_in_the_report(result: Json) -> None:
    page = reports.report(result)

    assert "<th>&lt;other&gt;</th>" in page
    assert "<th><other></th>" not in page


def test_every_chart_of_the_issue_is_there(result: Json) -> None:
    names = [chart.id for chart in charts(result)]

    for wanted in ("pending", "running", "utilization-cpu", "utilization-memory", "fragmentation-cpu", "placement-1"):
        assert wanted in names
    assert "reasons-1" in names and "placement-2" in names


def test_every_picture_is_xml_with_a_title_and_both_axes(result: Json) -> None:
    drawn = pictures(result)

    for chart in charts(result):
        texts = [element.text for element in xml.etree.ElementTree.fromstring(drawn[chart.id]).iter() if element.text]
        assert {chart.title, chart.x_title, chart.y_title} <= set(texts)


def test_pictures_are_the_same_bytes_each_time(result: Json) -> None:
    assert pictures(result) == pictures(result)


@pytest.mark.parametrize(
    ("top", "expected"),
    [(0, [0, 1]), (1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (7, [0, 2, 4, 6, 8]), (100, [0, 20, 40, 60, 80, 100])],
)
def test_ticks_are_round_numbers_that_reach_the_top(top: float, expected: list[float]) -> None:
    assert ticks(top) == expected


def test_ticks_of_hours_are_parts_of_a_day() -> None:
    assert time_ticks(24, "time (hours)") == [0, 3, 6, 9, 12, 15, 18, 21, 24]


def test_without_plotly_a_report_is_refused_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reports, "find_spec", lambda name: None)
    outputs = Outputs("table", report=str(tmp_path / "report.html"))

    with pytest.raises(CommandError) as raised:
        run_scenarios([str(write(tmp_path, scenario()))], outputs, Changes())

    assert raised.value.code == ExitCode.MISSING_PREREQUISITE
    assert "pip install 'pyk8s[reports]'" in str(raised.value)
    assert capsys.readouterr().out == ""
