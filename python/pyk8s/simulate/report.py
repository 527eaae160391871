"""The HTML report of a result: one file that needs no network.

Always true: the same result gives the same bytes. plotly.js is put in whole, as the package `plotly` brings it.
Not here: what is drawn (see `charts`).
"""

from __future__ import annotations

import html
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import orjson

from pyk8s.simulate.axes import time_ticks
from pyk8s.simulate.charts import Chart, charts
from pyk8s.simulate.figures import short_figures
from pyk8s.simulate.palette import HEAT, NOTHING, series_color

Json = dict[str, Any]

ROW_PIXELS = 9
HEAT_HEIGHT_MIN = 430
HEAT_ROWS_SHOWN = 12
"""Labels beside a heat map: more would overlap."""


class MissingPlotly(Exception):
    """The extra `reports` is not installed."""

    def __init__(self) -> None:
        super().__init__("a report needs plotly, which is not installed: pip install 'pyk8s[reports]'")


def require_plotly() -> None:
    """Raises MissingPlotly."""
    if find_spec("plotly") is None:
        raise MissingPlotly()


def report(result: Json) -> str:
    """Raises MissingPlotly."""
    require_plotly()
    plotly = import_module("plotly.offline")
    body, section, calls = list[str](), "", list[str]()
    for chart in charts(result):
        if chart.section != section:
            section = chart.section
            body.append(f"<h2>{_text(section)}</h2>")
        height = chart_height(chart)
        body.append(f'<div class="chart" id="{chart.id}" style="height:{height}px"></div>')
        figure = _script_json({"data": traces(chart), "layout": layout(chart)})
        calls.append(f'draw("{chart.id}", {figure});')
    name = result["scenario"]["name"]
    return PAGE.format(
        title=_text(f"Simulation: {name}"),
        head=_head(result),
        body="\n".join(body),
        plotly=plotly.get_plotlyjs(),
        calls="\n".join(calls),
    )


def _text(value: object) -> str:
    return html.escape(str(value))


def _script_json(value: Json) -> str:
    """JSON that may stand in a script element."""
    return orjson.dumps(value).decode().replace("</", "<\\/")


# -- figures -------------------------------------------------------------------------------------------------------


def chart_height(chart: Chart) -> int:
    return max(HEAT_HEIGHT_MIN, 140 + ROW_PIXELS * len(chart.rows)) if chart.kind == "heat" else 380


def traces(chart: Chart) -> list[Json]:
    """plotly's traces of a chart."""
    if chart.kind == "heat":
        return [_heat_trace(chart)]
    return [_trace(chart, index) for index in range(len(chart.lines))]


def _trace(chart: Chart, index: int) -> Json:
    line, color = chart.lines[index], series_color(index)
    common: Json = {"name": line.name, "x": list(line.x), "y": list(line.y)}
    if chart.kind == "bars":
        return {**common, "type": "bar", "marker": {"color": color}, "width": min(0.3, 0.8 / len(chart.lines))}
    shape = "hv" if chart.kind == "lines" else "linear"
    drawn: Json = {**common, "type": "scatter", "mode": "lines", "line": {"color": color, "width": 1.6, "shape": shape}}
    return {**drawn, "stackgroup": "all"} if chart.kind == "stack" else drawn


def _heat_trace(chart: Chart) -> Json:
    shown = [[None if value < 0 else value for value in row] for row in chart.z]
    return {
        "type": "heatmap",
        "x": list(chart.x),
        "y": list(chart.rows),
        "z": shown,
        "zmin": 0,
        "zmax": 100,
        "colorscale": [list(stop) for stop in HEAT],
        "colorbar": {"title": {"text": chart.z_title, "side": "right"}, "ticksuffix": " %"},
        "hovertemplate": "%{y}<br>%{x}: %{z} %<extra></extra>",
        "hoverongaps": False,
    }


