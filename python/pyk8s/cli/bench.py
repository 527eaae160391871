"""`pyk8s bench`: measuring the scheduler, and replaying recorded decisions.

Always true: command bodies import what they need; data goes to stdout, talk to stderr.
"""

from __future__ import annotations

import typer

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
