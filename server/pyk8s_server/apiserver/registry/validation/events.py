"""The rules of events: lenient for the core kind's old form, strict for what comes through events.k8s.io.

Always true: errors name the fields of the core kind, whichever API group was asked, as kube-apiserver does.
"""

from __future__ import annotations

from typing import Any

from pyk8s.api.field import FieldError, invalid, required
from pyk8s.api.resources import resources

from pyk8s_server.apiserver.registry.validation import formats

Json = dict[str, Any]

TEXT_MAX = 128
NOTE_BYTES_MAX = 1024
SERIES_MIN = 2

CORE_NAMES = {
    "regarding": "involvedObject",
    "note": "message",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
}
FROZEN = (
    "involvedObject",
    "reason",
    "source",
    "message",
    "firstTimestamp",
    "lastTimestamp",
    "count",
    "reason",
    "type",
    "eventTime",
    "action",
    "related",
    "reportingComponent",
    "reportingInstance",
)
"""What an update through the newer group may not change, in the order of the reports; the reason is reported twice."""


def core_form(event: Json) -> Json:
    """An event of either group with the field names of the core kind."""
    form = {CORE_NAMES.get(name, name): value for name, value in event.items()}
    if "reportingController" in form:
        form["reportingComponent"] = form["reportingController"]
    return form


def validate_core_event(event: Json) -> list[FieldError]:
    """v1: the old form has few rules; one with eventTime is of the new form."""
    errors = _namespace(event)
    if event.get("eventTime") is None:
        return errors
    return errors + _new_form(event, "reportingController")


def validate_new_event(event: Json) -> list[FieldError]:
    """events.k8s.io/v1."""
    form = core_form(event)
    errors = _namespace(form)
    if form.get("eventTime") is None:
        errors.append(required("eventTime"))
    else:
        errors += _new_form(form, "reportingController")
    note = form.get("message") or ""
    if formats.length_bytes(note) > NOTE_BYTES_MAX:
        errors.append(invalid("message", "", f"can have at most {NOTE_BYTES_MAX} characters"))
    errors += _series(form.get("series"))
    if (kind := form.get("type", "")) not in ("Normal", "Warning"):
        errors.append(invalid("type", "", f"has invalid value: {kind}"))
    errors += (
        invalid(name, "", "needs to be unset")
        for name in ("firstTimestamp", "lastTimestamp", "count", "source")
        if form.get(name)
    )
    return errors


def _new_form(event: Json, controller_name: str) -> list[FieldError]:
    errors: list[FieldError] = []
    controller = event.get("reportingComponent") or ""
    if not controller:
        errors.append(required(controller_name))
    errors += (invalid(controller_name, controller, m) for m in formats.qualified_name(controller))
    for name in ("reportingInstance", "action", "reason"):
        value = event.get(name) or ""
        if not value:
            errors.append(required(name))
        if formats.length_bytes(value) > TEXT_MAX:
            errors.append(invalid(name, "", f"can have at most {TEXT_MAX} characters"))
    return errors


def _series(series: Json | None) -> list[FieldError]:
    if series is None:
        return []
    errors: list[FieldError] = []
    if series.get("count", 0) < SERIES_MIN:
        errors.append(invalid("series.count", "", f"should be at least {SERIES_MIN}"))
    if series.get("lastObservedTime") is None:
        errors.append(required("series.lastObservedTime"))
    return errors


def _namespace(event: Json) -> list[FieldError]:
    """An event lives in its object's namespace; that of a cluster-scoped object in default."""
    involved = event.get("involvedObject") or {}
    own, other = event["metadata"].get("namespace", ""), involved.get("namespace", "")
    path = "involvedObject.namespace"
    if other:
        is_allowed = own == other
    elif _is_cluster_scoped(involved) is False:
        is_allowed = own == ""
    else:
        is_allowed = own in ("", "default", "kube-system")
    return [] if is_allowed else [invalid(path, other, "does not match event.namespace")]


def _is_cluster_scoped(involved: Json) -> bool | None:
    for resource in resources():
        if resource.kind == involved.get("kind") and resource.api_version == involved.get("apiVersion"):
            return not resource.namespaced
    return None


def validate_core_event_update(event: Json, old: Json) -> list[FieldError]:
    """v1: anything may change, as recorders of old count up."""
    return _namespace(event)


def validate_new_event_update(event: Json, old: Json) -> list[FieldError]:
    """events.k8s.io/v1: events are frozen, but for their series."""
    form, before = core_form(event), core_form(old)
    return _namespace(form) + [
        invalid(_shown(name), form.get(name), formats.IMMUTABLE)
        for name in FROZEN
        if form.get(name) != before.get(name)
    ]


def _shown(name: str) -> str:
    return "reportingController" if name == "reportingComponent" else name
