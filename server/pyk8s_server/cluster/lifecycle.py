"""What the cluster commands do: make, start, stop, describe, remove, scale.

Always true: a command that fails leaves what was there; at most six lines are printed.
Not here: options and help texts (see `commands`), the process's inside (see `serve`).
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyk8s
from pyk8s.cli.exits import CommandError, ExitCode
from pyk8s.cli.output import say

from pyk8s_server.cluster import kubeconfig as kubeconfigs
from pyk8s_server.cluster import process
from pyk8s_server.cluster.scheduler_options import SchedulerOptions
from pyk8s_server.cluster.state import ClusterState, Settings

HOST = "127.0.0.1"
PREFERRED_PORT = 6443
PORT_TRIES_MAX = 5
"""Clusters made at one moment all find the preferred port free; those that lose it look for another."""
DURABILITIES = ("none", "buffered", "fsync")


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of `pyk8s up`."""

    name: str
    nodes: int
    port: int
    data_dir: str = ""
    durability: str = "buffered"
    is_api_only: bool = False
    scheduler: SchedulerOptions = field(default_factory=SchedulerOptions)


def up(asked: Asked, *, kubeconfig: str, is_foreground: bool) -> None:
    state = ClusterState(asked.name)
    if state.exists:
        state.load()
        how = "is already running" if state.running_pid() else "exists; start it with: pyk8s start"
        raise CommandError(f"cluster {asked.name!r} {how}", ExitCode.CONFLICT)
    if asked.durability not in DURABILITIES:
        raise CommandError(f"--durability may be {', '.join(DURABILITIES)}", ExitCode.USAGE)
    asked.scheduler.warn(is_alone=True)
    _on_free_port(lambda: _make(state, asked, kubeconfig, is_foreground=is_foreground), is_port_asked=asked.port > 0)


def _on_free_port(run: Callable[[], None], *, is_port_asked: bool) -> None:
    """Run what looks for a free port and takes it; again, while others take it in between."""
    for tries_left in reversed(range(PORT_TRIES_MAX)):
        try:
            return run()
        except process.PortTaken:
            if is_port_asked or not tries_left:
                raise


def _make(state: ClusterState, asked: Asked, kubeconfig: str, *, is_foreground: bool) -> None:
    settings = _settings(state, asked)
    state.save(settings)
    try:
        _run(state, settings, kubeconfig, is_foreground=is_foreground)
    except BaseException as trouble:
        if not is_foreground or isinstance(trouble, process.PortTaken):
            _forget(state, settings)
        raise


def start(name: str, *, kubeconfig: str) -> None:
    state = ClusterState(name)
    settings = state.load()
    if state.running_pid():
        say(f"cluster {name!r} is already running")
        return

    def run() -> None:
        settings.port = _port(settings.port, is_asked=settings.is_port_asked)
        state.save(settings)
        _run(state, settings, kubeconfig, is_foreground=False)

    _on_free_port(run, is_port_asked=settings.is_port_asked)


def stop(name: str) -> None:
    state = ClusterState(name)
    state.load()
    was_running = process.stop(state)
    say(f"cluster {name!r} stopped" if was_running else f"cluster {name!r} was not running")


def down(name: str, *, kubeconfig: str) -> None:
    state = ClusterState(name)
    if not state.exists:
        say(f"no cluster {name!r}; nothing to do")
        return
    settings = state.load()
    process.stop(state)
    kubeconfigs.remove(kubeconfigs.target(kubeconfig), kubeconfigs.context_name(name))
    _forget(state, settings)
    kept = "" if settings.owns_data else f"; its data stays in {settings.data_dir}"
    say(f"cluster {name!r} removed{kept}")


def describe(name: str) -> dict[str, Any]:
    """One row of `status` and `list`."""
    state = ClusterState(name)
    settings = state.load()
    pid = state.running_pid()
    return {
        "name": name,
        "status": "Running" if pid else "Stopped",
        "nodes": settings.nodes,
        "server": f"https://{HOST}:{settings.port}",
        "pid": pid or None,
        "memory": _memory(pid) if pid else None,
        "data_dir": settings.data_dir,
        "log": str(state.log_path),
    }


