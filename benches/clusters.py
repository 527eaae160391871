"""A cluster for the benches: `pyk8s up` in a folder of its own, gone afterwards."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from load import Target

PYK8S = (sys.executable, "-m", "pyk8s.cli.main")
"""The command as a module: it runs from a checkout as from an installation."""


@dataclass
class Running:
    name: str
    environment: dict[str, str]
    state: Path
    up_s: float

    @property
    def settings(self) -> dict:
        return json.loads((self.state / "cluster.json").read_text())

    @property
    def target(self) -> Target:
        token = (self.state / "admin.token").read_text().strip()
        return Target("127.0.0.1", self.settings["port"], self.state / "certificates" / "ca.crt", token)

    @property
    def pid(self) -> int:
        return int((self.state / "lock").read_text())

    def pyk8s(self, *words: str) -> str:
        done = subprocess.run([*PYK8S, *words], env=self.environment, capture_output=True, text=True, check=True)
        return done.stdout


@contextmanager
def running(nodes: int = 0, *, is_api_only: bool = False) -> Iterator[Running]:
    """A cluster of ``nodes`` simulated nodes, or its API server alone, timed from the command to its return."""
    home = Path(tempfile.mkdtemp(prefix="pyk8s-bench-"))
    name = f"bench-{os.getpid()}"
    environment = os.environ | {"XDG_STATE_HOME": str(home), "KUBECONFIG": str(home / "kubeconfig"), "HOME": str(home)}
    try:
        begin = time.perf_counter()
        command = [*PYK8S, "up", "--name", name, "--nodes", str(nodes), *(["--api-only"] if is_api_only else [])]
        subprocess.run(command, env=environment, check=True, capture_output=True)
        up_s = time.perf_counter() - begin
        yield Running(name, environment, home / "pyk8s" / "clusters" / name, up_s)
    finally:
        subprocess.run([*PYK8S, "down", "--name", name], env=environment, check=False, capture_output=True)
        shutil.rmtree(home, ignore_errors=True)
