"""Decoding and defaulting: what one write of an object costs, and how fast the scheme is there."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from typing import Any

from pyk8s import _core, reference
from pyk8s.api.tables import scheme_tables

ROUNDS = 5
CALLS = 4_000
REFERENCE_CALLS = 100

CONFIG_MAP = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "c", "namespace": "default", "labels": {"app": "x"}},
    "data": {f"key{number}": "v" * 50 for number in range(9)},
}
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "p", "namespace": "default", "labels": {"app": "web", "tier": "front"}},
    "spec": {
        "containers": [
            {
                "name": "web",
                "image": "nginx:1.27",
                "ports": [{"containerPort": 80}],
                "env": [{"name": "A", "value": "b"}],
                "resources": {
                    "requests": {"cpu": "100m", "memory": "128Mi"},
                    "limits": {"cpu": "1", "memory": "256Mi"},
                },
                "livenessProbe": {"httpGet": {"port": 80, "path": "/healthz"}},
                "volumeMounts": [{"name": "data", "mountPath": "/data"}],
            }
        ],
        "volumes": [{"name": "data", "emptyDir": {}}, {"name": "config", "configMap": {"name": "c"}}],
        "tolerations": [{"key": "a", "operator": "Exists"}],
    },
}


def run() -> list[dict[str, Any]]:
    tables = scheme_tables()
    schemes = _core.Scheme(tables), reference.Scheme(tables)
    rows = [
        row("decode and default a ConfigMap of 0.7 KB", schemes, ("v1/ConfigMap", CONFIG_MAP), aim=10.0),
        row("decode and default a Pod", schemes, ("v1/Pod", POD), aim=40.0),
    ]
    built_ms = timed_s(lambda: _core.Scheme(tables), calls=3) * 1e3
    rows.append(entry("build the scheme", built_ms, "ms", 30.0))
    return rows


def row(name: str, schemes: tuple[Any, Any], case: tuple[str, dict[str, Any]], *, aim: float) -> dict[str, Any]:
    kind, value = case
    body = json.dumps(value).encode()
    engine_s, reference_s = (
        timed_s(lambda scheme=scheme: scheme.default(kind, scheme.decode_json(kind, body).value), calls=calls)
        for scheme, calls in zip(schemes, (CALLS, REFERENCE_CALLS), strict=True)
    )
    return entry(name, engine_s * 1e6, "µs", aim) | {"reference_ratio": reference_s / engine_s}


def entry(name: str, value: float, unit: str, aim: float) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit, "aim": aim, "better": "lower", "reference_ratio": None}


def timed_s(call: Callable[[], Any], *, calls: int) -> float:
    """Median over some rounds of the mean time of one call."""
    call()
    means = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(calls):
            call()
        means.append((time.perf_counter() - start) / calls)
    return statistics.median(means)
