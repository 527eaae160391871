"""Colours of charts: told apart in print and by colour-blind readers.

Source: Okabe and Ito, "Color Universal Design"; the heat scale rises in lightness alone.
"""

from itertools import pairwise

SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f6a00", "#444444")
HEAT = ((0.0, "#f2f6fb"), (0.25, "#bcd4ea"), (0.5, "#6ba3d0"), (0.75, "#2a6cae"), (1.0, "#0a2f5e"))
NOTHING = "#d9d2cb"
"""Where there is no node."""


def series_color(index: int) -> str:
    return SERIES[index % len(SERIES)]


def heat_color(share: float) -> str:
    """Of a share from 0 to 1; below 0: nothing there."""
    if share < 0:
        return NOTHING
    share = min(share, 1.0)
    for (low, from_color), (high, to_color) in pairwise(HEAT):
        if share <= high:
            return _between(from_color, to_color, (share - low) / (high - low))
    return HEAT[-1][1]


def _between(left: str, right: str, share: float) -> str:
    channels = [
        round(int(left[i : i + 2], 16) + share * (int(right[i : i + 2], 16) - int(left[i : i + 2], 16)))
        for i in (1, 3, 5)
    ]
    return "#" + "".join(f"{channel:02x}" for channel in channels)
