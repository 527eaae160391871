"""A real cluster for the tests of this folder: `pyk8s up` in a folder of its own, and its kubectl."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

COMMAND_TIMEOUT_S = 90
PYK8S = [sys.executable, "-m", "pyk8s.cli.main"]


@dataclass
class Home:
    """A place where clusters live apart from the user's: state, kubeconfig, home folder."""

    path: Path

    @property
    def environment(self) -> dict[str, str]:
        own = {"XDG_STATE_HOME": str(self.path / "state"), "KUBECONFIG": str(self.kubeconfig), "HOME": str(self.path)}
        return {**os.environ, **own}

    @property
    def kubeconfig(self) -> Path:
        return self.path / "kubeconfig"

    def pyk8s(self, *words: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        return self.run([*PYK8S, *words], code=code)

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """The command under way, its words thrown away."""
        null = subprocess.DEVNULL
        return subprocess.Popen([*PYK8S, *words], env=self.environment, stdin=null, stdout=null, stderr=null)

    def kubectl(self, *words: str, code: int | None = 0, stdin: str = "") -> str:
        return self.run(["kubectl", *words], code=code, stdin=stdin).stdout

    def get(self, *words: str) -> Any:
        return json.loads(self.kubectl("get", *words, "-o", "json"))

    def run(self, command: list[str], *, code: int | None, stdin: str = "") -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
        if code is not None:
            assert done.returncode == code, f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """An empty home; whatever cluster a test leaves in it is removed."""
    made = Home(tmp_path)
    yield made
    for name in json.loads(made.pyk8s("list", "-o", "json").stdout or "[]"):
        made.pyk8s("down", "--name", name["name"])


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """One running cluster of two nodes for the tests that only look or use namespaces of their own."""
    made = Home(tmp_path_factory.mktemp("cluster"))
    made.pyk8s("up", "--name", "shared", "--nodes", "2")
    made.kubectl("wait", "--for=condition=Ready", "nodes", "--all", "--timeout=60s")
    yield made
    made.pyk8s("down", "--name", "shared")


@pytest.fixture
def namespace(cluster: Home, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace for one test."""
    name = f"t-{abs(hash(request.node.nodeid)) % 10**10}"
    cluster.kubectl("create", "namespace", name)
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")
