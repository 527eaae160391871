"""The HTML report: throughput over time and how full the nodes are, one page that needs no network.

Always true: every axis has a title with its unit; without plotly nothing here can be imported.
Not here: measuring, the figures' JSON (see `results`).
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import plotly.graph_objects as go  # type: ignore[import-untyped]
from plotly.offline import get_plotlyjs  # type: ignore[import-untyped]

from pyk8s.simulate.bench.results import COLUMNS, Measured, WorkloadResult, rows

NODES_DRAWN_MAX = 5_000
"""Points of the fill curve: more nodes are thinned out evenly, which a sorted curve does not show."""
INK, BLUE, ORANGE, GRID = "#222222", "#2563eb", "#d97706", "#e5e7eb"
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; margin: 2rem auto; max-width: 1100px; padding: 0 1rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 1rem 0; width: 100% }
th, td { padding: .3rem .6rem; text-align: right; border-bottom: 1px solid #e5e7eb; white-space: nowrap }
th:first-child, td:first-child { text-align: left; white-space: normal }
h2 { margin-top: 3rem }
"""


def write_report(results: Sequence[WorkloadResult], file: Path) -> None:
    """Write one page for all workloads. OSError passes through."""
    file.write_text(page(results), encoding="utf-8")


def page(results: Sequence[WorkloadResult]) -> str:
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Scheduler benchmark</title>",
        f"<style>{STYLE}</style><script>{get_plotlyjs()}</script></head><body><h1>Scheduler benchmark</h1>",
        _table([line for result in results for line in rows(result)]),
    ]
    for number, result in enumerate(results):
        parts.append(f"<h2>{escape(result.name)}</h2><p>{escape(_summary(result))}</p>")
        parts += [_html(throughput_figure(one), f"t{number}-{place}") for place, one in enumerate(result.measured)]
        if result.placements:
            parts.append(_html(fill_figure(result.placements), f"f{number}"))
    return "".join(parts) + "</body></html>\n"


def _summary(result: WorkloadResult) -> str:
    pods = sum(one.pod_count for one in result.measured)
    return f"{result.node_count:,} nodes, {pods:,} measured pods, {result.mode}, {result.event_count:,} watch events"


def _table(lines: Sequence[tuple[str, ...]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in COLUMNS)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>" for line in lines)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def throughput_figure(measured: Measured) -> Any:
    """Pods bound per second, window by window, with the average as a line."""
    width_s = measured.window_s
    figure = go.Figure()
    figure.add_bar(
        x=[(index + 0.5) * width_s for index in range(len(measured.windows))],
        y=list(measured.windows),
        width=width_s,
        marker={"color": BLUE, "line": {"width": 0}},
        name=f"in windows of {width_s:.3g} s",
    )
    average = measured.throughput.average
    figure.add_scatter(
        x=[0, measured.duration_s],
        y=[average, average],
        mode="lines",
        line={"color": ORANGE, "dash": "dash"},
        name=f"average {average:,.0f} pods/s",
    )
    title = f"Throughput of {measured.pod_count:,} pods in {measured.name}"
    return _styled(figure, title, "time since the first was created (s)", "pods bound per second")


def fill_figure(placements: dict[str, dict[str, float]]) -> Any:
    """Nodes from the fullest to the emptiest: the share of their cores that is requested, and their pods."""
    ordered = sorted(placements.values(), key=lambda row: (_share(row), row["pods"]), reverse=True)
    stride = max(1, len(ordered) // NODES_DRAWN_MAX)
    shown = ordered[::stride]
    x = [index * stride + 1 for index in range(len(shown))]
    figure = go.Figure()
    figure.add_scatter(
        x=x, y=[100 * _share(row) for row in shown], mode="lines", line={"color": BLUE}, name="CPU requested (%)",
        fill="tozeroy", fillcolor="rgba(37, 99, 235, .15)",
    )  # fmt: skip
    figure.add_scatter(
        x=x, y=[row["pods"] for row in shown], mode="lines", line={"color": ORANGE}, name="pods", yaxis="y2"
    )
    figure.update_layout(
        yaxis2={
            "title": "pods on the node",
            "overlaying": "y",
            "side": "right",
            "rangemode": "tozero",
            "showgrid": False,
        }
    )
    return _styled(figure, "How full the nodes are", "nodes, the fullest first", "CPU requested (% of allocatable)")


def _share(row: dict[str, float]) -> float:
    return row["cpu"] / row["allocatable_cpu"] if row["allocatable_cpu"] else 0.0


def _styled(figure: Any, title: str, x_title: str, y_title: str) -> Any:
    figure.update_layout(
        title={"text": title, "x": 0.0, "xanchor": "left"},
        font={"family": "system-ui, sans-serif", "color": INK, "size": 13},
        plot_bgcolor="white",
        height=380,
        margin={"l": 70, "r": 70, "t": 60, "b": 90},
        legend={"orientation": "h", "y": -0.25, "x": 0.0},
        xaxis={"title": x_title, "gridcolor": GRID, "rangemode": "tozero"},
        yaxis={"title": y_title, "gridcolor": GRID, "rangemode": "tozero"},
    )
    return figure


def _html(figure: Any, identifier: str) -> str:
    text: str = figure.to_html(full_html=False, include_plotlyjs=False, div_id=identifier)
    return text
