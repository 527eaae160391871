"""The figures of a result that are told first, by scheduler, as text: for the terminal and the head of the report.

Always true: every figure stands in the result's ``summary``, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyk8s.simulate.duration import duration_text

Json = dict[str, Any]
Figure = tuple[str, tuple[str, ...], Callable[[float], str]]


def short_figures(result: Json) -> list[tuple[str, dict[str, str]]]:
    """(title, text by scheduler), in the order in which they are read."""
    runs = result["schedulers"]
    return [
        (title, {run["name"]: shape(_at(run["summary"], path)) for run in runs})
        for title, path, shape in _figures(result)
    ]


def count_text(value: float) -> str:
    return f"{value:,.0f}"


def percent_text(value: float) -> str:
    return f"{100 * value:.1f} %"


def _figures(result: Json) -> list[Figure]:
    figures: list[Figure] = [
        ("pods created", ("pods", "created"), count_text),
        ("pods finished", ("pods", "finished"), count_text),
        ("pods lost with nodes", ("pods", "lost"), count_text),
        ("pods preempted", ("pods", "preempted"), count_text),
        ("pending, mean", ("pending", "mean"), lambda value: f"{value:.1f}"),
        ("pending, at the end", ("pending", "end"), count_text),
        ("unschedulable, at the end", ("unschedulable", "end"), count_text),
        ("wait, median", ("wait_s", "p50"), duration_text),
        ("wait, 99th percentile", ("wait_s", "p99"), duration_text),
        ("wait, longest", ("wait_s", "max"), duration_text),
        ("longest still waiting", ("still_waiting_s", "max"), duration_text),
        ("nodes used, mean", ("nodes_used", "mean"), lambda value: f"{value:.1f}"),
    ]
    summary = result["schedulers"][0]["summary"]
    names = [name for name in summary["utilization"] if name != "pods"]
    figures += [(f"{name} used, mean", ("utilization", name, "mean"), percent_text) for name in names]
    fragmented = [name for name in names if name in summary["fragmentation"]]
    figures += [(f"{name} fragmented, mean", ("fragmentation", name, "mean"), percent_text) for name in fragmented]
    optional = {"longest still waiting", "pods lost with nodes", "pods preempted", "pods finished"}
    return [
        entry
        for entry in figures
        if entry[0] not in optional or any(_at(run["summary"], entry[1]) for run in result["schedulers"])
    ]


def _at(figures: Json, path: tuple[str, ...]) -> float:
    value: Any = figures
    for name in path:
        value = value.get(name, 0) if isinstance(value, dict) else 0
    return float(value)
