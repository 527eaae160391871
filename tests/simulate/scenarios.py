"""Scenarios for the tests: small, and changed in one place each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pyk8s.simulate.node_events import NodeEvents
from pyk8s.simulate.plan_builder import scenario_plan
from pyk8s.simulate.result import Contender, engine
from pyk8s.simulate.scenario import Scenario
from pyk8s.simulate.simulation import Simulation
from pyk8s.simulate.summary import summary

Json = dict[str, Any]

POOL: Json = {"name": "general", "count": 4, "allocatable": {"cpu": 4, "memory": "16Gi"}, "zones": ["a", "b"]}
JOBS: Json = {
    "name": "batch",
    "requests": {"cpu": 1, "memory": "2Gi"},
    "arrivals": {"poisson": "20/h"},
    "duration": {"exponential": "30m"},
}


def scenario(**changes: Any) -> Json:
    """A day of jobs on four nodes."""
    return {"name": "day", "seed": 7, "duration": "1d", "cluster": {"pools": [POOL]}, "workloads": [JOBS], **changes}


def write(folder: Path, document: Json, name: str = "scenario.yaml") -> Path:
    path = folder / name
    path.write_text(yaml.safe_dump(document))
    return path


def simulated(document: Json, folder: Path = Path()) -> Simulation:
    """A scenario that has run with the engine's defaults."""
    plan = scenario_plan(Scenario.model_validate(document), "scenario", folder)
    simulation = Simulation(plan, engine(Contender("spread"), plan.scenario.seed))
    simulation.begin()
    NodeEvents(simulation).plan()
    simulation.run()
    return simulation


def figures(document: Json, folder: Path = Path()) -> Json:
    return summary(simulated(document, folder))
