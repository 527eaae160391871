"""The rules of kinds that keep pods: Deployments, ReplicaSets, StatefulSets, DaemonSets, and templates alone."""

from __future__ import annotations

from typing import Any

from pyk8s.api.field import FieldError, forbidden, invalid, not_supported, required

from pyk8s_server.apiserver.registry.internal_form import internal_form
from pyk8s_server.apiserver.registry.validation import formats
from pyk8s_server.apiserver.registry.validation.choices import choice, immutable, not_negative
from pyk8s_server.apiserver.registry.validation.meta import validate_annotations, validate_labels
from pyk8s_server.apiserver.registry.validation.pod_spec import validate_pod_spec
from pyk8s_server.apiserver.registry.validation.pods import validate_pod_annotations
from pyk8s_server.apiserver.registry.validation.selectors import is_empty, matches, validate_label_selector

Json = dict[str, Any]

MISMATCH = "`selector` does not match template `labels`"
BAD_SELECTOR = "invalid label selector"
APPS = "k8s.io.api.apps.v1."


# -- templates -----------------------------------------------------------------------------------------------


def validate_template(path: str, template: Json) -> list[FieldError]:
    """PodTemplateSpec; labels and annotations are reported without ``metadata``, as kube-apiserver does."""
    meta, spec = template.get("metadata") or {}, template.get("spec") or {}
    annotations = meta.get("annotations") or {}
    errors = validate_labels(f"{path}.labels", meta.get("labels") or {})
    errors += validate_annotations(f"{path}.annotations", annotations)
    errors += validate_pod_annotations(f"{path}.annotations", annotations, spec)
    errors += validate_pod_spec(f"{path}.spec", spec)
    if spec.get("ephemeralContainers"):
        detail = "ephemeral containers not allowed in pod template"
        errors.append(forbidden(f"{path}.spec.ephemeralContainers", detail))
    return errors


def template_labels(template: Json | None) -> dict[str, str] | None:
    return ((template or {}).get("metadata") or {}).get("labels")


def labels_match(path: str, selector: Json | None, template: Json | None) -> list[FieldError]:
    labels = template_labels(template)
    if matches(selector, labels or {}):
        return []
    shown = dict(sorted(labels.items())) if labels else None
    return [invalid(f"{path}.metadata.labels", shown, MISMATCH)]


def _always_restarting(path: str, spec: Json, owner: str) -> list[FieldError]:
    errors: list[FieldError] = []
    policy = spec.get("restartPolicy")
    if policy and policy != "Always":
        errors.append(not_supported(f"{path}.restartPolicy", policy, ["Always"]))
    if spec.get("activeDeadlineSeconds") is not None:
        detail = f"activeDeadlineSeconds in {owner} is not Supported"
        errors.append(forbidden(f"{path}.activeDeadlineSeconds", detail))
    return errors


def _selected_template(spec: Json, owner: str) -> list[FieldError]:
    path, template = "spec.template", spec.get("template") or {}
    selector = spec.get("selector")
    errors = [] if selector is not None and is_empty(selector) else labels_match(path, selector, template)
    errors += validate_template(path, template)
    return errors + _always_restarting(f"{path}.spec", template.get("spec") or {}, owner)


def _selector(spec: Json, kind: str) -> tuple[list[FieldError], bool]:
    """(errors, whether it can be read)."""
    selector = spec.get("selector")
    if selector is None:
        return [required("spec.selector")], True
    errors = validate_label_selector("spec.selector", selector)
    is_readable = not errors
    if is_empty(selector):
        errors.append(invalid("spec.selector", selector, f"empty selector is invalid for {kind}"))
    return errors, is_readable


# -- ReplicaSet and Deployment -------------------------------------------------------------------------------


def validate_replica_set(obj: Json) -> list[FieldError]:
    spec = obj.get("spec") or {}
    errors = not_negative("spec.replicas", spec.get("replicas"))
    errors += not_negative("spec.minReadySeconds", spec.get("minReadySeconds"))
    return errors + _selector_and_template(spec)


def _selector_and_template(spec: Json) -> list[FieldError]:
    errors, is_readable = _selector(spec, "deployment")
    if not is_readable:
        return [*errors, invalid("spec.selector", spec.get("selector"), BAD_SELECTOR)]
    return errors + _selected_template(spec, "ReplicaSet")


