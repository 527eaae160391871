"""The charts of a result as SVG files, drawn here: for documents, and where no browser runs.

Always true: the same result gives the same bytes; every picture carries its title, both axes with units and a legend.
Not here: what is drawn (see `charts`).
"""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from typing import Any

from pyk8s.simulate.axes import ticks, time_ticks
from pyk8s.simulate.charts import Chart, charts
from pyk8s.simulate.palette import HEAT, heat_color, series_color

Json = dict[str, Any]

WIDTH, HEIGHT = 860, 360
LEFT, RIGHT, TOP, BOTTOM = 74, 24, 64, 54
HEAT_ROW_MIN, HEAT_ROW_MAX = 4, 18
ROW_LABELS_MAX = 16
FONT = "Helvetica, Arial, sans-serif"
INK, FAINT = "#1c2733", "#dfe4e9"
LETTER = 6.4
"""Width of a letter of the small text, about: to place legends and margins."""


def pictures(result: Json) -> dict[str, str]:
    """SVG documents by the chart's id."""
    return {chart.id: picture(chart) for chart in charts(result)}


def picture(chart: Chart) -> str:
    drawn = _Picture(chart)
    return drawn.heat() if chart.kind == "heat" else drawn.bars() if chart.kind == "bars" else drawn.curves()


def number(value: float) -> str:
    return f"{value:,.10g}"


