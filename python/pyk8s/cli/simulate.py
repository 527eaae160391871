"""`pyk8s simulate`: cluster life on virtual time, and questions to a cluster that need none.

Always true: command bodies import what they need; data goes to stdout, talk to stderr; a live cluster is read, never
written.
Not here: the simulation (see `pyk8s.simulate`); this module gives it schedulers that `pyk8s.scheduler` has compiled.
"""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(
    name="simulate",
    help="Simulate cluster life on virtual time: a week in seconds, the same result for the same seed.\n\n"
    "Example: pyk8s simulate -f week.yaml --report week.html",
    invoke_without_command=True,
    no_args_is_help=True,
    rich_markup_mode=None,
)

Output = Annotated[str, typer.Option("-o", "--output", help="table or json.")]
Report = Annotated[str, typer.Option("--report", help="Write an HTML report here; needs pyk8s[reports].")]
JsonFile = Annotated[str, typer.Option("--json", help="Write the whole result here, as JSON.")]
Pictures = Annotated[str, typer.Option("--pictures", help="Write the report's charts into this folder, as SVG.")]
Seed = Annotated[int | None, typer.Option("--seed", min=0, help="Instead of the scenario's.")]
Schedulers = Annotated[
    list[str] | None,
    typer.Option("--scheduler", help="Instead of the scenario's: spread, binpack, binpack-ratio, or a file."),
]
OneScheduler = Annotated[str, typer.Option("--scheduler", help="spread, binpack, binpack-ratio, or a file.")]
Export = Annotated[str, typer.Option("--export", help="The cluster: what `kubectl get nodes,pods,… -A -o yaml` wrote.")]
Kubeconfig = Annotated[str, typer.Option("--kubeconfig", help="The cluster: a live one, which is read only.")]
Context = Annotated[str, typer.Option("--context", help="The context of the kubeconfig.")]


@app.callback()
def simulate(
    context: typer.Context,
    file: Annotated[str, typer.Option("-f", "--file", help="The scenario.")] = "",
    output: Output = "table",
    report: Report = "",
    json_file: JsonFile = "",
    pictures: Pictures = "",
    seed: Seed = None,
    scheduler: Schedulers = None,
    kubeconfig: Kubeconfig = "",
    kube_context: Context = "",
) -> None:
    if context.invoked_subcommand is None:
        from pyk8s.cli.simulate_commands import Changes, Outputs, Source, run_scenarios

        changes = Changes(seed, scheduler or [], Source("", kubeconfig, kube_context))
        run_scenarios([file], Outputs(output, report, json_file, pictures), changes)


@app.command()
def compare(
    files: Annotated[list[str], typer.Argument(metavar="A.yaml B.yaml", help="Two scenarios or more.")],
    output: Output = "table",
    report: Report = "",
    json_file: JsonFile = "",
    pictures: Pictures = "",
    seed: Seed = None,
    scheduler: Schedulers = None,
) -> None:
    """Run scenarios and set their results side by side.

    Example: pyk8s simulate compare today.yaml tomorrow.yaml --report both.html
    """
    from pyk8s.cli.simulate_commands import Changes, Outputs, run_scenarios

    run_scenarios(files, Outputs(output, report, json_file, pictures), Changes(seed, scheduler or []))


@app.command()
def capacity(
    file: Annotated[list[str], typer.Option("-f", "--file", help="Manifests of what shall fit; repeatable.")],
    pool: Annotated[
        list[str] | None,
        typer.Option(help="Nodes that may be added: NAME:cpu=8,memory=32Gi[@ZONE,ZONE]; repeatable."),
    ] = None,
    pools: Annotated[str, typer.Option(help="A scenario file whose pools may be added.")] = "",
    export: Export = "",
    kubeconfig: Kubeconfig = "",
    context: Context = "",
    scheduler: OneScheduler = "spread",
    output: Output = "table",
) -> None:
    """How many nodes of which pool it takes until everything fits.

    Without pools, those of the cluster's own kinds of nodes are taken.

    Example: pyk8s simulate capacity -f app.yaml --pool small:cpu=4,memory=16Gi --pool big:cpu=16,memory=64Gi
    """
    from pyk8s.cli.simulate_commands import Source, run_capacity

    run_capacity(
        file, pool or [], pools, source=Source(export, kubeconfig, context), scheduler=scheduler, output=output
    )


@app.command()
def drain(
    nodes: Annotated[list[str], typer.Argument(metavar="NODE...", help="The nodes to empty.")],
    export: Export = "",
    kubeconfig: Kubeconfig = "",
    context: Context = "",
    scheduler: OneScheduler = "spread",
    output: Output = "table",
) -> None:
    """What would become of the pods of these nodes if they were drained.

    Example: pyk8s simulate drain node-3 node-4 --context production
    """
    from pyk8s.cli.simulate_commands import Source, run_drain

    run_drain(nodes, source=Source(export, kubeconfig, context), scheduler=scheduler, output=output)


@app.command()
def schema() -> None:
    """Print the JSON Schema of a scenario.

    Example: pyk8s simulate schema > scenario.schema.json
    """
    from pyk8s.cli.output import print_json
    from pyk8s.simulate.scenario import schema as scenario_schema

    print_json(scenario_schema())