def validate_replica_set_update(obj: Json, old: Json) -> list[FieldError]:
    return validate_replica_set(obj) + _same_selector(obj, old)


def _same_selector(obj: Json, old: Json) -> list[FieldError]:
    return immutable("spec.selector", obj["spec"].get("selector"), old["spec"].get("selector"))


def validate_deployment(obj: Json) -> list[FieldError]:
    spec = obj.get("spec") or {}
    errors = not_negative("spec.replicas", spec.get("replicas"))
    errors += _selector_and_template(spec)
    errors += _strategy("spec.strategy", spec.get("strategy") or {})
    errors += not_negative("spec.minReadySeconds", spec.get("minReadySeconds"))
    errors += not_negative("spec.revisionHistoryLimit", spec.get("revisionHistoryLimit"))
    deadline = spec.get("progressDeadlineSeconds")
    if deadline is not None:
        errors += not_negative("spec.progressDeadlineSeconds", deadline)
        if deadline <= spec.get("minReadySeconds", 0):
            errors.append(invalid("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds"))
    return errors


def validate_deployment_update(obj: Json, old: Json) -> list[FieldError]:
    return validate_deployment(obj) + _same_selector(obj, old)


def _strategy(path: str, strategy: Json) -> list[FieldError]:
    kind, rolling = strategy.get("type", ""), strategy.get("rollingUpdate")
    if kind == "Recreate":
        detail = "may not be specified when strategy `type` is 'Recreate'"
        return [] if rolling is None else [forbidden(f"{path}.rollingUpdate", detail)]
    if kind != "RollingUpdate":
        shown = internal_form(f"{APPS}DeploymentStrategy", strategy)
        return [FieldError(path, "Unsupported value", shown, 'supported values: "Recreate", "RollingUpdate"')]
    if rolling is None:
        return [required(f"{path}.rollingUpdate", "this should be defaulted and never be nil")]
    return _rolling_update(f"{path}.rollingUpdate", rolling)


def _rolling_update(path: str, rolling: Json) -> list[FieldError]:
    unavailable, surge = rolling.get("maxUnavailable", 0), rolling.get("maxSurge", 0)
    errors = int_or_percent(f"{path}.maxUnavailable", unavailable)
    errors += int_or_percent(f"{path}.maxSurge", surge)
    if percent_value(unavailable) == 0 and percent_value(surge) == 0:
        errors.append(invalid(f"{path}.maxUnavailable", unavailable, "may not be 0 when `maxSurge` is 0"))
    return errors + at_most_100_percent(f"{path}.maxUnavailable", unavailable)


def int_or_percent(path: str, value: int | str) -> list[FieldError]:
    if isinstance(value, str):
        return [invalid(path, value, m) for m in formats.percent(value)]
    return not_negative(path, value)


def percent_value(value: int | str) -> int:
    """The number, of a percentage the number before the sign; 0 when it is none."""
    if isinstance(value, str):
        return 0 if formats.percent(value) else int(value[:-1])
    return value


def at_most_100_percent(path: str, value: int | str) -> list[FieldError]:
    if isinstance(value, str) and not formats.percent(value) and int(value[:-1]) > 100:
        return [invalid(path, value, "must not be greater than 100%")]
    return []


