"""A dry run told in full: who refused which node and why, every score. The ground for explanations.

Always true: the same cycle as a real attempt, so what it says is what would happen.
Not here: keeping attempts that have happened.
"""

from __future__ import annotations

import json
from typing import Any

from pyk8s.reference.scheduler.cycle import Attempt

Json = dict[str, Any]


def evaluate(attempt: Attempt) -> bytes:
    return dumped(told(attempt))


def dumped(answer: Json) -> bytes:
    return json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode()


def told(attempt: Attempt) -> Json:
    """One JSON object: chosen, message, feasible, rejected, skippedFilters, raw, weighted, final, preemption."""
    rejected = [
        {
            "node": node.facts.name,
            "plugin": plugin.name,
            "code": rejection.code,
            "reasons": sorted(rejection.reasons, key=str.encode),
        }
        for node, plugin, rejection in attempt.rejected
    ]
    for nodes, names, rejection in attempt.ruled_out:
        row = {"plugin": names, "code": rejection.code, "reasons": rejection.reasons, "stage": "PreFilter"}
        rejected += [{"node": node.facts.name, **row} for node in nodes]
    return {
        "chosen": attempt.chosen.facts.name if attempt.chosen else None,
        "message": attempt.message,
        "feasible": [node.facts.name for node in attempt.feasible],
        "rejected": rejected,
        "skippedFilters": [plugin.name for plugin in attempt.skipped_filters],
        "raw": {plugin.name: row for plugin, row in attempt.raw.items()},
        "weighted": {plugin.name: row for plugin, row in attempt.weighted.items()},
        "final": attempt.totals,
        "preemption": attempt.preemption.told() if attempt.preemption is not None else None,
    }
