"""How a node is, judged from its status and lease without I/O; and how a zone of nodes is.

Always true: only changes that we see ourselves count as signs of life, by our own clock; a node's clock is not trusted.
Not here: writing conditions and taints (see `node_lifecycle`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pyk8s.api.clock import rfc3339
from pyk8s.controllers.label_selector import labels_of
from pyk8s.controllers.pod_state import condition_of, created_s

Json = dict[str, Any]
ZoneState = Literal["Initial", "Normal", "PartialSegmentation", "FullSegmentation"]

GRACE_PERIOD_S = 50.0
STARTUP_GRACE_PERIOD_S = 60.0
MONITORED_CONDITIONS = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")

EVICTION_QPS = 0.1
REDUCED_EVICTION_QPS = 0.01
LARGE_ZONE_SIZE = 50
UNHEALTHY_SHARE = 0.55
UNHEALTHY_COUNT_MIN = 3
ZONE_LABEL = "topology.kubernetes.io/zone"
REGION_LABEL = "topology.kubernetes.io/region"


@dataclass(slots=True)
class Health:
    """What was last seen of a node, and when by our clock."""

    probe_s: float
    signs: tuple[object, ...] = ()

    def observe(self, node: Json, lease: Json | None, now_s: float) -> None:
        """Take note of any sign of life: a status written or a lease renewed since we last looked."""
        signs = signs_of_life(node, lease)
        if signs != self.signs:
            self.signs, self.probe_s = signs, now_s


def first_health(node: Json, lease: Json | None, now_s: float) -> Health:
    """The record of a node seen for the first time; one that never reported counts from its creation."""
    probe_s = now_s if condition_of(node, "Ready") is not None else created_s(node) or now_s
    return Health(probe_s, signs_of_life(node, lease))


def signs_of_life(node: Json, lease: Json | None) -> tuple[object, ...]:
    ready = condition_of(node, "Ready") or {}
    renewed = (lease or {}).get("spec", {}).get("renewTime")
    # Our own "Unknown" is no sign of life of the node.
    status = ready.get("status") if ready.get("status") != "Unknown" else None
    return ready.get("lastHeartbeatTime"), status, renewed


def is_stale(node: Json, health: Health, now_s: float) -> bool:
    has_reported = condition_of(node, "Ready") is not None
    return now_s > health.probe_s + (GRACE_PERIOD_S if has_reported else STARTUP_GRACE_PERIOD_S)


def conditions_when_stale(node: Json, now_s: float) -> list[Json] | None:
    """The conditions of a node that fell silent; None when they say so already."""
    now = rfc3339(now_s)
    conditions = list(node.get("status", {}).get("conditions") or ())
    present = {condition["type"] for condition in conditions}
    changed = [_unknown(c, now) if c["type"] in MONITORED_CONDITIONS else c for c in conditions]
    changed += [_never(name, node, now) for name in MONITORED_CONDITIONS if name not in present]
    return changed if changed != conditions else None


def _unknown(condition: Json, now: str) -> Json:
    if condition["status"] == "Unknown":
        return condition
    return {
        **condition,
        "status": "Unknown",
        "reason": "NodeStatusUnknown",
        "message": "Kubelet stopped posting node status.",
        "lastTransitionTime": now,
    }


def _never(condition_type: str, node: Json, now: str) -> Json:
    return {
        "type": condition_type,
        "status": "Unknown",
        "reason": "NodeStatusNeverUpdated",
        "message": "Kubelet never posted node status.",
        "lastHeartbeatTime": node["metadata"].get("creationTimestamp"),
        "lastTransitionTime": now,
    }


def ready_status(node: Json) -> str:
    """True, False or Unknown; Unknown for a node that never reported."""
    condition = condition_of(node, "Ready")
    return str(condition["status"]) if condition else "Unknown"


# -- zones ---------------------------------------------------------------------------------------------------------


def zone_of(node: Json) -> str:
    """Region and zone of a node as one key; "" for a node that names neither."""
    labels = labels_of(node)
    region, zone = labels.get(REGION_LABEL, ""), labels.get(ZONE_LABEL, "")
    return f"{region}:\x00:{zone}" if region or zone else ""


def zone_state(ready_statuses: Iterable[str]) -> ZoneState:
    """How a zone is, from the Ready status of its nodes."""
    statuses = list(ready_statuses)
    bad = sum(1 for status in statuses if status != "True")
    if bad and bad == len(statuses):
        return "FullSegmentation"
    if bad >= UNHEALTHY_COUNT_MIN and bad / len(statuses) >= UNHEALTHY_SHARE:
        return "PartialSegmentation"
    return "Normal"


def eviction_qps(state: ZoneState, node_count: int) -> float:
    """Nodes a second that may get a NoExecute taint in a zone, as long as not all zones are down."""
    if state == "PartialSegmentation":
        return REDUCED_EVICTION_QPS if node_count > LARGE_ZONE_SIZE else 0.0
    return EVICTION_QPS


def is_everything_down(states: Mapping[str, ZoneState]) -> bool:
    """True when no zone has a ready node: more likely we are cut off than everybody else."""
    return bool(states) and all(state == "FullSegmentation" for state in states.values())
