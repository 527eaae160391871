"""Recorded decisions of kube-scheduler: who is refused by whom, with which score and message."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pyk8s.core.scheduler_interface import SchedulerEngine

Json = dict[str, Any]
GOLDEN = sorted((Path(__file__).parents[2] / "golden" / "scheduler").glob("*.json"))


class Replay:
    """A recorded cluster, kept as it was recorded: what the engine decides itself is only compared."""

    def __init__(self, engine: SchedulerEngine, cluster: Json) -> None:
        self.engine = engine
        for node in cluster["nodes"]:
            self.engine.set_node(json.dumps(node).encode())
        for pod in cluster["pods"]:
            self.put(pod)

    def put(self, pod: Json, node_name: str | None = None) -> None:
        spec = {**pod["spec"], **({"nodeName": node_name} if node_name else {})}
        self.engine.set_pod(json.dumps({**pod, "spec": spec}).encode())

    def change(self, change: Json) -> None:
        if change["kind"] == "nodes" and change["op"] == "delete":
            self.engine.remove_node(change["name"])
        elif change["kind"] == "nodes":
            self.engine.set_node(json.dumps(change["object"]).encode())
        elif change["kind"] == "pods" and change["op"] == "delete":
            self.engine.remove_pod(f"{change['namespace']}/{change['name']}")
        elif change["kind"] == "pods":
            self.put(change["object"])


def test_golden_scenarios_are_there() -> None:
    assert len(GOLDEN) >= 40


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_decisions_are_those_recorded(path: Path, scheduler_engine: type[SchedulerEngine]) -> None:
    scenario = json.loads(path.read_text())
    replay = Replay(scheduler_engine(), scenario["cluster"])

    if "outcomes" in scenario:
        check_batch(replay, scenario)
        return
    for number, step in enumerate(scenario["steps"]):
        for change in step.get("before", []):
            replay.change(change)
        recorded = step["outcome"]
        answer = json.loads(replay.engine.evaluate(json.dumps(step["pod"]).encode()))
        compare(recorded, answer, f"step {number}")
        if recorded["result"] == "bound":
            replay.put(step["pod"], recorded["chosen"])


def check_batch(replay: Replay, scenario: Json) -> None:
    """The pods leave the queue in the recorded order."""
    for pod in scenario["pending"]:
        replay.put(pod)
    order = []
    while (decision := replay.engine.schedule_one(1.0)) is not None:
        order.append(f"{decision.namespace}/{decision.name}")
    assert order == [outcome["pod"] for outcome in scenario["outcomes"]]


def compare(recorded: Json, answer: Json, where: str) -> None:
    refused = {r["node"]: (r["plugin"], r["code"], sorted(r["reasons"])) for r in answer["rejected"]}
    for row in recorded["rejected"]:
        if row.get("stage") == "PreFilter":
            assert not set(row["nodes"]) & set(answer["feasible"]), where
            continue
        for node in row["nodes"]:
            assert refused.get(node) == (row["plugin"], row["code"], sorted(row["reasons"])), f"{where}: {node}"
    assert set(answer["feasible"]) == {*recorded["feasible"], *recorded["otherwiseRejected"]}, where
    if "message" in recorded:
        assert answer["message"] == recorded["message"], where
    if "weighted" in recorded and not recorded["otherwiseRejected"]:
        compare_scores(recorded, answer, where)


def compare_scores(recorded: Json, answer: Json, where: str) -> None:
    own = {plugin: dict(zip(answer["feasible"], row, strict=True)) for plugin, row in answer["weighted"].items()}
    for plugin, row in recorded["weighted"].items():
        assert own.get(plugin, dict.fromkeys(recorded["feasible"], 0)) == dict(
            zip(recorded["feasible"], row, strict=True)
        ), f"{where}: {plugin}"
    assert set(own) <= set(recorded["weighted"]), where
    totals = dict(zip(answer["feasible"], answer["final"], strict=True))
    assert totals[answer["chosen"]] == max(totals.values()), where
