"""The pod row: readiness, the one word of status, restarts, placement.

Always true: the order of the status rules is kube-apiserver's; later rules overwrite earlier ones.
"""

from __future__ import annotations

from typing import Any

from pyk8s_server.apiserver.interfaces import Json
from pyk8s_server.apiserver.registry.printers.text import age, condition, name_of, or_none, since

NODE_LOST = "NodeLost"
COMPLETED = {
    "Succeeded": "The pod has completed successfully.",
    "Failed": "The pod failed.",
}


def conditions(obj: Json) -> list[Json]:
    """The row condition that lets kubectl tell finished pods."""
    phase = (obj.get("status") or {}).get("phase")
    if phase not in COMPLETED:
        return []
    return [{"type": "Completed", "status": "True", "reason": phase, "message": COMPLETED[phase]}]


def pod(obj: Json, now_s: float) -> list[Any]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    sidecars = {c["name"] for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"}
    total = len(spec.get("containers") or ()) + len(sidecars)
    reason, ready, restarts, last_restart = _summary(obj, sidecars)
    restart_text = str(restarts)
    if restarts and last_restart:
        restart_text = f"{restarts} ({since(last_restart, now_s)} ago)"
    ips = status.get("podIPs") or ()
    return [
        name_of(obj),
        f"{ready}/{total}",
        reason,
        restart_text,
        age(obj, now_s),
        or_none(ips[0].get("ip") if ips else status.get("podIP")),
        or_none(spec.get("nodeName")),
        or_none(status.get("nominatedNodeName")),
        _readiness_gates(obj),
    ]


def _summary(obj: Json, sidecars: set[str]) -> tuple[str, int, int, str]:
    """(status word, ready containers, restarts, newest restart time)."""
    status = obj.get("status") or {}
    reason = status.get("reason") or status.get("phase") or ""
    scheduled = condition(obj, "PodScheduled")
    if scheduled and scheduled.get("reason") == "SchedulingGated":
        reason = "SchedulingGated"
    initializing, ready, restarts, last = _init(obj, sidecars)
    if initializing:
        reason = initializing
    if not initializing or _is_true(obj, "Initialized"):
        statuses = status.get("containerStatuses") or ()
        sidecar_last = max(
            (_finished(s) for s in status.get("initContainerStatuses") or () if s["name"] in sidecars), default=""
        )
        sidecar_restarts = sum(
            s.get("restartCount", 0) for s in status.get("initContainerStatuses") or () if s["name"] in sidecars
        )
        restarts = sidecar_restarts + sum(s.get("restartCount", 0) for s in statuses)
        last = max([sidecar_last, *(_finished(s) for s in statuses)])
        ready += sum(1 for s in statuses if s.get("ready") and "running" in (s.get("state") or {}))
        reason = _containers_reason(obj, reason)
    return _deletion_reason(obj, reason), ready, restarts, last


def _init(obj: Json, sidecars: set[str]) -> tuple[str, int, int, str]:
    """(the Init: word or "", ready sidecars, restarts, newest restart time) of the init containers."""
    statuses = (obj.get("status") or {}).get("initContainerStatuses") or ()
    total = len((obj.get("spec") or {}).get("initContainers") or ())
    ready = restarts = 0
    last = ""
    for index, one in enumerate(statuses):
        restarts += one.get("restartCount", 0)
        last = max(last, _finished(one))
        state = one.get("state") or {}
        terminated, waiting = state.get("terminated"), state.get("waiting")
        if terminated is not None and terminated.get("exitCode", 0) == 0:
            continue
        if one["name"] in sidecars and one.get("started"):
            ready += 1 if one.get("ready") else 0
            continue
        if terminated is not None:
            return f"Init:{terminated.get('reason') or _exit_word(terminated)}", ready, restarts, last
        if waiting and waiting.get("reason") not in (None, "", "PodInitializing"):
            return f"Init:{waiting['reason']}", ready, restarts, last
        return f"Init:{index}/{total}", ready, restarts, last
    return "", ready, restarts, last


def _containers_reason(obj: Json, reason: str) -> str:
    has_running = False
    for one in reversed((obj.get("status") or {}).get("containerStatuses") or ()):
        state = one.get("state") or {}
        waiting, terminated = state.get("waiting"), state.get("terminated")
        if waiting and waiting.get("reason"):
            reason = waiting["reason"]
        elif terminated is not None:
            reason = terminated.get("reason") or _exit_word(terminated)
        elif one.get("ready") and "running" in state:
            has_running = True
    if reason == "Completed" and has_running:
        return "Running" if _is_true(obj, "Ready") else "NotReady"
    return reason


def _deletion_reason(obj: Json, reason: str) -> str:
    if not (obj.get("metadata") or {}).get("deletionTimestamp"):
        return reason
    if (obj.get("status") or {}).get("reason") == NODE_LOST:
        return "Unknown"
    phase = (obj.get("status") or {}).get("phase")
    return reason if phase in COMPLETED else "Terminating"


def _exit_word(terminated: Json) -> str:
    if terminated.get("signal"):
        return f"Signal:{terminated['signal']}"
    return f"ExitCode:{terminated.get('exitCode', 0)}"


def _finished(status: Json) -> str:
    """When the container's last run ended, "" for never; RFC 3339 in UTC sorts as text."""
    return str(((status.get("lastState") or {}).get("terminated") or {}).get("finishedAt") or "")


def _is_true(obj: Json, kind: str) -> bool:
    found = condition(obj, kind)
    return found is not None and found.get("status") == "True"


def _readiness_gates(obj: Json) -> str:
    gates = (obj.get("spec") or {}).get("readinessGates") or ()
    if not gates:
        return "<none>"
    passed = sum(1 for gate in gates if _is_true(obj, gate.get("conditionType", "")))
    return f"{passed}/{len(gates)}"


ROWS = {"Pod": pod}
