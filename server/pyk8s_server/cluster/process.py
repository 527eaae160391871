"""The process of a cluster: start it in the background, wait until it is ready, end it.

Always true: the child tells its outcome through a pipe, one line: "ready" or what went wrong; its end without a word
is a failure too. No process is left when a start fails.
Not here: what the process does (see `serve`).
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

from pyk8s.api.clock import SystemClock
from pyk8s.cli.exits import CommandError, ExitCode

from pyk8s_server.cluster.state import ClusterState

READY_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0
POLL_S = 0.02
LOG_LINES_SHOWN = 5
READY = "ready"


class PortTaken(CommandError):
    """Between the look for a free port and its use another process took it."""

    MESSAGE = "another process took the port meanwhile; try again, or choose another with --port"

    def __init__(self) -> None:
        super().__init__(self.MESSAGE, ExitCode.CONFLICT)


def start(state: ClusterState) -> int:
    """Start the cluster's process and return its pid once the API server is ready.

    Raises:
        CommandError: it did not become ready; it has been ended. `PortTaken` when that is why.
    """
    reading, writing = os.pipe()
    command = [sys.executable, "-m", "pyk8s_server.cluster.serve", state.name, "--report-to", str(writing)]
    with state.log_path.open("ab") as log:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=(writing,), start_new_session=True
        )
    os.close(writing)
    try:
        told = _await_report(reading)
    finally:
        os.close(reading)
    if told == READY:
        return child.pid
    child.kill()
    child.wait()
    if told == PortTaken.MESSAGE:
        raise PortTaken
    raise CommandError(told if told is not None else _timeout(state), _code(told))


def _await_report(reading: int) -> str | None:
    """The child's line, "" when it died without one, None when the time is over."""
    clock = SystemClock()
    end_s = clock.monotonic_s() + READY_TIMEOUT_S
    received = b""
    while not received.endswith(b"\n"):
        left_s = end_s - clock.monotonic_s()
        if left_s <= 0 or not select.select([reading], [], [], left_s)[0]:
            return None
        chunk = os.read(reading, 4096)
        if not chunk:
            break
        received += chunk
    return received.decode(errors="replace").strip() or "the cluster's process ended before it was ready"


def _code(told: str | None) -> ExitCode:
    return ExitCode.TIMEOUT if told is None else ExitCode.FAILURE


def _timeout(state: ClusterState) -> str:
    return f"cluster {state.name!r} was not ready after {READY_TIMEOUT_S:.0f} s; its log is {state.log_path}"


def last_lines(path: Path, count: int = LOG_LINES_SHOWN) -> list[str]:
    """The last ``count`` lines of a file, all for 0."""
    try:
        return path.read_text(errors="replace").splitlines()[-count or None :]
    except OSError:
        return []


def stop(state: ClusterState) -> bool:
    """End the cluster's process; True when there was one. Politely first, then by force."""
    pid = state.running_pid()
    if not pid:
        return False
    for how, limit_s in ((signal.SIGTERM, STOP_TIMEOUT_S), (signal.SIGKILL, STOP_TIMEOUT_S)):
        try:
            os.kill(pid, how)
        except ProcessLookupError:
            return True
        if _gone(state, pid, limit_s):
            return True
    raise CommandError(f"process {pid} of cluster {state.name!r} does not end", ExitCode.TIMEOUT)


def _gone(state: ClusterState, pid: int, limit_s: float) -> bool:
    """Wait until the lock is free and the process has ended: the one comes a moment before the other."""
    clock = SystemClock()
    end_s = clock.monotonic_s() + limit_s
    while state.running_pid() or _exists(pid):
        if clock.monotonic_s() > end_s:
            return False
        select.select([], [], [], POLL_S)
    return True


def _exists(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits for its parent's notice does not."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except OSError:
        return True
