"""The rules of Jobs, CronJobs and ControllerRevisions."""

from __future__ import annotations

import re
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pyk8s.api.field import OMITTED, FieldError, invalid, not_supported, required, too_long, too_many

from pyk8s_server.apiserver.registry.internal_form import internal_form
from pyk8s_server.apiserver.registry.validation import formats
from pyk8s_server.apiserver.registry.validation.choices import choice, immutable, not_negative
from pyk8s_server.apiserver.registry.validation.schedules import check_schedule
from pyk8s_server.apiserver.registry.validation.selectors import validate_label_selector
from pyk8s_server.apiserver.registry.validation.workloads import labels_match, validate_template

Json = dict[str, Any]

BATCH = "k8s.io.api.batch.v1."
COMPLETION_MODES = ("NonIndexed", "Indexed")
NEEDS_INDEXES = "requires indexed completion mode"
UID_LABEL = "batch.kubernetes.io/controller-uid"
NAME_LABEL = "batch.kubernetes.io/job-name"
LEGACY_LABELS = {UID_LABEL: "controller-uid", NAME_LABEL: "job-name"}
RULES_MAX = 20
EXIT_CODES_MAX = 255
MANAGER_BYTES_MAX = 63
DOMAIN_PREFIXED = 'must be a domain-prefixed path (such as "acme.io/foo")'
ONLY_ONCE_OR_FAILING = 'valid values: "OnFailure", "Never"'
_path_part = re.compile(r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+").fullmatch
CRON_NAME_MAX = 52


def domain_prefixed(path: str, value: str) -> list[FieldError]:
    """``acme.io/foo``: a DNS subdomain and a path."""
    if not value:
        return [required(path)]
    domain, slash, rest = value.partition("/")
    if not slash or not domain or not rest:
        return [invalid(path, value, DOMAIN_PREFIXED)]
    errors = [invalid(path, domain, m) for m in formats.dns_subdomain(domain)]
    if not _path_part(rest):
        detail = formats.regex_message("Invalid path", r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+")
        errors.append(invalid(path, rest, detail))
    return errors


# -- Job -----------------------------------------------------------------------------------------------------


def validate_job(job: Json) -> list[FieldError]:
    spec = job.get("spec") or {}
    return _generated_selector(job, spec) + _selecting_spec(spec)


def _selecting_spec(spec: Json) -> list[FieldError]:
    errors = validate_job_spec("spec", spec)
    if spec.get("selector") is None:
        return [*errors, required("spec.selector")]
    errors += validate_label_selector("spec.selector", spec["selector"])
    return errors + labels_match("spec.template", spec["selector"], spec.get("template"))


def _generated_selector(job: Json, spec: Json) -> list[FieldError]:
    """Unless the selector is the user's own, it is what the server made of the job's uid, and nothing else."""
    if spec.get("manualSelector") or spec.get("selector") is None:
        return []
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    uid, name = job["metadata"].get("uid", ""), job["metadata"].get("name", "")
    errors: list[FieldError] = []
    for key, expected in ((UID_LABEL, uid), (NAME_LABEL, name)):
        for label in (LEGACY_LABELS[key], key):
            value = labels.get(label)
            if value is None:
                errors.append(required("spec.template.metadata.labels", f"must be '{expected}'"))
            elif value != expected:
                detail = f"must be '{expected}'"
                errors.append(invalid("spec.template.metadata.labels", labels, detail))
    wanted = {UID_LABEL: uid}
    legacy = {LEGACY_LABELS[UID_LABEL]: uid}
    selector = spec["selector"]
    if selector.get("matchExpressions") or selector.get("matchLabels") not in (wanted, legacy):
        labels = dict(sorted((selector.get("matchLabels") or {}).items()))
        shown = {**selector, "matchLabels": labels} if labels else selector
        errors.append(invalid("spec.selector", shown, "`selector` not auto-generated"))
    return errors


def validate_job_spec(path: str, spec: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    for name in ("parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished"):
        errors += not_negative(f"{path}.{name}", spec.get(name))
    errors += not_negative(f"{path}.backoffLimitPerIndex", spec.get("backoffLimitPerIndex"))
    errors += not_negative(f"{path}.maxFailedIndexes", spec.get("maxFailedIndexes"))
    errors += _manager(f"{path}.managedBy", spec.get("managedBy"))
    errors += _completion(path, spec)
    if policy := spec.get("podFailurePolicy"):
        errors += _failure_policy(f"{path}.podFailurePolicy", policy, spec)
    errors += _success(f"{path}.successPolicy", spec)
    errors += validate_template(f"{path}.template", spec.get("template") or {})
    errors += _restart(f"{path}.template.spec.restartPolicy", spec)
    replacement = spec.get("podReplacementPolicy")
    if replacement is not None:
        allowed = ("Failed",) if spec.get("podFailurePolicy") else ("Failed", "TerminatingOrFailed")
        errors += choice(f"{path}.podReplacementPolicy", replacement, allowed)
    return errors


def _manager(path: str, value: str | None) -> list[FieldError]:
    if value is None:
        return []
    errors = domain_prefixed(path, value)
    if formats.length_bytes(value) > MANAGER_BYTES_MAX:
        errors.append(too_long(path, MANAGER_BYTES_MAX))
    return errors


def _completion(path: str, spec: Json) -> list[FieldError]:
    mode = spec.get("completionMode")
    errors: list[FieldError] = []
    if mode is not None:
        errors += choice(f"{path}.completionMode", mode, COMPLETION_MODES)
    if mode == "Indexed":
        if spec.get("completions") is None:
            errors.append(required(f"{path}.completions", "when completion mode is Indexed"))
        if spec.get("maxFailedIndexes") is not None and spec.get("backoffLimitPerIndex") is None:
            errors.append(required(f"{path}.backoffLimitPerIndex", "when maxFailedIndexes is specified"))
        return errors
    for name in ("backoffLimitPerIndex", "maxFailedIndexes"):
        if spec.get(name) is not None:
            errors.append(invalid(f"{path}.{name}", spec[name], NEEDS_INDEXES))
    return errors


def _failure_policy(path: str, policy: Json, spec: Json) -> list[FieldError]:
    rules = policy.get("rules") or []
    errors: list[FieldError] = []
    if len(rules) > RULES_MAX:
        errors.append(too_many(f"{path}.rules", len(rules), RULES_MAX))
    restart = ((spec.get("template") or {}).get("spec") or {}).get("restartPolicy")
    if restart != "Never":
        where = "spec.template.spec.restartPolicy"
        errors.append(invalid(where, restart, 'only "Never" is supported when podFailurePolicy is specified'))
    actions = ("Count", "FailIndex", "FailJob", "Ignore")
    for i, rule in enumerate(rules):
        where = f"{path}.rules[{i}]"
        errors += choice(f"{where}.action", rule.get("action", ""), actions)
        codes, conditions = rule.get("onExitCodes"), rule.get("onPodConditions")
        if codes is not None:
            errors += _exit_codes(f"{where}.onExitCodes", codes)
        if conditions and codes is not None:
            errors.append(invalid(where, None, "specifying both OnExitCodes and OnPodConditions is not supported"))
        if not conditions and codes is None:
            errors.append(invalid(where, None, "specifying one of OnExitCodes and OnPodConditions is required"))
    return errors


def _exit_codes(path: str, codes: Json) -> list[FieldError]:
    errors = choice(f"{path}.operator", codes.get("operator", ""), ("In", "NotIn"))
    values = codes.get("values") or []
    if not values:
        errors.append(invalid(f"{path}.values", values, "at least one value is required"))
    elif len(values) > EXIT_CODES_MAX:
        errors.append(too_many(f"{path}.values", len(values), EXIT_CODES_MAX))
    for i, value in enumerate(values):
        if codes.get("operator") == "In" and value == 0:
            errors.append(invalid(f"{path}.values[{i}]", value, "must not be 0 for the In operator"))
        if i and value <= values[i - 1]:
            errors.append(invalid(f"{path}.values", values, "must be ordered"))
            break
    return errors


def _success(path: str, spec: Json) -> list[FieldError]:
    policy = spec.get("successPolicy")
    if policy is None:
        return []
    if spec.get("completionMode") != "Indexed":
        return [invalid(path, internal_form(f"{BATCH}SuccessPolicy", policy), NEEDS_INDEXES)]
    rules = policy.get("rules") or []
    if not rules:
        return [required(f"{path}.rules", "at least one rules must be specified when the successPolicy is specified")]
    errors = [too_many(f"{path}.rules", len(rules), RULES_MAX)] if len(rules) > RULES_MAX else []
    for i, rule in enumerate(rules):
        if rule.get("succeededCount") is None and rule.get("succeededIndexes") is None:
            detail = "at least one of succeededCount or succeededIndexes must be specified"
            errors.append(required(f"{path}.rules[{i}]", detail))
    return errors


def _restart(path: str, spec: Json) -> list[FieldError]:
    policy = ((spec.get("template") or {}).get("spec") or {}).get("restartPolicy")
    if policy == "Always":
        return [required(path, ONLY_ONCE_OR_FAILING)]
    return [] if policy in ("OnFailure", "Never", None, "") else [not_supported(path, policy, ["OnFailure", "Never"])]


FROZEN_JOB = (
    "completionMode",
    "podFailurePolicy",
    "backoffLimitPerIndex",
    "managedBy",
    "successPolicy",
)
SUSPENDED_MAY_CHANGE = ("nodeSelector", "affinity", "tolerations", "schedulingGates")


def validate_job_update(job: Json, old: Json) -> list[FieldError]:
    spec, before = job["spec"], old["spec"]
    # kube-apiserver checks the spec once with the job and once more with the change, and reports both.
    errors = validate_job(job) + _selecting_spec(spec)
    errors += _completions_update(spec, before)
    errors += immutable("spec.selector", spec.get("selector"), before.get("selector"))
    errors += _template_update(spec, before, old.get("status") or {})
    for name in FROZEN_JOB:
        errors += immutable(f"spec.{name}", spec.get(name), before.get(name))
    return errors


def _completions_update(spec: Json, before: Json) -> list[FieldError]:
    new, was = spec.get("completions"), before.get("completions")
    if new == was:
        return []
    is_elastic = spec.get("completionMode") == "Indexed" and None not in (new, was)
    if is_elastic and new == spec.get("parallelism"):
        return []
    return [invalid("spec.completions", new, formats.IMMUTABLE)]


def _template_update(spec: Json, before: Json, status: Json) -> list[FieldError]:
    new, was = spec.get("template") or {}, before.get("template") or {}
    if before.get("suspend") and not status.get("startTime"):
        new, was = _without_scheduling(new), _without_scheduling(was)
    if new == was:
        return []
    shown = internal_form("k8s.io.api.core.v1.PodTemplateSpec", spec.get("template") or {})
    return [invalid("spec.template", shown, formats.IMMUTABLE)]


def _without_scheduling(template: Json) -> Json:
    spec = {k: v for k, v in (template.get("spec") or {}).items() if k not in SUSPENDED_MAY_CHANGE}
    for kind in ("containers", "initContainers"):
        if kind in spec:
            spec[kind] = [{k: v for k, v in c.items() if k != "resources"} for c in spec[kind]]
    meta = {k: v for k, v in (template.get("metadata") or {}).items() if k not in ("labels", "annotations")}
    return {"metadata": meta, "spec": spec}


def validate_job_status(job: Json, old: Json) -> list[FieldError]:
    status, before = job.get("status") or {}, old.get("status") or {}
    errors: list[FieldError] = []
    for name in ("active", "succeeded", "failed", "ready", "terminating"):
        errors += not_negative(f"status.{name}", status.get(name))
    if errors:
        return errors
    errors += _finished(status, before)
    return errors


def _true_conditions(status: Json) -> set[str]:
    return {c.get("type", "") for c in status.get("conditions") or () if c.get("status") == "True"}


def _finished(status: Json, before: Json) -> list[FieldError]:
    now, was = _true_conditions(status), _true_conditions(before)
    errors: list[FieldError] = []
    path = "status.conditions"
    completed = status.get("completionTime")
    if "Complete" in now and not completed:
        errors.append(required("status.completionTime", "completionTime is required for Complete jobs"))
    elif completed and "Complete" not in now:
        detail = "cannot set completionTime when there is no Complete=True condition"
        errors.append(invalid("status.completionTime", completed, detail))
    for kind in ("Complete", "Failed"):
        if kind in was and kind not in now:
            detail = f"cannot disable the terminal {kind}=True condition"
            errors.append(invalid(path, OMITTED, detail))
    for kind, needed in (("Failed", "FailureTarget"), ("Complete", "SuccessCriteriaMet")):
        if kind in now and kind not in was and needed not in now:
            detail = f"cannot set {kind}=True condition without the {needed}=true condition"
            errors.append(invalid(path, OMITTED, detail))
    for kind in ("FailureTarget", "SuccessCriteriaMet"):
        if kind in was and kind not in now:
            errors.append(invalid(path, OMITTED, f"cannot disable the {kind}=True condition"))
    if now & {"Complete", "Failed"} and not status.get("startTime"):
        errors.append(required("status.startTime", "startTime is required for finished job"))
    return errors


# -- CronJob -------------------------------------------------------------------------------------------------


def validate_cron_job(job: Json) -> list[FieldError]:
    spec = job.get("spec") or {}
    errors = _cron_spec(spec, "")
    if formats.length_bytes(job["metadata"].get("name", "")) > CRON_NAME_MAX:
        detail = formats.too_long_characters(CRON_NAME_MAX)
        errors.append(invalid("metadata.name", job["metadata"]["name"], detail))
    return errors


def validate_cron_job_update(job: Json, old: Json) -> list[FieldError]:
    return _cron_spec(job.get("spec") or {}, (old.get("spec") or {}).get("schedule", ""))


def _cron_spec(spec: Json, old_schedule: str) -> list[FieldError]:
    schedule = spec.get("schedule", "")
    errors: list[FieldError] = [] if schedule else [required("spec.schedule")]
    if schedule:
        errors += _schedule(schedule, spec.get("timeZone"), old_schedule)
    errors += not_negative("spec.startingDeadlineSeconds", spec.get("startingDeadlineSeconds"))
    policy = spec.get("concurrencyPolicy", "")
    if not policy:
        errors.append(required("spec.concurrencyPolicy"))
    else:
        errors += choice("spec.concurrencyPolicy", policy, ("Allow", "Forbid", "Replace"))
    template = spec.get("jobTemplate") or {}
    errors += validate_job_spec("spec.jobTemplate.spec", template.get("spec") or {})
    if (template.get("spec") or {}).get("manualSelector"):
        errors.append(not_supported("spec.jobTemplate.spec.manualSelector", True, ["nil", "false"]))
    for name in ("successfulJobsHistoryLimit", "failedJobsHistoryLimit"):
        errors += not_negative(f"spec.{name}", spec.get(name))
    if spec.get("timeZone") is not None:
        errors += _time_zone(spec["timeZone"])
    return errors


def _schedule(schedule: str, zone: str | None, old_schedule: str) -> list[FieldError]:
    path = "spec.schedule"
    if "TZ" in schedule:
        if zone is not None:
            detail = "cannot use both timeZone field and TZ or CRON_TZ in schedule"
            return [invalid(path, schedule, detail)]
        if schedule != old_schedule:
            detail = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
            return [invalid(path, schedule, detail)]
        return []
    problem = check_schedule(schedule)
    return [invalid(path, schedule, problem)] if problem else []


def _time_zone(zone: str) -> list[FieldError]:
    path = "spec.timeZone"
    if not zone:
        return [invalid(path, zone, "timeZone must be nil or non-empty string")]
    if zone.lower() == "local":
        detail = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"
        return [invalid(path, zone, detail)]
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return [invalid(path, zone, f"unknown time zone {zone}")]
    return []


# -- ControllerRevision --------------------------------------------------------------------------------------


def validate_revision(obj: Json) -> list[FieldError]:
    errors = [] if obj.get("data") is not None else [required("data", "data is mandatory")]
    return errors + not_negative("revision", obj.get("revision"))


def validate_revision_update(obj: Json, old: Json) -> list[FieldError]:
    return validate_revision(obj) + immutable("data", obj.get("data"), old.get("data"))
