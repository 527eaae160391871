"""The cluster commands: up, down, start, stop, status, list, logs, scale, get kubeconfig, doctor.

Always true: importing this module imports typer alone; bodies import what they need. Data on stdout, talk on stderr.
Not here: how a cluster is made (see `lifecycle`), the components as separate processes (see `components`).
"""

from __future__ import annotations

from typing import Annotated

import typer
from pyk8s.cli.exits import CommandError, ExitCode

Name = Annotated[str, typer.Option("--name", envvar="PYK8S_NAME", help="Name of the cluster.")]
Kubeconfig = Annotated[
    str, typer.Option("--kubeconfig", help="Kubeconfig to write; default: KUBECONFIG, then ~/.kube/config.")
]
Output = Annotated[str, typer.Option("-o", "--output", help="table, wide, json, yaml or name.")]
DEFAULT = "dev"


def register(app: typer.Typer) -> None:
    """Add the cluster commands to ``pyk8s`` (entry point `pyk8s.commands`)."""
    for command in (up, down, start, stop, status, list_clusters, logs, doctor):
        app.command(name="list" if command is list_clusters else None)(command)
    get_app = typer.Typer(help="Print something of a cluster.", no_args_is_help=True, rich_markup_mode=None)
    get_app.command("kubeconfig")(get_kubeconfig)
    app.add_typer(get_app, name="get")
    scale_app = typer.Typer(help="Change the size of a cluster.", no_args_is_help=True, rich_markup_mode=None)
    scale_app.command("nodes")(scale_nodes)
    app.add_typer(scale_app, name="scale")
    snapshot_app = typer.Typer(help="Save and restore a cluster's state.", no_args_is_help=True, rich_markup_mode=None)
    snapshot_app.command("save")(snapshot_save)
    snapshot_app.command("restore")(snapshot_restore)
    app.add_typer(snapshot_app, name="snapshot")
    from pyk8s_server.cluster import components

    components.register(app)


def up(
    name: Name = DEFAULT,
    nodes: Annotated[int, typer.Option(envvar="PYK8S_NODES", min=0, max=100_000, help="Simulated nodes.")] = 1,
    foreground: Annotated[bool, typer.Option(help="Stay in the foreground until interrupted.")] = False,
    data_dir: Annotated[str, typer.Option(envvar="PYK8S_DATA_DIR", help="Keep the state here; `down` leaves it.")] = "",
    port: Annotated[
        int, typer.Option(envvar="PYK8S_PORT", min=0, max=65535, help="Port of the API server; 0: a free one.")
    ] = 0,
    durability: Annotated[str, typer.Option(help="none, buffered or fsync.")] = "buffered",
    api_only: Annotated[
        bool, typer.Option("--api-only", help="Run the API server alone: no controllers, scheduler, nodes.")
    ] = False,
    scheduler_config: Annotated[
        str,
        typer.Option(
            envvar="PYK8S_SCHEDULER_CONFIG",
            help="A KubeSchedulerConfiguration file, or a ready-made one: spread (as without), binpack, binpack-ratio.",
        ),
    ] = "",
    feature_gates: Annotated[str, typer.Option(help="Feature gates of the scheduler: NAME=true,NAME=false.")] = "",
    scheduler_plugin: Annotated[
        list[str] | None, typer.Option(help="A Python file or module that registers scheduler plugins; repeatable.")
    ] = None,
    kubeconfig: Kubeconfig = "",
) -> None:
    """Start a cluster and point kubectl at it.

    Example: pyk8s up --name dev --nodes 3
    """
    from pyk8s_server.cluster import lifecycle
    from pyk8s_server.cluster.scheduler_options import SchedulerOptions

    scheduler = SchedulerOptions.read(scheduler_config, feature_gates, scheduler_plugin or [])
    asked = lifecycle.Asked(name, 0 if api_only else nodes, port, data_dir, durability, api_only, scheduler)
    lifecycle.up(asked, kubeconfig=kubeconfig, is_foreground=foreground)


