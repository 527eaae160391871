"""The scheduler's table: ours beside kube-scheduler's published floor, and the aim.

    make bench-scheduler                       the whole table; minutes, and 16 GiB for its last row
    python benches/scheduler/run.py --quick    a twentieth of each size: does everything work?
    python benches/scheduler/run.py basic gang the rows whose case holds one of these words

Each run is a process of its own (its memory is its own); a row is the median of its runs, by throughput.
Writes benches/out/scheduler.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CONFIG = HERE / "performance.yaml"
OUT = HERE.parent / "out" / "scheduler.json"
RUN_S_MAX = 900
sys.path.insert(0, str(HERE.parent))
from run import cpu_model  # noqa: E402


@dataclass(frozen=True)
class Row:
    """One line: floor and aim in pods/s; ``seconds_max`` and ``floor_text`` where the table speaks of seconds."""

    case: str
    workload: str
    pod_count: int
    floor: float | None
    aim: float
    floor_text: str = ""
    seconds_max: float | None = None
    gibibytes_max: float | None = None
    mode: str = "in-process"
    run_count: int = 3


TABLE = (
    Row("SchedulingBasic", "5000Nodes_50000Pods", 50_000, 810, 100_000),
    Row("SchedulingDaemonset", "15000Nodes_30000Pods", 30_000, 1_100, 150_000),
    Row("SchedulingNodeAffinity", "5000Nodes_10000Pods", 10_000, 540, 50_000),
    Row("TopologySpreading", "5000Nodes_5000Pods", 5_000, 460, 50_000),
    Row("DefaultTopologySpreading", "5000Nodes_50000Pods", 50_000, 160, 30_000),
    Row("PreferredTopologySpreading", "5000Nodes_5000Pods", 5_000, 340, 30_000),
    Row("SchedulingPodAffinity", "5000Nodes_5000Pods", 5_000, 70, 20_000),
    Row("SchedulingPodAntiAffinity", "5000Nodes_2000Pods", 2_000, 180, 20_000),
    Row("SchedulingPreferredPodAffinity", "5000Nodes_5000Pods", 5_000, 160, 15_000),
    Row("SchedulingPreferredPodAntiAffinity", "5000Nodes_5000Pods", 5_000, 190, 15_000),
    Row("MixedSchedulingBasePod", "5000Nodes_5000Pods", 5_000, 540, 30_000),
    Row("Unschedulable", "5000Nodes_10000Pods", 10_000, 590, 30_000),
    Row("PreemptionBasic", "1000Nodes_1000Pods", 1_000, None, 5_000),
    Row("GangScheduling", "5000Nodes_3Gangs_1000PodsEach", 3_000, 975, 50_000),
    Row("SchedulingBasic", "100000Nodes_100000Pods", 100_000, None, 20_000, "387 s, 32 cores", 5.0, run_count=1),
    Row(
        "SchedulingBasic", "1000000Nodes_1000000Pods", 1_000_000, None, 16_667, "70 s, 8,670 cores", 60, 16, run_count=1
    ),
    Row("SchedulingBasic", "5000Nodes_10000Pods", 10_000, 680, 3_000, "680 (2 cores: 187)", mode="http", run_count=1),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("words", nargs="*", help="only rows whose case, workload or mode holds one of these")
    parser.add_argument("--quick", action="store_true", help="a twentieth of each size, once")
    parser.add_argument("--runs", type=int, default=0, help="runs per row, instead of the row's own count")
    given = parser.parse_args()
    if given.quick:
        return subprocess.run(command("twentieth", by_label=True), check=False).returncode
    chosen = [row for row in TABLE if not given.words or any(word.lower() in key(row) for word in given.words)]
    if not chosen:
        print(f"no row holds any of: {', '.join(given.words)}", file=sys.stderr)
        return 2
    results = [(row, measure(row, given.runs or row.run_count)) for row in chosen]
    show(results)
    save(results)
    return 0 if all(measured is not None for _, measured in results) else 1


def key(row: Row) -> str:
    return f"{row.case}/{row.workload} {row.mode}".lower()


def command(what: str, workload: str = "", *, by_label: bool = False, mode: str = "in-process") -> list[str]:
    words = [sys.executable, "-m", "pyk8s", "bench", "scheduler", "--config", str(CONFIG), "--mode", mode]
    return [*words, "--label", what] if by_label else [*words, "--case", what, "--workload", workload, "-o", "json"]


def measure(row: Row, run_count: int) -> dict[str, float] | None:
    """The figures of the median run, None when none came to its end."""
    runs = []
    for number in range(run_count):
        print(f"… {row.case}/{row.workload} ({row.mode}), run {number + 1} of {run_count}", file=sys.stderr, flush=True)
        words = command(row.case, row.workload, mode=row.mode)
        try:
            done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=RUN_S_MAX)
        except subprocess.TimeoutExpired:
            print(f"  not over after {RUN_S_MAX} s", file=sys.stderr)
            continue
        if done.returncode:
            print("  " + "\n  ".join(done.stderr.strip().splitlines()[-2:]), file=sys.stderr)
            continue
        runs.append(figures(json.loads(done.stdout)))
    runs.sort(key=lambda one: one["average"])
    return runs[len(runs) // 2] if runs else None


def figures(document: dict[str, Any]) -> dict[str, float]:
    by_metric = {item["labels"]["Metric"]: item["data"] for item in document["dataItems"]}
    throughput = by_metric["SchedulingThroughput"]
    latency = by_metric.get("scheduler_scheduling_attempt_duration_seconds", {"Perc50": 0.0, "Perc99": 0.0})
    agreement = by_metric.get("PlacementAgreement", {"Average": float("nan"), "Sample": 0.0})
    return {
        "average": throughput["Average"],
        "p50": throughput["Perc50"],
        "p99": throughput["Perc99"],
        "attempt_p50_ms": latency["Perc50"],
        "attempt_p99_ms": latency["Perc99"],
        "memory_gib": by_metric["ProcessMemory"]["Peak"] / 1024,
        "agreement_percent": agreement["Average"],
        "sample": agreement["Sample"],
    }


HEAD = ("case", "nodes/pods", "kube-scheduler", "pyk8s", "aim", "", "×", "attempt p99", "memory", "agreement")


def show(results: list[tuple[Row, dict[str, float] | None]]) -> None:
    lines = [HEAD, *(line(row, measured) for row, measured in results)]
    widths = [max(len(one[i]) for one in lines) for i in range(len(HEAD))]
    for one in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(one, widths, strict=True)).rstrip())
    cores = len(os.sched_getaffinity(0))
    print("\npods/s unless it says s. kube-scheduler: the floor that its CI enforces, on 6 cores, where it has one.")
    print(f"machine: {cpu_model()}, {cores} cores, Python {platform.python_version()}, {platform.system()}")


def line(row: Row, measured: dict[str, float] | None) -> tuple[str, ...]:
    floor = row.floor_text or (f"{row.floor:,.0f}" if row.floor else "–")
    aim = f"{row.aim:,.0f}" if row.seconds_max is None else f"{row.seconds_max:g} s"
    if row.gibibytes_max:
        aim += f", {row.gibibytes_max:g} GiB"
    name = row.case + (", over HTTPS" if row.mode == "http" else "")
    if measured is None:
        return (name, row.workload, floor, "failed", aim, "", "", "", "", "")
    times = f"{measured['average'] / row.floor:,.0f}" if row.floor else ""
    agreement = f"{measured['agreement_percent']:.0f} % of {measured['sample']:.0f}" if measured["sample"] else "–"
    latency = f"{measured['attempt_p99_ms'] * 1000:,.0f} µs" if measured["attempt_p99_ms"] else "–"
    memory = f"{measured['memory_gib']:.2f} GiB"
    verdict = "met" if is_met(row, measured) else "missed"
    return (name, row.workload, floor, ours(row, measured), aim, verdict, times, latency, memory, agreement)


def ours(row: Row, measured: dict[str, float]) -> str:
    if row.seconds_max is None:
        return f"{measured['average']:,.0f}"
    return f"{row.pod_count / measured['average']:.1f} s ({measured['average']:,.0f}/s)"


def is_met(row: Row, measured: dict[str, float]) -> bool:
    if row.gibibytes_max is not None and measured["memory_gib"] > row.gibibytes_max:
        return False
    return measured["average"] >= row.aim


def save(results: list[tuple[Row, dict[str, float] | None]]) -> None:
    OUT.parent.mkdir(exist_ok=True)
    rows = [
        {"case": row.case, "workload": row.workload, "mode": row.mode, **(measured or {})} for row, measured in results
    ]
    OUT.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
