"""The processes of a benchmark over HTTP: an API server and a scheduler, in a folder that is gone afterwards.

Always true: what was started is ended, however the benchmark ends.
Not here: talking to them (see `over_http`).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pyk8s.simulate.bench import memory
from pyk8s.simulate.bench.cluster import ClusterError

PYK8S = (sys.executable, "-m", "pyk8s")
NAME = "bench"
UP_S_MAX = 60
END_S_MAX = 10


@dataclass(frozen=True, slots=True)
class Scheduler:
    """The scheduler's process and its log."""

    process: subprocess.Popen[bytes]
    log: Path

    def check(self) -> None:
        """Raises ClusterError: it has ended by itself."""
        if self.process.poll() is not None:
            raise ClusterError(f"the scheduler ended by itself: {_last_line(self.log.read_text())}")


@dataclass(frozen=True, slots=True)
class Processes:
    """What runs; ``pids`` are those whose memory is the benchmark's."""

    kubeconfig: Path
    pids: tuple[int, ...]
    scheduler: Scheduler

    def peak_bytes(self) -> int:
        return sum(memory.peak_bytes_of(pid) for pid in self.pids)


@contextmanager
def started(kubeconfig: Path | None, scheduler_config: Path | None, gates: dict[str, bool]) -> Iterator[Processes]:
    """A scheduler against the API server of ``kubeconfig``; None: against one that is started for it.

    Raises ClusterError: something did not start.
    """
    home = Path(tempfile.mkdtemp(prefix="pyk8s-bench-"))
    try:
        if kubeconfig is not None:
            with _scheduler(home, kubeconfig, scheduler_config, gates) as scheduler:
                yield Processes(kubeconfig, (scheduler.process.pid,), scheduler)
            return
        with _api_server(home) as (own, server), _scheduler(home, own, scheduler_config, gates) as scheduler:
            yield Processes(own, (server, scheduler.process.pid), scheduler)
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def _api_server(home: Path) -> Iterator[tuple[Path, int]]:
    kubeconfig = home / "kubeconfig"
    environment = os.environ | {"XDG_STATE_HOME": str(home), "KUBECONFIG": str(kubeconfig), "HOME": str(home)}
    up = [*PYK8S, "up", "--name", NAME, "--nodes", "0", "--api-only", "--durability", "none"]
    try:
        done = subprocess.run(up, env=environment, capture_output=True, text=True, timeout=UP_S_MAX, check=False)
        if done.returncode:
            raise ClusterError(f"the API server did not start: {_last_line(done.stderr)}")
        yield kubeconfig, int((home / "pyk8s" / "clusters" / NAME / "lock").read_text())
    finally:
        subprocess.run([*PYK8S, "down", "--name", NAME], env=environment, capture_output=True, check=False)


@contextmanager
def _scheduler(home: Path, kubeconfig: Path, config: Path | None, gates: dict[str, bool]) -> Iterator[Scheduler]:
    words = [*PYK8S, "scheduler", "--kubeconfig", str(kubeconfig), "--no-leader-elect"]
    words += ["--config", str(config)] if config else []
    words += ["--feature-gates", ",".join(f"{name}={str(on).lower()}" for name, on in gates.items())] if gates else []
    log = home / "scheduler.log"
    with log.open("w") as file:
        process = subprocess.Popen(words, stdout=file, stderr=file)
    try:
        yield Scheduler(process, log)
    finally:
        process.terminate()
        try:
            process.wait(END_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it said nothing"
