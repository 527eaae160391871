"""Run the benches, print one table, write `benches/out/results.json`.

    make bench                       all of them
    python benches/run.py store http   those of some modules

Each module `bench_NAME.py` has `run() -> list[dict]`; an entry is {name, value, unit, aim, better, reference_ratio}.
Each value is the median of five runs where one run is short. The machine is named under the table, since figures mean
nothing without it.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
OUT = HERE / "out" / "results.json"
MODULES = ("store", "durability", "objects", "scheduler", "imports", "http", "watch", "cluster")


def main() -> int:
    sys.path.insert(0, str(HERE))
    chosen = sys.argv[1:] or MODULES
    rows: list[dict[str, Any]] = []
    for name in chosen:
        if not (HERE / f"bench_{name}.py").exists():
            print(f"there is no bench {name!r}; there are: {', '.join(MODULES)}", file=sys.stderr)
            return 2
        print(f"… {name}", file=sys.stderr, flush=True)
        rows += importlib.import_module(f"bench_{name}").run()
    show(rows)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(rows, indent=1) + "\n")
    return 0


def show(rows: list[dict[str, Any]]) -> None:
    lines = [("what", "measured", "aim", "", "Rust beside reference")]
    for row in rows:
        ratio = f"{row['reference_ratio']:.0f} ×" if row.get("reference_ratio") else ""
        aim = "" if row.get("aim") is None else f"{number(row['aim'])} {row['unit']}"
        lines.append((row["name"], f"{number(row['value'])} {row['unit']}", aim, verdict(row), ratio))
    widths = [max(len(line[i]) for line in lines) for i in range(5)]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    cores = len(os.sched_getaffinity(0))
    print(f"\nmachine: {cpu_model()}, {cores} cores, Python {platform.python_version()}, {platform.system()}")


def verdict(row: dict[str, Any]) -> str:
    if row.get("aim") is None:
        return ""
    is_met = row["value"] >= row["aim"] if row["better"] == "higher" else row["value"] <= row["aim"]
    return "met" if is_met else "missed"


def number(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


if __name__ == "__main__":
    sys.exit(main())
