"""scheduler_perf files: what is read, what is refused and how it is told, what is chosen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pyk8s.simulate.bench.format import choose, load
from pyk8s.simulate.bench.operations import Churn, CreatePods, Unsupported
from pyk8s.simulate.bench.parameters import resolve
from pyk8s.simulate.bench.problems import InvalidBenchmark, UnsupportedBenchmark

MIXED = Path(__file__).with_name("fixtures") / "mixed" / "performance.yaml"
PODS = {"opcode": "createPods", "countParam": "$pods"}


def written(folder: Path, cases: Any) -> Path:
    file = folder / "performance.yaml"
    file.write_text(cases if isinstance(cases, str) else yaml.safe_dump(cases))
    return file


def a_case(*operations: dict[str, Any], **fields: Any) -> dict[str, Any]:
    workloads = [{"name": "w", "params": {"pods": 3}}]
    return {"name": "Case", "workloadTemplate": list(operations or [PODS]), "workloads": workloads, **fields}


def problems_of(folder: Path, cases: Any) -> list[str]:
    file = written(folder, cases)
    with pytest.raises(InvalidBenchmark) as caught:
        for chosen in choose(file, load(file)):
            resolve(chosen)
    return list(caught.value.problems)


def test_a_file_is_read_as_it_stands() -> None:
    cases = load(MIXED)

    assert [case.name for case in cases] == ["AffinityInOneZone", "SpreadUnderChurn", "WaitAndRelease"]
    churn = next(op for op in cases[1].workload_template if isinstance(op, Churn))
    assert (churn.mode, churn.number, churn.interval_milliseconds, len(churn.template_paths)) == ("recreate", 1, 50, 3)
    assert cases[1].feature_gates == {"SchedulerQueueingHints": True}


def test_counts_come_from_parameters_and_multipliers(tmp_path: Path) -> None:
    case = a_case({**PODS, "countMultiplierParam": "$each"})
    case["workloads"][0]["params"]["each"] = 4
    file = written(tmp_path, [case])

    (operation,) = resolve(choose(file, load(file))[0])

    assert isinstance(operation, CreatePods) and operation.count == 12


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ({"opcode": "createPods", "countPram": "$pods"}, ".workloadTemplate[0].countPram: unknown field; allowed: "),
        (
            {"opcode": "createPods", "countParam": "pods"},
            "workloadTemplate[0].countParam: 'pods' names no parameter",
        ),
        ({"opcode": "createPods", "count": -1}, "[0].workloadTemplate[0].count: "),
        ({"opcode": "createThings"}, "[0].workloadTemplate[0].opcode: opcode must be one of: allocResourceClaims, ba"),
        ({"opcode": "churn", "mode": "recreate", "templatePaths": ["a"]}, "mode recreate needs a number above zero"),
        ({"opcode": "churn", "mode": "x", "number": 1, "templatePaths": ["a"]}, "[0].workloadTemplate[0].mode: "),
        ({"opcode": "churn", "mode": "create"}, "[0].workloadTemplate[0].templatePaths: is required"),
        ({"opcode": "sleep", "duration": "soon"}, "[0].workloadTemplate[0].duration: 'soon' is no duration; "),
        ({"opcode": "barrier", "stageRequirement": "Done"}, "[0].workloadTemplate[0].stageRequirement: "),
        ({**PODS, "collectMetrics": True, "skipWaitToCompletion": True}, "cannot both be true"),
        ({**PODS, "steadyState": True}, "steadyState needs a duration above zero"),
        (
            {"opcode": "createPodSets", "count": 1, "namespacePrefix": "n", "createPodsOp": {**PODS, "odd": 1}},
            "[0].workloadTemplate[0].createPodsOp.odd: unknown field; allowed: ",
        ),
    ],
)
def test_a_wrong_operation_is_told_by_its_path(tmp_path: Path, operation: dict[str, Any], expected: str) -> None:
    (problem,) = problems_of(tmp_path, [a_case(operation)])

    assert expected in problem


def test_every_problem_of_a_file_is_told_at_once(tmp_path: Path) -> None:
    problems = problems_of(tmp_path, [a_case({"opcode": "sleep", "duration": 5}), a_case(oddity=1)])

    assert [problem.partition(":")[0] for problem in problems] == ["[0].workloadTemplate[0].duration", "[1].oddity"]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, "[0].workloadTemplate[0].countParam: the workload has no parameter 'pods'; it has: none"),
        ({"pods": "many"}, "parameter 'pods' is 'many', which is no number"),
        ({"pods": True}, "parameter 'pods' is True, which is no number"),
        ({"pods": -1}, "a whole number from 0 to "),
        ({"pods": 1e12}, "a whole number from 0 to "),
        ({"pods": 1, "spare": 2}, "parameters of 'w' that no operation uses: spare"),
    ],
)
def test_a_wrong_parameter_is_told(tmp_path: Path, params: dict[str, Any], expected: str) -> None:
    case = a_case()
    case["workloads"][0]["params"] = params

    (problem,) = problems_of(tmp_path, [case])

    assert expected in problem


@pytest.mark.parametrize(
    ("text", "expected"),
    [("name: x", "must hold a list"), ("- [", "not YAML"), ("- name: x", "workloadTemplate: is required")],
)
def test_what_is_no_list_of_cases_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    assert any(expected in problem for problem in problems_of(tmp_path, text))


def test_workloads_of_one_name_are_refused(tmp_path: Path) -> None:
    case = a_case()
    case["workloads"] *= 2

    (problem,) = problems_of(tmp_path, [case])

    assert problem == "[0]: workload names must be unique; more than once: w"


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"case": "AffinityInOneZone"}, ["AffinityInOneZone/tiny", "AffinityInOneZone/small"]),
        ({"workload": "small"}, ["AffinityInOneZone/small"]),
        ({"labels": ["slow"]}, ["AffinityInOneZone/small"]),
        ({"case": "AffinityInOneZone", "labels": ["-slow"]}, ["AffinityInOneZone/tiny"]),
        ({"labels": ["fast,-slow"], "case": "WaitAndRelease"}, ["WaitAndRelease/tiny"]),
    ],
)
def test_workloads_are_chosen_by_case_name_and_label(how: dict[str, Any], expected: list[str]) -> None:
    assert [chosen.name for chosen in choose(MIXED, load(MIXED), **how)] == expected


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"case": "Nope"}, "there is no case 'Nope'; there are: AffinityInOneZone, "),
        ({"case": "WaitAndRelease", "workload": "huge"}, "there is no workload 'huge'; there are: tiny"),
        ({"labels": ["huge"]}, "labels of this file: fast, slow"),
    ],
)
def test_a_choice_of_nothing_says_what_there_is(how: dict[str, Any], expected: str) -> None:
    with pytest.raises(InvalidBenchmark) as caught:
        choose(MIXED, load(MIXED), **how)

    assert expected in caught.value.text()


def test_an_operation_that_needs_a_driver_is_unsupported_only_when_it_is_chosen(tmp_path: Path) -> None:
    driver = {"opcode": "createResourceDriver", "driverName": "d", "nodes": "x*"}
    file = written(tmp_path, [a_case(name="Plain"), a_case(driver, name="Devices")])
    cases = load(file)

    assert isinstance(cases[1].workload_template[0], Unsupported)
    resolve(choose(file, cases, case="Plain")[0])
    with pytest.raises(UnsupportedBenchmark, match=r"\[1\].workloadTemplate\[0\].opcode: createResourceDriver"):
        resolve(choose(file, cases, case="Devices")[0])


def test_a_workloads_feature_gates_stand_before_its_cases(tmp_path: Path) -> None:
    case = a_case(featureGates={"A": True, "B": True})
    case["workloads"][0]["featureGates"] = {"B": False}
    file = written(tmp_path, [case])

    assert choose(file, load(file))[0].feature_gates == {"A": True, "B": False}
