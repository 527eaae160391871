"""Strategies of pods and their subresources.

Always true: the API server alone decides a pod's first status; the quality-of-service class never changes.
Not here: admission (accounts, tolerations, priorities), binding (an endpoint of its own).
"""

from __future__ import annotations

from typing import Any

from pyk8s.api.clock import rfc3339
from pyk8s.api.field import FieldError, forbidden, invalid

from pyk8s_server.apiserver.interfaces import Context
from pyk8s_server.apiserver.registry.pod_warnings import pod_warnings
from pyk8s_server.apiserver.registry.quality_of_service import qos_class
from pyk8s_server.apiserver.registry.strategies import GenericStrategy
from pyk8s_server.apiserver.registry.validation.pods import (
    validate_ephemeral_update,
    validate_new_pod,
    validate_pod,
    validate_pod_status,
    validate_pod_update,
)

Json = dict[str, Any]

FINISHED = frozenset({"Succeeded", "Failed"})
GATED_MESSAGE = "Scheduling is blocked due to non-empty scheduling gates"
RESIZABLE = ("cpu", "memory")


class PodStrategy(GenericStrategy):
    """pods."""

    def prepare_for_create(self, context: Context, obj: Json) -> None:
        super().prepare_for_create(context, obj)
        spec = obj["spec"]
        if spec.get("terminationGracePeriodSeconds", 0) < 0:
            spec["terminationGracePeriodSeconds"] = 1
        drop_gated_fields(spec)
        merge_label_keys(spec, obj["metadata"].get("labels") or {})
        status: Json = {"phase": "Pending"}
        if spec.get("schedulingGates"):
            status["conditions"] = [_gated_condition(rfc3339(context.clock.now_s()))]
        status["qosClass"] = qos_class(spec)
        obj["status"] = status

    def validate_object(self, context: Context, obj: Json) -> list[FieldError]:
        return validate_new_pod(obj)

    def warnings_on_create(self, context: Context, obj: Json) -> list[str]:
        return pod_warnings(obj)

    def prepare_for_update(self, context: Context, obj: Json, old: Json) -> None:
        drop_gated_fields(obj["spec"])
        super().prepare_for_update(context, obj, old)

    def validate_object_update(self, context: Context, obj: Json, old: Json) -> list[FieldError]:
        return validate_pod_update(obj, old)

    def warnings_on_update(self, context: Context, obj: Json, old: Json) -> list[str]:
        return pod_warnings(obj) if obj["spec"] != old["spec"] else []

    def grace_period_s(self, context: Context, obj: Json, asked: int | None) -> int | None:
        period = obj["spec"].get("terminationGracePeriodSeconds", 0) if asked is None else asked
        is_finished = (obj.get("status") or {}).get("phase") in FINISHED
        if not obj["spec"].get("nodeName") or is_finished:
            return 0
        return 1 if period < 0 else int(period)


class PodStatusStrategy(GenericStrategy):
    """pods/status: kubelets report here."""

    def prepare_for_update(self, context: Context, obj: Json, old: Json) -> None:
        obj["spec"] = old["spec"]
        _copy(obj["metadata"], old["metadata"], "ownerReferences")
        status, before = obj.setdefault("status", {}), old.get("status") or {}
        for name in ("podIP", "hostIP"):
            agree_addresses(status, name)
        if not status.get("qosClass") and before.get("qosClass"):
            status["qosClass"] = before["qosClass"]
        super().prepare_for_update(context, obj, old)

    def validate_object_update(self, context: Context, obj: Json, old: Json) -> list[FieldError]:
        return validate_pod_status(obj, old)


