"""A small cluster on one engine, for tables of what pods among pods get.

Always true: nodes have plenty of room, so that only what a test is about decides.
Not here: the plugins' tables (see `test_scheduler_spread`, `test_scheduler_inter_pod_affinity`).
"""

from __future__ import annotations

import json
from typing import Any

from pyk8s.core.scheduler_interface import SchedulerEngine

Json = dict[str, Any]

ZONE = "topology.kubernetes.io/zone"
HOSTNAME = "kubernetes.io/hostname"
ALLOCATABLE = {"cpu": "100", "memory": "100Gi", "pods": "500"}


class Cluster:
    def __init__(self, engine: SchedulerEngine) -> None:
        self.engine = engine
        self.pod_count = 0

    def node(self, name: str, zone: str | None = None, *, taint: str = "", **labels: str) -> None:
        """A node with its hostname, its zone and other labels; ``taint`` is the key of a NoSchedule one."""
        zones = {} if zone is None else {ZONE: zone}
        taints = [{"key": taint, "effect": "NoSchedule"}] if taint else []
        meta = {"name": name, "labels": {HOSTNAME: name, **zones, **labels}}
        body = {"metadata": meta, "spec": {"taints": taints}, "status": {"allocatable": ALLOCATABLE}}
        self.engine.set_node(json.dumps(body).encode())

    def pods(
        self, node: str, count: int = 1, *, namespace: str = "default", is_deleted: bool = False, **more: Any
    ) -> None:
        """Pods that run on the node; ``more`` is their spec, but ``labels`` and ``owner``."""
        for _ in range(count):
            self.pod_count += 1
            body = pod(f"bound-{self.pod_count}", namespace=namespace, nodeName=node, **more)
            if is_deleted:
                body["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
            self.engine.set_pod(json.dumps(body).encode())

    def object(self, kind: str, name: str, *, namespace: str = "", labels: Json | None = None, **spec: Any) -> None:
        meta = {"name": name, "labels": labels or {}, **({"namespace": namespace} if namespace else {})}
        self.engine.set_object(kind, json.dumps({"metadata": meta, "spec": spec}).encode())

    def wait(self, incoming: Json) -> None:
        """Let the pod be tried once, in vain; at most 100 s of the engine's time pass."""
        self.engine.set_pod(json.dumps(incoming).encode())
        (decision,) = self.engine.schedule(100.0)
        assert decision.outcome == "unschedulable"
        assert self.waiting_count == 1

    @property
    def waiting_count(self) -> int:
        """Pods that wait for something to happen; one that was woken does not any more."""
        return self.engine.counts()["unschedulable"]

    def evaluate(self, incoming: Json) -> Json:
        answer: Json = json.loads(self.engine.evaluate(json.dumps(incoming).encode()))
        return answer

    def feasible(self, incoming: Json) -> set[str]:
        return set(self.evaluate(incoming)["feasible"])

    def refused(self, incoming: Json) -> dict[str, tuple[str, str]]:
        """Node → (code, reason)."""
        rows = self.evaluate(incoming)["rejected"]
        return {row["node"]: (row["code"], ", ".join(row["reasons"])) for row in rows}

    def scores(self, incoming: Json, plugin: str, *, stage: str = "raw") -> dict[str, int] | None:
        """Node → score; None when the plugin had nothing to score."""
        answer = self.evaluate(incoming)
        row = answer[stage].get(plugin)
        return None if row is None else dict(zip(answer["feasible"], row, strict=True))


def pod(
    name: str = "p", *, namespace: str = "default", labels: Json | None = None, owner: Json | None = None, **spec: Any
) -> Json:
    meta = {"name": name, "namespace": namespace, "labels": labels or {}}
    if owner is not None:
        meta["ownerReferences"] = [{"controller": True, **owner}]
    return {"metadata": meta, "spec": {"containers": [{"name": "c"}], **spec}}


def selecting(**labels: str) -> Json:
    return {"matchLabels": labels}