def scale_nodes(name: str, count: int) -> None:
    """Ask the running cluster for another number of simulated nodes, through its API."""
    import asyncio

    from pyk8s_server.cluster.node_count import request_node_count

    state = ClusterState(name)
    settings = state.load()
    if not state.running_pid():
        raise CommandError(f"cluster {name!r} does not run; start it with: pyk8s start --name {name}")
    asyncio.run(request_node_count(state.kubeconfig_path, count))
    settings.nodes = count
    state.save(settings)
    say(f"cluster {name!r} goes to {count} nodes; watch with: kubectl get nodes -w")


def snapshot_save(name: str, file: str) -> None:
    from pyk8s.core import Store

    state = ClusterState(name)
    settings = state.load()
    if state.running_pid():
        raise CommandError(f"cluster {name!r} runs; stop it first: pyk8s stop --name {name}", ExitCode.CONFLICT)
    store = Store.open(settings.data_dir, objects=True)
    try:
        revision = store.snapshot_save(file)
    finally:
        store.close()
    say(f"saved cluster {name!r} at revision {revision} to {file}")


def snapshot_restore(name: str, file: str) -> None:
    from pyk8s.core import Store

    state = ClusterState(name)
    if state.exists:
        raise CommandError(f"cluster {name!r} exists; remove it first: pyk8s down --name {name}", ExitCode.CONFLICT)
    if not os.path.exists(file):
        raise CommandError(f"there is no file {file}", ExitCode.NOT_FOUND)
    settings = _settings(state, Asked(name, nodes=1, port=0))
    state.save(settings)
    try:
        Store.snapshot_restore(file, settings.data_dir)
    except BaseException:
        _forget(state, settings)
        raise
    say(f"restored {file} as cluster {name!r}; start it with: pyk8s start --name {name}")


# -- parts -----------------------------------------------------------------------------------------------------


def _settings(state: ClusterState, asked: Asked) -> Settings:
    return Settings(
        name=asked.name,
        port=_port(asked.port or PREFERRED_PORT, is_asked=asked.port > 0),
        is_port_asked=asked.port > 0,
        nodes=asked.nodes,
        data_dir=os.path.abspath(asked.data_dir) if asked.data_dir else str(state.path / "data"),
        durability=asked.durability,
        owns_data=not asked.data_dir,
        is_api_only=asked.is_api_only,
        scheduler=asdict(asked.scheduler),
        version=pyk8s.__version__,
    )


def _run(state: ClusterState, settings: Settings, kubeconfig: str, *, is_foreground: bool) -> None:
    target = kubeconfigs.target(kubeconfig)
    kubeconfigs.check(target)
    if is_foreground:
        from pyk8s_server.cluster.serve import run

        run(state, lambda: _announce(state, settings, target))
    else:
        process.start(state)
        _announce(state, settings, target)


def _announce(state: ClusterState, settings: Settings, target: Path) -> None:
    import yaml

    kubeconfigs.merge(target, yaml.safe_load(state.kubeconfig_path.read_text()))
    count = f"{settings.nodes} simulated node{'' if settings.nodes == 1 else 's'}"
    count = "the API server alone" if settings.is_api_only else count
    say(f"cluster {state.name!r} is up: {count}, API server https://{HOST}:{settings.port}")
    say(f"kubectl uses context {kubeconfigs.context_name(state.name)!r} of {target}")
    flag = "" if state.name == "dev" else f" --name {state.name}"
    say(f"try: kubectl get nodes        end: pyk8s down{flag}")


def _forget(state: ClusterState, settings: Settings) -> None:
    if settings.owns_data:
        shutil.rmtree(settings.data_dir, ignore_errors=True)
    state.remove()


def _port(preferred: int, *, is_asked: bool) -> int:
    """The preferred port; when that is in use, another, unless the user asked for this one. Raises CommandError."""
    if is_asked:
        _check_port(preferred)
        return preferred
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise CommandError("no free port on the loopback address")


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as trouble:
            raise CommandError(
                f"port {port} cannot be used ({trouble.strerror}); choose another with --port", ExitCode.CONFLICT
            ) from trouble


def _memory(pid: int) -> str:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return "unknown"
    return f"{pages * os.sysconf('SC_PAGE_SIZE') // (1 << 20)}Mi"
