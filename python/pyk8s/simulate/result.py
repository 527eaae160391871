"""Running a plan with every scheduler, and the result as one JSON document.

Always true: the same plan and configurations give the same bytes; nothing of the machine or of the present is in them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import orjson

from pyk8s import core
from pyk8s.core.scheduler_interface import SchedulerEngine
from pyk8s.errors import DecodeError
from pyk8s.simulate.assertions import check_assertions, judge
from pyk8s.simulate.node_events import NodeEvents
from pyk8s.simulate.plan import Plan
from pyk8s.simulate.problems import Problem, ScenarioError
from pyk8s.simulate.simulation import Progress, Simulation
from pyk8s.simulate.summary import metrics, summary

Json = dict[str, Any]
ProgressOf = Callable[[str], Progress | None]
"""What is told of the progress of the scheduler of this name."""

VERSION = "v1"
NODES_TOLD_MAX = 2_000
"""Nodes whose fill stands in the result one by one; of more, the first ones."""
REASONS_TOLD_MAX = 20


@dataclass(frozen=True, slots=True)
class Contender:
    """A scheduler that takes part: ``config`` is a compiled configuration, b"" for the engine's defaults."""

    name: str
    config: bytes = b""


def run_plan(
    plan: Plan,
    contenders: Sequence[Contender],
    source: str,
    *,
    progress: ProgressOf | None = None,
) -> Json:
    """The result of a scenario.

    Args:
        progress: asked once per scheduler for what is told of its progress.
    Raises:
        ScenarioError: an assertion names what there is not; nothing was run.
    """
    check_plan(plan, source)
    runs = [run_one(plan, contender, progress(contender.name) if progress else None) for contender in contenders]
    results = {run["name"]: metrics(run["summary"]) for run in runs}
    return {
        "version": VERSION,
        "scenario": _scenario(plan),
        "schedulers": runs,
        "assertions": judge(plan.scenario, results),
        "warnings": list(plan.warnings),
    }


def check_plan(plan: Plan, source: str) -> None:
    """The last check before anything runs. Raises ScenarioError."""
    trial = engine(Contender(""))
    problems = list(_undecodable(plan, trial))
    problems += check_assertions(plan.scenario, metrics(summary(Simulation(plan, trial))))
    if problems:
        raise ScenarioError(source, problems)


def _undecodable(plan: Plan, trial: SchedulerEngine) -> Iterator[Problem]:
    """What the engine cannot read, found with one object of each kind."""
    pools = [(f"pool {name}", shape) for name, pool in plan.node_pools().items() for shape in pool.shapes]
    nodes = [(f"node {name}", shape) for name, shape, _ in plan.nodes]
    for path, node in (*pools, *nodes):
        yield from _tried(path, partial(trial.set_node, node.bytes(b"a", is_cordoned=False, is_failed=False)))
    for workload in plan.workloads:
        for pod in workload.shapes():
            tried = partial(trial.set_pod, pod.pending_bytes(b"a", b"a", b"2026-01-01T00:00:00Z"))
            yield from _tried(f"workload {workload.key}", tried)
    for kind, obj in plan.objects:
        yield from _tried(kind, partial(trial.set_object, kind, obj))


def _tried(path: str, action: Callable[[], None]) -> Iterator[Problem]:
    try:
        action()
    except DecodeError as error:
        yield Problem(path, str(error))


def engine(contender: Contender, seed: int = 0) -> SchedulerEngine:
    made: SchedulerEngine = core.SchedulerEngine(config=contender.config, seed=seed)
    return made


def run_one(plan: Plan, contender: Contender, progress: Progress | None = None) -> Json:
    simulation = Simulation(plan, engine(contender, plan.scenario.seed))
    simulation.begin()
    NodeEvents(simulation).plan()
    measure = simulation.run(progress)
    return {
        "name": contender.name,
        "summary": summary(simulation),
        "reasons": [{"reason": reason, "attempts": count} for reason, count in _most(measure.reasons)],
        "series": {curve.name: getattr(measure.series, curve.name) for curve in fields(measure.series)},
        "heat_rows": measure.accounts.row_labels(),
        "nodes": _nodes(simulation),
    }


def _most(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:REASONS_TOLD_MAX]


def _scenario(plan: Plan) -> Json:
    scenario = plan.scenario
    return {
        "name": scenario.name,
        "description": scenario.description,
        "seed": scenario.seed,
        "start": scenario.start,
        "nodes": plan.node_count,
        "resources": list(plan.resources),
        "probe": dict(plan.probe),
    }


def _nodes(simulation: Simulation) -> list[Json]:
    """What every node has given away at the end, as shares."""
    resources = simulation.state.resources
    return [
        {
            "name": node.name,
            "pods": len(node.pods),
            "fill": {
                name: round(given / have, 4)
                for name, given, have in zip(resources, node.requested, node.allocatable, strict=True)
                if have
            },
        }
        for node in list(simulation.state.nodes.values())[:NODES_TOLD_MAX]
    ]


def to_bytes(result: Json) -> bytes:
    """The document as it is written to files."""
    return orjson.dumps(result, option=orjson.OPT_INDENT_2) + b"\n"


def side_by_side(results: Sequence[Json]) -> Json:
    """Several results as one: every run under the name of its scenario (and scheduler, if it has several)."""

    labels = _labels([result["scenario"]["name"] for result in results])

    def name(label: str, result: Json, scheduler: str) -> str:
        return f"{label}/{scheduler}" if len(result["schedulers"]) > 1 else label

    named = list(zip(labels, results, strict=True))
    merged = dict(results[0]["scenario"], name=" and ".join(labels), description="")
    merged["resources"] = list(dict.fromkeys(entry for result in results for entry in result["scenario"]["resources"]))
    return {
        "version": VERSION,
        "scenario": merged,
        "schedulers": [
            {**run, "name": name(label, result, run["name"])} for label, result in named for run in result["schedulers"]
        ],
        "assertions": [
            {**entry, "scheduler": name(label, result, entry["scheduler"])}
            for label, result in named
            for entry in result["assertions"]
        ],
        "warnings": [text for result in results for text in result["warnings"]],
    }


def _labels(names: Sequence[str]) -> list[str]:
    """Every name once: the second of a name is NAME-2."""
    return [
        name if name not in names[:index] else f"{name}-{names[: index + 1].count(name)}"
        for index, name in enumerate(names)
    ]