class EphemeralContainersStrategy(GenericStrategy):
    """pods/ephemeralcontainers: takes that list and nothing else."""

    def prepare_for_update(self, context: Context, obj: Json, old: Json) -> None:
        spec = dict(old["spec"])
        _copy(spec, obj["spec"], "ephemeralContainers")
        _only_spec(obj, old, spec)
        super().prepare_for_update(context, obj, old)
        if obj["spec"] != old["spec"]:
            obj["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1

    def validate_object_update(self, context: Context, obj: Json, old: Json) -> list[FieldError]:
        return validate_ephemeral_update(obj, old)


class ResizeStrategy(GenericStrategy):
    """pods/resize: takes the containers' resources and resize policies, and the pod's resources."""

    def prepare_for_update(self, context: Context, obj: Json, old: Json) -> None:
        spec = dict(old["spec"])
        for kind in ("containers", "initContainers"):
            if spec.get(kind):
                wishes = {c.get("name"): c for c in obj["spec"].get(kind) or ()}
                spec[kind] = [_resized(c, wishes.get(c.get("name"))) for c in spec[kind]]
        _copy(spec, obj["spec"], "resources")
        _only_spec(obj, old, spec)
        super().prepare_for_update(context, obj, old)
        if obj["spec"] != old["spec"]:
            obj["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1

    def validate_object_update(self, context: Context, obj: Json, old: Json) -> list[FieldError]:
        errors = validate_pod(obj)
        before = qos_class(old["spec"])
        if qos_class(obj["spec"]) != before:
            errors.append(invalid("spec", before, "Pod QOS Class may not change as a result of resizing"))
        for kind in ("containers", "initContainers"):
            pairs = zip(obj["spec"].get(kind) or (), old["spec"].get(kind) or (), strict=True)
            for i, (new, was) in enumerate(pairs):
                errors += _removed(f"spec.{kind}[{i}].resources", new, was)
        if _others_changed(obj["spec"], old["spec"]):
            errors.append(forbidden("spec", "only cpu and memory resources are mutable"))
        return errors


def agree_addresses(status: Json, name: str) -> None:
    """``podIP`` and the first of ``podIPs`` are one address in two spellings; a changed single one wins."""
    many = f"{name}s"
    single, listed = status.get(name) or "", status.get(many) or []
    first = listed[0].get("ip", "") if listed else ""
    if single and single != first:
        status[many] = [{"ip": single}]
    elif listed and not single:
        status[name] = first


def _resized(container: Json, wish: Json | None) -> Json:
    if wish is None:
        return container
    resized = dict(container)
    for name in ("resources", "resizePolicy"):
        _copy(resized, wish, name)
    return resized


def _removed(path: str, new: Json, old: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    for side in ("requests", "limits"):
        after = (new.get("resources") or {}).get(side) or {}
        before = (old.get("resources") or {}).get(side) or {}
        if any(name in before and name not in after for name in RESIZABLE):
            errors.append(forbidden(f"{path}.{side}", f"resource {side} cannot be removed"))
    return errors


def _others_changed(new: Json, old: Json) -> bool:
    def others(spec: Json) -> list[Json]:
        return [
            {n: v for n, v in ((c.get("resources") or {}).get(side) or {}).items() if n not in RESIZABLE}
            for kind in ("containers", "initContainers")
            for c in spec.get(kind) or ()
            for side in ("requests", "limits")
        ]

    return others(new) != others(old)


def _only_spec(obj: Json, old: Json, spec: Json) -> None:
    """Of the sent object keep the given spec and what storage needs of its metadata."""
    meta = dict(old["metadata"])
    for name in ("managedFields", "resourceVersion"):
        _copy(meta, obj["metadata"], name)
    obj["metadata"], obj["spec"] = meta, spec
    _copy(obj, old, "status")


def _copy(target: Json, source: Json, name: str) -> None:
    if name in source:
        target[name] = source[name]
    else:
        target.pop(name, None)


def _gated_condition(now: str) -> Json:
    return {
        "type": "PodScheduled",
        "status": "False",
        "lastProbeTime": None,
        "lastTransitionTime": now,
        "reason": "SchedulingGated",
        "message": GATED_MESSAGE,
    }


def drop_gated_fields(spec: Json) -> None:
    """Drop values of fields whose feature gate is off by default."""
    spec.pop("schedulingGroup", None)
    spec.pop("workloadRef", None)
    for kind in ("containers", "initContainers", "ephemeralContainers"):
        for container in spec.get(kind) or ():
            lifecycle = container.get("lifecycle")
            if lifecycle and "stopSignal" in lifecycle:
                kept = {name: v for name, v in lifecycle.items() if name != "stopSignal"}
                container["lifecycle"] = kept
                if not kept:
                    del container["lifecycle"]


def merge_label_keys(spec: Json, labels: dict[str, str]) -> None:
    """Write matchLabelKeys and mismatchLabelKeys into the selectors, with the pod's own values."""
    affinity = spec.get("affinity") or {}
    for kind in ("podAffinity", "podAntiAffinity"):
        pods = affinity.get(kind) or {}
        terms = list(pods.get("requiredDuringSchedulingIgnoredDuringExecution") or ())
        for preference in pods.get("preferredDuringSchedulingIgnoredDuringExecution") or ():
            terms.append(preference.get("podAffinityTerm") or {})
        for term in terms:
            _merge_keys(term, labels)
    for constraint in spec.get("topologySpreadConstraints") or ():
        _merge_keys(constraint, labels)


def _merge_keys(term: Json, labels: dict[str, str]) -> None:
    selector = term.get("labelSelector")
    if selector is None:
        return
    for name, operator in (("matchLabelKeys", "In"), ("mismatchLabelKeys", "NotIn")):
        for key in term.get(name) or ():
            if key in labels:
                requirement = {"key": key, "operator": operator, "values": [labels[key]]}
                selector["matchExpressions"] = [*(selector.get("matchExpressions") or ()), requirement]
