"""The `pyk8s` command: one typer app, to which other distributions add through the entry points `pyk8s.commands`.

Always true: importing this module imports typer and nothing heavier; command bodies import what they need.
Not here: what the cluster commands do (distribution pyk8s-server).
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

import pyk8s
from pyk8s.cli.exits import CommandError, ExitCode
from pyk8s.cli.extensions import registrations

KUBERNETES_VERSION = "v1.36.2"

app = typer.Typer(
    name="pyk8s",
    help="Kubernetes in one command: a cluster on this machine that kubectl drives.\n\n"
    "Example: pyk8s up --nodes 3 && kubectl get nodes",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command()
def version(
    output: Annotated[str, typer.Option("-o", "--output", help="table or json")] = "table",
) -> None:
    """Print the versions of pyk8s and of the Kubernetes API it serves.

    Example: pyk8s version -o json
    """
    from pyk8s.cli.output import print_json
    from pyk8s.core import choice

    if output == "json":
        print_json({"pyk8s": pyk8s.__version__, "kubernetes": KUBERNETES_VERSION, "engine": choice()})
    else:
        typer.echo(f"pyk8s {pyk8s.__version__} (engine: {choice()}), Kubernetes API {KUBERNETES_VERSION}")


def _add_groups() -> None:
    from pyk8s.cli import bench, explain, simulate

    app.command()(explain.explain)
    app.add_typer(bench.app)
    app.add_typer(simulate.app)


def main() -> None:
    """Entry point: run a command, turn its outcome into an exit code and one clear line."""
    _add_groups()
    for register in registrations():
        register(app)
    try:
        app()
    except CommandError as error:
        typer.echo(f"pyk8s: {error}", err=True)
        sys.exit(error.code)
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # The reader of a pipe went away (`pyk8s list | head`): silence the interpreter's own flush, and say nothing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitCode.FAILURE)


if __name__ == "__main__":
    main()
