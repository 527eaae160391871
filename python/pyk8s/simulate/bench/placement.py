"""Where the pods of a store lie: how full each node is.

Always true: pods without a node count nowhere; the answer lists every node, the empty ones too.
Not here: whether they lie well (see `agreement`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from pyk8s.api.pod_resources import pod_requests
from pyk8s.api.quantity import Quantity
from pyk8s.core.interfaces import Store
from pyk8s.simulate.bench.kinds import NODES, PODS

Json = dict[str, Any]
PAGE_COUNT = 5_000


def values_under(store: Store, prefix: str, revision: int = 0) -> Iterator[bytes]:
    """Every object's JSON under a prefix, page by page, at one revision (0: now)."""
    at = revision or store.revision
    after = ""
    while True:
        page = store.range(prefix, start_after=after, limit=PAGE_COUNT, revision=at)
        for kv in page.items:
            yield kv.value
        if not page.more:
            return
        after = page.items[-1].key


def fill_of_nodes(store: Store) -> dict[str, Json]:
    """By node name: pods, cores requested, cores allocatable."""
    return fill_of((orjson.loads(one) for one in values_under(store, NODES.prefix)),
                   (orjson.loads(one) for one in values_under(store, PODS.prefix)))  # fmt: skip


def fill_of(nodes: Iterator[Json], pods: Iterator[Json]) -> dict[str, Json]:
    fill: dict[str, Json] = {}
    for node in nodes:
        allocatable = (node.get("status") or {}).get("allocatable") or {}
        fill[node["metadata"]["name"]] = {"pods": 0, "cpu": 0.0, "allocatable_cpu": _cores(allocatable.get("cpu"))}
    known: dict[bytes, float] = {}
    for pod in pods:
        row = fill.get((pod["spec"]).get("nodeName") or "")
        if row is None:
            continue
        # Pods of a benchmark are few of many: each distinct set of containers is added up once.
        shape = orjson.dumps([pod["spec"].get("containers"), pod["spec"].get("initContainers")])
        if shape not in known:
            known[shape] = _cores(pod_requests(pod["spec"]).get("cpu"))
        row["pods"] += 1
        row["cpu"] += known[shape]
    return fill


def _cores(quantity: Any) -> float:
    return 0.0 if quantity is None else Quantity.of(quantity).milli_value() / 1000
