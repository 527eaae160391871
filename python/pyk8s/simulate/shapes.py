"""Pod shapes from manifests: equal pods get the same shape, priorities are resolved.

Always true: two pods whose labels, annotations, owners and specs are equal share one `PodShape`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import orjson

from pyk8s.simulate.pod_shape import PodShape
from pyk8s.simulate.priorities import PriorityClasses

Json = dict[str, Any]

PINNED = "\ue000pinned"
"""Stands for a node's name in the shape of a daemon's pods."""

OWN_NAME = "\ue000own"
"""Stands for the pod's own name in the shape of a StatefulSet's pods."""

GROUP = "\ue000group"
"""Stands for the name of the pod's PodGroup in the shape of a gang's pods."""

DAEMON_TAINTS = (
    ("not-ready", "NoExecute"), ("unreachable", "NoExecute"), ("disk-pressure", "NoSchedule"),
    ("memory-pressure", "NoSchedule"), ("pid-pressure", "NoSchedule"), ("unschedulable", "NoSchedule"),
)  # fmt: skip
"""What the pods of every DaemonSet tolerate. Source: kubernetes.io, "DaemonSet: taints and tolerations"."""


class Shapes:
    def __init__(self, classes: PriorityClasses) -> None:
        self._classes = classes
        self._known: dict[bytes, PodShape] = {}

    def of(self, pod: Json) -> PodShape:
        """Raises ValueError: an unknown priority class, or amounts that are no quantities."""
        pod, priority = self._classes.resolve(pod)
        metadata, spec = pod.get("metadata") or {}, pod.get("spec") or {}
        own = {key: value for key, value in spec.items() if key != "nodeName"}
        kept = [metadata.get(key) for key in ("namespace", "labels", "annotations", "ownerReferences")]
        key = orjson.dumps([kept, own, priority], option=orjson.OPT_SORT_KEYS)
        shape = self._known.get(key)
        if shape is None:
            shape = self._known[key] = PodShape.of(pod, priority)
        return shape


def pod_of(template: Json, *, namespace: str, labels: Json | None = None, owner: Json | None = None) -> Json:
    """A pod from a PodTemplateSpec."""
    old = template.get("metadata") or {}
    metadata: Json = {"namespace": namespace, "labels": {**(labels or {}), **(old.get("labels") or {})}}
    if old.get("annotations"):
        metadata["annotations"] = old["annotations"]
    if owner is not None:
        metadata["ownerReferences"] = [owner]
    return {"metadata": metadata, "spec": template.get("spec") or {}}


def owner_reference(obj: Json) -> Json:
    metadata = obj["metadata"]
    return {
        "apiVersion": obj["apiVersion"],
        "kind": obj["kind"],
        "name": metadata["name"],
        "uid": metadata.get("uid") or f"{metadata.get('namespace', 'default')}/{metadata['name']}",
        "controller": True,
    }


def daemon_pod(pod: Json) -> Json:
    """The pod with the tolerations that the DaemonSet controller adds."""
    tolerations = [
        {"key": f"node.kubernetes.io/{name}", "operator": "Exists", "effect": effect} for name, effect in DAEMON_TAINTS
    ]
    spec = pod["spec"]
    return {**pod, "spec": {**spec, "tolerations": [*(spec.get("tolerations") or ()), *tolerations]}}


def pinned_pod(pod: Json) -> Json:
    """The pod as that controller makes it for the node PINNED; the node matched the template's own terms before."""
    only = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [PINNED]}]}
    affinity = dict(pod["spec"].get("affinity") or {})
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [only]}}
    affinity["nodeAffinity"] = {**(affinity.get("nodeAffinity") or {}), **required}
    return {**pod, "spec": {**pod["spec"], "affinity": affinity}}


def in_group(pod: Json) -> Json:
    """The pod as a member of the PodGroup GROUP."""
    return {**pod, "spec": {**pod["spec"], "schedulingGroup": {"podGroupName": GROUP}}}


def pod_group(namespace: str, name: str, count: int) -> Json:
    """A group of pods that start together."""
    metadata = {"name": name, "namespace": namespace, "uid": f"{namespace}/{name}"}
    return {"metadata": metadata, "spec": {"schedulingPolicy": {"gang": {"minCount": count}}}}


def with_claims(template: Json, claims: Iterable[Json]) -> Json:
    """A StatefulSet's template with the volumes of its claims; OWN_NAME stands for the pod's name in theirs."""
    spec = template.get("spec") or {}
    names = [claim["metadata"]["name"] for claim in claims]
    kept = [volume for volume in spec.get("volumes") or () if volume.get("name") not in names]
    made = [{"name": name, "persistentVolumeClaim": {"claimName": f"{name}-{OWN_NAME}"}} for name in names]
    return {**template, "spec": {**spec, "volumes": [*kept, *made]}}


def personal(shape: PodShape, mark: str, text: bytes) -> PodShape:
    """Of few pods: one node's daemon (PINNED), a StatefulSet's with its claims (OWN_NAME), a gang's (GROUP)."""
    sought = mark.encode()

    def filled(pieces: tuple[bytes, ...]) -> tuple[bytes, ...]:
        return tuple(piece.replace(sought, text) for piece in pieces)

    return replace(shape, pending=filled(shape.pending), bound=filled(shape.bound), deleting=filled(shape.deleting))
