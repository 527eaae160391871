#!/usr/bin/env python3
"""The three worked examples of `pyk8s simulate`, and a capacity question: run, checked, and their reports named.

    make demo-simulate

Everything it writes lies in `examples/simulate/out`. --pictures FOLDER draws the pictures of the documents anew.
Exit code 0 when every scenario's assertions held.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
OUT = HERE / "out"
SCENARIOS = ("fill", "week", "priorities")
TIMEOUT_S = 900
POOLS = ("small:cpu=4,memory=16Gi@zone-a,zone-b", "large:cpu=16,memory=64Gi@zone-a,zone-b")
# What docs/simulate-examples.md shows of all that a report holds.
PICTURES = {
    "fill": ("placement-1", "placement-2", "final-fill", "nodes-used", "fragmentation-cpu", "waits"),
    "week": (
        "pending",
        "utilization-nvidia-com-gpu",
        "fragmentation-nvidia-com-gpu",
        "reasons-1",
        "placement-1",
    ),
    "priorities": ("workloads-1", "pending", "utilization-cpu"),
}


def run(*arguments: str) -> int:
    print("\n$ pyk8s " + " ".join(arguments), flush=True)
    since_s = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "pyk8s.cli.main", *arguments], timeout=TIMEOUT_S, check=False)
    print(f"({time.perf_counter() - since_s:.1f} s, exit code {done.returncode})", flush=True)
    return done.returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, help="put the pictures of the documents here")
    pictures = parser.parse_args().pictures
    OUT.mkdir(exist_ok=True)
    codes, reports = [], []
    for name in SCENARIOS:
        report = OUT / f"{name}.html"
        files = ["--report", str(report), "--json", str(OUT / f"{name}.json"), "--pictures", str(OUT / name)]
        codes.append(run("simulate", "-f", str(HERE / f"{name}.yaml"), *files))
        reports.append(report)
    pools = [part for pool in POOLS for part in ("--pool", pool)]
    codes.append(run("simulate", "capacity", "-f", str(HERE / "app.yaml"), *pools))
    if pictures is not None:
        copy_pictures(pictures)
    print("\nreports, to open in a browser:")
    for report in reports:
        print(f"  {report}")
    return max(codes)


def copy_pictures(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, charts in PICTURES.items():
        for chart in charts:
            shutil.copyfile(OUT / name / f"{chart}.svg", folder / f"{name}-{chart}.svg")


if __name__ == "__main__":
    sys.exit(main())
