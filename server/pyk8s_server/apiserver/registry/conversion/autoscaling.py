"""HorizontalPodAutoscalers: stored as autoscaling/v2, also served as v1.

Always true: what v1 has no field for travels in its annotations, so that a client of v1 loses nothing by a write.
Source: the annotations autoscaling.alpha.kubernetes.io/{metrics,behavior,conditions,current-metrics}.
"""

from __future__ import annotations

from typing import Any

import orjson

Json = dict[str, Any]

PREFIX = "autoscaling.alpha.kubernetes.io/"
METRICS, BEHAVIOR = PREFIX + "metrics", PREFIX + "behavior"
CONDITIONS, CURRENT = PREFIX + "conditions", PREFIX + "current-metrics"
ANNOTATIONS = (METRICS, BEHAVIOR, CONDITIONS, CURRENT)
SAME_SPEC = ("scaleTargetRef", "minReplicas", "maxReplicas")
SAME_STATUS = ("observedGeneration", "lastScaleTime", "currentReplicas", "desiredReplicas")


def to_v2(obj: Json) -> Json:
    """A v1 object as v2."""
    meta = dict(obj["metadata"])
    carried = _take_annotations(meta)
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    target = spec.get("targetCPUUtilizationPercentage")
    metrics = [] if target is None else [_cpu({"type": "Utilization", "averageUtilization": target}, "target")]
    metrics += carried.get(METRICS) or []
    new_spec = {name: spec[name] for name in SAME_SPEC if name in spec}
    if metrics:
        new_spec["metrics"] = metrics
    if BEHAVIOR in carried:
        new_spec["behavior"] = carried[BEHAVIOR]
    new_status = {name: status[name] for name in SAME_STATUS if status.get(name) is not None}
    if not new_status.get("currentReplicas"):
        new_status.pop("currentReplicas", None)
    used = status.get("currentCPUUtilizationPercentage")
    current = [] if used is None else [_cpu({"averageUtilization": used}, "current")]
    current += carried.get(CURRENT) or []
    new_status = {"desiredReplicas": 0, **new_status, "currentMetrics": current or None}
    if carried.get(CONDITIONS):
        new_status["conditions"] = carried[CONDITIONS]
    return _object("autoscaling/v2", meta, new_spec, new_status)


def from_v2(obj: Json) -> Json:
    """A v2 object as v1."""
    meta = dict(obj["metadata"])
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    target, metrics = _split(spec.get("metrics"), "target")
    used, current = _split(status.get("currentMetrics"), "current")
    carried = {
        METRICS: metrics,
        BEHAVIOR: spec.get("behavior"),
        CONDITIONS: status.get("conditions"),
        CURRENT: current,
    }
    added = {name: orjson.dumps(value).decode() for name, value in carried.items() if value}
    if added:
        meta["annotations"] = {**(meta.get("annotations") or {}), **added}
    new_spec = {name: spec[name] for name in SAME_SPEC if name in spec}
    if target is not None:
        new_spec["targetCPUUtilizationPercentage"] = target
    new_status = {"currentReplicas": 0, "desiredReplicas": 0}
    new_status.update((name, status[name]) for name in SAME_STATUS if status.get(name) is not None)
    if used is not None:
        new_status["currentCPUUtilizationPercentage"] = used
    return _object("autoscaling/v1", meta, new_spec, new_status)


def _object(api_version: str, meta: Json, spec: Json, status: Json) -> Json:
    return {
        "kind": "HorizontalPodAutoscaler",
        "apiVersion": api_version,
        "metadata": meta,
        "spec": spec,
        "status": status,
    }


def _take_annotations(meta: Json) -> Json:
    """What the annotations carry; they are removed. Text that is no JSON is dropped, as upstream does."""
    annotations = dict(meta.get("annotations") or {})
    carried: Json = {}
    for name in ANNOTATIONS:
        text = annotations.pop(name, None)
        if text is None:
            continue
        try:
            carried[name] = orjson.loads(text)
        except ValueError:
            continue
    if annotations:
        meta["annotations"] = annotations
    else:
        meta.pop("annotations", None)
    return carried


def _cpu(value: Json, member: str) -> Json:
    return {"type": "Resource", "resource": {"name": "cpu", member: value}}


def _split(metrics: list[Json] | None, member: str) -> tuple[int | None, list[Json]]:
    """(CPU utilization of the first metric that tells it, all other metrics)."""
    found: int | None = None
    others: list[Json] = []
    for metric in metrics or ():
        resource = metric.get("resource") or {}
        used = (resource.get(member) or {}).get("averageUtilization")
        if found is None and resource.get("name") == "cpu" and used is not None:
            found = used
        else:
            others.append(metric)
    return found, others
