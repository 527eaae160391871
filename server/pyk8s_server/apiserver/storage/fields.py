"""Which fields of which kind a field selector may name, and where they lie in the object.

Always true: the engine is told of the stored paths; a served version may call a field by another label (events).
Source: kubernetes.io, "Field Selectors", and the table `names`.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyk8s.api.resources import Resource
from pyk8s.core.interfaces import Store

from pyk8s_server.apiserver.storage.keys import prefix_of

NAME, NAMESPACE = "metadata.name", "metadata.namespace"
EVENT_REFERENCE = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")


@dataclass(frozen=True, slots=True)
class SelectableField:
    """One label of a field selector: ``paths`` as `Store.set_fields` takes them, ``default`` for an absent value."""

    label: str
    paths: str
    default: str = ""


def _same(*labels: str) -> tuple[SelectableField, ...]:
    return tuple(SelectableField(label, label) for label in labels)


STORED: dict[str, tuple[SelectableField, ...]] = {
    "pods": (
        *_same("spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName"),
        SelectableField("spec.hostNetwork", "spec.hostNetwork", "false"),
        *_same("status.phase", "status.podIP", "status.podIPs", "status.nominatedNodeName"),
    ),
    "nodes": (SelectableField("spec.unschedulable", "spec.unschedulable", "false"),),
    "namespaces": _same("status.phase"),
    "secrets": _same("type"),
    "services": _same("spec.clusterIP", "spec.type"),
    "replicationcontrollers": (SelectableField("status.replicas", "status.replicas", "0"),),
    "jobs.batch": (SelectableField("status.successful", "status.succeeded", "0"),),
    "certificatesigningrequests.certificates.k8s.io": _same("spec.signerName"),
    "resourceslices.resource.k8s.io": _same("spec.nodeName", "spec.driver"),
    "events": (
        *_same(*(f"involvedObject.{part}" for part in EVENT_REFERENCE)),
        *_same("reason", "reportingComponent", "type"),
        SelectableField("source", "source.component|reportingComponent"),
    ),
}
"""Of each stored resource: its fields beside metadata.name and metadata.namespace."""

EVENTS_ALIASES = {
    **{f"regarding.{part}": f"involvedObject.{part}" for part in EVENT_REFERENCE},
    "reportingController": "reportingComponent",
    "reason": "reason",
    "type": "type",
}
ALIASES = {"pods": {"spec.host": "spec.nodeName"}}


def register(engine: Store, resources: tuple[Resource, ...]) -> None:
    """Tell the engine every selectable field; before the first write."""
    for resource in resources:
        fields = STORED.get(resource.qualified, ())
        if fields:
            engine.set_fields(prefix_of(resource), [(field.label, field.paths, field.default) for field in fields])


def labels_of(resource: Resource) -> dict[str, str]:
    """Every label a field selector on the served ``resource`` may use -> the label the engine knows."""
    meta = {NAME: NAME, NAMESPACE: NAMESPACE} if resource.namespaced else {NAME: NAME}
    if resource.qualified == "events.events.k8s.io":
        return meta | EVENTS_ALIASES
    stored = {field.label: field.label for field in STORED.get(resource.qualified, ())}
    return meta | stored | ALIASES.get(resource.qualified, {})


def has_own_labels(resource: Resource) -> bool:
    """Whether the kind registers a conversion of field labels: it decides the words of the error."""
    return resource.qualified in STORED or resource.qualified == "events.events.k8s.io"
