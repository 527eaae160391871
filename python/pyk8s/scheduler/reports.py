"""What is told about a pod: the PodScheduled condition and the events, in kube-scheduler's words.

Always true: pure functions; a condition keeps its transition time while its status stays.
Not here: writing them (see `scheduler`).
"""

from __future__ import annotations

from typing import Any

from pyk8s.api.clock import rfc3339
from pyk8s.scheduler.binding_cycle import NotPermitted
from pyk8s.scheduler.foreign import PluginError
from pyk8s.scheduler.pre_bind import PreBindError

Json = dict[str, Any]

NOTE_LENGTH_MAX = 1024
NOTE_CUT = " ..."

UNSCHEDULABLE = "Unschedulable"
SCHEDULER_ERROR = "SchedulerError"


def scheduled_message(namespace: str, name: str, node_name: str) -> str:
    return f"Successfully assigned {namespace}/{name} to {node_name}"


def note(message: str) -> str:
    """The message as an event may hold it."""
    if len(message) <= NOTE_LENGTH_MAX:
        return message
    return message[: NOTE_LENGTH_MAX - len(NOTE_CUT)] + NOTE_CUT


def failure(error: Exception) -> tuple[str, str]:
    """Reason and message when a pod that had a node could not be bound to it."""
    if isinstance(error, NotPermitted):
        return UNSCHEDULABLE, str(error)
    if isinstance(error, PluginError):
        return SCHEDULER_ERROR, str(error)
    if isinstance(error, PreBindError):
        return SCHEDULER_ERROR, f"binding rejected: {error}"
    return SCHEDULER_ERROR, f'binding rejected: running Bind plugin "DefaultBinder": {error}'


def condition(pod: Json, *, reason: str, message: str, now_s: float) -> Json | None:
    """The PodScheduled=False condition to write, None when the pod has it already."""
    known: Json = next(
        (c for c in (pod.get("status") or {}).get("conditions") or () if c["type"] == "PodScheduled"), {}
    )
    generation = pod["metadata"].get("generation")
    wanted: Json = {"type": "PodScheduled", "status": "False", "reason": reason, "message": message}
    if generation:
        wanted["observedGeneration"] = generation
    if all(known.get(name) == value for name, value in wanted.items()):
        return None
    is_same_status = known.get("status") == "False"
    wanted["lastProbeTime"] = None
    wanted["lastTransitionTime"] = known.get("lastTransitionTime") if is_same_status else rfc3339(now_s)
    return wanted
