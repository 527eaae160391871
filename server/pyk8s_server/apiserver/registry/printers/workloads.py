"""Rows of the workload kinds: replication, daemons, jobs, autoscaling.

Always true: numbers that the API leaves out are 0 here.
"""

from __future__ import annotations

from typing import Any

from pyk8s.api.clock import parse_rfc3339

from pyk8s_server.apiserver.interfaces import Json
from pyk8s_server.apiserver.registry.printers.text import (
    NONE,
    age,
    condition,
    container_cells,
    duration,
    labels_text,
    name_of,
    or_none,
    selector_text,
    since,
)

SHOWN_METRICS_MAX = 2


def _parts(obj: Json) -> tuple[Json, Json]:
    return obj.get("spec") or {}, obj.get("status") or {}


def deployment(obj: Json, now_s: float) -> list[Any]:
    spec, status = _parts(obj)
    ready = f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 0)}"
    counts = [ready, status.get("updatedReplicas", 0), status.get("availableReplicas", 0)]
    return [
        name_of(obj),
        *counts,
        age(obj, now_s),
        *container_cells(spec.get("template")),
        selector_text(spec.get("selector")),
    ]


def replica_set(obj: Json, now_s: float) -> list[Any]:
    return _replicated(obj, now_s, selector_text(_parts(obj)[0].get("selector")))


def replication_controller(obj: Json, now_s: float) -> list[Any]:
    return _replicated(obj, now_s, labels_text(_parts(obj)[0].get("selector")))


def _replicated(obj: Json, now_s: float, selector: str) -> list[Any]:
    spec, status = _parts(obj)
    counts = [spec.get("replicas", 0), status.get("replicas", 0), status.get("readyReplicas", 0)]
    return [name_of(obj), *counts, age(obj, now_s), *container_cells(spec.get("template")), selector]


def stateful_set(obj: Json, now_s: float) -> list[Any]:
    spec, status = _parts(obj)
    ready = f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 0)}"
    return [name_of(obj), ready, age(obj, now_s), *container_cells(spec.get("template"))]


def daemon_set(obj: Json, now_s: float) -> list[Any]:
    spec, status = _parts(obj)
    template = spec.get("template") or {}
    names = (
        "desiredNumberScheduled",
        "currentNumberScheduled",
        "numberReady",
        "updatedNumberScheduled",
        "numberAvailable",
    )
    counts = [status.get(name, 0) for name in names]
    nodes = labels_text((template.get("spec") or {}).get("nodeSelector"))
    return [
        name_of(obj),
        *counts,
        nodes,
        age(obj, now_s),
        *container_cells(template),
        selector_text(spec.get("selector")),
    ]


def job(obj: Json, now_s: float) -> list[Any]:
    spec, status = _parts(obj)
    succeeded, parallelism = status.get("succeeded", 0), spec.get("parallelism")
    if spec.get("completions") is not None:
        completions = f"{succeeded}/{spec['completions']}"
    elif (parallelism or 0) > 1:
        completions = f"{succeeded}/1 of {parallelism}"
    else:
        completions = f"{succeeded}/1"
    ran = _job_duration(status, now_s)
    selector = selector_text(spec.get("selector"))
    return [
        name_of(obj),
        _job_status(obj),
        completions,
        ran,
        age(obj, now_s),
        *container_cells(spec.get("template")),
        selector,
    ]


def _job_duration(status: Json, now_s: float) -> str:
    start = status.get("startTime")
    if not start:
        return ""
    end = status.get("completionTime")
    return duration(parse_rfc3339(end) - parse_rfc3339(start)) if end else since(start, now_s)


def _job_status(obj: Json) -> str:
    def is_true(kind: str) -> bool:
        found = condition(obj, kind)
        return found is not None and found.get("status") == "True"

    for kind in ("Complete", "Failed"):
        if is_true(kind):
            return kind
    if (obj.get("metadata") or {}).get("deletionTimestamp"):
        return "Terminating"
    for kind in ("Suspended", "FailureTarget", "SuccessCriteriaMet"):
        if is_true(kind):
            return kind
    return "Running"


