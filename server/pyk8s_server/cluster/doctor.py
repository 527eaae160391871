"""`pyk8s doctor`: what pyk8s needs on this machine, check by check, and what to do about each that fails.

Always true: a check changes nothing.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable

import typer
from pyk8s.cli.exits import ExitCode

from pyk8s_server.cluster.state import all_clusters, clusters_root

KUBECTL_TIMEOUT_S = 10


def run() -> None:
    """Print one line per check; exit code 6 when a needed one fails."""
    failed = False
    for title, check, is_needed in CHECKS:
        trouble = check()
        mark = "ok" if not trouble else ("missing" if is_needed else "note")
        typer.echo(f"{mark:<8} {title}{': ' + trouble if trouble else ''}")
        failed |= bool(trouble) and is_needed
    if failed:
        raise typer.Exit(ExitCode.MISSING_PREREQUISITE)


def _python() -> str:
    return "" if sys.version_info >= (3, 11) else f"this is {sys.version.split()[0]}; install Python 3.11 or newer"


def _engine() -> str:
    try:
        from pyk8s.core import Store

        Store(objects=True).put("/check", b'{"metadata":{"name":"check"}}')
    except Exception as trouble:
        return f"{trouble}; reinstall pyk8s"
    return ""


def _kubectl() -> str:
    path = shutil.which("kubectl")
    if path is None:
        return "not on PATH; install kubectl to talk to clusters (pyk8s itself does not need it)"
    done = subprocess.run([path, "version", "--client"], capture_output=True, timeout=KUBECTL_TIMEOUT_S, check=False)
    return "" if done.returncode == 0 else f"{path} does not run: {done.stderr.decode(errors='replace').strip()}"


def _loopback() -> str:
    try:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
    except OSError as trouble:
        return f"cannot listen on 127.0.0.1: {trouble}"
    return ""


def _state() -> str:
    root = clusters_root()
    existing = next(path for path in (root, *root.parents) if path.exists())
    return "" if os.access(existing, os.W_OK) else f"{root} cannot be written; set XDG_STATE_HOME to a folder that can"


def _stale() -> str:
    stopped = [state.name for state in all_clusters() if not state.running_pid()]
    return (
        f"stopped clusters: {', '.join(stopped)}; start or remove them with pyk8s start, pyk8s down" if stopped else ""
    )


CHECKS: tuple[tuple[str, Callable[[], str], bool], ...] = (
    ("Python", _python, True),
    ("engine", _engine, True),
    ("loopback address", _loopback, True),
    ("state directory", _state, True),
    ("kubectl", _kubectl, False),
    ("clusters", _stale, False),
)
