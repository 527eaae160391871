"""Replays a recorded scenario: says what the engine decides, then follows what was decided when it was recorded.

Always true: every decision is a dry run on the recorded state; the engine's own choices never change that state.
Not here: comparing the two (the recordings come with a checker), compiling configurations (passed in).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from pyk8s.core.scheduler_interface import SchedulerEngine

Json = dict[str, Any]
Compile = Callable[[Json, dict[str, bool]], bytes]
"""A KubeSchedulerConfiguration and feature gates, compiled for the engine."""

KINDS = {
    "namespaces": "Namespace",
    "services": "Service",
    "replicasets": "ReplicaSet",
    "statefulsets": "StatefulSet",
    "replicationcontrollers": "ReplicationController",
    "pvs": "PersistentVolume",
    "pvcs": "PersistentVolumeClaim",
    "storageclasses": "StorageClass",
    "csinodes": "CSINode",
    "csidrivers": "CSIDriver",
    "csistoragecapacities": "CSIStorageCapacity",
    "pdbs": "PodDisruptionBudget",
    "deviceclasses": "DeviceClass",
    "resourceslices": "ResourceSlice",
    "resourceclaims": "ResourceClaim",
}
START_S = 1_000_000_000.0
"""Virtual time at which a replay begins; recorded start times lie before or after as they were recorded."""
BATCH_MAX = 100_000


class Replay:
    """One scenario on one engine."""

    def __init__(self, scenario: Json, make_engine: Callable[[bytes], SchedulerEngine], compile_: Compile) -> None:
        self._scenario = scenario
        config = compile_(scenario["config"], scenario.get("featureGates") or {})
        self.engine = make_engine(config)
        self.engine.advance(START_S)
        self._objects: dict[tuple[str, str], Json] = {}
        self._pods: dict[str, Json] = {}
        cluster = scenario["cluster"]
        for plural in ("nodes", *KINDS, "pods"):
            for obj in cluster.get(plural) or []:
                self._set(plural, obj)

    def answers(self) -> Iterator[Json]:
        """One answer for each step, or for each pod of a batch in the order of the queue."""
        if "pending" in self._scenario:
            yield from self._batch()
            return
        for step in self._scenario["steps"]:
            for change in step.get("before") or []:
                self._change(change)
            yield self._group(step) if "podGroup" in step else self._step(step)

    def _set(self, plural: str, obj: Json) -> None:
        obj = _live(plural, obj)
        if plural == "nodes":
            self.engine.set_node(_bytes(obj))
        elif plural == "pods":
            self._pods[_key(obj)] = obj
            self.engine.set_pod(_bytes(obj))
        elif plural in KINDS:
            self._objects[plural, _key(obj)] = obj
            self.engine.set_object(KINDS[plural], _bytes(obj))

    def _remove(self, plural: str, key: str) -> None:
        if plural == "nodes":
            self.engine.remove_node(key)
        elif plural == "pods":
            pod = self._pods.pop(key, None)
            self.engine.remove_pod(_uid(pod) if pod else key)
        elif plural in KINDS:
            self._objects.pop((plural, key), None)
            self.engine.remove_object(KINDS[plural], key)

    def _change(self, change: Json) -> None:
        plural = change.get("kind", "pods")
        if change["op"] == "deleteTerminating":
            for pod in change["pods"]:
                self._remove("pods", pod if isinstance(pod, str) else _key(pod))
        elif change["op"] == "delete":
            name = change.get("name") or change["object"]["metadata"]["name"]
            namespace = change.get("namespace")
            self._remove(plural, f"{namespace}/{name}" if namespace else name)
        else:
            self._set(plural, change["object"])

    def _step(self, step: Json) -> Json:
        pod = self._pods[step["again"]] if "again" in step else _live("pods", step["pod"])
        if "again" in step:
            pod = _without_gates(pod, step)
        answer = self._decide(pod)
        force = step["force"]
        self._pods[_key(pod)] = pod
        if force["result"] == "gated" or (step.get("keep") and "chosen" not in force and "nominated" not in force):
            self.engine.set_pod(_bytes(pod))
            if not step.get("keep"):
                self._remove("pods", _key(pod))
            return answer
        if "nominated" in force:
            self._preempt(pod, force)
            if "chosen" in force:
                answer["retries"] = [self._decide(self._pods[_key(pod)])]
        if "chosen" in force:
            self._bind(step, self._pods[_key(pod)], force["chosen"])
        elif not step.get("keep"):
            self._remove("pods", _key(pod))
        return answer

    def _decide(self, pod: Json) -> Json:
        gates = pod["spec"].get("schedulingGates")
        if gates:
            return {"result": "gated", "chosen": None}
        return _answer(json.loads(self.engine.evaluate(_bytes(pod))))

    def _preempt(self, pod: Json, force: Json) -> None:
        """The victims go (at once, or in their own time); the preemptor is nominated."""
        for key in force["victims"]:
            victim = self._pods[key]
            if victim["spec"].get("terminationGracePeriodSeconds", 30) == 0:
                self._remove("pods", key)
            else:
                conditions = [{"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}]
                meta = {**victim["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}
                status = {**victim.get("status", {}), "conditions": conditions}
                self._set("pods", {**victim, "metadata": meta, "status": status})
        status = {**pod.get("status", {}), "nominatedNodeName": force["nominated"]}
        self._set("pods", {**pod, "status": status})

    def _bind(self, step: Json, pod: Json, node: str) -> None:
        spec = {**pod["spec"], "nodeName": node}
        status = {key: value for key, value in pod.get("status", {}).items() if key != "nominatedNodeName"}
        if step.get("running"):
            status |= {"phase": "Running", **step["running"]}
        self._bind_volumes(step, pod, node)
        self._allocate(step, pod)
        self._set("pods", {**pod, "spec": spec, "status": status})

    def _bind_volumes(self, step: Json, pod: Json, node: str) -> None:
        for claim_key, volume_name in (step.get("volumesBound") or {}).items():
            namespace = pod["metadata"].get("namespace", "default")
            key = claim_key if "/" in claim_key else f"{namespace}/{claim_key}"
            claim = self._objects["pvcs", key]
            volume = self._objects.get(("pvs", volume_name)) or self._provisioned(volume_name, claim, node)
            meta = claim["metadata"]
            reference = {"kind": "PersistentVolumeClaim", "namespace": meta["namespace"], "name": meta["name"]}
            bound = {**volume, "spec": {**volume["spec"], "claimRef": reference}, "status": {"phase": "Bound"}}
            self._set("pvs", bound)
            annotations = {**(meta.get("annotations") or {}), "pv.kubernetes.io/bind-completed": "yes"}
            self._set(
                "pvcs",
                {
                    **claim,
                    "metadata": {**meta, "annotations": annotations},
                    "spec": {**claim["spec"], "volumeName": volume_name},
                    "status": {"phase": "Bound"},
                },
            )

    def _provisioned(self, name: str, claim: Json, node: str) -> Json:
        """A volume that came into being on the chosen node."""
        terms = [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}]}]
        spec = claim["spec"]
        driver = self._objects["storageclasses", spec["storageClassName"]]["provisioner"]
        return {
            "metadata": {"name": name},
            "spec": {
                "capacity": spec["resources"]["requests"],
                "accessModes": spec.get("accessModes", []),
                "storageClassName": spec["storageClassName"],
                "csi": {"driver": driver, "volumeHandle": name},
                "nodeAffinity": {"required": {"nodeSelectorTerms": terms}},
            },
        }

    def _allocate(self, step: Json, pod: Json) -> None:
        """What the claims hold after the pod was bound, as recorded."""
        namespace = pod["metadata"].get("namespace", "default")
        for name, devices in (step.get("allocated") or {}).items():
            key = name if "/" in name else f"{namespace}/{name}"
            claim = self._objects["resourceclaims", key]
            results = [self._device(claim, device, i) for i, device in enumerate(devices)]
            node = step["force"]["chosen"]
            terms = [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}]
            allocation = {"devices": {"results": results}, "nodeSelector": {"nodeSelectorTerms": terms}}
            reserved = [*(claim.get("status") or {}).get("reservedFor", [])]
            reserved.append({"resource": "pods", "name": pod["metadata"]["name"], "uid": _uid(pod)})
            status = {"allocation": allocation, "reservedFor": reserved}
            if (claim.get("status") or {}).get("allocation"):
                status["allocation"] = claim["status"]["allocation"]
            self._set("resourceclaims", {**claim, "status": status})

    def _device(self, claim: Json, device: str, position: int) -> Json:
        pool, name = device.rsplit("/", 1)
        slices = [obj for (plural, _), obj in self._objects.items() if plural == "resourceslices"]
        driver = next(s["spec"]["driver"] for s in slices if s["spec"]["pool"]["name"] == pool)
        requests = claim["spec"]["devices"]["requests"]
        request = requests[min(position, len(requests) - 1)]["name"]
        return {"driver": driver, "pool": pool, "device": name, "request": request}

    def _group(self, step: Json) -> Json:
        """A PodGroup and its pods, all known before the scheduler may begin."""
        group = step["podGroup"]
        self._objects["podgroups", _key(group)] = group
        self.engine.set_object("PodGroup", _bytes(group))
        pods = {_key(pod): _live("pods", pod) for pod in step["pods"]}
        told = json.loads(self.engine.evaluate_group([_bytes(pod) for pod in pods.values()]))
        answer = {"result": told["result"], "pods": [_answer(each) for each in told["pods"]]}
        if step["force"]["result"] == "bound":
            answer["pods"] = [self._member(step, pods[placed["pod"]], placed) for placed in step["force"]["order"]]
        return answer

    def _member(self, step: Json, pod: Json, placed: Json) -> Json:
        """One pod of a group that was placed: those before it are where they were recorded."""
        answer = self._decide(pod)
        if "chosen" in placed:
            self._pods[_key(pod)] = pod
            self._bind(step, pod, placed["chosen"])
        return answer

    def _batch(self) -> Iterator[Json]:
        """Everything pending at once: the order in which the queue gives the pods out."""
        for pod in self._scenario["pending"]:
            self._set("pods", pod)
        decisions = self.engine.schedule(START_S + 1, BATCH_MAX)
        order = [f"{decision.namespace}/{decision.name}" for decision in decisions]
        for decision in decisions:
            self.engine.forget(decision.uid)
        for key in order:
            pod = self._pods[key]
            self._remove("pods", key)
            yield {"pod": key, **self._decide(pod)}
            force = self._scenario["force"][key]
            if "chosen" in force:
                self._bind({}, pod, force["chosen"])


def _answer(told: Json) -> Json:
    """`evaluate`'s answer in the checker's words."""
    nodes = told["feasible"]
    answer: Json = {"chosen": told["chosen"], "message": told["message"]}
    answer["filtered"] = {row["node"]: row["plugin"].split(",") for row in told["rejected"]}
    if told["final"]:
        answer["final"] = dict(zip(nodes, told["final"], strict=True))
        for name, rows in (("scores", told["weighted"]), ("raw", told["raw"])):
            answer[name] = {node: {plugin: row[i] for plugin, row in rows.items()} for i, node in enumerate(nodes)}
    preemption = told.get("preemption")
    if preemption and preemption.get("nominated"):
        answer["nominated"], answer["victims"] = preemption["nominated"], preemption["victims"]
    return answer


def _live(plural: str, obj: Json) -> Json:
    """An object as the API serves it: with a namespace where its kind has one, and a uid."""
    meta = dict(obj["metadata"])
    if plural in ("pods", "services", "replicasets", "statefulsets", "replicationcontrollers", "pvcs", "pdbs"):
        meta.setdefault("namespace", "default")
    if plural == "pods":
        meta.setdefault("uid", f"{meta['namespace']}/{meta['name']}")
    return {**obj, "metadata": meta}


def _without_gates(pod: Json, step: Json) -> Json:
    spec = dict(pod["spec"])
    if step.get("removeGates"):
        left = step.get("leftGates") or []
        spec["schedulingGates"] = [gate for gate in spec.get("schedulingGates", []) if gate["name"] in left]
    return {**pod, "spec": spec}


def _key(obj: Json) -> str:
    meta = obj["metadata"]
    return f"{meta['namespace']}/{meta['name']}" if meta.get("namespace") else str(meta["name"])


def _uid(obj: Json) -> str:
    return str(obj["metadata"].get("uid") or _key(obj))


def _bytes(obj: Json) -> bytes:
    return json.dumps(obj).encode()
