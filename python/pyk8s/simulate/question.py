"""What a question (capacity, drain) is about: an export, a live cluster's objects, pools, an application.

Always true: what it makes is a plan without time: everything is there at once, nothing ends.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
from pydantic import ValidationError

from pyk8s.simulate.manifests import Manifests, read_manifests
from pyk8s.simulate.nodes import HOSTNAME_LABEL, POOL_LABEL, REGION_LABEL, ZONE_LABEL
from pyk8s.simulate.plan import Plan
from pyk8s.simulate.plan_builder import PlanBuilder
from pyk8s.simulate.problems import Problem, ScenarioError, problems_of
from pyk8s.simulate.scenario import Scenario
from pyk8s.simulate.scenario_cluster import Pool

Json = dict[str, Any]

POOLS_FOUND_MAX = 8
"""Kinds of nodes of an existing cluster that are taken as pools; the commonest ones."""
POOL_TEXT = re.compile(r"(?:(?P<name>[a-z0-9][-a-z0-9]*):)?(?P<amounts>[^@:]+)(?:@(?P<zones>[-a-z0-9,]+))?")
POOL_ALLOWED = "allowed: NAME:cpu=8,memory=32Gi[,RESOURCE=AMOUNT…][@ZONE,ZONE…]"


def question_plan(existing: Manifests, pools: Sequence[Pool], *, app: Sequence[Path] = (), seed: int = 0) -> Plan:
    """Raises ScenarioError."""
    scenario = Scenario.model_validate({"name": "question", "seed": seed, "cluster": {}})
    new = Manifests()
    for path in app:
        new.extend(read_manifests(path))
    builder = PlanBuilder(scenario, ", ".join(map(str, app)) or "cluster")
    builder.plan.pools = list(pools)
    builder.plan.warnings += [f"left out: {text}" for text in existing.ignored]
    builder.add_priority_classes([*existing.priority_classes, *new.priority_classes])
    builder.add_existing(existing)
    builder.add_new(new)
    plan = builder.finish()
    # Identity matters to the pods that are there already, and those have no duration.
    plan.workloads[:] = [replace(one, duration=None) if one.duration else one for one in plan.workloads]
    return plan


def parse_pool(text: str, number: int) -> Pool:
    """A pool of the command line, ``big:cpu=8,memory=32Gi@zone-a,zone-b``. Raises ScenarioError."""
    found = POOL_TEXT.fullmatch(text)
    pairs = [part.partition("=") for part in found["amounts"].split(",")] if found else []
    if not found or not all(equals and name for name, equals, _ in pairs):
        raise ScenarioError("--pool", [Problem("", f"{text!r} is no pool; {POOL_ALLOWED}")])
    pool = {
        "name": found["name"] or f"pool-{number}",
        "count": 0,
        "allocatable": {name: value for name, _, value in pairs},
        "zones": found["zones"].split(",") if found["zones"] else [],
    }
    return _checked(pool, "--pool")


def read_pools(path: Path) -> list[Pool]:
    """The pools of a scenario file, as what may be added. Raises ScenarioError."""
    from pyk8s.simulate.scenario_file import read_scenario

    return [pool.model_copy(update={"count": 0}) for pool in read_scenario(path).cluster.pools]


def pools_like(nodes: Sequence[Json]) -> list[Pool]:
    """The kinds of nodes that a cluster has: equal but for name, hostname and zone."""
    kinds: dict[bytes, tuple[int, Json, list[str]]] = {}
    for node in nodes:
        pool, zone = _pool_of(node)
        key = orjson.dumps(pool, option=orjson.OPT_SORT_KEYS)
        count, _, zones = kinds.get(key, (0, pool, []))
        kinds[key] = (count + 1, pool, zones if zone in zones or not zone else [*zones, zone])
    common = sorted(kinds.values(), key=lambda kind: -kind[0])[:POOLS_FOUND_MAX]
    return [
        _checked({**pool, "name": f"like-{number}", "zones": sorted(zones)}, "cluster")
        for number, (_, pool, zones) in enumerate(common, start=1)
    ]


def _pool_of(node: Json) -> tuple[Json, str]:
    labels = dict((node["metadata"].get("labels")) or {})
    zone = labels.pop(ZONE_LABEL, "")
    for name in (HOSTNAME_LABEL, REGION_LABEL, POOL_LABEL):
        labels.pop(name, None)
    taints = [
        {key: taint[key] for key in ("key", "value", "effect") if taint.get(key)}
        for taint in (node.get("spec") or {}).get("taints") or ()
        if not taint["key"].startswith("node.kubernetes.io/")
    ]
    allocatable = (node.get("status") or {}).get("allocatable") or {}
    return {"count": 0, "allocatable": allocatable, "labels": labels, "taints": taints}, zone


def _checked(pool: Json, source: str) -> Pool:
    try:
        return Pool.model_validate(pool)
    except ValidationError as error:
        raise ScenarioError(source, problems_of(error, Pool.model_json_schema(by_alias=True))) from error
