"""A whole cluster: how fast it is up, what it costs when idle, how fast a large Deployment runs."""

from __future__ import annotations

import json
import os
import ssl
import statistics
import time
import urllib.request
from pathlib import Path
from typing import Any

from clusters import Running, running

UP_RUNS = 5
IDLE_SETTLE_S = 5
IDLE_S = 10
REPLICAS, NODES = 1_000, 100
DEPLOYMENT_TIMEOUT_S = 120
POLL_S = 0.1


def run() -> list[dict[str, Any]]:
    rows = []
    ups = []
    for _ in range(UP_RUNS):
        with running(nodes=1) as cluster:
            ups.append(cluster.up_s)
    rows.append(row("pyk8s up to /readyz ok", statistics.median(ups), "s", 1.2))
    with running(nodes=1) as cluster:
        time.sleep(IDLE_SETTLE_S)
        before = cpu_s(cluster.pid)
        time.sleep(IDLE_S)
        idle = (cpu_s(cluster.pid) - before) / IDLE_S * 100
        rows.append(row("idle memory", memory_mb(cluster.pid), "MB", 150))
        rows.append(row("idle CPU", idle, "% of a core", 1))
    with running(nodes=NODES) as cluster:
        rows.append(row("Deployment of 1,000 replicas on 100 nodes, all Running", deployment_s(cluster), "s", 8))
    return rows


def row(name: str, value: float, unit: str, aim: float) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit, "aim": aim, "better": "lower", "reference_ratio": None}


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def deployment_s(cluster: Running) -> float:
    """Seconds from the create to the last pod Running, read from the Deployment's status."""
    wait_for(cluster, "/api/v1/nodes", lambda found: ready_nodes(found) == NODES)
    labels = {"app": "big"}
    container = {"name": "c", "image": "registry.k8s.io/pause:3.10", "resources": {"requests": {"cpu": "10m"}}}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": REPLICAS, "selector": {"matchLabels": labels}, "template": template}
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "big"}, "spec": spec}
    begin = time.perf_counter()
    call(cluster, "POST", "/apis/apps/v1/namespaces/default/deployments", body)
    path = "/apis/apps/v1/namespaces/default/deployments/big"
    wait_for(cluster, path, lambda found: found.get("status", {}).get("readyReplicas") == REPLICAS)
    return time.perf_counter() - begin


def ready_nodes(found: dict) -> int:
    def is_ready(node: dict) -> bool:
        conditions = node.get("status", {}).get("conditions", [])
        return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)

    return sum(1 for node in found["items"] if is_ready(node) and not node["spec"].get("taints"))


def wait_for(cluster: Running, path: str, is_met: Any) -> None:
    end = time.perf_counter() + DEPLOYMENT_TIMEOUT_S
    while not is_met(found := call(cluster, "GET", path)):
        assert time.perf_counter() < end, f"{path} did not get there: {json.dumps(found)[:500]}"
        time.sleep(POLL_S)


def call(cluster: Running, method: str, path: str, body: dict | None = None) -> dict:
    target = cluster.target
    url = f"https://{target.host}:{target.port}{path}"
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {target.token}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, data=data, method=method, headers=headers)
    context = ssl.create_default_context(cafile=str(target.ca))
    with urllib.request.urlopen(request, context=context) as answer:
        return json.load(answer)
