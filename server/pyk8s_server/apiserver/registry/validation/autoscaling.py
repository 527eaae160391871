"""The rules of horizontal pod autoscalers."""

from __future__ import annotations

from typing import Any

from pyk8s.api.field import FieldError, forbidden, invalid, required
from pyk8s.api.quantity import Quantity

from pyk8s_server.apiserver.registry.validation import formats
from pyk8s_server.apiserver.registry.validation.choices import choice, formatted

Json = dict[str, Any]

METRIC_TYPES = ("ContainerResource", "External", "Object", "Pods", "Resource")
METRIC_FIELDS = {name: name[0].lower() + name[1:] for name in METRIC_TYPES}
WINDOW_S_MAX = 3600
PERIOD_S_MAX = 1800


def validate_autoscaler(obj: Json) -> list[FieldError]:
    spec = obj.get("spec") or {}
    errors = _target("spec.scaleTargetRef", spec.get("scaleTargetRef") or {})
    least, most = spec.get("minReplicas"), spec.get("maxReplicas", 0)
    if least is not None and least < 1:
        errors.append(invalid("spec.minReplicas", least, "must be greater than or equal to 1"))
    if most < 1:
        if most == 0:
            errors.append(required("spec.maxReplicas", "must be set and greater than 0"))
        else:
            errors.append(invalid("spec.maxReplicas", most, "must be greater than 0"))
    if least is not None and most < least:
        errors.append(invalid("spec.maxReplicas", most, "must be greater than or equal to `minReplicas`"))
    metrics = spec.get("metrics") or []
    for i, metric in enumerate(metrics):
        errors += _metric(f"spec.metrics[{i}]", metric)
    if least == 0 and not any(m.get("type") in ("Object", "External") for m in metrics):
        detail = "must specify at least one Object or External metric to support scaling to zero replicas"
        errors.append(forbidden("spec.metrics", detail))
    for name in ("scaleUp", "scaleDown"):
        if rules := (spec.get("behavior") or {}).get(name):
            errors += _scaling(f"spec.behavior.{name}", rules)
    return errors


def _target(path: str, reference: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    for name in ("kind", "name"):
        value = reference.get(name)
        errors += formatted(f"{path}.{name}", value, formats.path_segment) if value else [required(f"{path}.{name}")]
    version = reference.get("apiVersion", "")
    if "/" not in version and not (version == "v1" and reference.get("kind") == "ReplicationController"):
        errors.append(invalid(f"{path}.apiVersion", version, "apiVersion must specify API group"))
    return errors


def _metric(path: str, metric: Json) -> list[FieldError]:
    kind = metric.get("type", "")
    if not kind:
        return [required(f"{path}.type", "must specify a metric source type")]
    errors = choice(f"{path}.type", kind, METRIC_TYPES)
    given = [name for name in METRIC_FIELDS.values() if metric.get(name) is not None]
    wanted = METRIC_FIELDS.get(kind)
    if wanted is None:
        return errors + choice(f"{path}.type", kind, METRIC_TYPES)
    if wanted not in given:
        detail = "must populate information for the given metric source"
        errors.append(required(f"{path}.{wanted}", detail))
    else:
        errors += _metric_source(f"{path}.{wanted}", kind, metric[wanted])
    detail = "must populate the given metric source only"
    errors += (forbidden(f"{path}.{name}", detail) for name in given if name != wanted)
    return errors


def _metric_source(path: str, kind: str, source: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    if kind in ("Resource", "ContainerResource"):
        if not source.get("name"):
            errors.append(required(f"{path}.name", "must specify a resource name"))
        if kind == "ContainerResource" and not source.get("container"):
            errors.append(required(f"{path}.container", "must specify a container"))
    elif not ((source.get("metric") or {}).get("name")):
        errors.append(required(f"{path}.metric.name", "must specify a metric name"))
    target = source.get("target") or {}
    errors += _metric_target(f"{path}.target", target)
    if kind in ("Resource", "ContainerResource"):
        use, value = target.get("averageUtilization"), target.get("averageValue")
        if use is None and value is None:
            detail = "must set either a target raw value or a target utilization"
            errors.append(required(f"{path}.target.averageUtilization", detail))
        elif use is not None and value is not None:
            detail = "may not set both a target raw value and a target utilization"
            errors.append(forbidden(f"{path}.target.averageValue", detail))
    return errors


def _metric_target(path: str, target: Json) -> list[FieldError]:
    kind = target.get("type", "")
    if not kind:
        return [required(f"{path}.type", "must specify a metric target type")]
    errors: list[FieldError] = []
    if kind not in ("Utilization", "Value", "AverageValue"):
        detail = "must be either Utilization, Value, or AverageValue"
        errors.append(invalid(f"{path}.type", kind, detail))
    for name in ("value", "averageValue"):
        if (amount := target.get(name)) is not None and Quantity.of(amount).nano <= 0:
            errors.append(invalid(f"{path}.{name}", str(amount), "must be positive"))
    if (use := target.get("averageUtilization")) is not None and use < 1:
        errors.append(invalid(f"{path}.averageUtilization", use, "must be greater than 0"))
    return errors


def _scaling(path: str, rules: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    window = rules.get("stabilizationWindowSeconds")
    if window is not None and window < 0:
        errors.append(invalid(f"{path}.stabilizationWindowSeconds", window, "must be greater than or equal to zero"))
    if window is not None and window > WINDOW_S_MAX:
        detail = f"must be less than or equal to {WINDOW_S_MAX}"
        errors.append(invalid(f"{path}.stabilizationWindowSeconds", window, detail))
    if (select := rules.get("selectPolicy")) is not None:
        errors += choice(f"{path}.selectPolicy", select, ("Disabled", "Max", "Min"))
    policies = rules.get("policies") or []
    if not policies:
        errors.append(required(f"{path}.policies", "must specify at least one Policy"))
    for i, policy in enumerate(policies):
        errors += _scaling_policy(f"{path}.policies[{i}]", policy)
    return errors


def _scaling_policy(path: str, policy: Json) -> list[FieldError]:
    errors = choice(f"{path}.type", policy.get("type", ""), ("Percent", "Pods"))
    value, period = policy.get("value", 0), policy.get("periodSeconds", 0)
    if value <= 0:
        errors.append(invalid(f"{path}.value", value, formats.GREATER_THAN_ZERO))
    if period <= 0:
        errors.append(invalid(f"{path}.periodSeconds", period, formats.GREATER_THAN_ZERO))
    if period > PERIOD_S_MAX:
        detail = f"must be less than or equal to {PERIOD_S_MAX}"
        errors.append(invalid(f"{path}.periodSeconds", period, detail))
    return errors
