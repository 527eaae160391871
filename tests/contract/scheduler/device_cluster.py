"""A small cluster with devices and claims, for the tables about them."""

from __future__ import annotations

import json
from typing import Any

from pyk8s.core.scheduler_interface import SchedulerEngine

Json = dict[str, Any]
Engine = type[SchedulerEngine]

DRIVER = "gpu.example.com"
NOT_ALLOCATED = ["cannot allocate all claims"]


def device(name: str, memory: str = "40Gi", **attributes: Any) -> Json:
    """``attributes``: name → {kind: value}; a double underscore stands for a domain of its own."""
    named = {name.replace("__", ".example.com/"): value for name, value in attributes.items()}
    return {"name": name, "attributes": named, "capacity": {"memory": {"value": memory}}}


def model(name: str) -> Json:
    return {"string": name}


def request(name: str = "r", *selectors: str, **more: Any) -> Json:
    return {"name": name, "exactly": exactly(*selectors, **more)}


def exactly(*selectors: str, **more: Any) -> Json:
    return {"deviceClassName": "gpu", "selectors": [{"cel": {"expression": text}} for text in selectors], **more}


def pod(name: str = "p", *claims: str, **status: Any) -> Json:
    wanted = [{"name": f"d{i}", "resourceClaimName": claim} for i, claim in enumerate(claims)]
    spec = {"containers": [{"name": "c"}], "resourceClaims": wanted}
    return {"metadata": {"name": name, "namespace": "default", "uid": name}, "spec": spec, "status": status}


class Cluster:
    """Nodes a, b and c; what devices they have is up to the test."""

    def __init__(self, engine: SchedulerEngine) -> None:
        self.engine = engine
        for name in ("a", "b", "c"):
            body = {
                "metadata": {"name": name, "labels": {"rack": name}},
                "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "20"}},
            }
            engine.set_node(json.dumps(body).encode())
        selector = {"cel": {"expression": f'device.driver == "{DRIVER}"'}}
        self.put("DeviceClass", {"metadata": {"name": "gpu"}, "spec": {"selectors": [selector]}})

    def put(self, kind: str, obj: Json) -> None:
        self.engine.set_object(kind, json.dumps(obj).encode())

    def devices(self, node: str, *devices: Json, **more: Any) -> None:
        """A slice of the node; ``more`` says otherwise (nodeSelector, allNodes, pool, slice)."""
        pool = {"name": node, "generation": 1, "resourceSliceCount": 1, **more.pop("pool", {})}
        name = more.pop("slice", f"slice-{pool['name']}")
        where = more or {"nodeName": node}
        spec = {"driver": DRIVER, "pool": pool, "devices": list(devices), **where}
        self.put("ResourceSlice", {"metadata": {"name": name}, "spec": spec})

    def claim(
        self, name: str, *requests: Json, status: Json | None = None, meta: Json | None = None, **more: Any
    ) -> None:
        body: Json = {"metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}", **(meta or {})}}
        body |= {"spec": {"devices": {"requests": list(requests) or [request()], **more}}}
        if status is not None:
            body["status"] = status
        self.put("ResourceClaim", body)

    def evaluate(self, incoming: Json) -> Json:
        answer: Json = json.loads(self.engine.evaluate(json.dumps(incoming).encode()))
        return answer

    def feasible(self, *claims: str) -> list[str]:
        feasible: list[str] = self.evaluate(pod("p", *claims))["feasible"]
        return feasible

    def place(self, *claims: str, name: str = "p") -> tuple[str, list[Json]]:
        """Schedule a pod: its node, and what is to be written."""
        self.engine.set_pod(json.dumps(pod(name, *claims)).encode())
        decision = self.engine.schedule_one(100.0)
        assert decision is not None and decision.outcome == "scheduled", decision and decision.message
        return decision.node_name, json.loads(decision.writes or b"[]")

    def picked(self, *claims: str) -> list[str]:
        """Schedule a pod: the devices it gets, with their requests."""
        _, writes = self.place(*claims)
        allocations = [write["patch"]["status"]["allocation"] for write in writes if "status" in write["patch"]]
        results = [result for allocation in allocations for result in allocation["devices"]["results"]]
        return [f"{result['request']}={result['pool']}/{result['device']}" for result in results]
