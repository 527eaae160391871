"""The tables of `pyk8s simulate`: short, aligned, one column per scheduler.

Always true: what is printed stands in the JSON result, too.
"""

from __future__ import annotations

from typing import Any

from pyk8s.cli.output import print_rows, write
from pyk8s.simulate.figures import count_text, percent_text, short_figures
from pyk8s.simulate.reasons import headline

Json = dict[str, Any]
REASONS_MAX = 5
ALWAYS_SHOWN = ("cpu", "memory")


def print_result(result: Json) -> None:
    """Figures by scheduler, reasons, assertions."""
    runs = result["schedulers"]
    rows = [{"figure": title, **shown} for title, shown in short_figures(result)]
    print_rows(rows, ["figure", *(run["name"] for run in runs)], "table")
    _print_reasons(runs)
    if result["assertions"]:
        write("")
        rows = [
            {**entry, "actual": f"{entry['actual']:g}", "result": "holds" if entry["passed"] else "FAILED"}
            for entry in result["assertions"]
        ]
        print_rows(rows, ["metric", "scheduler", "wanted", "actual", "result"], "table")


def _print_reasons(runs: list[Json]) -> None:
    rows = [
        {"scheduler": run["name"], "reason": entry["reason"], "attempts": count_text(entry["attempts"])}
        for run in runs
        for entry in run["reasons"][:REASONS_MAX]
    ]
    if rows:
        write("")
        print_rows(rows, ["scheduler", "attempts", "reason"], "table")


def print_capacity(answer: Json) -> None:
    if not answer["present"]["pending"]:
        write(f"all {answer['pods']} pods fit on the nodes that are there: no more are needed")
        return
    rows = []
    if sum(answer["present"]["utilization"].values()):
        rows.append({"pool": "(none)", "nodes": 0, **_trial_row(answer["present"])})
    rows += [
        {"pool": entry["pool"], "nodes": entry["nodes"][entry["pool"]], **_trial_row(entry)}
        for entry in answer["pools"]
    ]
    if answer["mix"]:
        mix = answer["mix"]
        pools = "+".join(name for name, count in mix["nodes"].items() if count)
        counts = "+".join(str(count) for count in mix["nodes"].values() if count)
        rows.append({"pool": pools, "nodes": counts, **_trial_row(mix)})
    print_rows(rows, ["pool", "nodes", "fits", "pending", "cpu", "memory", "fullest", "why"], "table")


def _trial_row(entry: Json) -> Json:
    return {
        "fits": "no" if entry["pending"] else "yes",
        "pending": entry["pending"],
        "cpu": percent_text(entry["utilization"].get("cpu", 0)),
        "memory": percent_text(entry["utilization"].get("memory", 0)),
        "fullest": entry["fullest"],
        "why": headline(entry["messages"][0]["message"]) if entry["messages"] else "",
    }


def print_drain(answer: Json) -> None:
    rows = [
        {**fate, "pod": f"{fate['namespace']}/{fate['name']}", "why": headline(fate["why"])} for fate in answer["pods"]
    ]
    print_rows(rows, ["node", "pod", "outcome", "to", "why"], "table")
    write("")
    told = [f"{count} {outcome}" for outcome, count in answer["outcomes"].items() if count]
    write(f"{', '.join(told) or 'no pods'}; {_verdict(answer)}")
    for uid in answer["displaced"]:
        write(f"{uid}, of another node, was preempted and waits")


def _verdict(answer: Json) -> str:
    return "the drain goes through" if answer["is_complete"] else "the drain does not go through cleanly"