def layout(chart: Chart) -> Json:
    """plotly's layout of a chart."""
    y_axis: Json = {"title": {"text": chart.y_title}, "rangemode": "tozero", "automargin": True}
    if chart.kind == "heat":
        step = max(1, -(-len(chart.rows) // HEAT_ROWS_SHOWN))
        y_axis = {**y_axis, "autorange": "reversed", "tickvals": list(chart.rows[::step]), "type": "category"}
    elif chart.y_max is not None:
        y_axis["range"] = [0, chart.y_max * 1.03]
    x_axis: Json = {"title": {"text": chart.x_title}, "automargin": True}
    if chart.x_title.startswith("time"):
        along = chart.x or next((line.x for line in chart.lines), ())
        x_axis["tickvals"] = time_ticks(float(along[-1]), chart.x_title) if along else []
    if chart.kind == "bars":
        # Else texts that look like numbers ("90 %") would be taken for them.
        x_axis["type"] = "category"
    title = chart.title + (f"<br><sub>{_text(chart.note)}</sub>" if chart.note else "")
    return {
        "title": {"text": title, "x": 0, "xanchor": "left", "xref": "container", "pad": {"l": 12}},
        "xaxis": x_axis,
        "yaxis": y_axis,
        "showlegend": chart.kind != "heat" and (len(chart.lines) > 1 or chart.kind == "stack"),
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 1, "xanchor": "right"},
        "margin": {"t": 70, "r": 30},
        "template": "none",
        "plot_bgcolor": NOTHING if chart.kind == "heat" else "#ffffff",
        "barmode": "group",
        "bargap": 0.4,
        "font": {"family": "system-ui, sans-serif", "size": 13},
    }


# -- tables --------------------------------------------------------------------------------------------------------


def _head(result: Json) -> str:
    scenario = result["scenario"]
    told = [
        f"{scenario['nodes']} nodes at the start, seed {scenario['seed']}, from {scenario['start']}",
        scenario["description"],
        *(f"Warning: {text}" for text in result["warnings"]),
    ]
    paragraphs = "".join(f"<p>{_text(text)}</p>" for text in told if text)
    return paragraphs + _short_figures(result) + _assertions(result) + _figures(result)


def _short_figures(result: Json) -> str:
    names = [run["name"] for run in result["schedulers"]]
    rows = [[title, *(shown[name] for name in names)] for title, shown in short_figures(result)]
    return "<h2>Side by side</h2>" + _table(["", *names], rows)


def _assertions(result: Json) -> str:
    if not result["assertions"]:
        return ""
    rows = [
        [
            entry["metric"],
            entry["scheduler"],
            entry["wanted"],
            f"{entry['actual']:g}",
            "holds" if entry["passed"] else "FAILED",
        ]
        for entry in result["assertions"]
    ]
    return "<h2>Assertions</h2>" + _table(["metric", "scheduler", "wanted", "actual", "result"], rows)


def _figures(result: Json) -> str:
    """Every figure, one column per scheduler."""
    from pyk8s.simulate.summary import metrics

    runs = result["schedulers"]
    columns = [metrics(run["summary"]) for run in runs]
    names = list(dict.fromkeys(name for column in columns for name in column))
    rows = [[name, *(f"{column[name]:,g}" if name in column else "" for column in columns)] for name in names]
    table = _table(["figure", *(run["name"] for run in runs)], rows)
    return f"<details><summary>All figures</summary>{table}</details>"


def _table(head: list[str], rows: list[list[Any]]) -> str:
    cells = "".join(f"<th>{_text(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{cells}</tr>{body}</table>"


PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; color: #1c2733; max-width: 1200px; margin: 2rem auto; padding: 0 1rem; }}
h1 {{ margin-bottom: 0; }}
h2 {{ border-bottom: 1px solid #d5dbe1; margin-top: 2.5rem; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
td, th {{ padding: 2px 14px 2px 0; text-align: left; border-bottom: 1px solid #eceff2; }}
.chart {{ margin: 1rem 0; }}
</style>
</head>
<body>
<h1>{title}</h1>
{head}
{body}
<script>{plotly}</script>
<script>
function draw(id, figure) {{
  Plotly.newPlot(id, figure.data, figure.layout, {{responsive: true, displaylogo: false}});
}}
{calls}
</script>
</body>
</html>
"""
