"""Reads the scripts of `tests/scripts/scheduler`; the grammar is in the README beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pyk8s.core.scheduler_interface import Decision, SchedulerEngine

Json = dict[str, Any]
SCRIPTS = sorted((Path(__file__).parents[2] / "scripts" / "scheduler").glob("*.txt"))
START_S = 1000.0
ZONE = "topology.kubernetes.io/zone"
DOTTED = ("select.", "prefer.", "label.", "spread.", "near.", "apart.")


def run(path: Path, engine: SchedulerEngine) -> int:
    """Run one script; returns the number of outcomes it checked."""
    script = Script(engine)
    checked_count = 0
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        command, arrow, expected = line.partition(" -> ")
        outcome = script.answer(command.split())
        if arrow:
            assert outcome == expected, f"{path.name}:{number}: {command}"
            checked_count += 1
    return checked_count


class Script:
    def __init__(self, engine: SchedulerEngine) -> None:
        self.engine = engine
        self.now_s = START_S
        engine.advance(START_S)

    def answer(self, words: list[str]) -> str:
        command, *rest = words
        for word in [w for w in rest if w.startswith("@")]:
            self.now_s = float(word[1:])
            rest.remove(word)
        pairs = [tuple(word.split("=", 1)) for word in rest[1:]]
        match command:
            case "node":
                self.engine.set_node(json.dumps(node(rest[0], pairs)).encode())
            case "remove-node":
                self.engine.remove_node(rest[0])
            case "pod":
                self.engine.set_pod(json.dumps(pod(rest[0], pairs)).encode())
            case "remove-pod":
                self.engine.remove_pod(f"default/{rest[0]}")
            case "class" | "volume" | "claim":
                kind, make = OBJECTS[command]
                self.engine.set_object(kind, json.dumps(make(rest[0], dict(pairs))).encode())
            case "forget":
                return "yes" if self.engine.forget(f"default/{rest[0]}") else "no"
            case "advance":
                self.engine.advance(self.now_s)
            case "schedule":
                decision = self.engine.schedule_one(self.now_s)
                return told(decision) if decision else "none"
            case "schedule-all":
                return "; ".join(told(decision) for decision in self.engine.schedule(self.now_s, 1000))
            case "deadline":
                deadline_s = self.engine.next_deadline_s()
                return "none" if deadline_s is None else f"{deadline_s:g}"
            case "counts":
                return " ".join(f"{name}={count}" for name, count in self.engine.counts().items())
            case _:
                raise AssertionError(f"no command {command}")
        return ""


def told(decision: Decision) -> str:
    match decision.outcome:
        case "scheduled":
            return f"{decision.name} on {decision.node_name}"
        case "skipped" | "error":
            return f"{decision.name} {decision.outcome} {decision.message}"
    return f"{decision.name} unschedulable [{' '.join(decision.plugins)}] {decision.message}"


def node(name: str, pairs: list[Any]) -> Json:
    allocatable = {"cpu": "8", "memory": "32Gi", "pods": "110"}
    labels, taints, spec = {}, [], {}
    for key, value in pairs:
        if key == "zone":
            labels[ZONE] = value
        elif key == "unschedulable":
            spec["unschedulable"] = True
        elif key == "taint":
            parts = value.split(":")
            taints.append({"key": parts[0], "value": parts[1], "effect": parts[2]})
        elif key.startswith("label."):
            labels[key.removeprefix("label.")] = value
        else:
            allocatable[key] = value
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {**spec, "taints": taints},
        "status": {"allocatable": allocatable},
    }


def pod(name: str, pairs: list[Any]) -> Json:
    metadata: Json = {"name": name, "namespace": "default"}
    spec: Json = {"tolerations": [], "schedulingGates": [], "nodeSelector": {}}
    requests, ports, preferred, status, affinity = {}, [], [], {}, {}
    for key, value in pairs:
        match key.split(".")[0] if key.startswith(DOTTED) else key:
            case "node":
                spec["nodeName"] = value
            case "priority":
                spec["priority"] = int(value)
            case "port":
                ports.append({"hostPort": int(value), "containerPort": int(value)})
            case "tolerate":
                tolerated, effect = value.split(":")
                spec["tolerations"].append({"key": tolerated, "operator": "Exists", "effect": effect})
            case "gate":
                spec["schedulingGates"].append({"name": value})
            case "deleted":
                metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
            case "phase":
                status["phase"] = value
            case "claim":
                using = {"name": value, "persistentVolumeClaim": {"claimName": value}}
                spec.setdefault("volumes", []).append(using)
            case "select":
                spec["nodeSelector"][key.partition(".")[2]] = value
            case "prefer":
                term = {"matchExpressions": [{"key": key.partition(".")[2], "operator": "In", "values": [value]}]}
                preferred.append({"weight": 1, "preference": term})
            case "label":
                metadata.setdefault("labels", {})[key.partition(".")[2]] = value
            case "spread":
                skew, _, selected = value.partition(":")
                constraint = {"maxSkew": int(skew), "whenUnsatisfiable": "DoNotSchedule", **matching(key, selected)}
                spec.setdefault("topologySpreadConstraints", []).append(constraint)
            case "near":
                affinity["podAffinity"] = {"requiredDuringSchedulingIgnoredDuringExecution": [matching(key, value)]}
            case "apart":
                affinity["podAntiAffinity"] = {"requiredDuringSchedulingIgnoredDuringExecution": [matching(key, value)]}
            case _:
                requests[key] = value
    spec["containers"] = [{"name": "c", "resources": {"requests": requests}, "ports": ports}]
    affinity["nodeAffinity"] = {"preferredDuringSchedulingIgnoredDuringExecution": preferred}
    return {"metadata": metadata, "spec": {**spec, "affinity": affinity}, "status": status}


def matching(key: str, selected: str) -> Json:
    """`WORD.TOPOLOGY` and `KEY:VALUE` as a topology key and a label selector."""
    topology, (label, _, value) = key.partition(".")[2], selected.partition(":")
    return {"topologyKey": ZONE if topology == "zone" else topology, "labelSelector": {"matchLabels": {label: value}}}


def storage_class(name: str, pairs: dict[str, str]) -> Json:
    provisioner = pairs.get("provisioner", "kubernetes.io/no-provisioner")
    mode = pairs.get("mode", "WaitForFirstConsumer")
    return {"metadata": {"name": name}, "provisioner": provisioner, "volumeBindingMode": mode}


def volume(name: str, pairs: dict[str, str]) -> Json:
    capacity = {"storage": pairs.get("size", "1Gi")}
    spec: Json = {"accessModes": ["ReadWriteOnce"], "storageClassName": "c", "capacity": capacity}
    if "on" in pairs:
        term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [pairs["on"]]}]}
        spec["nodeAffinity"] = {"required": {"nodeSelectorTerms": [term]}}
    if "claim" in pairs:
        spec["claimRef"] = {"namespace": "default", "name": pairs["claim"]}
    labels = {ZONE: pairs["zone"]} if "zone" in pairs else {}
    status = {"phase": "Bound" if "claim" in pairs else "Available"}
    return {"metadata": {"name": name, "labels": labels}, "spec": spec, "status": status}


def claim(name: str, pairs: dict[str, str]) -> Json:
    requests = {"storage": pairs.get("size", "1Gi")}
    spec: Json = {"accessModes": [pairs.get("access", "ReadWriteOnce")], "storageClassName": "c"}
    meta: Json = {"name": name, "namespace": "default"}
    if "volume" in pairs:
        spec["volumeName"] = pairs["volume"]
        meta["annotations"] = {"pv.kubernetes.io/bind-completed": "yes"}
    return {"metadata": meta, "spec": {**spec, "resources": {"requests": requests}}}


OBJECTS = {
    "class": ("StorageClass", storage_class),
    "volume": ("PersistentVolume", volume),
    "claim": ("PersistentVolumeClaim", claim),
}