class _Picture:
    """One SVG being drawn. ``left``, ``height``: the plot's margin and the picture's height."""

    def __init__(self, chart: Chart) -> None:
        self._chart = chart
        self._parts: list[str] = []
        self._left, self._height = LEFT, HEIGHT
        self._right = RIGHT

    # -- kinds -----------------------------------------------------------------------------------------------------

    def curves(self) -> str:
        chart = self._chart
        layers = _stacked(chart.lines) if chart.kind == "stack" else [list(line.y) for line in chart.lines]
        top = chart.y_max or max((max(layer, default=0) for layer in layers), default=0)
        x_end = max((float(line.x[-1]) for line in chart.lines if line.x), default=1) or 1
        x, y = self._frame(time_ticks(x_end, chart.x_title), ticks(top), x_end=x_end, y_end=chart.y_max)
        for index in reversed(range(len(layers))):
            line = chart.lines[index]
            points = [(x(float(at)), y(value)) for at, value in zip(line.x, layers[index], strict=True)]
            if chart.kind == "stack":
                self._area(points, y(0), series_color(index))
            else:
                self._steps(points, series_color(index))
        self._legend([line.name for line in chart.lines])
        return self._document()

    def bars(self) -> str:
        chart = self._chart
        names = [str(name) for name in chart.lines[0].x] if chart.lines else []
        top = max((max(line.y, default=0) for line in chart.lines), default=0)
        scale = ticks(top)
        x, y = self._frame([], scale, x_end=max(1, len(names)), y_end=None)
        width = (x(1) - x(0)) * 0.8 / max(1, len(chart.lines))
        for index, line in enumerate(chart.lines):
            for position, value in enumerate(line.y):
                left = x(position + 0.1) + index * width
                self._rect(left, y(value), width * 0.94, y(0) - y(value), series_color(index))
        room = int((x(1) - x(0)) / LETTER)
        for position, name in enumerate(names):
            self._text(x(position + 0.5), y(0) + 17, _short(name, room), anchor="middle")
        if len(chart.lines) > 1:
            self._legend([line.name for line in chart.lines])
        return self._document()

    def heat(self) -> str:
        chart = self._chart
        rows = max(1, len(chart.rows))
        row_height = max(HEAT_ROW_MIN, min(HEAT_ROW_MAX, 360 // rows))
        self._left = min(220, 34 + int(LETTER * max((len(name) for name in chart.rows), default=4)))
        self._height, self._right = TOP + rows * row_height + BOTTOM, 96
        x_end = float(chart.x[-1]) if chart.x and float(chart.x[-1]) > 0 else 1.0
        x, _ = self._frame(time_ticks(x_end, chart.x_title), [], x_end=x_end, y_end=None)
        for row, values in enumerate(chart.z):
            self._heat_row(TOP + row * row_height, row_height, values, x)
        every = max(1, -(-rows // ROW_LABELS_MAX), -(-11 // row_height))
        for row in range(0, len(chart.rows), every):
            label = _short(chart.rows[row], 30)
            self._text(self._left - 6, TOP + (row + 0.5) * row_height + 4, label, anchor="end")
        self._scale_bar(rows * row_height)
        return self._document()

    def _heat_row(self, top: float, height: float, values: Sequence[float], x: Callable[[float], float]) -> None:
        """Equal neighbours become one rectangle."""
        edges = [float(at) for at in self._chart.x]
        start = 0
        for column in range(1, len(values) + 1):
            if column == len(values) or values[column] != values[start]:
                left = x(edges[start])
                right = x(edges[column]) if column < len(values) else WIDTH - self._right
                if right > left:
                    self._rect(left, top, right - left, height, heat_color(values[start] / 100))
                start = column

    def _scale_bar(self, height: float) -> None:
        left, steps = WIDTH - self._right + 16, 40
        for step in range(steps):
            top = TOP + height * (1 - (step + 1) / steps)
            self._rect(left, top, 14, height / steps + 0.5, heat_color((step + 0.5) / steps))
        for share, _ in HEAT[::2]:
            self._text(left + 18, TOP + height * (1 - share) + 4, f"{100 * share:.0f} %")
        middle = TOP + height / 2
        self._text(WIDTH - 6, middle, self._chart.z_title, anchor="middle", turn=(WIDTH - 6, middle))

    # -- pieces ----------------------------------------------------------------------------------------------------

    def _frame(
        self, x_ticks: Sequence[float], y_ticks: Sequence[float], *, x_end: float, y_end: float | None
    ) -> tuple[Callable[[float], float], Callable[[float], float]]:
        """Axes, grid and titles; returns how values become positions."""
        chart, bottom = self._chart, self._height - BOTTOM
        y_top = y_end or (y_ticks[-1] if y_ticks else 1)
        width = WIDTH - self._left - self._right

        def x(value: float) -> float:
            return self._left + width * value / x_end

        def y(value: float) -> float:
            return bottom - (bottom - TOP) * value / y_top

        self._text(14, 24, chart.title, size=16, weight="bold")
        if chart.note:
            # Beside the legend of a heat map there is room; with curves, in the corner below.
            down = 46 if chart.kind == "heat" else self._height - 12
            self._text(WIDTH - RIGHT, down, chart.note, anchor="end")
        for value in y_ticks:
            if value <= y_top:
                self._line(self._left, y(value), WIDTH - self._right, y(value), FAINT)
                self._text(self._left - 8, y(value) + 4, number(value), anchor="end")
        for value in x_ticks:
            if value <= x_end * 1.0001:
                self._line(x(value), bottom, x(value), bottom + 5, INK)
                self._text(x(value), bottom + 18, number(value), anchor="middle")
        self._line(self._left, bottom, WIDTH - self._right, bottom, INK)
        self._text(self._left + width / 2, self._height - 12, chart.x_title, anchor="middle", size=13)
        middle = (TOP + bottom) / 2
        self._text(18, middle, chart.y_title, anchor="middle", size=13, turn=(18, middle))
        return x, y

    def _legend(self, names: Sequence[str]) -> None:
        left = float(self._left)
        room = max(8, int((WIDTH - self._left - self._right) / max(1, len(names)) / LETTER) - 4)
        for index, name in enumerate(names):
            self._rect(left, 40, 11, 11, series_color(index))
            shown = _short(name, room)
            self._text(left + 16, 50, shown)
            left += 16 + LETTER * len(shown) + 20

    def _steps(self, points: Sequence[tuple[float, float]], color: str) -> None:
        path = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"] if points else []
        for across, down in points[1:]:
            path.append(f"H{across:.1f}V{down:.1f}")
        self._parts.append(f'<path d="{"".join(path)}" fill="none" stroke="{color}" stroke-width="1.7"/>')

    def _area(self, points: Sequence[tuple[float, float]], ground: float, color: str) -> None:
        if points:
            outline = "".join(f"L{across:.1f} {down:.1f}" for across, down in points)
            path = f"M{points[0][0]:.1f} {ground:.1f}{outline}L{points[-1][0]:.1f} {ground:.1f}Z"
            self._parts.append(f'<path d="{path}" fill="{color}"/>')

    def _rect(self, left: float, top: float, width: float, height: float, color: str) -> None:
        box = f'x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}"'
        self._parts.append(f'<rect {box} fill="{color}"/>')

    def _line(self, x1: float, y1: float, x2: float, y2: float, color: str) -> None:
        ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
        self._parts.append(f'<line {ends} stroke="{color}" stroke-width="1"/>')

    def _text(self, x: float, y: float, text: str, **style: Any) -> None:
        """``style``: anchor, size, weight, and turn, the point to turn by 90 degrees about."""
        anchor, size = style.get("anchor", "start"), style.get("size", 12)
        turn = style.get("turn")
        turned = f' transform="rotate(-90 {turn[0]:.1f} {turn[1]:.1f})"' if turn else ""
        weight = f' font-weight="{style["weight"]}"' if "weight" in style else ""
        place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"{weight}{turned}'
        self._parts.append(f"<text {place}>{html.escape(text)}</text>")

    def _document(self) -> str:
        size = f'width="{WIDTH}" height="{self._height}" viewBox="0 0 {WIDTH} {self._height}"'
        head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="{FONT}" fill="{INK}">'
        ground = f'<rect width="{WIDTH}" height="{self._height}" fill="#ffffff"/>'
        return "\n".join([head, ground, *self._parts, "</svg>"]) + "\n"


def _stacked(lines: Sequence[Any]) -> list[list[float]]:
    """Each layer's upper edge."""
    edges: list[list[float]] = []
    for line in lines:
        below = edges[-1] if edges else [0.0] * len(line.y)
        edges.append([low + value for low, value in zip(below, line.y, strict=True)])
    return edges


def _short(text: str, length_max: int) -> str:
    return text if len(text) <= length_max else text[: max(1, length_max - 1)] + "…"
