#!/usr/bin/env python3
"""Make `tests/golden/validation.json` from recorded conversations: what was sent, and what was found wrong with it.

    tools/compile_validation_cases.py RECORDINGS_DIR

RECORDINGS_DIR holds the recordings of kube-apiserver v1.36 (api/validation/KIND/*.json). Kept are scenarios of one
create, or of a create and an update, of kinds whose rules are complete.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parent.parent / "tests" / "golden" / "validation.json"
KINDS = (
    "configmaps", "daemonsets", "deployments", "endpoints", "endpointslices", "events", "ingresses", "jobs", "leases",
    "limitranges", "namespaces", "networkpolicies", "nodes", "persistentvolumeclaims", "persistentvolumes", "pods",
    "poddisruptionbudgets", "priorityclasses", "replicasets", "resourcequotas", "roles", "secrets", "serviceaccounts",
    "services", "statefulsets", "storageclasses",
)  # fmt: skip
ALLOCATED = ("failed to allocate", "not configured on this cluster", "not configured for dual-stack")
"""What is found wrong when numbers are given out, after validation."""


def case(name: str, scenario: dict[str, Any]) -> dict[str, Any] | None:
    """One scenario in short, None when it is not about validation."""
    create, *updates = scenario["steps"]
    last = (updates or [create])[-1]
    body = last["response"].get("body") or {}
    causes = (body.get("details") or {}).get("causes") or []
    if last["response"]["status"] not in (200, 201, 422) or len(updates) > 1 or create["request"]["method"] != "POST":
        return None
    if any(text in cause["message"] for cause in causes for text in ALLOCATED):
        return None
    short = {"name": name, "path": create["request"]["path"], "body": create["request"]["body"], "causes": causes}
    if updates:
        change = last["request"].get("body") or {}
        short["set"], short["unset"] = change.get("$set", {}), change.get("$unset", [])
    warnings = (last["response"].get("headers") or {}).get("Warning", [])
    short["warnings"] = [text[len('299 - "') : -1].replace('\\"', '"') for text in warnings]
    return short


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    cases = []
    for kind in KINDS:
        for file in sorted((Path(sys.argv[1]) / "api" / "validation" / kind).glob("*.json")):
            found = case(f"{kind}/{file.stem}", json.loads(file.read_text()))
            if found is not None:
                cases.append(json.dumps(found, separators=(",", ":"), ensure_ascii=False))
    TARGET.write_text("[\n" + ",\n".join(cases) + "\n]\n")
    print(f"wrote {len(cases)} cases to {TARGET.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
