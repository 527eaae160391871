"""Writes jobs.csv, the trace of `week.yaml`: a week of batch jobs with working days, nights and a weekend.

Run it to make the trace anew; the same seed gives the same file.
"""

import csv
import math
import random
from pathlib import Path

SEED = 2026
HOURS = 7 * 24
# name, jobs an hour at noon, replicas, median minutes, cpu, memory, GPUs, priority
KINDS = [
    ("report", 16.0, 1, 25, "2", "4Gi", "", 0),
    ("simulation", 3.0, 8, 90, "4", "12Gi", "", 0),
    ("training", 3.2, 2, 300, "8", "48Gi", "1", 10),
    ("notebook", 9.0, 1, 180, "2", "16Gi", "", 100),
]


def load(hour: int) -> float:
    """The share of the noon's arrivals: people work by day, and less on the weekend."""
    day, of_day = divmod(hour, 24)
    daily = 0.25 + 0.75 * max(0.0, math.sin(math.pi * (of_day - 6) / 14))
    return daily * (0.3 if day % 7 >= 5 else 1.0)


def main() -> None:
    generator = random.Random(SEED)
    rows = []
    for name, per_hour, replicas, median_minutes, cpu, memory, gpus, priority in KINDS:
        for hour in range(HOURS):
            expected = per_hour * load(hour)
            count = int(expected) + (generator.random() < expected % 1)
            for _ in range(count):
                at_s = hour * 3600 + generator.randrange(3600)
                minutes = median_minutes * math.exp(0.5 * generator.gauss(0, 1))
                rows.append((at_s, f"{minutes:.0f}m", name, replicas, cpu, memory, gpus, priority))
    header = ("at", "duration", "workload", "replicas", "cpu", "memory", "nvidia.com/gpu", "priority")
    with (Path(__file__).parent / "jobs.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *sorted(rows)])


if __name__ == "__main__":
    main()