def cron_job(obj: Json, now_s: float) -> list[Any]:
    spec, status = _parts(obj)
    last = status.get("lastScheduleTime")
    job_spec = (spec.get("jobTemplate") or {}).get("spec") or {}
    return [
        name_of(obj),
        spec.get("schedule", ""),
        or_none(spec.get("timeZone")),
        "True" if spec.get("suspend") else "False",
        len(status.get("active") or ()),
        since(last, now_s) if last else NONE,
        age(obj, now_s),
        *container_cells(job_spec.get("template")),
        selector_text(job_spec.get("selector")),
    ]


def controller_revision(obj: Json, now_s: float) -> list[Any]:
    owners = (obj.get("metadata") or {}).get("ownerReferences") or ()
    owner = next((o for o in owners if o.get("controller")), None)
    shown = NONE
    if owner is not None:
        group = owner.get("apiVersion", "").rpartition("/")[0]
        shown = f"{owner['kind'].lower()}{'.' + group if group else ''}/{owner['name']}"
    return [name_of(obj), shown, obj.get("revision", 0), age(obj, now_s)]


def pod_template(obj: Json, now_s: float) -> list[Any]:
    template = obj.get("template") or {}
    return [name_of(obj), *container_cells(template), labels_text((template.get("metadata") or {}).get("labels"))]


def scale(obj: Json, now_s: float) -> list[Any]:
    spec, status = _parts(obj)
    return [name_of(obj), spec.get("replicas", 0), status.get("replicas", 0), age(obj, now_s)]


def autoscaler(obj: Json, now_s: float) -> list[Any]:
    spec, status = _parts(obj)
    target = spec.get("scaleTargetRef") or {}
    minimum = spec.get("minReplicas")
    return [
        name_of(obj),
        f"{target.get('kind', '')}/{target.get('name', '')}",
        _metrics(spec, status),
        UNSET if minimum is None else str(minimum),
        spec.get("maxReplicas", 0),
        status.get("currentReplicas", 0),
        age(obj, now_s),
    ]


UNSET = "<unset>"


def _metrics(spec: Json, status: Json) -> str:
    """``cpu: 12%/50%``; the autoscaling/v1 form knows cpu alone."""
    if spec.get("targetCPUUtilizationPercentage") is not None:
        current = status.get("currentCPUUtilizationPercentage")
        shown = "<unknown>" if current is None else f"{current}%"
        return f"cpu: {shown}/{spec['targetCPUUtilizationPercentage']}%"
    metrics = spec.get("metrics") or ()
    if not metrics:
        return NONE
    currents = status.get("currentMetrics") or ()
    texts = [_metric(m, currents[i] if i < len(currents) else {}) for i, m in enumerate(metrics)]
    more = f" + {len(texts) - SHOWN_METRICS_MAX} more..." if len(texts) > SHOWN_METRICS_MAX else ""
    return ", ".join(texts[:SHOWN_METRICS_MAX]) + more


def _metric(metric: Json, current: Json) -> str:
    kind = metric.get("type", "")
    field = kind[:1].lower() + kind[1:]
    wanted, now = metric.get(field) or {}, (current.get(field) or {}).get("current") or {}
    target = wanted.get("target") or {}
    is_resource = kind in ("Resource", "ContainerResource")
    prefix = f"{wanted.get('name', '')}: " if is_resource else ""
    if target.get("averageValue") is not None:
        suffix = "" if kind in ("Pods", *(("Resource", "ContainerResource"))) else " (avg)"
        return f"{prefix}{now.get('averageValue', '<unknown>')}/{target['averageValue']}{suffix}"
    if is_resource:
        shown = f"{now['averageUtilization']}%" if now.get("averageUtilization") is not None else "<unknown>"
        wanted_text = f"{target['averageUtilization']}%" if target.get("averageUtilization") is not None else "<auto>"
        return f"{prefix}{shown}/{wanted_text}"
    return f"{now.get('value', '<unknown>')}/{target.get('value', '')}" if kind else "<unknown type>"


ROWS = {
    "ControllerRevision": controller_revision,
    "CronJob": cron_job,
    "DaemonSet": daemon_set,
    "Deployment": deployment,
    "HorizontalPodAutoscaler": autoscaler,
    "Job": job,
    "PodTemplate": pod_template,
    "ReplicaSet": replica_set,
    "ReplicationController": replication_controller,
    "Scale": scale,
    "StatefulSet": stateful_set,
}
