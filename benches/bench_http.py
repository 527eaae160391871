"""The API server over HTTPS with a bearer token, 32 connections, the client on the same machine.

The API server runs alone, as kube-apiserver does where its figures were taken: no controller watches along.
"""

from __future__ import annotations

import json
import statistics
from typing import Any

import load
from clusters import running
from load import Target

CONNECTIONS = 32
GETS = 400
CREATES = 60
LISTS = 60
RUNS = 5
OBJECTS = 13_000
VALUE = "x" * 520
"""Makes a ConfigMap of about 0.7 KB as stored."""


def config_map(name: str, labels: dict[str, str] | None = None) -> bytes:
    meta = {"name": name, "labels": labels or {"app": "bench"}}
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"value": VALUE}}).encode()


PATH = "/api/v1/namespaces/default/configmaps"


def run() -> list[dict[str, Any]]:
    with running(is_api_only=True) as cluster:
        target = cluster.target
        create = statistics.median(measure(target, creates(n), 201) for n in range(RUNS))
        get = statistics.median(measure(target, gets, 200) for _ in range(RUNS))
        fill(target)
        listing = statistics.median(measure(target, lists, 200) for _ in range(RUNS))
    return [
        row("HTTPS GET, 32 connections", get, 7_000),
        row("HTTPS create ConfigMap of 0.7 KB, 32 connections", create, 3_400),
        row("HTTPS label-selected list, limit 100, among 13,000", listing, 2_500),
    ]


def row(name: str, value: float, aim: float) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": "/s", "aim": aim, "better": "higher", "reference_ratio": None}


def measure(target: Target, make: Any, expected: int) -> float:
    rate, statuses = load.run(target, make, connections=CONNECTIONS)
    assert set(statuses) == {expected}, f"answers by status: {statuses}"
    return rate


def creates(number: int) -> Any:
    def make(target: Target, connection: int) -> list[bytes]:
        names = (f"c-{number}-{connection}-{i}" for i in range(CREATES))
        return [target.request("POST", PATH, config_map(name)) for name in names]

    return make


def gets(target: Target, connection: int) -> list[bytes]:
    return [target.request("GET", f"{PATH}/c-0-{connection}-{i % CREATES}") for i in range(GETS)]


def lists(target: Target, connection: int) -> list[bytes]:
    return [
        target.request("GET", f"{PATH}?labelSelector=group%3Dg{(connection + i) % 20}&limit=100") for i in range(LISTS)
    ]


def fill(target: Target) -> None:
    """Bring the namespace to OBJECTS, of which every hundredth or so carries one of twenty group labels."""
    have = RUNS * CONNECTIONS * CREATES
    per_connection = max(OBJECTS - have, 2_000) // CONNECTIONS + 1

    def make(target: Target, connection: int) -> list[bytes]:
        made = []
        for i in range(per_connection):
            labels = {"app": "bench", "group": f"g{i % 20}"} if i % 10 < 5 else {"app": "bench"}
            made.append(target.request("POST", PATH, config_map(f"l-{connection}-{i}", labels)))
        return made

    load.run(target, make, connections=CONNECTIONS)
