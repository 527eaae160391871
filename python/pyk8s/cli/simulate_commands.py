"""What the commands of `pyk8s simulate` do: read, compile the schedulers, run, print, write.

Always true: everything is read and checked before anything runs; a wrong input is exit code 2 with every problem named.
Not here: options (see `simulate`), the tables (see `simulate_tables`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyk8s.cli.exits import CommandError, ExitCode
from pyk8s.cli.output import print_json, say, write
from pyk8s.cli.simulate_progress import Progress
from pyk8s.cli.simulate_tables import print_capacity, print_drain, print_result
from pyk8s.client.kubeconfig import KubeconfigError, load, load_first
from pyk8s.scheduler.configuration import ConfigurationError, compile_configuration, load_configuration
from pyk8s.simulate.manifests import Manifests, read_manifests
from pyk8s.simulate.plan import Plan
from pyk8s.simulate.problems import Problem, ScenarioError
from pyk8s.simulate.result import Contender, check_plan, run_plan, side_by_side, to_bytes
from pyk8s.simulate.scenario import Scenario, SchedulerChoice

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where results go; "" for nowhere."""

    output: str
    report: str = ""
    json_file: str = ""
    pictures: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a cluster is read from: an export, a kubeconfig, or neither."""

    export: str = ""
    kubeconfig: str = ""
    context: str = ""


@contextmanager
def inputs() -> Iterator[None]:
    """Turns what is wrong with an input into exit code 2."""
    try:
        yield
    except (ScenarioError, ConfigurationError) as error:
        raise CommandError(str(error), ExitCode.USAGE) from error


# -- scenarios -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Changes:
    """What the command line puts in the place of what the scenarios say."""

    seed: int | None = None
    schedulers: Sequence[str] = ()
    live: Source = field(default_factory=Source)


def run_scenarios(files: Sequence[str], outputs: Outputs, changes: Changes) -> None:
    """One scenario, or several side by side. Raises CommandError: 2 for wrong input, 10 for a failed assertion."""
    if not all(files):
        raise CommandError("no scenario: say -f SCENARIO.yaml", ExitCode.USAGE)
    _check_outputs(outputs)
    with inputs():
        jobs = [_prepared(Path(file), changes) for file in files]
        results = [_run(plan, contenders, str(file)) for plan, contenders, file in jobs]
    result = results[0] if len(results) == 1 else side_by_side(results)
    _write_outputs(result, outputs)
    if outputs.output == "json":
        write(to_bytes(result).decode(), end="")
    else:
        print_result(result)
    _tell_failures(result)


def _check_outputs(outputs: Outputs) -> None:
    if outputs.output not in ("table", "json"):
        raise CommandError(f"unknown output format {outputs.output!r}; it may be table, json", ExitCode.USAGE)
    if outputs.report:
        from pyk8s.simulate.report import MissingPlotly, require_plotly

        try:
            require_plotly()
        except MissingPlotly as error:
            raise CommandError(str(error), ExitCode.MISSING_PREREQUISITE) from error


def _prepared(path: Path, changes: Changes) -> tuple[Plan, list[Contender], Path]:
    """A plan and its schedulers, checked. Raises ScenarioError, ConfigurationError."""
    from pyk8s.simulate.plan_builder import scenario_plan
    from pyk8s.simulate.scenario_file import read_scenario

    scenario = _changed(read_scenario(path), changes)
    live = _cluster(changes.live) if changes.live != Source() else None
    plan = scenario_plan(scenario, str(path), path.parent, live=live)
    check_plan(plan, str(path))
    folder = Path() if changes.schedulers else path.parent
    contenders = [
        _contender(choice, folder, f"{path}: schedulers[{index}]", plan)
        for index, choice in enumerate(scenario.schedulers)
    ]
    return plan, contenders, path


def _changed(scenario: Scenario, changes: Changes) -> Scenario:
    update: Json = {} if changes.seed is None else {"seed": changes.seed}
    if changes.schedulers:
        update["schedulers"] = [_choice(text) for text in changes.schedulers]
        names = {choice.name for choice in update["schedulers"]}
        # What is asserted of a scheduler that does not run now cannot be judged.
        update["assertions"] = [
            entry.model_copy(update={"schedulers": [name for name in entry.schedulers if name in names]})
            for entry in scenario.assertions
            if not entry.schedulers or names.intersection(entry.schedulers)
        ]
    return scenario.model_copy(update=update)


def _choice(text: str) -> SchedulerChoice:
    """A scheduler of the command line: a name, or a file."""
    if text.endswith((".yaml", ".yml", ".json")) or "/" in text:
        return SchedulerChoice.model_validate({"name": Path(text).stem.lower().replace("_", "-"), "config": text})
    return SchedulerChoice(name=text)


def _contender(choice: SchedulerChoice, folder: Path, path: str, plan: Plan) -> Contender:
    """Compiles a scheduler's configuration; what it does not do is among the plan's warnings. Raises ScenarioError."""
    source = str(folder / choice.config) if choice.config else choice.name
    try:
        text = load_configuration(source)
        compiled = compile_configuration(text, feature_gates=_feature_gates(plan), source=choice.config)
    except ConfigurationError as error:
        error.source = ""
        raise ScenarioError(path, [Problem("", entry.text()) for entry in error.errors]) from error
    warnings = list(compiled.warnings)
    if compiled.extenders:
        warnings.append("extenders are not asked in a simulation")
    asked = dict.fromkeys(shape.scheduler_name for workload in plan.workloads for shape in workload.shapes())
    for name in asked:
        if name not in compiled.scheduler_names:
            warnings.append(f"it has no profile {name!r}; pods that ask for that one wait for ever")
    plan.warnings += [f"scheduler {choice.name}: {text}" for text in warnings]
    return Contender(choice.name, compiled.config)


def _feature_gates(plan: Plan) -> dict[str, bool]:
    """The scenario's; gangs bring their own."""
    has_gangs = any(workload.is_gang for workload in plan.workloads)
    gangs = {"GangScheduling": True, "GenericWorkload": True} if has_gangs else {}
    return {**gangs, **plan.scenario.feature_gates}


