"""How long a newcomer waits for the first line: imports and help, each in a fresh interpreter."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from typing import Any

from clusters import PYK8S

RUNS = 5


def run() -> list[dict[str, Any]]:
    bare = timed([sys.executable, "-c", "pass"])
    return [
        row("import pyk8s", timed([sys.executable, "-c", "import pyk8s"]) - bare, 60),
        row("pyk8s --help", timed([*PYK8S, "--help"]), 150),
    ]


def timed(command: list[str]) -> float:
    """Milliseconds, the median of RUNS."""
    taken = []
    for _ in range(RUNS):
        begin = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        taken.append((time.perf_counter() - begin) * 1000)
    return statistics.median(taken)


def row(name: str, value: float, aim: float) -> dict[str, Any]:
    return {
        "name": name,
        "value": max(value, 0.0),
        "unit": "ms",
        "aim": aim,
        "better": "lower",
        "reference_ratio": None,
    }
