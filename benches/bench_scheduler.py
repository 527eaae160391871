"""The scheduler's engine in process: pods taken in and decided a second, without any store or API server.

5,000 nodes in three zones, pods of one shape a case, every node scored, each decision assumed at once; the reference
runs the same calls for a few pods and is compared per pod. The engine without Python: `cargo bench -p pyk8s-core
--bench scheduler_rates`.
"""

from __future__ import annotations

import json
import time
from typing import Any

from pyk8s import _core, reference
from pyk8s.core.scheduler_interface import SchedulerEngine

Json = dict[str, Any]

NODE_COUNT = 5_000
POD_COUNT = 5_000
REFERENCE_POD_COUNT = 3
NOW_S = 1_000.0
HEARTBEAT_COUNT = 20_000

ZONE, HOST = "topology.kubernetes.io/zone", "kubernetes.io/hostname"
SELECTOR = {"matchLabels": {"color": "blue"}}
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def spread(action: str) -> Json:
    constraint = {"maxSkew": 1, "topologyKey": ZONE, "whenUnsatisfiable": action, "labelSelector": SELECTOR}
    return {"topologySpreadConstraints": [constraint]}


def affinity(kind: str, strength: str, key: str) -> Json:
    term: Json = {"topologyKey": key, "labelSelector": SELECTOR}
    return {"affinity": {kind: {strength: [term if strength == REQUIRED else {"weight": 1, "podAffinityTerm": term}]}}}


CASES: list[tuple[str, Json, int]] = [
    ("plain pods", {}, 100_000),
    ("hard spreading over zones", spread("DoNotSchedule"), 50_000),
    ("soft spreading over zones", spread("ScheduleAnyway"), 30_000),
    ("pod affinity", affinity("podAffinity", REQUIRED, ZONE), 20_000),
    ("pod anti-affinity", affinity("podAntiAffinity", REQUIRED, HOST), 20_000),
    ("preferred affinity", affinity("podAffinity", PREFERRED, HOST), 15_000),
    ("preferred anti-affinity", affinity("podAntiAffinity", PREFERRED, HOST), 15_000),
]
"""(name, what the pods' spec has beside a container, the issue's aim in pods/s with everything included)."""


def run() -> list[dict[str, Any]]:
    rows = [decisions(*case) for case in CASES]
    rust, python = _core.SchedulerEngine(), reference.SchedulerEngine()
    beats_s, reference_beats_s = heartbeat_s(rust, HEARTBEAT_COUNT), heartbeat_s(python, 500)
    return [*rows, row("scheduler: node heartbeats taken in", 1 / beats_s, "1/s", 50_000, reference_beats_s / beats_s)]


def decisions(name: str, extra: Json, aim: int) -> dict[str, Any]:
    fast_s = per_pod_s(_core.SchedulerEngine(), extra, POD_COUNT)
    slow_s = per_pod_s(reference.SchedulerEngine(), extra, REFERENCE_POD_COUNT)
    return row(f"scheduler: {name}, 5,000 nodes", 1 / fast_s, "pods/s", aim, slow_s / fast_s)


def row(name: str, value: float, unit: str, aim: float, ratio: float) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit, "aim": aim, "better": "higher", "reference_ratio": ratio}


def node(number: int) -> bytes:
    labels = {HOST: f"node-{number}", ZONE: f"zone-{number % 3}"}
    allocatable = {"cpu": "8", "memory": "32Gi", "pods": "110", "ephemeral-storage": "100Gi"}
    made = {"metadata": {"name": f"node-{number}", "labels": labels}, "status": {"allocatable": allocatable}}
    return json.dumps(made).encode()


def pod(number: int, extra: Json) -> bytes:
    requests = {"cpu": "100m", "memory": "256Mi"}
    spec = {"containers": [{"name": "c", "resources": {"requests": requests}}], **extra}
    metadata = {"name": f"p-{number}", "namespace": "default", "uid": f"uid-{number}", "labels": {"color": "blue"}}
    return json.dumps({"metadata": metadata, "spec": spec}).encode()


def per_pod_s(engine: SchedulerEngine, extra: Json, count: int) -> float:
    """Taking a pod in and deciding it."""
    for number in range(NODE_COUNT):
        engine.set_node(node(number))
    pods = [pod(number, extra) for number in range(count)]
    started_s = time.perf_counter()
    for one in pods:
        engine.set_pod(one)
    made = engine.schedule(NOW_S, count)
    elapsed_s = time.perf_counter() - started_s
    assert len(made) == count and all(decision.outcome == "scheduled" for decision in made)
    return elapsed_s / count


def heartbeat_s(engine: SchedulerEngine, count: int) -> float:
    beats = [node(number % NODE_COUNT) for number in range(count)]
    started_s = time.perf_counter()
    for beat in beats:
        engine.set_node(beat)
    return (time.perf_counter() - started_s) / count


if __name__ == "__main__":
    print(json.dumps(run(), indent=1))
