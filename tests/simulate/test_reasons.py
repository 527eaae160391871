"""What kube-scheduler's messages say, taken apart."""

from __future__ import annotations

import pytest
from pyk8s.simulate.reasons import headline, main_reason, reasons_of

LONG = (
    "0/7 nodes are available: 2 Insufficient cpu, 4 node(s) had untolerated taint(s), 1 Insufficient memory. "
    "no new claims to deallocate, preemption: 0/7 nodes are available: 7 Preemption is not helpful for scheduling."
)


def test_reasons_are_counted_by_node() -> None:
    assert reasons_of(LONG) == (
        ("Insufficient cpu", 2),
        ("node(s) had untolerated taint(s)", 4),
        ("Insufficient memory", 1),
    )


def test_the_main_reason_took_most_nodes_away() -> None:
    assert main_reason(LONG) == "node(s) had untolerated taint(s)"


def test_of_equal_reasons_the_first_is_the_main_one() -> None:
    assert main_reason("0/2 nodes are available: 1 b, 1 a.") == "b"


@pytest.mark.parametrize("text", ["no nodes available to schedule pods", "0/1 of something else"])
def test_another_message_is_its_own_reason(text: str) -> None:
    assert main_reason(text) == text


def test_the_headline_leaves_out_what_preemption_says() -> None:
    assert headline(LONG).endswith("1 Insufficient memory.")
    assert headline("0/1 nodes are available: 1 Insufficient cpu.") == "0/1 nodes are available: 1 Insufficient cpu."
