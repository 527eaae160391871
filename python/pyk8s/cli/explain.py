"""`pyk8s explain pod/NAME`: why a pod is where it is, or nowhere.

Always true: importing this module imports typer alone. Data on stdout, talk on stderr; exit code 3 when there is no
such pod.
Not here: the explanation (the API server's route, `pyk8s.scheduler.explain`), how it is printed (see `explain_tables`).
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from pyk8s.cli.exits import CommandError, ExitCode

Json = dict[str, Any]

ROWS = 20
PODS = ("pod", "pods", "po")


def explain(
    pod: Annotated[str, typer.Argument(metavar="pod/NAME", help="The pod.")],
    namespace: Annotated[str, typer.Option("-n", "--namespace", help="Default: the context's, else default.")] = "",
    output: Annotated[str, typer.Option("-o", "--output", help="table or json.")] = "table",
    attempt: Annotated[str, typer.Option(help="Which attempt to tell in full: a number, last or all.")] = "last",
    rows: Annotated[
        int | None, typer.Option(min=0, help="Nodes to tell of, 0 for all. Default: 20 in a table, all in JSON.")
    ] = None,
    kubeconfig: Annotated[
        str, typer.Option("--kubeconfig", help="How to reach the API server; default: KUBECONFIG, then ~/.kube/config.")
    ] = "",
    context: Annotated[str, typer.Option("--context", help="The context of the kubeconfig.")] = "",
) -> None:
    """Explain a pod's scheduling: every attempt, who refused which node and why, every score, who was preempted.

    Example: pyk8s explain pod/web-0 -n shop
    """
    import asyncio

    from pyk8s.cli.output import print_json

    if output not in ("table", "json"):
        raise CommandError(f"unknown output format {output!r}; it may be table or json", ExitCode.USAGE)
    if attempt not in ("last", "all") and not attempt.isdecimal():
        raise CommandError(f"--attempt is {attempt!r}; it may be a number, last or all", ExitCode.USAGE)
    asked_rows = rows if rows is not None else ROWS if output == "table" else 0
    query = [("attempt", attempt), ("rows", str(asked_rows))]
    answer = asyncio.run(_ask(_name(pod), namespace, query, (kubeconfig, context)))
    if output == "json":
        print_json(answer)
    else:
        from pyk8s.cli.explain_tables import print_explanation

        print_explanation(answer)


def _name(text: str) -> str:
    kind, slash, name = text.rpartition("/")
    if (slash and kind not in PODS) or not name:
        raise CommandError(f"{text!r} names no pod; write pod/NAME", ExitCode.USAGE)
    return name


async def _ask(name: str, namespace: str, query: list[tuple[str, str]], place: tuple[str, str]) -> Json:
    from pyk8s.api.status import StatusError
    from pyk8s.client import kubeconfig as kubeconfigs
    from pyk8s.client.rest import RestClient
    from pyk8s.client.transport_http import HttpTransport

    try:
        access = kubeconfigs.load_first(_paths(place[0]), context=place[1])
    except ValueError as trouble:
        raise CommandError(str(trouble), ExitCode.MISSING_PREREQUISITE) from trouble
    client = RestClient(HttpTransport.from_access(access), user_agent="pyk8s explain")
    try:
        return await client.raw("GET", f"/explain/namespaces/{namespace or access.namespace}/pods/{name}", query)
    except StatusError as error:
        code = ExitCode.NOT_FOUND if error.code == 404 else ExitCode.FAILURE
        raise CommandError(_in_words(error.code, str(error)), code) from error
    except OSError as trouble:
        raise CommandError(f"the API server does not answer: {trouble}") from trouble
    finally:
        await client.close()


def _in_words(code: int, message: str) -> str:
    """Another API server than ours has no such route; its 404 is not about the pod."""
    if code == 404 and "not found" in message and "pod" not in message and "attempt" not in message:
        return "this API server explains nothing; it must be one of pyk8s"
    return message


def _paths(kubeconfig: str) -> list[str]:
    import os

    if kubeconfig:
        return [kubeconfig]
    listed = [path for path in os.environ.get("KUBECONFIG", "").split(os.pathsep) if path]
    return listed or [os.path.join("~", ".kube", "config")]