COUNTS = ("replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "terminatingReplicas")


def validate_replica_set_status(obj: Json, old: Json) -> list[FieldError]:
    status = obj.get("status") or {}
    errors = _counts(status, (*COUNTS, "observedGeneration"))
    return errors + _within_replicas(status, ("fullyLabeledReplicas", "readyReplicas", "availableReplicas"))


def validate_deployment_status(obj: Json, old: Json) -> list[FieldError]:
    status = obj.get("status") or {}
    names = (
        "observedGeneration",
        "replicas",
        "updatedReplicas",
        "readyReplicas",
        "availableReplicas",
        "unavailableReplicas",
        "terminatingReplicas",
        "collisionCount",
    )
    errors = _counts(status, names)
    errors += _within_replicas(status, ("updatedReplicas", "readyReplicas", "availableReplicas"))
    was = (old.get("status") or {}).get("collisionCount")
    now = status.get("collisionCount")
    if was is not None and (now or 0) < was:
        errors.append(invalid("status.collisionCount", now, "cannot be decremented"))
    return errors


def _counts(status: Json, names: tuple[str, ...]) -> list[FieldError]:
    return [error for name in names for error in not_negative(f"status.{name}", status.get(name))]


def _within_replicas(status: Json, names: tuple[str, ...]) -> list[FieldError]:
    total = status.get("replicas", 0)
    errors = [
        invalid(f"status.{name}", status[name], "cannot be greater than status.replicas")
        for name in names
        if status.get(name, 0) > total
    ]
    if status.get("availableReplicas", 0) > status.get("readyReplicas", 0):
        available = status["availableReplicas"]
        errors.append(invalid("status.availableReplicas", available, "cannot be greater than readyReplicas"))
    return errors


# -- StatefulSet ---------------------------------------------------------------------------------------------

FROZEN_STATEFUL_SET = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy',"
    " 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
)
MUTABLE_STATEFUL_SET = frozenset(
    {
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    }
)


def validate_stateful_set(obj: Json) -> list[FieldError]:
    spec = obj.get("spec") or {}
    errors = _pod_management(spec)
    errors += _stateful_update("spec.updateStrategy", spec.get("updateStrategy") or {})
    errors += _retention("spec.persistentVolumeClaimRetentionPolicy", spec)
    errors += not_negative("spec.replicas", spec.get("replicas"))
    errors += not_negative("spec.minReadySeconds", spec.get("minReadySeconds"))
    errors += not_negative("spec.ordinals.start", (spec.get("ordinals") or {}).get("start"))
    errors += not_negative("spec.revisionHistoryLimit", spec.get("revisionHistoryLimit"))
    found, is_readable = _selector(spec, "statefulset")
    errors += found
    if not is_readable:
        return [*errors, invalid("spec.selector", spec.get("selector"), BAD_SELECTOR)]
    return errors + _selected_template(spec, "StatefulSet")


def _pod_management(spec: Json) -> list[FieldError]:
    policy = spec.get("podManagementPolicy", "")
    if not policy:
        return [required("spec.podManagementPolicy")]
    if policy in ("OrderedReady", "Parallel"):
        return []
    return [invalid("spec.podManagementPolicy", policy, "must be 'OrderedReady' or 'Parallel'")]


def _stateful_update(path: str, strategy: Json) -> list[FieldError]:
    kind, rolling = strategy.get("type", ""), strategy.get("rollingUpdate")
    match kind:
        case "":
            return [required(path)]
        case "OnDelete":
            detail = "only allowed for updateStrategy 'RollingUpdate'"
            return [] if rolling is None else [invalid(f"{path}.rollingUpdate", rolling, detail)]
        case "RollingUpdate":
            partition = (rolling or {}).get("partition")
            errors = not_negative(f"{path}.rollingUpdate.partition", partition)
            unavailable = (rolling or {}).get("maxUnavailable")
            if unavailable is not None:
                errors += int_or_percent(f"{path}.rollingUpdate.maxUnavailable", unavailable)
                errors += at_most_100_percent(f"{path}.rollingUpdate.maxUnavailable", unavailable)
            return errors
    shown = internal_form(f"{APPS}StatefulSetUpdateStrategy", strategy)
    return [invalid(path, shown, "must be 'RollingUpdate' or 'OnDelete'")]


def _retention(path: str, spec: Json) -> list[FieldError]:
    policy = spec.get("persistentVolumeClaimRetentionPolicy")
    if policy is None:
        return []
    errors: list[FieldError] = []
    for name in ("whenDeleted", "whenScaled"):
        errors += choice(f"{path}.{name}", policy.get(name, ""), ("Retain", "Delete"))
    return errors


def validate_stateful_set_update(obj: Json, old: Json) -> list[FieldError]:
    errors = validate_stateful_set(obj)
    new, before = ({k: v for k, v in o["spec"].items() if k not in MUTABLE_STATEFUL_SET} for o in (obj, old))
    if new != before:
        errors.append(forbidden("spec", FROZEN_STATEFUL_SET))
    return errors


