"""Claims, volumes and what belongs to them, as short calls; and an engine's view of a pod that uses them."""

from __future__ import annotations

import json
from typing import Any

from pyk8s.core.scheduler_interface import SchedulerEngine

Json = dict[str, Any]

ZONE = "topology.kubernetes.io/zone"
ALLOCATABLE = {"cpu": "4", "memory": "8Gi", "pods": "10"}
BOUND = {"pv.kubernetes.io/bind-completed": "yes"}


def node(name: str = "n", **labels: str) -> Json:
    return {"metadata": {"name": name, "labels": labels}, "status": {"allocatable": ALLOCATABLE}}


def pod(name: str = "p", *volumes: Json, node_name: str = "", priority: int = 0) -> Json:
    spec: Json = {"containers": [{"name": "c"}], "volumes": list(volumes), "priority": priority}
    if node_name:
        spec["nodeName"] = node_name
    return {"metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}"}, "spec": spec}


def using(*claims: str) -> list[Json]:
    """A pod's volumes, one for each claim."""
    return [{"name": f"v-{claim}", "persistentVolumeClaim": {"claimName": claim}} for claim in claims]


def claim(name: str, volume: str = "", *, class_name: str = "c", size: str = "1Gi", **more: Any) -> Json:
    """Bound when it has a volume. ``more``: fields of the spec; ``meta`` and ``status`` in full."""
    meta = {"name": name, "namespace": "default", "uid": f"uid-{name}", "resourceVersion": "7"}
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    if class_name:
        spec["storageClassName"] = class_name
    if volume:
        spec["volumeName"] = volume
        meta["annotations"] = BOUND
    meta |= more.pop("meta", {})
    return {"metadata": meta, "status": more.pop("status", {}), "spec": {**spec, **more}}


def volume(name: str, size: str = "1Gi", *, class_name: str = "c", labels: Json | None = None, **more: Any) -> Json:
    """Available unless it names a claim. ``more``: fields of the spec; ``meta`` in full."""
    spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": class_name, "capacity": {"storage": size}, **more}
    phase = "Bound" if "claimRef" in more else "Available"
    meta = {"name": name, "uid": f"uid-{name}", "resourceVersion": "3", "labels": labels or {}}
    return {"metadata": meta, "spec": spec, "status": {"phase": phase}}


def on(*names: str, key: str = "kubernetes.io/hostname") -> Json:
    """The node affinity of a volume."""
    expression = {"key": key, "operator": "In", "values": list(names)}
    return {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}}


def for_claim(name: str, uid: str = "") -> Json:
    return {"namespace": "default", "name": name, **({"uid": uid} if uid else {})}


def storage_class(name: str = "c", mode: str = "WaitForFirstConsumer", **more: Any) -> Json:
    made = {"metadata": {"name": name}, "provisioner": "kubernetes.io/no-provisioner", **more}
    return {**made, "volumeBindingMode": mode} if mode else made


def csi(driver: str, handle: str) -> Json:
    return {"driver": driver, "volumeHandle": handle}


def csi_node(name: str = "n", *, migrated: str = "", **limits: int) -> Json:
    drivers = [{"name": driver, "allocatable": {"count": count}} for driver, count in limits.items()]
    annotations = {"storage.alpha.kubernetes.io/migrated-plugins": migrated} if migrated else {}
    return {"metadata": {"name": name, "annotations": annotations}, "spec": {"drivers": drivers}}


def attachment(name: str, volume_name: str, node_name: str = "n", driver: str = "d") -> Json:
    source = {"persistentVolumeName": volume_name}
    return {"metadata": {"name": name}, "spec": {"attacher": driver, "nodeName": node_name, "source": source}}


def capacity(name: str, size: str, *, class_name: str = "c", **more: Any) -> Json:
    meta = {"name": name, "namespace": "default"}
    return {"metadata": meta, "storageClassName": class_name, "capacity": size, "nodeTopology": {}, **more}


def driver_of_limited_capacity(name: str = "d", *, is_limited: bool = True) -> Json:
    return {"metadata": {"name": name}, "spec": {"storageCapacity": is_limited}}


def fill(engine: SchedulerEngine, nodes: list[Json], **objects: list[Json]) -> SchedulerEngine:
    """``objects``: lists by kind."""
    for each in nodes:
        engine.set_node(json.dumps(each).encode())
    for kind, those in objects.items():
        for obj in those:
            engine.set_object(kind, json.dumps(obj).encode())
    return engine


def evaluated(engine: SchedulerEngine, incoming: Json) -> Json:
    answer: Json = json.loads(engine.evaluate(json.dumps(incoming).encode()))
    return answer


def refusals(answer: Json) -> dict[str, tuple[str, str, list[str]]]:
    """(plugin, code, reasons) by node."""
    return {row["node"]: (row["plugin"], row["code"], row["reasons"]) for row in answer["rejected"]}
