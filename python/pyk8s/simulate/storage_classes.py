"""Storage classes of a plan: every claim gets one, as admission does it; unknown ones are taken as cloud disks.

Always true: after `complete_claims` every claim that is not bound names a class that exists, or asks for none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import orjson

from pyk8s.simulate.claims import CLAIM, CLASS, DEFAULT_CLASS
from pyk8s.simulate.plan import Plan

Json = dict[str, Any]
ASSUMED = "standard"
"""The class of claims that name none, in a cluster without a default class."""


def complete_claims(plan: Plan) -> None:
    """Changes the plan's objects and workloads; what had to be assumed is among its warnings."""
    classes = {obj["metadata"]["name"]: obj for obj in _of_kind(plan, CLASS)}
    defaults = [name for name, obj in classes.items() if _is_default(obj)]
    default = defaults[-1] if defaults else ASSUMED
    wanted: dict[str, None] = {}

    def completed(claim: Json) -> Json:
        spec = claim.get("spec") or {}
        name = spec.get("storageClassName", default)
        if name and not spec.get("volumeName"):
            wanted[name] = None
        return claim if "storageClassName" in spec else {**claim, "spec": {**spec, "storageClassName": name}}

    plan.objects = [
        (kind, orjson.dumps(completed(orjson.loads(obj))) if kind == CLAIM else obj) for kind, obj in plan.objects
    ]
    plan.workloads[:] = [
        replace(workload, claims=tuple(completed(claim) for claim in workload.claims)) if workload.claims else workload
        for workload in plan.workloads
    ]
    for name in wanted:
        if name not in classes:
            plan.objects.append((CLASS, orjson.dumps(_assumed(name))))
            plan.warnings.append(
                f"StorageClass {name!r} is unknown; it is taken as one that makes volumes where pods go"
            )


def _of_kind(plan: Plan, wanted: str) -> Iterable[Json]:
    return (orjson.loads(obj) for kind, obj in plan.objects if kind == wanted)


def _is_default(obj: Json) -> bool:
    return (obj["metadata"].get("annotations") or {}).get(DEFAULT_CLASS) == "true"


def _assumed(name: str) -> Json:
    return {
        "metadata": {"name": name},
        "provisioner": "pyk8s.io/simulated",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
