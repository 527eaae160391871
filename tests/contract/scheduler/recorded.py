"""Recorded scenarios of kube-scheduler: what is asked of an engine, and how its answers are compared.

Always true: an engine never sees what was decided, only what has to be applied so that it stays on the recorded path.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
ASKED = frozenset({
    "pod", "before", "keep", "again", "removeGates", "leftGates", "running", "volumesBound", "allocated", "podGroup",
    "pods", "waits",
})  # fmt: skip


def question(scenario: Json) -> Json:
    """The scenario without its answers."""
    asked = {key: value for key, value in scenario.items() if key not in ("steps", "outcomes")}
    if "outcomes" in scenario:
        asked["force"] = {outcome["pod"]: force([outcome]) for outcome in scenario["outcomes"]}
    else:
        asked["steps"] = [_step(step) for step in scenario["steps"]]
    return asked


def _step(step: Json) -> Json:
    asked = {key: value for key, value in step.items() if key in ASKED}
    outcome = step["outcome"]
    if "order" in outcome:
        order = [{"pod": each["pod"], **force([each])} for each in outcome["order"]]
        return {**asked, "force": {"result": outcome["result"], "order": order}}
    return {**asked, "force": force([outcome, *step.get("retries", [])])}


def force(attempts: list[Json]) -> Json:
    """What follows from the attempts at one pod."""
    forced: Json = {"result": attempts[0]["result"]}
    preemption = attempts[0].get("preemption") or {}
    if "nominated" in preemption:
        forced |= {"nominated": preemption["nominated"], "victims": preemption["victims"]}
    chosen = next((attempt["chosen"] for attempt in attempts if "chosen" in attempt), None)
    return forced if chosen is None else {**forced, "chosen": chosen}


def differences(scenario: Json, answers: list[Json]) -> list[str]:
    """Everything in which the answers differ from the recording, told."""
    if "outcomes" in scenario:
        return _batch_differences(scenario["outcomes"], answers)
    found: list[str] = []
    if len(answers) != len(scenario["steps"]):
        found.append(f"{len(answers)} answers to {len(scenario['steps'])} steps")
    for number, (step, answer) in enumerate(zip(scenario["steps"], answers, strict=False)):
        found += [f"step {number}: {text}" for text in _step_differences(step, answer)]
    return found


def _batch_differences(outcomes: list[Json], answers: list[Json]) -> list[str]:
    order, recorded = [answer["pod"] for answer in answers], [outcome["pod"] for outcome in outcomes]
    found = [] if order == recorded else [f"queue: {order} for {recorded}"]
    by_pod = {answer["pod"]: answer for answer in answers}
    for outcome in outcomes:
        answer = by_pod.get(outcome["pod"])
        found += [f"{outcome['pod']}: {text}" for text in _attempt(outcome, answer)]
    return found


def _step_differences(step: Json, answer: Json) -> list[str]:
    outcome = step["outcome"]
    if "order" in outcome:
        found = [] if answer["result"] == outcome["result"] else [f"group {answer['result']} for {outcome['result']}"]
        # Of a group that failed only the first pod's attempt is known to have begun from the recorded state.
        comparable = outcome["order"] if outcome["result"] == "bound" else outcome["order"][:1]
        for recorded, own in zip(comparable, answer["pods"], strict=False):
            found += _attempt(recorded, own)
        return found
    found = _attempt(outcome, answer)
    for recorded, own in zip(step.get("retries", []), answer.get("retries", [None] * 9), strict=False):
        found += [f"retry: {text}" for text in _attempt(recorded, own)]
    return found


def _attempt(recorded: Json, own: Json | None) -> list[str]:
    if own is None:
        return ["no answer"]
    found: list[str] = []
    result = "bound" if own.get("chosen") else "nominated" if own.get("nominated") else own.get("result")
    is_tentative = recorded["result"] == "unschedulable" and "argmax" in recorded
    if not is_tentative and (result or "unschedulable") != recorded["result"]:
        found.append(f"{result} for {recorded['result']}")
    is_told = recorded.get("message") is not None and recorded["result"] in ("unschedulable", "nominated")
    if is_told and not is_tentative and own.get("message") != recorded["message"]:
        found.append(f"message {own.get('message')!r} for {recorded['message']!r}")
    # Without a score the first node found is taken: in which order the nodes came to the scheduler is not recorded.
    # (nor, therefore, which of them were looked at).
    is_determined = "final" in recorded or len(recorded.get("argmax", ())) == 1
    if recorded["result"] == "bound" and is_determined and own.get("chosen") not in recorded["argmax"]:
        found.append(f"chosen {own.get('chosen')}, not in {recorded['argmax']}")
    is_searched = recorded["result"] != "bound" or is_determined
    if "feasible" in recorded and recorded["result"] != "gated" and is_searched:
        found += _filter_differences(recorded, own.get("filtered", {}))
    if "final" in recorded:
        found += _score_differences(recorded, own)
    return found + _preemption_differences(recorded.get("preemption") or {}, own)


def _filter_differences(recorded: Json, filtered: dict[str, list[str]]) -> list[str]:
    found = [f"{node} refused by {filtered[node][0]}" for node in recorded["feasible"] if node in filtered]
    for row in recorded["rejected"]:
        plugins = set(row["plugin"].split(","))
        for node in row["nodes"]:
            first = next(iter(filtered.get(node, ())), None)
            if first not in plugins:
                found.append(f"{node} refused by {first}, not by {row['plugin']}")
    return found


def _score_differences(recorded: Json, own: Json) -> list[str]:
    found, nodes, scores = [], recorded["feasible"], own.get("scores", {})
    names = recorded["weighted"].keys() | {plugin for node in nodes for plugin in scores.get(node, {})}
    for plugin in sorted(names):
        wanted = recorded["weighted"].get(plugin, [0] * len(nodes))
        given = [scores.get(node, {}).get(plugin, 0) for node in nodes]
        if given != wanted:
            found.append(f"{plugin} {given} for {wanted}")
    finals = [own.get("final", {}).get(node) for node in nodes]
    return found if finals == recorded["final"] else [*found, f"final {finals} for {recorded['final']}"]


def _preemption_differences(recorded: Json, own: Json) -> list[str]:
    if "nominated" not in recorded:
        return []
    node = own.get("nominated")
    if node not in recorded["best"]:
        return [f"nominated {node}, not in {recorded['best']}"]
    wanted = next(set(c["victims"]) for c in recorded["candidates"] if c["node"] == node)
    given = set(own.get("victims", ()))
    return [] if given == wanted else [f"victims {sorted(given)} for {sorted(wanted)}"]
