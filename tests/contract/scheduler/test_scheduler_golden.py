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

UNREPEATABLE = {"churn-07": ("ImageLocality", {7, 8, 11, 12, 14, 15})}
"""Where one plugin's score followed from a moment that was not recorded: in which the scheduler looked at its cache
between two changes of one step."""


def compiled(manifest: dict[str, Any], gates: dict[str, bool]) -> bytes:
    return compile_configuration(manifest, feature_gates=gates).config


def test_golden_scenarios_are_there() -> None:
    assert len(GOLDEN) == 260


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_decisions_are_those_recorded(path: Path, scheduler_engine: type[SchedulerEngine]) -> None:
    scenario = json.loads(path.read_text())

    replay = Replay(question(scenario), lambda config: scheduler_engine(config=config, is_indexed=False), compiled)
    found = differences(scenario, list(replay.answers()))
    if path.stem in UNREPEATABLE:
        plugin, steps = UNREPEATABLE[path.stem]
        told = tuple(f"step {step}: {what}" for step in steps for what in (plugin, "final"))
        found = [text for text in found if not text.startswith(told)]

    assert not found, "\n".join(found[:20])