def down(name: Name = DEFAULT, kubeconfig: Kubeconfig = "") -> None:
    """Stop a cluster and remove it; a data directory that you named is kept. A missing cluster is fine.

    Example: pyk8s down --name dev
    """
    from pyk8s_server.cluster import lifecycle

    lifecycle.down(name, kubeconfig=kubeconfig)


def start(name: Name = DEFAULT, kubeconfig: Kubeconfig = "") -> None:
    """Start a stopped cluster with the state it had.

    Example: pyk8s start --name dev
    """
    from pyk8s_server.cluster import lifecycle

    lifecycle.start(name, kubeconfig=kubeconfig)


def stop(name: Name = DEFAULT) -> None:
    """Stop a cluster and keep its state.

    Example: pyk8s stop --name dev
    """
    from pyk8s_server.cluster import lifecycle

    lifecycle.stop(name)


def status(name: Name = DEFAULT, output: Output = "table") -> None:
    """Show whether a cluster runs and what it is made of. Exit code 1 when it does not run.

    Example: pyk8s status -o json
    """
    from pyk8s.cli.output import print_rows

    from pyk8s_server.cluster import lifecycle

    found = lifecycle.describe(name)
    columns = ("name", "status", "nodes", "server")
    print_rows([found], columns, output, wide=("pid", "memory", "data_dir", "log"))
    if found["status"] != "Running":
        raise typer.Exit(ExitCode.FAILURE)


def list_clusters(output: Output = "table") -> None:
    """List the clusters on this machine.

    Example: pyk8s list -o wide
    """
    from pyk8s.cli.output import print_rows, say

    from pyk8s_server.cluster import lifecycle
    from pyk8s_server.cluster.state import all_clusters

    rows = [lifecycle.describe(state.name) for state in all_clusters()]
    if not rows and output in ("table", "wide"):
        say("no clusters; make one with: pyk8s up")
        return
    print_rows(rows, ("name", "status", "nodes", "server"), output, wide=("pid", "memory", "data_dir", "log"))


def logs(
    name: Name = DEFAULT,
    tail: Annotated[int, typer.Option(min=0, help="Only the last lines; 0: all.")] = 0,
) -> None:
    """Print what a cluster's process wrote.

    Example: pyk8s logs --tail 50
    """
    from pyk8s_server.cluster import process
    from pyk8s_server.cluster.state import ClusterState

    state = ClusterState(name)
    state.load()
    for line in process.last_lines(state.log_path, tail):
        typer.echo(line)


def get_kubeconfig(name: Name = DEFAULT) -> None:
    """Print a kubeconfig with administrator's rights.

    Example: pyk8s get kubeconfig --name dev > dev.kubeconfig
    """
    from pyk8s_server.cluster.state import ClusterState

    state = ClusterState(name)
    state.load()
    if not state.kubeconfig_path.exists():
        raise CommandError(f"cluster {name!r} has never been ready; see: pyk8s logs --name {name}", ExitCode.NOT_FOUND)
    typer.echo(state.kubeconfig_path.read_text(), nl=False)


def scale_nodes(count: Annotated[int, typer.Argument(min=0, max=100_000)], name: Name = DEFAULT) -> None:
    """Change the number of simulated nodes of a running cluster.

    Example: pyk8s scale nodes 10
    """
    from pyk8s_server.cluster import lifecycle

    lifecycle.scale_nodes(name, count)


def snapshot_save(file: Annotated[str, typer.Argument()], name: Name = DEFAULT) -> None:
    """Write the state of a stopped cluster to one file.

    Example: pyk8s stop && pyk8s snapshot save dev.snapshot
    """
    from pyk8s_server.cluster import lifecycle

    lifecycle.snapshot_save(name, file)


def snapshot_restore(file: Annotated[str, typer.Argument()], name: Name = DEFAULT) -> None:
    """Make a new, stopped cluster from a snapshot file.

    Example: pyk8s snapshot restore dev.snapshot --name copy && pyk8s start --name copy
    """
    from pyk8s_server.cluster import lifecycle

    lifecycle.snapshot_restore(name, file)


def doctor() -> None:
    """Check what pyk8s needs on this machine.

    Example: pyk8s doctor
    """
    from pyk8s_server.cluster import doctor as checks

    checks.run()
