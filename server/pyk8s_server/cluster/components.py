"""The components as separate processes: apiserver, controller-manager, scheduler, kubelet, in the foreground.

Always true: importing this module imports typer alone, as for every command.
Always true: each is the same code as in `pyk8s up`, over HTTP instead of in process; each ends cleanly on a signal.
Not here: options of the components themselves beyond where to find the API.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

if TYPE_CHECKING:
    from pyk8s.client.rest import RestClient

Kubeconfig = Annotated[str, typer.Option("--kubeconfig", envvar="KUBECONFIG", help="How to reach the API server.")]
LeaderElect = Annotated[
    bool, typer.Option(help="Work only while holding the Lease; run several for high availability.")
]


class Component(Protocol):
    async def run(self) -> Any: ...

    async def stop(self) -> None: ...


def register(app: typer.Typer) -> None:
    for name, command in (
        ("apiserver", apiserver),
        ("controller-manager", controller_manager),
        ("scheduler", scheduler),
        ("kubelet", kubelet),
    ):
        app.command(name)(command)


def apiserver(
    data_dir: Annotated[str, typer.Option(help="Directory of the store; made when missing.")],
    port: Annotated[int, typer.Option(min=1, max=65535)] = 6443,
    name: Annotated[str, typer.Option(help="Name of the context in the kubeconfig that is written.")] = "apiserver",
) -> None:
    """Run the API server alone. Its administrator's kubeconfig is DATA_DIR/admin.kubeconfig.

    Example: pyk8s apiserver --data-dir /tmp/api --port 6443
    """
    from pyk8s_server.cluster.serve import run_api_server

    run_api_server(name=name, data_dir=data_dir, port=port)


def controller_manager(kubeconfig: Kubeconfig, leader_elect: LeaderElect = True, root_ca_file: str = "") -> None:
    """Run the controllers against an API server.

    Example: pyk8s controller-manager --kubeconfig admin.kubeconfig
    """

    def make(client: RestClient, given: dict[str, Any]) -> Component:
        from pyk8s.controllers.manager import Manager

        return Manager(client, root_ca=_root_ca(kubeconfig, root_ca_file), leader_elect=leader_elect, **given)

    _run_component(kubeconfig, "kube-controller-manager", make)


def scheduler(
    kubeconfig: Kubeconfig,
    leader_elect: Annotated[
        bool | None, typer.Option(help="Work only while holding the Lease; default: what the configuration says.")
    ] = None,
    config: Annotated[
        str, typer.Option(help="A KubeSchedulerConfiguration file, or spread, binpack or binpack-ratio.")
    ] = "",
    feature_gates: Annotated[str, typer.Option(help="NAME=true,NAME=false")] = "",
    plugin: Annotated[
        list[str] | None, typer.Option(help="A Python file or module that registers plugins; repeatable.")
    ] = None,
) -> None:
    """Run the scheduler against an API server.

    Example: pyk8s scheduler --kubeconfig admin.kubeconfig --config binpack
    """
    from pyk8s_server.cluster.scheduler_options import SchedulerOptions

    options = SchedulerOptions.read(config, feature_gates, plugin or [])
    options.warn(is_alone=False)
    configuration = options.compiled()
    is_elected = configuration is None or configuration.leader_election.is_on

    def make(client: RestClient, given: dict[str, Any]) -> Component:
        from pyk8s.scheduler import Scheduler

        is_asked = is_elected if leader_elect is None else leader_elect
        return Scheduler(client, configuration=configuration, leader_elect=is_asked, **given)

    _run_component(kubeconfig, "kube-scheduler", make)


def kubelet(kubeconfig: Kubeconfig, nodes: Annotated[int, typer.Option(min=0, help="Simulated nodes.")] = 1) -> None:
    """Run simulated nodes against an API server.

    Example: pyk8s kubelet --kubeconfig admin.kubeconfig --nodes 3
    """

    def make(client: RestClient, given: dict[str, Any]) -> Component:
        from pyk8s.kubelet import SimulatedNodes

        return SimulatedNodes(client, count=nodes, **given)

    _run_component(kubeconfig, "kubelet", make)


def _run_component(kubeconfig: str, user_agent: str, make: Callable[[RestClient, dict[str, Any]], Component]) -> None:
    import asyncio

    import uvloop
    from pyk8s.cli.exits import CommandError
    from pyk8s.client import kubeconfig as kubeconfigs

    try:
        access = kubeconfigs.load(kubeconfig)
    except ValueError as trouble:
        raise CommandError(str(trouble)) from trouble

    async def serve() -> None:
        from pyk8s.api.clock import SystemClock
        from pyk8s.api.identity import Identity
        from pyk8s.client.rest import RestClient
        from pyk8s.client.transport_http import HttpTransport

        client = RestClient(HttpTransport.from_access(access), user_agent=user_agent)
        component = make(client, {"clock": SystemClock(), "identity": Identity()})
        try:
            await until_signal(component.run)
        finally:
            await component.stop()
            await client.close()

    # The same loop as the API server's: its TLS costs a third of what asyncio's does.
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())


async def until_signal(work: Callable[[], Awaitable[Any]]) -> None:
    """Run ``work`` until it ends or SIGTERM or SIGINT comes; its failure is raised."""
    import asyncio
    import signal

    loop = asyncio.get_running_loop()
    running = asyncio.ensure_future(work())
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, running.cancel)
    try:
        await running
    except asyncio.CancelledError:
        if not running.cancelled():
            raise


def _root_ca(kubeconfig: str, file: str) -> str:
    from pathlib import Path

    from pyk8s.client import kubeconfig as kubeconfigs

    if file:
        return Path(file).read_text()
    return (kubeconfigs.load(kubeconfig).ca_data or b"").decode()
