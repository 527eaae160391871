"""A wrong scenario is told by the path of each field and by what is allowed there; nothing runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pyk8s.simulate.manifests import read_yaml
from pyk8s.simulate.problems import ScenarioError
from pyk8s.simulate.result import check_plan
from pyk8s.simulate.scenario import schema
from pyk8s.simulate.scenario_file import read_plan

from tests.simulate.scenarios import JOBS, POOL, scenario, write

EXAMPLES = [Path(__file__).parents[2] / "examples/simulate" / f"{name}.yaml" for name in ("fill", "week", "priorities")]


def pools(**changes: Any) -> Any:
    return {"cluster": {"pools": [{**POOL, **changes}]}}


def jobs(**changes: Any) -> Any:
    return {"workloads": [{**JOBS, **changes}]}


CASES = [
    (pools(cout=3), "cluster.pools[0].cout", "unknown field; allowed: name, count, allocatable"),
    (pools(count="many"), "cluster.pools[0].count", "allowed: a valid integer"),
    (pools(count=-1), "cluster.pools[0].count", "greater than or equal to 0"),
    (pools(allocatable={"cpu": "4x"}), "cluster.pools[0].allocatable.cpu", "'4x' is no quantity"),
    (pools(taints=[{"key": "a", "effect": "No"}]), "cluster.pools[0].taints[0].effect", "'NoSchedule'"),
    (jobs(arrivals={"poisson": "often"}), "workloads[0].arrivals.poisson", "allowed: text such as 30/h"),
    (jobs(arrivals={"every": "5 apples"}), "workloads[0].arrivals.every", "allowed: seconds as a number, or text"),
    (jobs(arrivals={}), "workloads[0].arrivals", "exactly one of every, rate, poisson"),
    (jobs(duration={"normal": {"mean": 5}}), "workloads[0].duration.normal.deviation", "is missing"),
    (jobs(duration=None), "workloads[0]", "arrivals without duration"),
    (jobs(requests={"cpu": -1}), "workloads[0].requests.cpu", "is negative"),
    (jobs(priorityClassName="gold"), "workloads[0]", "priority class 'gold' does not exist; allowed: system-"),
    (
        jobs(requests={}, template={"spec": {"containerz": []}}),
        "workloads[0].template",
        'unknown field "spec.containerz"',
    ),
    ({"workloads": [JOBS, JOBS]}, "", "'default/batch' is given twice"),
    ({"duration": None}, "", "duration is missing, and workloads[0].arrivals would go on for ever"),
    ({"start": "yesterday"}, "start", "allowed: RFC 3339"),
    ({"events": [{"at": 5}]}, "events[0]", "exactly one of failNodes"),
    ({"events": [{"at": 5, "failNodes": {"pool": "gpu"}}]}, "events[0].failNodes.pool", "allowed: general"),
    ({"failures": [{"pool": "gpu", "meanTimeBetween": "1d", "repair": 60}]}, "failures[0].pool", "allowed: general"),
    ({"assertions": [{"metric": "pending.end"}]}, "assertions[0]", "allowed: equals, atMost, atLeast"),
    ({"assertions": [{"metric": "wait.p99", "atMost": 1}]}, "assertions[0].metric", "wait_s.p99"),
    (
        {"assertions": [{"metric": "pending.end", "atMost": 1, "schedulers": ["x"]}]},
        "assertions[0].schedulers[0]",
        "allowed: spread",
    ),
    ({"cluster": {"manifests": ["missing.yaml"]}}, "", "cannot be read"),
    ({"cluster": 3}, "cluster", "is no mapping; allowed: a mapping of pools, manifests"),
]


@pytest.mark.parametrize(("changes", "path", "told"), CASES, ids=[case[1] or case[2][:30] for case in CASES])
def test_a_wrong_field_is_told_by_its_path_and_what_is_allowed(
    tmp_path: Path, changes: Any, path: str, told: str
) -> None:
    file = write(tmp_path, scenario(**changes))

    with pytest.raises(ScenarioError) as raised:
        check_plan(read_plan(file), str(file))

    assert f"{path}: " in str(raised.value) if path else True
    assert told in str(raised.value)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    file = write(tmp_path, scenario(seed=-1, start=3, **pools(count="x")))

    with pytest.raises(ScenarioError) as raised:
        read_plan(file)

    assert [problem.path for problem in raised.value.problems] == ["seed", "start", "cluster.pools[0].count"]


def test_text_that_is_no_yaml_is_one_problem(tmp_path: Path) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text("cluster: [")

    with pytest.raises(ScenarioError, match=r"broken.yaml: yaml: "):
        read_plan(file)


def test_the_published_schema_is_the_models(tmp_path: Path) -> None:
    published = json.loads((Path(__file__).parents[2] / "docs/scenario.schema.json").read_text())

    assert published == schema()


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_the_examples_are_right(path: Path) -> None:
    check_plan(read_plan(path), str(path))


def test_the_schema_takes_what_the_model_takes(tmp_path: Path) -> None:
    validator = jsonschema.Draft202012Validator(schema())

    for path in EXAMPLES:
        assert [error.message for error in validator.iter_errors(read_yaml(path)[0])] == []
    assert [error.json_path for error in validator.iter_errors(scenario(seed=-1))] == ["$.seed"]
