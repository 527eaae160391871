"""An explanation as tables: the attempts; of the one told in full, the reasons, the best candidates, the victims.

Always true: everything here is in the JSON as well. A score is shown as weighted, and in brackets as it was raw.
Not here: asking for it (see `explain`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from pyk8s.cli.output import GAP, write

Json = dict[str, Any]

MESSAGE_WIDTH_MAX = 100


def print_explanation(answer: Json) -> None:
    _print_pod(answer["pod"])
    if answer["hint"]:
        write(answer["hint"])
    for other in answer["preemptedBy"]:
        write(f"preempted on {other['node']} to make room for {other['namespace']}/{other['name']}")
    if answer["attempts"]:
        write("")
        _print_table(("attempt", "time", "outcome", "node", "message"), map(_attempt_row, answer["attempts"]))
    for attempt in answer["attempts"]:
        if "details" in attempt:
            write(f"\nattempt {attempt['number']}, store revision {attempt['revision']}")
            _print_details(attempt["details"], attempt["victims"], attempt["nominatedNode"])
    if answer.get("now"):
        write(f"\nstore revision {answer['now']['revision']}")
        _print_details(answer["now"], [], None)


def _print_pod(pod: Json) -> None:
    place = "gone" if pod["isGone"] else f"on {pod['node']}" if pod["node"] else "on no node"
    by = f", scheduler {pod['schedulerName']}" if pod["schedulerName"] else ""
    write(f"pod {pod['namespace']}/{pod['name']}: {place}{by}")


def _attempt_row(attempt: Json) -> Sequence[str]:
    moment = datetime.fromtimestamp(attempt["timeSeconds"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    outcome = "binding failed" if attempt["isBindingFailed"] else attempt["outcome"]
    return (str(attempt["number"]), moment, outcome, attempt["node"] or "", _cut(attempt["message"]))


def _cut(message: str) -> str:
    line = message.partition("\n")[0]
    return line if len(line) <= MESSAGE_WIDTH_MAX else line[: MESSAGE_WIDTH_MAX - 4] + " ..."


def _print_details(details: Json, victims: Sequence[Json], nominated: str | None) -> None:
    if details.get("note"):
        write(details["note"])
    if "candidates" not in details:
        return
    feasible, rejected = details["feasibleCount"], details["rejectedCount"]
    write(f"{feasible} of {feasible + rejected} nodes would do")
    if details["reasons"]:
        write("")
        rows = ((str(row["nodes"]), row["plugin"], row["reason"]) for row in details["reasons"])
        _print_table(("nodes", "plugin", "reason"), rows)
    _print_candidates(details)
    _print_preemption(details["preemption"], victims, nominated)


def _print_candidates(details: Json) -> None:
    candidates, weights = details["candidates"], details["weights"]
    if not candidates:
        return
    write("")
    if candidates[0]["total"] is None:
        write(f"{candidates[0]['node']} was the only one, so nothing was scored")
        return
    columns = ("node", "total", *(f"{name} x{weight}" for name, weight in weights.items()))
    _print_table(columns, (_candidate_row(row, list(weights)) for row in candidates), is_upper=False)
    if details["candidatesLeftOff"]:
        write(f"and {details['candidatesLeftOff']} more; all of them: --rows 0")


def _candidate_row(row: Json, plugins: Sequence[str]) -> Sequence[str]:
    cells = [_score(row["scores"][name]) for name in plugins]
    return (row["node"] + (" (chosen)" if row["isChosen"] else ""), str(row["total"]), *cells)


def _score(score: Json) -> str:
    return f"{score['weighted']} ({score['raw']})"


def _print_preemption(preemption: Json | None, victims: Sequence[Json], nominated: str | None) -> None:
    if nominated:
        names = ", ".join(f"{victim['namespace']}/{victim['name']}" for victim in victims)
        write(f"\nroom is being made on {nominated}" + (f" by ending {names}" if names else ""))
    if not preemption:
        return
    if preemption.get("notEligible"):
        write(f"\npreemption was not tried: {preemption['notEligible']}")
    rows = [
        (row["node"], str(row.get("violations") or 0), ", ".join(row["victims"]))
        for row in preemption.get("candidates") or ()
    ]
    if rows:
        write("")
        _print_table(("node", "budgets violated", "pods that would have to go"), rows)


def _print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, is_upper: bool = True) -> None:
    cells = [[column.upper() for column in columns] if is_upper else ["NODE", "TOTAL", *columns[2:]], *rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    for line in cells:
        write(GAP.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
