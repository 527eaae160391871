"""A dry run told in full: who refused which node and why, every score. The ground for explanations.

Always true: the same cycle as a real attempt, so what it says is what would happen.
Not here: keeping attempts that have happened.
"""

from __future__ import annotations

import json

from pyk8s.reference.scheduler.cycle import Attempt


def evaluate(attempt: Attempt) -> bytes:
    """One JSON object: chosen, message, feasible, rejected, skippedFilters, raw, weighted, final."""
    rejected = [
        {
            "node": node.facts.name,
            "plugin": plugin.name,
            "code": rejection.code,
            "reasons": sorted(rejection.reasons, key=str.encode),
        }
        for node, plugin, rejection in attempt.rejected
    ]
    answer = {
        "chosen": attempt.chosen.facts.name if attempt.chosen else None,
        "message": attempt.message,
        "feasible": [node.facts.name for node in attempt.feasible],
        "rejected": rejected,
        "skippedFilters": [plugin.name for plugin in attempt.skipped_filters],
        "raw": {plugin.name: row for plugin, row in attempt.raw.items()},
        "weighted": {plugin.name: row for plugin, row in attempt.weighted.items()},
        "final": attempt.totals,
    }
    return json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode()
