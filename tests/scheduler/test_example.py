"""The plugin under `examples/scheduler-plugin`: it loads, and does what its docstring says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pyk8s import core
from pyk8s.scheduler import plugins
from pyk8s.scheduler.configuration import compile_configuration
from pyk8s.scheduler.foreign import ForeignPlugins, known_points

EXAMPLE = Path(__file__).parents[2] / "examples/scheduler-plugin"
Json = dict[str, Any]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(plugins, "registry", {})
    monkeypatch.setattr("pyk8s.scheduler.foreign.registry", plugins.registry)
    plugins.load(str(EXAMPLE / "quiet_nodes.py"))
    compiled = compile_configuration((EXAMPLE / "scheduler.yaml").read_bytes(), foreign=known_points())
    return core.SchedulerEngine(config=compiled.config, plugins=ForeignPlugins(compiled).of_engine)


def evaluated(engine: Any, labels: Json) -> Json:
    for name, quiet in (("n1", {"quiet": "yes"}), ("n2", {}), ("n3", {})):
        allocatable = {"cpu": "4", "memory": "8Gi", "pods": "10"}
        made = {"metadata": {"name": name, "labels": quiet}, "status": {"allocatable": allocatable}}
        engine.set_node(json.dumps(made).encode())
    spec = {"containers": [{"name": "c"}]}
    pod = {"metadata": {"name": "p", "namespace": "default", "labels": labels}, "spec": spec}
    answer: Json = json.loads(engine.evaluate(json.dumps(pod).encode()))
    return answer


def test_quiet_nodes_are_kept_from_other_pods(engine: Any) -> None:
    answer = evaluated(engine, {})

    assert answer["feasible"] == ["n2", "n3"]
    assert answer["rejected"][0]["reasons"] == ["node(s) are quiet"]


def test_pods_that_ask_for_quiet_may_go_everywhere(engine: Any) -> None:
    answer = evaluated(engine, {"quiet": "yes"})

    assert answer["feasible"] == ["n1", "n2", "n3"]
    assert answer["weighted"]["QuietNodes"] == [300, 300, 300]
