"""The store in process: its rates without Python, and the same calls on both engines.

Always true: each figure is the median of five rounds; `reference_ratio` is the reference's time over the extension's.
Not here: durable writes (see `bench_durability`), HTTP (see `bench_http`).
"""

from __future__ import annotations

import json
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from pyk8s import _core, reference

ROOT = Path(__file__).parent.parent
ROUNDS = 5
OBJECT_COUNT = 300
VALUE = b"x" * 1024
AIMS: dict[str, tuple[float, str]] = {
    "overwrite, 1 KB, one watcher": (500_000, "higher"),
    "create, 1 KB": (250_000, "higher"),
    "get, 1 KB": (3_000_000, "higher"),
    "watch deliveries, 10,000 watchers": (5_000_000, "higher"),
    "memory for 1,000,000 objects of 1 KB": (2.0, "lower"),
    "fork of 1,000,000 objects": (1.0, "lower"),
    "list of 300,000, label that matches none": (10.0, "lower"),
    "list of 300,000, absent label key": (10.0, "lower"),
    "list of 300,000, != that matches none": (10.0, "lower"),
    "list of 300,000, field of 1 in 1,000": (10.0, "lower"),
}
RATIO_AIM = 30.0

Row = dict[str, Any]
Work = Callable[[Any, ModuleType], int]
"""Makes calls on a store of the engine; returns how many."""


def run() -> list[Row]:
    return [*engine_rates(), *same_calls()]


def engine_rates() -> list[Row]:
    """The core crate's own rates, without Python between."""
    command = ["cargo", "bench", "-q", "-p", "pyk8s-core", "--bench", "store_rates"]
    told = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    figures = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
    return [row(f"store: {figure['name']}", figure, *AIMS[figure["name"]]) for figure in figures]


def row(name: str, figure: Row, aim: float | None, better: str, ratio: float | None = None) -> Row:
    return {
        "name": name,
        "value": figure["value"],
        "unit": figure["unit"],
        "aim": aim,
        "better": better,
        "reference_ratio": ratio,
    }


def same_calls() -> list[Row]:
    """Calls from Python on both engines: each kind of call alone, then all of them together."""
    rows, total_s = [], {"rust": 0.0, "reference": 0.0}
    for name, (objects, work) in WORKS.items():
        rust_s, count = measured(_core, objects, work)
        reference_s, _ = measured(reference, objects, work)
        total_s["rust"] += rust_s
        total_s["reference"] += reference_s
        figure = {"value": count / rust_s, "unit": "/s"}
        rows.append(row(f"store from Python: {name}", figure, None, "higher", reference_s / rust_s))
    ratio = total_s["reference"] / total_s["rust"]
    figure = {"value": ratio, "unit": "x reference"}
    return [*rows, row("store: Rust beside the reference, same calls", figure, RATIO_AIM, "higher", ratio)]


def measured(engine: ModuleType, objects: bool, work: Work) -> tuple[float, int]:
    """Median seconds of one round, and the calls in it."""
    seconds, count = [], 0
    for _ in range(ROUNDS):
        store = engine.Store(objects=objects)
        started = time.perf_counter()
        count = work(store, engine)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds), count


def pod(i: int) -> bytes:
    meta = {"name": f"web-{i}", "namespace": "default", "labels": {"app": f"app-{i % 30}", "tier": "front"}}
    spec = {"nodeName": f"node-{i % 10}", "containers": [{"name": "c", "image": "nginx", "env": [{"name": "A"}] * 20}]}
    return json.dumps({"kind": "Pod", "apiVersion": "v1", "metadata": meta, "spec": spec}).encode()


PODS = [(f"/pods/default/web-{i}", pod(i)) for i in range(OBJECT_COUNT)]


def put_values(store: Any, engine: ModuleType) -> int:
    for _ in range(2):
        for key, _ in PODS:
            store.put(key, VALUE)
    return 2 * OBJECT_COUNT


def put_objects(store: Any, engine: ModuleType) -> int:
    store.set_fields("/pods/", [("spec.nodeName", "spec.nodeName", "")])
    for key, value in PODS:
        store.put(key, value)
    return OBJECT_COUNT


def get_values(store: Any, engine: ModuleType) -> int:
    put_values(store, engine)
    for _ in range(10):
        for key, _ in PODS:
            store.get(key)
    return 12 * OBJECT_COUNT


def list_objects(store: Any, engine: ModuleType) -> int:
    put_objects(store, engine)
    selection = engine.Selection("app=app-7", "")
    for _ in range(20):
        store.list_encoded("/pods/", limit=100)
        store.list_encoded("/pods/", limit=100, selection=selection)
    return OBJECT_COUNT + 40


def watch_objects(store: Any, engine: ModuleType) -> int:
    watches = [
        store.watch("/pods/", selection=engine.Selection("", f"spec.nodeName=node-{i % 50}")) for i in range(500)
    ]
    put_objects(store, engine)
    for watch in watches:
        watch.poll_encoded()
    return OBJECT_COUNT + len(watches)


WORKS: dict[str, tuple[bool, Work]] = {
    "put of 1 KB": (False, put_values),
    "put of an object": (True, put_objects),
    "get of 1 KB": (False, get_values),
    "list of a page, with and without a selector": (True, list_objects),
    "put with 500 selective watches, and their polls": (True, watch_objects),
}

if __name__ == "__main__":
    for figure in run():
        ratio = f"{figure['reference_ratio']:,.1f} x reference" if figure["reference_ratio"] else ""
        print(f"{figure['name']:66} {figure['value']:>16,.3f} {figure['unit']:12} aim {figure['aim']}  {ratio}")
