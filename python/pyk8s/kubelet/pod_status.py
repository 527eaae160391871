"""Pod status: phase, conditions and container statuses, as a kubelet derives them from its containers.

Always true: pure functions. A condition keeps its transition time while its status stays.
Not here: what moves the containers (see `pod_worker`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyk8s.api.clock import rfc3339
from pyk8s.kubelet.container import Container

Json = dict[str, Any]


def phase(containers: Sequence[Container], init_containers: Sequence[Container], *, policy: str, is_over: bool) -> str:
    """The pod's phase. ``policy`` is restartPolicy; ``is_over``: nothing will be started any more."""
    regular = [c for c in init_containers if not c.is_sidecar]
    if any(c.phase == "terminated" and c.exit_code for c in regular) and (policy == "Never" or is_over):
        return "Failed"
    if any(c.phase != "terminated" for c in regular) and not is_over:
        return "Pending"
    if any(c.phase == "waiting" and not c.container_id for c in containers):
        return "Failed" if is_over else "Pending"
    if any(c.phase == "running" for c in containers):
        return "Running"
    if is_over or all(c.phase == "terminated" for c in containers):
        is_success = all(c.phase == "terminated" and c.exit_code == 0 for c in containers)
        if is_over or policy == "Never" or (policy == "OnFailure" and is_success):
            return "Succeeded" if is_success else "Failed"
    return "Running"


def wanted_conditions(
    pod: Json, containers: Sequence[Container], init_containers: Sequence[Container], *, phase: str, has_network: bool
) -> list[Json]:
    """The conditions without their times, in a kubelet's order."""
    ended = {"Succeeded": "PodCompleted", "Failed": "PodFailed"}.get(phase, "")
    incomplete = [c.name for c in init_containers if not (c.phase == "terminated" or (c.is_sidecar and c.is_ready))]
    everyone = [*(c for c in init_containers if c.is_sidecar), *containers]
    unready = [c.name for c in everyone if not c.is_ready]
    wanted = [
        _condition("PodReadyToStartContainers", has_network and not ended),
        _condition("Initialized", not incomplete or bool(ended)),
        _condition("Ready", not unready and not ended),
        _condition("ContainersReady", not unready and not ended),
        _condition("PodScheduled", True),
    ]
    if ended:
        if phase == "Succeeded":
            wanted[1]["reason"] = ended
        for condition in wanted[2:4]:
            condition["reason"] = ended
    else:
        if incomplete:
            wanted[1] |= _why("ContainersNotInitialized", f"containers with incomplete status: {_listed(incomplete)}")
        if unready:
            for condition in wanted[2:4]:
                condition |= _why("ContainersNotReady", f"containers with unready status: {_listed(unready)}")
        elif message := _closed_gates(pod):
            wanted[2] = {"type": "Ready", "status": "False", **_why("ReadinessGatesNotReady", message)}
    return wanted


def _condition(kind: str, is_true: bool) -> Json:
    return {"type": kind, "status": "True" if is_true else "False"}


def _why(reason: str, message: str) -> Json:
    return {"reason": reason, "message": message}


def _listed(names: list[str]) -> str:
    return f"[{' '.join(names)}]"


def _closed_gates(pod: Json) -> str:
    """Why a readiness gate holds the pod back, "" when none does."""
    conditions = {c["type"]: c["status"] for c in (pod.get("status") or {}).get("conditions") or ()}
    messages = []
    for gate in pod["spec"].get("readinessGates") or ():
        kind = gate["conditionType"]
        status = conditions.get(kind)
        if status is None:
            messages.append(f'corresponding condition of pod readiness gate "{kind}" does not exist.')
        elif status != "True":
            messages.append(f'the status of pod readiness gate "{kind}" is not "True", but {status}')
    return ", ".join(messages)


def timed(wanted: Sequence[Json], known: Sequence[Json], *, generation: int, now_s: float) -> list[Json]:
    """The conditions with their times, taken over from the ``known`` ones where the status is the same."""
    before = {condition["type"]: condition for condition in known}
    now = rfc3339(now_s)
    result = []
    for condition in wanted:
        old = before.get(condition["type"], {})
        is_same = old.get("status") == condition["status"] and old.get("lastTransitionTime")
        times = {"lastProbeTime": None, "lastTransitionTime": old["lastTransitionTime"] if is_same else now}
        observed = {"observedGeneration": generation} if generation else {}
        result.append({**condition, **observed, **times})
    return result


def is_same_condition(a: Json, b: Json) -> bool:
    """Equal but for times."""
    names = ("type", "status", "reason", "message", "observedGeneration")
    return all(a.get(name) == b.get(name) for name in names)
