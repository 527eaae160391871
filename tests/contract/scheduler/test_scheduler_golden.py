"""Recorded decisions of kube-scheduler: both twins filter, score, word and preempt as it did."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pyk8s.core.scheduler_interface import SchedulerEngine
from pyk8s.scheduler.configuration.compile import compile_configuration
from pyk8s.simulate.bench.replay import Replay

from tests.contract.scheduler.recorded import differences, question

GOLDEN = sorted((Path(__file__).parents[2] / "golden" / "scheduler").glob("*.json"))


def compiled(manifest: dict[str, Any], gates: dict[str, bool]) -> bytes:
    return compile_configuration(manifest, feature_gates=gates).config


def test_golden_scenarios_are_there() -> None:
    assert len(GOLDEN) == 260


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_decisions_are_those_recorded(path: Path, scheduler_engine: type[SchedulerEngine]) -> None:
    scenario = json.loads(path.read_text())

    replay = Replay(question(scenario), lambda config: scheduler_engine(config=config, is_indexed=False), compiled)
    found = differences(scenario, list(replay.answers()))

    assert not found, "\n".join(found[:20])
