"""A day of everything gives the same bytes on the engine in Rust and on the reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyk8s import core, reference
from pyk8s.scheduler.configuration import compile_configuration, load_configuration
from pyk8s.simulate.plan_builder import scenario_plan
from pyk8s.simulate.result import Contender, run_plan, to_bytes
from pyk8s.simulate.scenario import Scenario

from tests.simulate.scenarios import JOBS, POOL, scenario

Json = dict[str, Any]

SPREAD_OUT: Json = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {
        "containers": [{"name": "c", "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}}}],
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "topology.kubernetes.io/zone",
                "whenUnsatisfiable": "DoNotSchedule",
                "labelSelector": {"matchLabels": {"app": "web"}},
            }
        ],
    },
}


def document() -> Json:
    return scenario(
        duration="6h",
        cluster={"pools": [POOL], "priorityClasses": {"high": 1000}},
        workloads=[
            {**JOBS, "arrivals": {"poisson": "30/h"}},
            {"name": "web", "replicas": 4, "template": SPREAD_OUT, "scale": [{"at": "2h", "replicas": 8}]},
            {"name": "urgent", "at": "3h", "replicas": 3, "requests": {"cpu": 2}, "priorityClassName": "high"},
        ],
        events=[{"at": "4h", "failNodes": {"names": ["general-2"]}, "for": "1h"}],
    )


@pytest.mark.parametrize("profile", ["spread", "binpack"])
def test_both_twins_give_the_same_bytes(profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = scenario_plan(Scenario.model_validate(document()), "scenario", Path())
    contender = Contender(profile, compile_configuration(load_configuration(profile)).config)

    fast = to_bytes(run_plan(plan, [contender], "scenario"))
    monkeypatch.setattr(core, "SchedulerEngine", reference.SchedulerEngine)
    readable = to_bytes(run_plan(plan, [contender], "scenario"))

    assert fast == readable
