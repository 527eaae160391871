"""The charts of a result, independent of how they are drawn: curves, stacks, bars and heat maps with titles and units.

Always true: every axis has a title with its unit; every chart follows from the result alone.
Not here: HTML (see `report`), SVG (see `pictures`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]

TIME_UNITS = ((4 * 86_400, 86_400, "days"), (2 * 3_600, 3_600, "hours"), (120, 60, "minutes"), (0, 1, "seconds"))
REASONS_MAX = 6
HEAT_COLUMNS_MAX = 240


@dataclass(frozen=True, slots=True)
class Line:
    """One curve, one layer of a stack, or one group of bars."""

    name: str
    x: Sequence[float | str]
    y: Sequence[float]


@dataclass(frozen=True, slots=True)
class Chart:
    """``id``: for files and anchors; ``section``: the heading it stands under; ``y_max``: a fixed end of the axis.

    Heat maps have ``z`` (rows of values 0 to 100, -1 for nothing), ``x`` and ``rows`` instead of lines.
    """

    id: str
    section: str
    title: str
    kind: Literal["lines", "stack", "bars", "heat"]
    x_title: str
    y_title: str
    lines: Sequence[Line] = ()
    y_max: float | None = None
    x: Sequence[float | str] = ()
    rows: Sequence[str] = ()
    z: Sequence[Sequence[float]] = field(default=())
    z_title: str = ""
    note: str = ""


def charts(result: Json) -> list[Chart]:
    """In the order in which they are read."""
    runs = result["schedulers"]
    unit_s, unit = _time_unit(max((run["series"]["at_s"][-1] for run in runs), default=0))
    time = f"time ({unit})"

    def lines(values: Any) -> list[Line]:
        return [Line(run["name"], _times(run, unit_s), values(run)) for run in runs]

    made = [
        Chart("pending", "Pods", "Pods that wait for a node", "lines", time, "pods", lines(_curve("pending"))),
        Chart("running", "Pods", "Pods on nodes", "lines", time, "pods", lines(_curve("running"))),
        _waits(runs),
    ]
    for index, run in enumerate(runs):
        made += _by_workload(run, index, _times(run, unit_s), time)
    made += _resource_charts(result, time, lines)
    nodes = lines(_curve("nodes_used"))
    made.append(Chart("nodes-used", "Nodes", "Nodes with at least one pod", "lines", time, "nodes", nodes))
    made.append(_final_fill(runs))
    for index, run in enumerate(runs):
        made.append(_heat(run, index, _times(run, unit_s), time))
    for index, run in enumerate(runs):
        made += _reasons(run, index, _times(run, unit_s), time)
    return made


def _time_unit(end_s: float) -> tuple[float, str]:
    return next((unit_s, name) for least_s, unit_s, name in TIME_UNITS if end_s >= least_s)


def _times(run: Json, unit_s: float) -> list[float]:
    return [round(at_s / unit_s, 4) for at_s in run["series"]["at_s"]]


def _curve(name: str) -> Any:
    return lambda run: run["series"][name]


def _resource_charts(result: Json, time: str, lines: Any) -> Iterable[Chart]:
    runs = result["schedulers"]
    for name in result["scenario"]["resources"]:

        def share(run: Json, kind: str, name: str = name) -> list[float]:
            return [round(100 * value, 2) for value in run["series"][kind].get(name, ())]

        used = lines(lambda run, share=share: share(run, "utilization"))
        slug, shown = _slug(name), f"requested {name} (% of allocatable)"
        if any(any(line.y) for line in used):
            title = f"Utilisation: {name} requested"
            yield Chart(f"utilization-{slug}", "Resources", title, "lines", time, shown, used, y_max=100)
        if any(run["series"]["fragmentation"].get(name) for run in runs):
            unusable = lines(lambda run, share=share: share(run, "fragmentation"))
            title = f"Fragmentation: free {name} that no further probe pod can use"
            shown = f"unusable {name} (% of free)"
            note = "probe: " + ", ".join(f"{key} {value}" for key, value in _probe(result).items())
            yield Chart(
                f"fragmentation-{slug}", "Resources", title, "lines", time, shown, unusable, y_max=100, note=note
            )


def _by_workload(run: Json, index: int, times: Sequence[float], time: str) -> Iterable[Chart]:
    """Pods on nodes, one layer per workload; nothing for a single workload."""
    layers = [Line(name, times, counts) for name, counts in run["series"]["workloads"].items()]
    if len(layers) > 1:
        title = f"Pods on nodes with {run['name']}, by workload"
        yield Chart(f"workloads-{index + 1}", "Pods", title, "stack", time, "pods", layers)


def _probe(result: Json) -> dict[str, str]:
    return {name: amount_text(name, amount) for name, amount in result["scenario"]["probe"].items()}


def amount_text(name: str, amount: int) -> str:
    """For people: cores, GiB, plain numbers."""
    if name == "cpu":
        return f"{amount / 1000:g}"
    if name in ("memory", "ephemeral-storage"):
        return f"{amount / 2**30:.3g} GiB"
    return str(amount)


def _slug(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name)


def _waits(runs: Sequence[Json]) -> Chart:
    keys = ("p50", "p90", "p99", "max")
    longest = [max(run["summary"][name]["max"] for name in ("wait_s", "still_waiting_s")) for run in runs]
    unit_s, unit = _time_unit(max(longest))
    names, bars = ["median", "90 %", "99 %", "longest", "longest, still waiting"], []
    for run in runs:
        waits = [run["summary"]["wait_s"][key] for key in keys] + [run["summary"]["still_waiting_s"]["max"]]
        bars.append(Line(run["name"], names, [round(wait / unit_s, 4) for wait in waits]))
    title = "How long pods waited for a node"
    return Chart("waits", "Pods", title, "bars", "share of the pods", f"wait ({unit})", bars)


def _final_fill(runs: Sequence[Json]) -> Chart:
    """Every node's fullest resource, the fullest node first."""
    lines = []
    for run in runs:
        fills = sorted((100 * max(node["fill"].values(), default=0) for node in run["nodes"]), reverse=True)
        lines.append(Line(run["name"], list(range(1, len(fills) + 1)), [round(fill, 2) for fill in fills]))
    title = "Fill at the end, node by node"
    shown = "fullest resource (% of allocatable)"
    return Chart("final-fill", "Nodes", title, "lines", "nodes, the fullest first", shown, lines, y_max=100)


