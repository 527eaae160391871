"""Small clusters for tables of preemption, hints and groups."""

from __future__ import annotations

import json
from typing import Any

from pyk8s.core.scheduler_interface import Decision, SchedulerEngine

Json = dict[str, Any]
NOW_S = 1000.0


def node(name: str, *, cpu: str = "4", pods: str = "110", **spec: Any) -> Json:
    allocatable = {"cpu": cpu, "memory": "8Gi", "pods": pods}
    labels = {"kubernetes.io/hostname": name}
    return {"metadata": {"name": name, "labels": labels}, "spec": spec, "status": {"allocatable": allocatable}}


def pod(name: str, *, cpu: str = "1", priority: int = 0, on: str = "", **more: Any) -> Json:
    """``on``: the node that the pod is bound to. ``labels``, ``started``, ``nominated``, ``leaving``; others: spec."""
    metadata: Json = {"name": name, "namespace": "default", "labels": more.pop("labels", {"app": "a"})}
    status: Json = {}
    if started := more.pop("started", ""):
        status["startTime"] = f"2026-01-01T{started}Z"
    if nominated := more.pop("nominated", ""):
        status["nominatedNodeName"] = nominated
    if more.pop("leaving", False):
        metadata["deletionTimestamp"] = "2026-01-02T00:00:00Z"
        condition = {"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}
        status["conditions"] = [condition]
    containers = [{"name": "c", "resources": {"requests": {"cpu": cpu}}, "ports": more.pop("ports", [])}]
    spec: Json = {"containers": containers, "priority": priority, **more}
    if on:
        spec["nodeName"] = on
    return {"metadata": metadata, "spec": spec, "status": status}


def budget(name: str, *, allowed: int, disrupted: tuple[str, ...] = (), labels: Json | None = None) -> Json:
    selector = {"matchLabels": {"app": "a"} if labels is None else labels}
    status = {"disruptionsAllowed": allowed, "disruptedPods": dict.fromkeys(disrupted, "2026-01-01T00:00:00Z")}
    return {"metadata": {"name": name, "namespace": "default"}, "spec": {"selector": selector}, "status": status}


def group(name: str, min_count: int | None) -> Json:
    policy: Json = {"basic": {}} if min_count is None else {"gang": {"minCount": min_count}}
    return {"metadata": {"name": name, "namespace": "default"}, "spec": {"schedulingPolicy": policy}}


def encoded(obj: Json) -> bytes:
    return json.dumps(obj).encode()


class Cluster:
    """An engine with short ways to feed it. Pods' uids are namespace/name."""

    def __init__(self, engine: SchedulerEngine) -> None:
        self.engine = engine
        self.now_s = NOW_S
        engine.advance(NOW_S)

    def nodes(self, *nodes: Json) -> Cluster:
        for each in nodes:
            self.engine.set_node(encoded(each))
        return self

    def pods(self, *pods: Json) -> Cluster:
        for each in pods:
            self.engine.set_pod(encoded(each))
        return self

    def objects(self, kind: str, *objects: Json) -> Cluster:
        for each in objects:
            self.engine.set_object(kind, encoded(each))
        return self

    def gone(self, *names: str) -> Cluster:
        for name in names:
            self.engine.remove_pod(f"default/{name}")
        return self

    def evaluated(self, incoming: Json) -> Json:
        answer: Json = json.loads(self.engine.evaluate(encoded(incoming)))
        return answer

    def decide(self, *, after_s: float = 0.0) -> list[Decision]:
        """Every decision that is due."""
        self.now_s += after_s
        return list(self.engine.schedule(self.now_s, 1000))

    def placed(self, *, after_s: float = 0.0) -> dict[str, str]:
        """The pods that are due now, and their nodes ("" for those that stay)."""
        return {decision.name: decision.node_name for decision in self.decide(after_s=after_s)}

    def counts(self, *names: str) -> list[int]:
        counts = self.engine.counts()
        return [counts[name] for name in names]
