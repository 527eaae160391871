"""Rows of namespaces, nodes, config, events, quotas and leases.

Always true: data of secrets is counted, never shown.
"""

from __future__ import annotations

from typing import Any

from pyk8s_server.apiserver.interfaces import Json
from pyk8s_server.apiserver.registry.printers.text import NONE, UNKNOWN, age, condition, name_of, or_none, since

ROLE_PREFIX = "node-role.kubernetes.io/"
ROLE_LABEL = "kubernetes.io/role"


def namespace(obj: Json, now_s: float) -> list[Any]:
    return [name_of(obj), (obj.get("status") or {}).get("phase", ""), age(obj, now_s)]


def config_map(obj: Json, now_s: float) -> list[Any]:
    return [name_of(obj), len(obj.get("data") or ()) + len(obj.get("binaryData") or ()), age(obj, now_s)]


def secret(obj: Json, now_s: float) -> list[Any]:
    return [name_of(obj), obj.get("type", ""), len(obj.get("data") or ()), age(obj, now_s)]


def service_account(obj: Json, now_s: float) -> list[Any]:
    return [name_of(obj), age(obj, now_s)]


def node(obj: Json, now_s: float) -> list[Any]:
    info = (obj.get("status") or {}).get("nodeInfo") or {}
    return [
        name_of(obj),
        _node_status(obj),
        ",".join(_roles(obj)) or NONE,
        age(obj, now_s),
        info.get("kubeletVersion", ""),
        _address(obj, "InternalIP"),
        _address(obj, "ExternalIP"),
        info.get("osImage") or UNKNOWN,
        info.get("kernelVersion") or UNKNOWN,
        info.get("containerRuntimeVersion") or UNKNOWN,
    ]


def _node_status(obj: Json) -> str:
    ready = condition(obj, "Ready")
    word = "Unknown" if ready is None else ("Ready" if ready.get("status") == "True" else "NotReady")
    return word + (",SchedulingDisabled" if (obj.get("spec") or {}).get("unschedulable") else "")


def _roles(obj: Json) -> list[str]:
    labels = (obj.get("metadata") or {}).get("labels") or {}
    roles = {key.removeprefix(ROLE_PREFIX) for key in labels if key.startswith(ROLE_PREFIX)}
    roles.add(labels.get(ROLE_LABEL, ""))
    return sorted(role for role in roles if role)


def _address(obj: Json, kind: str) -> str:
    addresses = (obj.get("status") or {}).get("addresses") or ()
    return next((str(a["address"]) for a in addresses if a.get("type") == kind), NONE)


def event(obj: Json, now_s: float) -> list[Any]:
    involved = obj.get("involvedObject") or obj.get("regarding") or {}
    first = obj.get("firstTimestamp") or obj.get("deprecatedFirstTimestamp") or obj.get("eventTime")
    series = obj.get("series") or {}
    last = series.get("lastObservedTime") or obj.get("lastTimestamp") or obj.get("deprecatedLastTimestamp") or first
    count = series.get("count") or obj.get("count") or obj.get("deprecatedCount") or 1
    return [
        since(last, now_s),
        obj.get("type", ""),
        obj.get("reason", ""),
        f"{str(involved.get('kind', '')).lower()}/{involved.get('name', '')}",
        involved.get("fieldPath", ""),
        _event_source(obj),
        (obj.get("message") or obj.get("note") or "").strip(),
        since(first, now_s),
        count,
        name_of(obj),
    ]


def _event_source(obj: Json) -> str:
    source = obj.get("source") or obj.get("deprecatedSource") or {}
    component = source.get("component") or obj.get("reportingComponent") or obj.get("reportingController") or ""
    host = source.get("host") or obj.get("reportingInstance") or ""
    return ", ".join(part for part in (component, host) if part)


def component_status(obj: Json, now_s: float) -> list[Any]:
    healthy: Json = next((c for c in obj.get("conditions") or () if c.get("type") == "Healthy"), {})
    word = {"True": "Healthy", "False": "Unhealthy"}.get(healthy.get("status", ""), "Unknown")
    return [name_of(obj), word, healthy.get("message", ""), healthy.get("error", "")]


def resource_quota(obj: Json, now_s: float) -> list[Any]:
    status = obj.get("status") or {}
    hard, used = status.get("hard") or {}, status.get("used") or {}
    requests = [f"{n}: {used.get(n, '0')}/{hard[n]}" for n in sorted(hard) if not n.startswith("limits.")]
    limits = [f"{n}: {used.get(n, '0')}/{hard[n]}" for n in sorted(hard) if n.startswith("limits.")]
    return [name_of(obj), ", ".join(requests), ", ".join(limits), age(obj, now_s)]


def lease(obj: Json, now_s: float) -> list[Any]:
    return [name_of(obj), (obj.get("spec") or {}).get("holderIdentity", ""), age(obj, now_s)]


def runtime_class(obj: Json, now_s: float) -> list[Any]:
    return [name_of(obj), obj.get("handler", ""), age(obj, now_s)]


def priority_class(obj: Json, now_s: float) -> list[Any]:
    is_default = bool(obj.get("globalDefault"))
    return [name_of(obj), obj.get("value", 0), is_default, age(obj, now_s), or_none(obj.get("preemptionPolicy"))]


ROWS = {
    "ComponentStatus": component_status,
    "ConfigMap": config_map,
    "Event": event,
    "Lease": lease,
    "Namespace": namespace,
    "Node": node,
    "PriorityClass": priority_class,
    "ResourceQuota": resource_quota,
    "RuntimeClass": runtime_class,
    "Secret": secret,
    "ServiceAccount": service_account,
}
