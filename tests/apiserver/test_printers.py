"""Table rows against rows that kube-apiserver gave for the same objects (ages are placeholders there)."""

import json
from pathlib import Path

import pytest
from pyk8s_server.apiserver.registry.printers import printer_of_kind
from pyk8s_server.apiserver.registry.printers.text import cut_list, duration

CASES = json.loads((Path(__file__).parents[1] / "golden" / "table_rows.json").read_text())
NOW_S = 1_767_225_650.0


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["kind"])
def test_a_row_is_what_kube_apiserver_printed(case: dict) -> None:
    printer = printer_of_kind(case["kind"])
    assert printer is not None

    cells, conditions = printer.row(case["object"], NOW_S)

    assert len(cells) == len(case["cells"])
    for ours, theirs in zip(cells, case["cells"], strict=True):
        if not (isinstance(theirs, str) and "${" in theirs):
            assert ours == theirs
    assert conditions == case["conditions"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "<invalid>"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (150, "2m30s"),
        (600, "10m"),
        (3 * 3600, "3h"),
        (5 * 3600 + 120, "5h2m"),
        (47 * 3600, "47h"),
        (3 * 86400 + 4 * 3600, "3d4h"),
        (100 * 86400, "100d"),
        (3 * 365 * 86400, "3y"),
        (6 * 365 * 86400 + 327 * 86400, "6y327d"),
        (9 * 365 * 86400, "9y"),
    ],
)
def test_durations_have_at_most_two_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_list_that_is_too_long_says_how_much_more_there_is() -> None:
    assert cut_list(["a", "b", "c", "d", "e"]) == "a,b,c + 2 more..."


def test_review_kinds_have_no_table() -> None:
    assert printer_of_kind("TokenReview") is None
