"""The scheduler's scripts, on both twins."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from pyk8s.core.scheduler_interface import SchedulerEngine

sys.path.insert(0, str(Path(__file__).parent))

import scheduler_script


def test_scripts_are_there() -> None:
    assert len(scheduler_script.SCRIPTS) >= 20


@pytest.mark.parametrize("path", scheduler_script.SCRIPTS, ids=lambda path: path.stem)
def test_script_comes_out_as_it_says(path: Path, scheduler_engine: type[SchedulerEngine]) -> None:
    assert scheduler_script.run(path, scheduler_engine()) > 0
