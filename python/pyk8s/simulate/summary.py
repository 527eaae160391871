"""The figures of one run: nested by subject, and flat by name for assertions.

Always true: which figures there are follows from the plan alone, so an assertion's metric can be checked before
anything runs; every figure is rounded, so that two runs write equal bytes.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence
from typing import Any

from pyk8s.simulate.measure import Measurement
from pyk8s.simulate.simulation import Simulation

Json = dict[str, Any]
POD_COUNTS = (
    "created", "bound", "finished", "resubmitted", "preempted", "evicted", "lost", "scaled_down", "refused",
)  # fmt: skip


def summary(simulation: Simulation) -> Json:
    """Of a run that has ended, or of one that has not begun (all zero)."""
    measure, state = simulation.measure, simulation.state
    fragmentation, probe = measure.series.fragmentation, simulation.plan.probe
    keys = dict.fromkeys(run.plan.key for run in simulation.runs)
    unschedulable = sum(1 for pod in state.pending.values() if pod.reason)
    return {
        "duration_s": _round(measure.elapsed_s),
        "pods": {name: measure.counts[name] for name in POD_COUNTS},
        "pending": _levels(measure, "pending"),
        "running": _levels(measure, "running"),
        "unschedulable": {"end": unschedulable},
        "attempts": measure.counts["attempts"],
        "wait_s": wait_figures(wait for waits in measure.waits.values() for wait in waits),
        "still_waiting_s": wait_figures(simulation.now_s - pod.created_s for pod in state.pending.values()),
        "node_failures": measure.counts["node_failures"],
        "nodes": _curve(measure.series.nodes),
        "nodes_used": _curve(measure.series.nodes_used),
        "utilization": {name: _levels(measure, name) for name in state.resources},
        "fragmentation": {name: _curve(fragmentation.get(name, ())) for name in state.resources if probe.get(name)},
        "workloads": {key: _workload(simulation, key) for key in keys},
    }


def _workload(simulation: Simulation, key: str) -> Json:
    pods = [pod for run in simulation.runs if run.plan.key == key for pod in run.pods.values()]
    pending = sum(1 for pod in pods if pod.node is None)
    waits = simulation.measure.waits.get(key, array("d"))
    return {"pending": pending, "running": len(pods) - pending, "bound": len(waits), "wait_s": wait_figures(waits)}


def wait_figures(waits: Iterable[float]) -> Json:
    """Of the pods that got their node: mean, percentiles by nearest rank, maximum; zero without any."""
    ordered = sorted(waits)
    mean = math.fsum(ordered) / len(ordered) if ordered else 0.0
    percentiles = {f"p{percent}": _round(percentile(ordered, percent)) for percent in (50, 90, 99)}
    return {"mean": _round(mean), **percentiles, "max": _round(ordered[-1] if ordered else 0.0)}


def percentile(ordered: Sequence[float], percent: int) -> float:
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)] if ordered else 0.0


def _levels(measure: Measurement, name: str) -> Json:
    mean, peak, end = measure.level(name)
    return {"mean": _round(mean), "max": _round(peak), "end": _round(end)}


def _curve(values: Sequence[float]) -> Json:
    if not values:
        return {"mean": 0, "max": 0, "end": 0}
    return {"mean": _round(math.fsum(values) / len(values)), "max": max(values), "end": values[-1]}


def _round(value: float) -> float:
    return round(value, 4)


def metrics(figures: Json) -> dict[str, float]:
    """Every figure by its name: ``wait_s.p99``, ``utilization.nvidia.com/gpu.mean``."""
    flat: dict[str, float] = {}
    for name, value in figures.items():
        if isinstance(value, dict):
            flat.update({f"{name}.{inner}": number for inner, number in metrics(value).items()})
        else:
            flat[name] = value
    return flat
