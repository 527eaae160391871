"""A scenario's assertions: names checked before a run, values after it.

Always true: every assertion is judged for every scheduler that it is meant for.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from pyk8s.simulate.problems import Problem
from pyk8s.simulate.scenario import Assertion, Scenario

Json = dict[str, Any]
TOLERANCE = 1e-9
METRICS_TOLD_MAX = 12


def check_assertions(scenario: Scenario, known: Iterable[str]) -> list[Problem]:
    """What is wrong with the names in them; ``known``: the metrics that there are."""
    names, problems = list(known), list[Problem]()
    schedulers = [scheduler.name for scheduler in scenario.schedulers]
    for index, assertion in enumerate(scenario.assertions):
        if assertion.metric not in names:
            problems.append(Problem(f"assertions[{index}].metric", _unknown(assertion.metric, names)))
        for position, name in enumerate(assertion.schedulers):
            if name not in schedulers:
                path = f"assertions[{index}].schedulers[{position}]"
                problems.append(Problem(path, f"{name!r} is not compared; allowed: {', '.join(schedulers)}"))
    return problems


def _unknown(metric: str, names: list[str]) -> str:
    close = difflib.get_close_matches(metric, names, n=METRICS_TOLD_MAX, cutoff=0.5)
    told = close or [name for name in names if not name.startswith("workloads.")]
    more = "" if close else ", and workloads.NAME.…"
    return f"{metric!r} is no metric; allowed: {', '.join(told)}{more}"


def judge(scenario: Scenario, results: Mapping[str, Mapping[str, float]]) -> list[Json]:
    """One entry per assertion and scheduler; ``results``: metrics by scheduler."""
    return [
        {
            "metric": assertion.metric,
            "scheduler": name,
            "wanted": wanted(assertion),
            "actual": metrics[assertion.metric],
            "passed": _holds(assertion, metrics[assertion.metric]),
        }
        for assertion in scenario.assertions
        for name, metrics in results.items()
        if not assertion.schedulers or name in assertion.schedulers
    ]


def wanted(assertion: Assertion) -> str:
    """``= 0``, ``>= 0.5 and <= 0.9``."""
    parts = [("=", assertion.equals), (">=", assertion.at_least), ("<=", assertion.at_most)]
    return " and ".join(f"{sign} {value:g}" for sign, value in parts if value is not None)


def _holds(assertion: Assertion, actual: float) -> bool:
    if assertion.equals is not None and abs(actual - assertion.equals) > TOLERANCE:
        return False
    if assertion.at_most is not None and actual > assertion.at_most + TOLERANCE:
        return False
    return assertion.at_least is None or actual >= assertion.at_least - TOLERANCE