def _heat(run: Json, index: int, times: Sequence[float], time: str) -> Chart:
    """Nodes from top to bottom, time from left to right."""
    columns = run["series"]["heat"]
    step = max(1, -(-len(columns) // HEAT_COLUMNS_MAX))
    kept, count = columns[::step], len(run["heat_rows"])
    rows = [[column[row] if row < len(column) else -1 for column in kept] for row in range(count)]
    return Chart(
        f"placement-{index + 1}",
        "Placement",
        f"Placement with {run['name']}: how full each node is",
        "heat",
        time,
        "nodes",
        x=times[::step],
        rows=run["heat_rows"],
        z=rows,
        z_title="fullest resource (% of it)",
        note="grey: no node there, or it does not answer",
    )


def _reasons(run: Json, index: int, times: Sequence[float], time: str) -> Iterable[Chart]:
    """Pods that wait by their main reason; nothing when none was ever refused."""
    totals: dict[str, int] = {}
    for sample in run["series"]["reasons"]:
        for reason, count in sample.items():
            totals[reason] = totals.get(reason, 0) + count
    names = sorted(totals, key=lambda reason: (-totals[reason], reason))[:REASONS_MAX]
    layers = [Line(name, times, [sample.get(name, 0) for sample in run["series"]["reasons"]]) for name in names]
    if layers:
        title = f"Why pods waited with {run['name']}"
        yield Chart(f"reasons-{index + 1}", "Unschedulable", title, "stack", time, "pods, by main reason", layers)
    if run["reasons"]:
        shown = run["reasons"][:REASONS_MAX]
        bars = [Line("attempts", [entry["reason"] for entry in shown], [entry["attempts"] for entry in shown])]
        title = f"Refused attempts with {run['name']}"
        yield Chart(f"attempts-{index + 1}", "Unschedulable", title, "bars", "main reason", "attempts", bars)
