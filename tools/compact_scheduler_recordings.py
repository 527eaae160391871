"""Makes `tests/golden/scheduler/` from recordings of kube-scheduler: what the plugins at hand decide, nothing else.

usage: compact_scheduler_recordings.py RECORDINGS_DIR OUT_DIR

Always true: only scenarios under the default configuration are taken, and only what the named plugins said in them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

Json = dict[str, Any]

TOPICS = (
    "fit-filter", "fit-least", "requests", "node-affinity", "taints", "node-name", "ports", "queue-order", "churn",
)  # fmt: skip
PLUGINS = {
    "NodeUnschedulable", "NodeName", "TaintToleration", "NodeAffinity", "NodePorts", "NodeResourcesFit",
    "NodeResourcesBalancedAllocation",
}  # fmt: skip


def is_default(scenario: Json) -> bool:
    profiles = scenario["config"]["profiles"]
    return not scenario.get("featureGates") and all(set(profile) == {"schedulerName"} for profile in profiles)


def outcome(recorded: Json) -> Json:
    """The parts of one outcome that the plugins at hand explain."""
    kept: Json = {key: recorded[key] for key in ("pod", "result", "chosen", "feasible") if key in recorded}
    kept["rejected"] = [r for r in recorded.get("rejected", []) if set(r["plugin"].split(",")) <= PLUGINS]
    others = [r for r in recorded.get("rejected", []) if not set(r["plugin"].split(",")) <= PLUGINS]
    kept["otherwiseRejected"] = sorted({node for r in others for node in r["nodes"]})
    if "weighted" in recorded:
        kept["weighted"] = {name: row for name, row in recorded["weighted"].items() if name in PLUGINS}
    if recorded["result"] == "unschedulable" and not others:
        # What PostFilter adds stands behind the first full stop.
        kept["message"] = recorded["message"].split(". ")[0].rstrip(".") + "."
    return kept


def compact(scenario: Json) -> Json:
    small: Json = {"name": scenario["name"]}
    small["cluster"] = {kind: scenario["cluster"].get(kind, []) for kind in ("nodes", "pods")}
    if "outcomes" in scenario:
        small["pending"] = scenario["pending"]
        small["outcomes"] = [outcome(o) for o in scenario["outcomes"]]
        return small
    keys = ("before", "pod", "keep")
    small["steps"] = [
        {**{key: step[key] for key in keys if key in step}, "outcome": outcome(step["outcome"])}
        for step in scenario["steps"]
    ]
    return small


def main() -> None:
    source, out = Path(sys.argv[1]), Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    for path in sorted(source.glob("*-[0-9][0-9].json")):
        scenario = json.loads(path.read_text())
        if scenario.get("topic") in TOPICS and is_default(scenario):
            text = json.dumps(compact(scenario), separators=(",", ":"), ensure_ascii=False)
            (out / path.name).write_text(text + "\n")


if __name__ == "__main__":
    main()
