"""The process of a cluster: store, API server, components, until a signal ends it.

    python -m pyk8s_server.cluster.serve NAME [--report-to FD]

Always true: the outcome of the start is one line on the descriptor given: "ready" or what went wrong.
Always true: on SIGTERM and SIGINT the components end first, then the API, then the store is made durable.
Not here: what the parts do.
"""

from __future__ import annotations

import argparse
import asyncio
import errno
import gc
import os
import secrets
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from pyk8s.api.clock import SystemClock
from pyk8s.api.http import UserInfo
from pyk8s.api.identity import Identity
from pyk8s.cli.exits import CommandError
from pyk8s.cli.output import say
from pyk8s.core import Store
from pyk8s.errors import EngineError

from pyk8s_server.cluster import kubeconfig as kubeconfigs
from pyk8s_server.cluster.certificates import Authority
from pyk8s_server.cluster.compose import ADMIN, MASTERS, Cluster, Options
from pyk8s_server.cluster.process import READY, PortTaken
from pyk8s_server.cluster.scheduler_options import SchedulerOptions
from pyk8s_server.cluster.state import ClusterState, Settings, write_private

HOST = "127.0.0.1"
TOKEN_BYTES = 32
YOUNG_OBJECTS_MAX = 20_000
"""How many new objects bring a garbage collection of the youngest."""


def run(state: ClusterState, on_ready: Callable[[], None]) -> None:
    """Run the cluster in this process until a signal comes. The process must end after it.

    Raises:
        CommandError: it cannot start, in one line.
    """
    settings = state.load()
    # Never closed: the lock goes with the process, so that who finds it free finds no process either.
    state.hold()
    store = _open_store(settings)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(state, store, on_ready))
    finally:
        store.close()


def run_api_server(*, name: str, data_dir: str, port: int) -> None:
    """Run an API server alone in this process, its certificates and kubeconfig beside the store in ``data_dir``."""
    state = ClusterState(name)
    state.path = Path(data_dir)
    state.path.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings = Settings(name=name, port=port, nodes=0, data_dir=str(state.path / "data"), is_api_only=True)
    state.save(settings)
    run(state, lambda: say(f"ready on https://{HOST}:{port}; kubeconfig {state.kubeconfig_path}"))


async def _serve(state: ClusterState, store: Store, on_ready: Callable[[], None]) -> None:
    from pyk8s_server.apiserver.serve import serve

    clock, settings = SystemClock(), state.load()
    authority = Authority(state.certificates_path, clock.now_s())
    server = authority.server((HOST, "10.96.0.1"))
    options = Options(
        node_count=settings.nodes,
        root_ca=authority.pair.certificate,
        client_ca=authority.pair.certificate.encode(),
        service_account_key=lambda: authority.service_account_key().read_bytes(),
        tokens=_tokens(state),
        advertise_address=HOST,
        advertise_port=settings.port,
        fsync=settings.durability == "fsync",
        scheduler=SchedulerOptions(**settings.scheduler).compiled(),
    )
    cluster = Cluster(store, clock=clock, identity=Identity(), options=options)
    ended = _on_signals()
    _write_kubeconfig(state, settings, authority)
    await cluster.start()
    try:
        running = await serve(
            cluster.api,
            host=HOST,
            port=settings.port,
            certfile=server.certificate_path,
            keyfile=server.key_path,
            client_ca_file=authority.pair.certificate_path,
        )
    except OSError as trouble:
        raise (PortTaken() if trouble.errno == errno.EADDRINUSE else trouble) from trouble
    if not settings.is_api_only:
        cluster.start_components()
    _tune_collection()
    try:
        on_ready()
        await ended.wait()
    finally:
        await cluster.stop()
        await running.stop()


def _tune_collection() -> None:
    """Leave what the start made out of garbage collection, and collect young objects less often.

    Requests make no cycles, so the collector finds nothing, but by its defaults it looks after every 700 objects.
    """
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS_MAX, 20, 20)


def _open_store(settings: Settings) -> Store:
    try:
        if settings.durability == "none":
            return Store(objects=True)
        Path(settings.data_dir).mkdir(parents=True, exist_ok=True, mode=0o700)
        return Store.open(settings.data_dir, objects=True, durability=settings.durability)
    except (EngineError, OSError) as trouble:
        raise CommandError(f"the store cannot be opened: {trouble}") from trouble


def _tokens(state: ClusterState) -> dict[str, UserInfo]:
    """The administrator's bearer token, kept from start to start."""
    if not state.token_path.exists():
        write_private(state.token_path, secrets.token_urlsafe(TOKEN_BYTES) + "\n")
    return {state.token_path.read_text().strip(): ADMIN}


def _write_kubeconfig(state: ClusterState, settings: Settings, authority: Authority) -> None:
    admin = authority.client("admin", ADMIN.username, (MASTERS[0],))
    document = kubeconfigs.document(
        kubeconfigs.context_name(state.name),
        f"https://{HOST}:{settings.port}",
        ca=authority.pair.certificate,
        certificate=admin.certificate,
        key=admin.key,
    )
    write_private(state.kubeconfig_path, kubeconfigs.dump(document))


def _on_signals() -> asyncio.Event:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    return ended


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    import uvloop

    return uvloop.new_event_loop


def main() -> int:
    parser = argparse.ArgumentParser(prog="pyk8s_server.cluster.serve")
    parser.add_argument("name")
    parser.add_argument("--report-to", type=int, default=-1)
    options = parser.parse_args()

    def report(line: str) -> None:
        if options.report_to >= 0:
            os.write(options.report_to, line.encode() + b"\n")
            os.close(options.report_to)

    try:
        run(ClusterState(options.name), lambda: report(READY))
    except (CommandError, OSError) as trouble:
        sys.stderr.write(f"pyk8s: {trouble}\n")
        report(str(trouble).replace("\n", " "))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
