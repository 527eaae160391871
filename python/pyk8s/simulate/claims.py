"""Claims and volumes of a simulation: what a scheduled pod's PreBind writes, and the provisioner that answers.

Always true: a claim is bound as soon as it can be: at once, or when its first pod has got a node. A volume that is
made here belongs to the zone of that node, as a cloud's disks do.
Not here: whether a pod's claims allow a node (the engine), deleting volumes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from pyk8s import core
from pyk8s.core.scheduler_interface import SchedulerEngine
from pyk8s.simulate.nodes import ZONE_LABEL

Json = dict[str, Any]

SELECTED_NODE = "volume.kubernetes.io/selected-node"
BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
NO_PROVISIONER = "kubernetes.io/no-provisioner"
CLAIM, VOLUME, CLASS = "PersistentVolumeClaim", "PersistentVolume", "StorageClass"
KEPT = (CLAIM, VOLUME, CLASS, "ResourceClaim")


class Claims:
    """The objects that binding changes, by (kind, key); every change goes to the engine."""

    def __init__(self, engine: SchedulerEngine, objects: Iterable[tuple[str, bytes]]) -> None:
        self._engine = engine
        self._objects = {(kind, _key(obj)): obj for kind, obj in _decoded(objects)}

    def begin(self) -> None:
        """Bind what need not wait for a pod."""
        for kind, key in list(self._objects):
            if kind == CLAIM:
                self._bind_at_once(self._objects[kind, key])

    def find(self, kind: str, key: str) -> Json | None:
        """A claim, volume or class as it is now."""
        return self._objects.get((kind, key))

    def add(self, claim: Json) -> None:
        """A claim of a StatefulSet's pod, unless it is there from an earlier pod of that name."""
        if (CLAIM, _key(claim)) not in self._objects:
            self._set(CLAIM, claim)
            self._bind_at_once(claim)

    def write(self, writes: bytes, zone: str) -> None:
        """Carry out a decision's writes. ``zone``: of the chosen node."""
        for write in orjson.loads(writes):
            key = f"{write['namespace']}/{write['name']}" if write["namespace"] else write["name"]
            old = self._objects.get((write["kind"], key))
            if old is None:
                continue
            new = orjson.loads(core.merge_patch(orjson.dumps(old), orjson.dumps(write["patch"])))
            self._set(write["kind"], new)
            if write["kind"] == CLAIM and SELECTED_NODE in (new["metadata"].get("annotations") or {}):
                self._provision(new, zone)
            elif write["kind"] == VOLUME:
                self._bind(new)

    def _bind_at_once(self, claim: Json) -> None:
        """A claim whose class does not wait for a pod gets a volume, if the class makes any."""
        found = self._class_of(claim)
        waits = found is not None and found.get("volumeBindingMode") == "WaitForFirstConsumer"
        is_made = found is not None and found.get("provisioner") != NO_PROVISIONER
        if is_made and not waits and not (claim.get("spec") or {}).get("volumeName"):
            self._provision(claim, "")

    def _class_of(self, claim: Json) -> Json | None:
        name = (claim.get("spec") or {}).get("storageClassName")
        return self._objects.get((CLASS, name)) if name else None

    def _provision(self, claim: Json, zone: str) -> None:
        spec, metadata = claim["spec"], claim["metadata"]
        namespace = metadata.get("namespace") or "default"
        volume: Json = {
            "metadata": {"name": f"pvc-{namespace}-{metadata['name']}"},
            "spec": {
                "capacity": dict((spec.get("resources") or {}).get("requests") or {}),
                "accessModes": spec.get("accessModes") or ["ReadWriteOnce"],
                "storageClassName": spec.get("storageClassName") or "",
                "claimRef": {"kind": CLAIM, "namespace": namespace, "name": metadata["name"]},
                "volumeMode": spec.get("volumeMode") or "Filesystem",
            },
        }
        if zone:
            term = {"matchExpressions": [{"key": ZONE_LABEL, "operator": "In", "values": [zone]}]}
            volume["spec"]["nodeAffinity"] = {"required": {"nodeSelectorTerms": [term]}}
        self._bind(volume)

    def _bind(self, volume: Json) -> None:
        """Both sides know each other, and say that they are bound."""
        reference = volume["spec"]["claimRef"]
        claim = self._objects.get((CLAIM, f"{reference['namespace']}/{reference['name']}"))
        if claim is None:
            return
        uid = claim["metadata"].get("uid", "")
        bound = {**volume["spec"], "claimRef": {**reference, "uid": uid}}
        self._set(VOLUME, {**volume, "spec": bound, "status": {"phase": "Bound"}})
        annotations = {**(claim["metadata"].get("annotations") or {}), BIND_COMPLETED: "yes"}
        metadata = {**claim["metadata"], "annotations": annotations}
        spec = {**claim["spec"], "volumeName": volume["metadata"]["name"]}
        self._set(CLAIM, {**claim, "metadata": metadata, "spec": spec, "status": {"phase": "Bound"}})

    def _set(self, kind: str, obj: Json) -> None:
        self._objects[kind, _key(obj)] = obj
        self._engine.set_object(kind, orjson.dumps(obj))


def _decoded(objects: Iterable[tuple[str, bytes]]) -> Iterable[tuple[str, Json]]:
    return ((kind, orjson.loads(obj)) for kind, obj in objects if kind in KEPT)


def _key(obj: Json) -> str:
    metadata = obj["metadata"]
    return f"{metadata['namespace']}/{metadata['name']}" if metadata.get("namespace") else str(metadata["name"])