def _run(plan: Plan, contenders: Sequence[Contender], source: str) -> Json:
    for text in plan.warnings:
        say(f"warning: {text}")
    with Progress() as progress:
        return run_plan(plan, contenders, source, progress=progress.of)


def _write_outputs(result: Json, outputs: Outputs) -> None:
    if outputs.json_file:
        _write_file(Path(outputs.json_file), to_bytes(result))
    if outputs.report:
        from pyk8s.simulate.report import report

        _write_file(Path(outputs.report), report(result).encode())
        say(f"report: {outputs.report}")
    if outputs.pictures:
        from pyk8s.simulate.pictures import pictures

        folder = Path(outputs.pictures)
        folder.mkdir(parents=True, exist_ok=True)
        for name, svg in pictures(result).items():
            _write_file(folder / f"{name}.svg", svg.encode())


def _write_file(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror or error}") from error


def _tell_failures(result: Json) -> None:
    failed = [entry for entry in result["assertions"] if not entry["passed"]]
    if failed:
        told = [
            f"{entry['metric']} of {entry['scheduler']} is {entry['actual']:g}, not {entry['wanted']}"
            for entry in failed
        ]
        raise CommandError("assertion failed: " + "\npyk8s: assertion failed: ".join(told), ExitCode.ASSERTION_FAILED)


# -- questions -----------------------------------------------------------------------------------------------------


def run_capacity(
    files: Sequence[str], pool: Sequence[str], pools: str, *, source: Source, scheduler: str, output: str
) -> None:
    from pyk8s.simulate.capacity import Capacity
    from pyk8s.simulate.question import parse_pool, pools_like, question_plan, read_pools

    _check_outputs(Outputs(output))
    with inputs():
        given = [parse_pool(text, number) for number, text in enumerate(pool, start=1)]
        given += read_pools(Path(pools)) if pools else []
        existing = _cluster(source) if source != Source() else Manifests()
        given = given or pools_like(existing.nodes)
        if not given:
            raise CommandError(
                "no nodes to add: say --pool NAME:cpu=8,memory=32Gi, --pools or a cluster", ExitCode.USAGE
            )
        plan = question_plan(existing, given, app=[Path(file) for file in files])
        contender = _contender(_choice(scheduler), Path(), "--scheduler", plan)
    for text in plan.warnings:
        say(f"warning: {text}")
    answer = Capacity(plan, contender, tell=say).answer()
    print_json(answer) if output == "json" else print_capacity(answer)


def run_drain(nodes: Sequence[str], *, source: Source, scheduler: str, output: str) -> None:
    from pyk8s.simulate.drain import Drain
    from pyk8s.simulate.question import question_plan

    _check_outputs(Outputs(output))
    with inputs():
        plan = question_plan(_cluster(source), [])
        contender = _contender(_choice(scheduler), Path(), "--scheduler", plan)
        answer = Drain(plan, contender).answer(nodes, source.export or "cluster")
    for text in plan.warnings:
        say(f"warning: {text}")
    print_json(answer) if output == "json" else print_drain(answer)


def _cluster(source: Source) -> Manifests:
    """The cluster of an export, or a live one. Raises ScenarioError."""
    if source.export:
        return read_manifests(Path(source.export), is_strict=False)
    from pyk8s.api.status import StatusError
    from pyk8s.simulate.live import read_live

    try:
        if source.kubeconfig:
            access = load(source.kubeconfig, context=source.context)
        else:
            paths = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
            access = load_first(paths.split(os.pathsep), context=source.context)
        return read_live(access)
    except KubeconfigError as error:
        raise CommandError(str(error), ExitCode.USAGE) from error
    except (StatusError, OSError) as error:
        raise CommandError(f"the cluster cannot be read: {error}") from error
