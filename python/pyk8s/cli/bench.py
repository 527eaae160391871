"""`pyk8s bench`: measuring the scheduler, and replaying recorded decisions.

Always true: command bodies import what they need; data goes to stdout, talk to stderr.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pyk8s.cli.exits import CommandError, ExitCode

if TYPE_CHECKING:
    from pyk8s.simulate.bench.session import Options, Ready

app = typer.Typer(name="bench", help="Measure the scheduler.", no_args_is_help=True, rich_markup_mode=None)


@app.command("replay-scheduler")
def replay_scheduler() -> None:
    """Read a recorded scenario on standard input, write one decision per line as JSON.

    PYK8S_CORE chooses the engine: rust (default), reference, or mirror for both at once.

    Example: pyk8s bench replay-scheduler < spread-hard-00.json
    """
    import json
    import sys

    from pyk8s import core
    from pyk8s.core.scheduler_interface import SchedulerEngine
    from pyk8s.scheduler.configuration.compile import compile_configuration
    from pyk8s.simulate.bench.replay import Replay

    def engine(config: bytes) -> SchedulerEngine:
        made: SchedulerEngine = core.SchedulerEngine(config=config, is_indexed=False)
        return made

    def compiled(manifest: dict[str, object], gates: dict[str, bool]) -> bytes:
        return compile_configuration(manifest, feature_gates=gates).config

    for answer in Replay(json.load(sys.stdin), engine, compiled).answers():
        sys.stdout.write(json.dumps(answer) + "\n")


@app.command("scheduler")
def scheduler(
    config: Annotated[Path, typer.Option("--config", help="a file in scheduler_perf's format", show_default=False)],
    case: Annotated[str, typer.Option(help="only this test case")] = "",
    workload: Annotated[str, typer.Option(help="only workloads of this name")] = "",
    label: Annotated[
        list[str] | None, typer.Option(help="only workloads with this label; with '-' before it: without")
    ] = None,
    mode: Annotated[str, typer.Option(help="in-process, or http: through the API server")] = "in-process",
    output: Annotated[str, typer.Option("-o", "--output", help="table or json")] = "table",
    report: Annotated[Path | None, typer.Option(help="write an HTML report here")] = None,
    sample: Annotated[int, typer.Option(min=0, help="pods compared with the exhaustive loop")] = 100,
    seed: Annotated[int, typer.Option(help="of names, uids and the choice among equal nodes")] = 0,
    events: Annotated[bool, typer.Option(help="write the event Scheduled of each pod too (in process)")] = True,
    kubeconfig: Annotated[
        Path | None, typer.Option(help="for http: an empty cluster to use instead of one of its own")
    ] = None,
) -> None:
    """Run the workloads of a scheduler_perf file and tell how many pods a second were scheduled.

    Exits with 2, and starts nothing, when the file or a template is wrong.

    Example: pyk8s bench scheduler --config benches/scheduler/performance.yaml --label short
    """
    from pyk8s.simulate.bench.session import Options

    if output not in ("table", "json"):
        raise CommandError(f"--output is {output!r}; it may be table or json", ExitCode.USAGE)
    if mode not in ("in-process", "http"):
        raise CommandError(f"--mode is {mode!r}; it may be in-process or http", ExitCode.USAGE)
    if report is not None:
        _need_reports()
    ready = _prepare(config, case, workload, label or [])
    options = Options(
        seed=seed,
        sample_count=sample,
        is_placement_wanted=report is not None,
        is_recording=events,
        mode=mode,
        kubeconfig=kubeconfig,
    )
    _run(ready, options, output=output, report=report)


def _prepare(config: Path, case: str, workload: str, labels: list[str]) -> list[Ready]:
    from pyk8s.cli.output import say
    from pyk8s.simulate.bench.problems import InvalidBenchmark, UnsupportedBenchmark
    from pyk8s.simulate.bench.session import prepare

    try:
        ready = prepare(config, _compile, case=case, workload=workload, labels=labels)
        for one in ready:
            if one.plan.chosen.case.metrics_collector_config is not None:
                say(f"pyk8s: {one.plan.chosen.name}: metricsCollectorConfig is not heeded, metrics are fixed")
        return ready
    except UnsupportedBenchmark as error:
        raise CommandError(error.text(), ExitCode.UNSUPPORTED) from error
    except InvalidBenchmark as error:
        raise CommandError(error.text(), ExitCode.USAGE) from error
    except OSError as error:
        raise CommandError(f"cannot read {config}: {error.strerror}", ExitCode.USAGE) from error


def _compile(file: Path | None, gates: dict[str, bool]) -> bytes:
    """A workload's scheduler configuration, compiled; what it asks for in vain is said on stderr."""
    from pyk8s.cli.output import say
    from pyk8s.scheduler.configuration import ConfigurationError, compile_configuration

    empty = {"apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration"}
    try:
        given = file.read_bytes() if file is not None else empty
        compiled = compile_configuration(given, feature_gates=gates, source=str(file or ""))
    except ConfigurationError as error:
        raise ValueError(str(error)) from error
    for warning in compiled.warnings:
        say(f"pyk8s: {warning}")
    if compiled.extenders:
        say("pyk8s: extenders are not called by a benchmark")
    return compiled.config


def _run(ready: list[Ready], options: Options, *, output: str, report: Path | None) -> None:
    import asyncio
    import sys

    from pyk8s.api.clock import SystemClock
    from pyk8s.cli.output import print_json, write
    from pyk8s.simulate.bench import results
    from pyk8s.simulate.bench.problems import InvalidBenchmark
    from pyk8s.simulate.bench.progress import progress_for
    from pyk8s.simulate.bench.runner import WorkloadFailed
    from pyk8s.simulate.bench.session import measure

    clock = SystemClock()
    progress = progress_for(sys.stderr, clock)
    measured, failures = [], []
    try:
        for one in ready:
            try:
                with asyncio.Runner(loop_factory=_loop_factory(options.mode)) as runner:
                    measured.append(runner.run(measure(one, clock=clock, options=options, progress=progress)))
            except (WorkloadFailed, InvalidBenchmark) as error:
                failures.append(f"{one.plan.chosen.name}: {error}")
    finally:
        progress.close()
    if report is not None:
        from pyk8s.simulate.bench.report import write_report

        write_report(measured, report)
    if output == "json":
        print_json(results.as_json(measured))
    else:
        write(results.table([line for result in measured for line in results.rows(result)]))
    if failures:
        raise CommandError("\n".join(failures))


def _loop_factory(mode: str) -> Any:
    """uvloop for HTTPS where it is installed: its TLS costs less. None: asyncio's own."""
    from importlib import import_module
    from importlib.util import find_spec

    if mode != "http" or find_spec("uvloop") is None:
        return None
    return import_module("uvloop").new_event_loop


def _need_reports() -> None:
    from importlib.util import find_spec

    if find_spec("plotly") is None:
        raise CommandError(
            "--report needs plotly, which is not installed; pip install 'pyk8s[reports]'",
            ExitCode.MISSING_PREREQUISITE,
        )
