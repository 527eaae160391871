"""Events: stored as core/v1, also served as events.k8s.io/v1.

Always true: both forms hold the same facts under different names, with the members that Go always writes.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

NAMES = (
    ("involvedObject", "regarding"),
    ("reason", "reason"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("type", "type"),
    ("eventTime", "eventTime"),
    ("series", "series"),
    ("action", "action"),
    ("related", "related"),
    ("reportingComponent", "reportingController"),
    ("reportingInstance", "reportingInstance"),
)
"""(core/v1, events.k8s.io/v1), in core's order."""
CORE_ALWAYS: Json = {
    "involvedObject": {},
    "source": {},
    "firstTimestamp": None,
    "lastTimestamp": None,
    "eventTime": None,
    "reportingComponent": "",
    "reportingInstance": "",
}
EVENTS_ALWAYS: Json = {
    "eventTime": None,
    "regarding": {},
    "deprecatedSource": {},
    "deprecatedFirstTimestamp": None,
    "deprecatedLastTimestamp": None,
}


def to_core(obj: Json) -> Json:
    """An events.k8s.io/v1 Event as core/v1."""
    found: Json = {"kind": "Event", "apiVersion": "v1", "metadata": obj["metadata"]}
    for core, served in NAMES:
        if served in obj:
            found[core] = obj[served]
        elif core in CORE_ALWAYS:
            found[core] = _fresh(CORE_ALWAYS[core])
    return found


def from_core(obj: Json) -> Json:
    """A core/v1 Event as events.k8s.io/v1."""
    found: Json = {"kind": "Event", "apiVersion": "events.k8s.io/v1", "metadata": obj["metadata"]}
    for core, served in NAMES:
        value = obj.get(core)
        if value or (core in obj and served in EVENTS_ALWAYS):
            found[served] = value
        elif served in EVENTS_ALWAYS:
            found[served] = _fresh(EVENTS_ALWAYS[served])
    return found


def _fresh(value: Any) -> Any:
    return {} if value == {} else value
