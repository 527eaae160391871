"""`pyk8s explain`: how an explanation reads as a table, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from pyk8s.cli.exits import CommandError, ExitCode
from pyk8s.cli.explain import explain
from pyk8s.cli.explain_tables import print_explanation

Json = dict[str, Any]

POD = {
    "namespace": "shop",
    "name": "web",
    "uid": "u",
    "isGone": False,
    "schedulerName": "default-scheduler",
    "node": "n-2",
    "phase": "Running",
    "nominatedNode": None,
}
DETAILS: Json = {
    "message": "",
    "feasibleCount": 2,
    "rejectedCount": 1,
    "reasons": [{"plugin": "NodeName", "reason": "no", "code": "Unschedulable", "nodes": 1}],
    "weights": {"TaintToleration": 3},
    "skippedFilters": [],
    "candidates": [
        {
            "node": "n-2",
            "isChosen": True,
            "total": 300,
            "scores": {"TaintToleration": {"raw": 0, "normalised": 100, "weighted": 300}},
        }
    ],
    "candidatesLeftOff": 1,
    "rejected": [],
    "rejectedLeftOff": 1,
    "preemption": None,
}


def attempt(**changes: Any) -> Json:
    return {
        "number": 1,
        "timeSeconds": 0.0,
        "revision": 9,
        "outcome": "scheduled",
        "node": "n-2",
        "message": "",
        "plugins": [],
        "nominatedNode": None,
        "victims": [],
        "isBindingFailed": False,
        "isOfEarlierPod": False,
        **changes,
    }


def printed(capsys: pytest.CaptureFixture[str], **changes: Any) -> list[str]:
    print_explanation({"pod": POD, "attempts": [], "hint": "", "preemptedBy": [], **changes})
    return capsys.readouterr().out.splitlines()


def test_attempts_reasons_and_candidates_are_tables(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, attempts=[attempt(details=DETAILS)])

    assert lines == [
        "pod shop/web: on n-2, scheduler default-scheduler",
        "",
        "ATTEMPT   TIME                   OUTCOME     NODE   MESSAGE",
        "1         1970-01-01T00:00:00Z   scheduled   n-2",
        "",
        "attempt 1, store revision 9",
        "2 of 3 nodes would do",
        "",
        "NODES   PLUGIN     REASON",
        "1       NodeName   no",
        "",
        "NODE           TOTAL   TaintToleration x3",
        "n-2 (chosen)   300     300 (0)",
        "and 1 more; all of them: --rows 0",
    ]


def test_who_was_preempted_and_why_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    candidates = [{"node": "n-1", "violations": 1, "victims": ["shop/old"]}]
    preemption = {"nominated": "n-1", "victims": ["shop/old"], "candidates": candidates, "notEligible": None}
    victims = [{"namespace": "shop", "name": "old", "uid": "v"}]
    refused = attempt(
        outcome="unschedulable",
        node=None,
        nominatedNode="n-1",
        victims=victims,
        details={**DETAILS, "candidates": [], "candidatesLeftOff": 0, "preemption": preemption},
    )

    lines = printed(capsys, attempts=[refused])

    assert "room is being made on n-1 by ending shop/old" in lines
    assert lines[-2:] == [
        "NODE   BUDGETS VIOLATED   PODS THAT WOULD HAVE TO GO",
        "n-1    1                  shop/old",
    ]


def test_a_victim_reads_for_whom_it_went(capsys: pytest.CaptureFixture[str]) -> None:
    by = {"namespace": "shop", "name": "vip", "uid": "v", "node": "n-1", "timeSeconds": 0.0}

    assert "preempted on n-1 to make room for shop/vip" in printed(capsys, preemptedBy=[by])


def test_what_the_store_has_forgotten_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, attempts=[attempt(details={"note": "the store has forgotten revision 9"})])

    assert lines[-1] == "the store has forgotten revision 9"


def test_a_traceback_is_cut_to_its_first_line(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, attempts=[attempt(outcome="error", node=None, message="ValueError: no\nTraceback …")])

    assert lines[-1].endswith("error            ValueError: no")


@pytest.mark.parametrize(
    "options",
    [
        {"pod": "node/n-1"},
        {"pod": "pod/"},
        {"pod": "pod/p", "output": "yaml"},
        {"pod": "pod/p", "attempt": "first"},
    ],
)
def test_wrong_usage_is_refused(options: dict[str, str]) -> None:
    with pytest.raises(CommandError) as caught:
        explain(**{"namespace": "", "output": "table", "attempt": "last", "rows": None, **options})  # type: ignore[arg-type]

    assert caught.value.code == ExitCode.USAGE


def test_without_a_kubeconfig_a_prerequisite_is_missing(tmp_path: Any) -> None:
    with pytest.raises(CommandError) as caught:
        explain("pod/p", "", "table", "last", None, kubeconfig=str(tmp_path / "none"), context="")

    assert caught.value.code == ExitCode.MISSING_PREREQUISITE