def validate_stateful_set_status(obj: Json, old: Json) -> list[FieldError]:
    status = obj.get("status") or {}
    names = ("replicas", "readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas")
    errors = _counts(status, (*names, "observedGeneration", "collisionCount"))
    inner = ("readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas")
    return errors + _within_replicas(status, inner)


# -- DaemonSet -----------------------------------------------------------------------------------------------


def validate_daemon_set(obj: Json) -> list[FieldError]:
    spec = obj.get("spec") or {}
    selector, template = spec.get("selector"), spec.get("template") or {}
    errors = validate_label_selector("spec.selector", selector)
    if not errors:
        errors += labels_match("spec.template", selector, template)
    if selector is not None and is_empty(selector):
        errors.append(invalid("spec.selector", selector, "empty selector is invalid for daemonset"))
    errors += validate_template("spec.template", template)
    errors += _always_restarting("spec.template.spec", template.get("spec") or {}, "DaemonSet")
    errors += not_negative("spec.minReadySeconds", spec.get("minReadySeconds"))
    errors += _daemon_update("spec.updateStrategy", spec.get("updateStrategy") or {})
    errors += not_negative("spec.revisionHistoryLimit", spec.get("revisionHistoryLimit"))
    return errors


def _daemon_update(path: str, strategy: Json) -> list[FieldError]:
    kind, rolling = strategy.get("type", ""), strategy.get("rollingUpdate")
    if kind == "OnDelete":
        return []
    if kind != "RollingUpdate":
        return choice(path, kind, ("OnDelete", "RollingUpdate"))
    if rolling is None:
        return [required(f"{path}.rollingUpdate")]
    path = f"{path}.rollingUpdate"
    unavailable, surge = rolling.get("maxUnavailable", 0), rolling.get("maxSurge", 0)
    errors: list[FieldError] = []
    for name, value in (("maxUnavailable", unavailable), ("maxSurge", surge)):
        errors += int_or_percent(f"{path}.{name}", value) + at_most_100_percent(f"{path}.{name}", value)
    has_unavailable, has_surge = percent_value(unavailable) != 0, percent_value(surge) != 0
    if has_unavailable and has_surge:
        errors.append(invalid(f"{path}.maxSurge", surge, "may not be set when maxUnavailable is non-zero"))
    elif not has_unavailable and not has_surge:
        errors.append(required(f"{path}.maxUnavailable", "cannot be 0 when maxSurge is 0"))
    return errors


def validate_daemon_set_update(obj: Json, old: Json) -> list[FieldError]:
    spec, before = obj["spec"], old["spec"]
    errors: list[FieldError] = []
    new, was = spec.get("templateGeneration", 0), before.get("templateGeneration", 0)
    if new < was:
        errors.append(invalid("spec.templateGeneration", new, "must not be decremented"))
    errors += immutable("spec.selector", spec.get("selector"), before.get("selector"))
    return validate_daemon_set(obj) + errors


def validate_daemon_set_status(obj: Json, old: Json) -> list[FieldError]:
    names = (
        "currentNumberScheduled",
        "numberMisscheduled",
        "desiredNumberScheduled",
        "numberReady",
        "observedGeneration",
        "updatedNumberScheduled",
        "numberAvailable",
        "numberUnavailable",
        "collisionCount",
    )
    return _counts(obj.get("status") or {}, names)


# -- ReplicationController and PodTemplate -------------------------------------------------------------------


def validate_replication_controller(obj: Json) -> list[FieldError]:
    spec = obj.get("spec") or {}
    selector, template = spec.get("selector") or {}, spec.get("template")
    errors = not_negative("spec.minReadySeconds", spec.get("minReadySeconds"))
    if not selector:
        errors.append(required("spec.selector"))
    errors += not_negative("spec.replicas", spec.get("replicas"))
    if template is None:
        return [*errors, required("spec.template")]
    if selector:
        errors += labels_match("spec.template", {"matchLabels": selector}, template)
    errors += validate_template("spec.template", template)
    return errors + _always_restarting("spec.template.spec", template.get("spec") or {}, "ReplicationController")


def validate_pod_template(obj: Json) -> list[FieldError]:
    return validate_template("template", obj.get("template") or {})
