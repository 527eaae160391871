"""Runs of pytest in processes of their own, on test files written for the purpose."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

RUN_TIMEOUT_S = 90
SETTINGS = """
[pytest]
filterwarnings = error
asyncio_default_fixture_loop_scope = function
addopts = -p no:cacheprovider
"""


@dataclass
class Ran:
    """A finished run. ``home`` and ``temporary`` are the folders it had for the user's files and for its own."""

    code: int
    output: str
    home: Path
    temporary: Path

    def expect(self, code: int) -> Ran:
        assert self.code == code, self.output
        return self


Run = Callable[..., Ran]


@pytest.fixture
def run_pytest(tmp_path: Path) -> Run:
    """Runs pytest on one test file: ``run_pytest(source, "-n", "2")``."""

    def run(source: str, *options: str) -> Ran:
        project, home, temporary = tmp_path / "project", tmp_path / "home", tmp_path / "temporary"
        for folder in (project, home, temporary):
            folder.mkdir(exist_ok=True)
        (project / "pytest.ini").write_text(SETTINGS)
        (project / "test_it.py").write_text(source)
        own = {"HOME": str(home), "TMPDIR": str(temporary), "XDG_STATE_HOME": str(home / "state")}
        environment = {**os.environ, **own}
        environment.pop("KUBECONFIG", None)
        command = [sys.executable, "-W", "default", "-m", "pytest", "-q", *options, "test_it.py"]
        done = subprocess.run(
            command, cwd=project, env=environment, capture_output=True, text=True, timeout=RUN_TIMEOUT_S, check=False
        )
        return Ran(done.returncode, done.stdout + done.stderr, home, temporary)

    return run
