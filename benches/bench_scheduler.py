"""The scheduler's engine in process: pods decided a second, without any API server.

5,000 nodes in three zones, pods of one shape, each decision assumed at once; the reference runs the same calls on a
smaller share and is compared per pod.
"""

from __future__ import annotations

import json
import time
from typing import Any

from pyk8s import _core, reference
from pyk8s.core.scheduler_interface import SchedulerEngine

NODE_COUNT = 5_000
POD_COUNT = 5_000
REFERENCE_POD_COUNT = 5
NOW_S = 1_000.0
HEARTBEAT_COUNT = 20_000


def run() -> list[dict[str, Any]]:
    rust, python = _core.SchedulerEngine(), reference.SchedulerEngine()
    add_nodes(rust)
    add_nodes(python)
    add_pods(rust, POD_COUNT)
    add_pods(python, REFERENCE_POD_COUNT)
    fast_s, slow_s = per_pod_s(rust, POD_COUNT), per_pod_s(python, REFERENCE_POD_COUNT)
    beats_s, reference_beats_s = heartbeat_s(rust, HEARTBEAT_COUNT), heartbeat_s(python, 500)
    return [
        row("scheduler: decisions, 5,000 nodes, adaptive sampling", 1 / fast_s, "pods/s", 5_000, slow_s / fast_s),
        row("scheduler: node heartbeats taken in", 1 / beats_s, "1/s", 50_000, reference_beats_s / beats_s),
    ]


def row(name: str, value: float, unit: str, aim: float, ratio: float) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit, "aim": aim, "better": "higher", "reference_ratio": ratio}


def node(number: int) -> bytes:
    labels = {"kubernetes.io/hostname": f"node-{number}", "topology.kubernetes.io/zone": f"zone-{number % 3}"}
    allocatable = {"cpu": "8", "memory": "32Gi", "pods": "110", "ephemeral-storage": "100Gi"}
    made = {"metadata": {"name": f"node-{number}", "labels": labels}, "status": {"allocatable": allocatable}}
    return json.dumps(made).encode()


def add_nodes(engine: SchedulerEngine) -> None:
    for number in range(NODE_COUNT):
        engine.set_node(node(number))


def add_pods(engine: SchedulerEngine, count: int) -> None:
    requests = {"cpu": "100m", "memory": "256Mi"}
    spec = {"containers": [{"name": "c", "resources": {"requests": requests}}]}
    for number in range(count):
        metadata = {"name": f"p-{number}", "namespace": "default", "uid": f"uid-{number}"}
        engine.set_pod(json.dumps({"metadata": metadata, "spec": spec}).encode())


def per_pod_s(engine: SchedulerEngine, count: int) -> float:
    started_s = time.perf_counter()
    decisions = engine.schedule(NOW_S, count)
    elapsed_s = time.perf_counter() - started_s
    assert len(decisions) == count and all(decision.outcome == "scheduled" for decision in decisions)
    return elapsed_s / count


def heartbeat_s(engine: SchedulerEngine, count: int) -> float:
    beats = [node(number % NODE_COUNT) for number in range(count)]
    started_s = time.perf_counter()
    for beat in beats:
        engine.set_node(beat)
    return (time.perf_counter() - started_s) / count


if __name__ == "__main__":
    print(json.dumps(run(), indent=1))
