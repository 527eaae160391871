"""Strategies of the kinds that need a little more than the table: namespaces, secrets, claims, revisions and so on.

Always true: each class says only what its kind adds to `GenericStrategy`.
"""

from __future__ import annotations

import base64
from typing import Any

from pyk8s.api.clock import rfc3339
from pyk8s.api.field import FieldError, invalid

from pyk8s_server.apiserver.interfaces import Context
from pyk8s_server.apiserver.registry.pod_warnings import spec_warnings
from pyk8s_server.apiserver.registry.strategies import GenericStrategy
from pyk8s_server.apiserver.registry.validation import formats
from pyk8s_server.apiserver.registry.validation.events import (
    validate_core_event,
    validate_core_event_update,
    validate_new_event,
    validate_new_event_update,
)

Json = dict[str, Any]

NAME_LABEL = "kubernetes.io/metadata.name"
NAMESPACE_FINALIZER = "kubernetes"
NEW_EVENTS = "events.k8s.io"


class NamespaceStrategy(GenericStrategy):
    """namespaces: active at first, kept by a finalizer of their own, labelled with their name."""

    def prepare_for_create(self, context: Context, obj: Json) -> None:
        super().prepare_for_create(context, obj)
        obj["status"] = {"phase": "Active"}
        spec = obj.setdefault("spec", {})
        finalizers = spec.get("finalizers") or []
        if NAMESPACE_FINALIZER not in finalizers:
            spec["finalizers"] = [*finalizers, NAMESPACE_FINALIZER]
        _label_with_name(obj)

    def prepare_for_update(self, context: Context, obj: Json, old: Json) -> None:
        super().prepare_for_update(context, obj, old)
        obj["spec"] = {**(obj.get("spec") or {}), "finalizers": (old.get("spec") or {}).get("finalizers") or []}
        if not obj["spec"]["finalizers"]:
            del obj["spec"]["finalizers"]
        _label_with_name(obj)


class NamespaceFinalizeStrategy(GenericStrategy):
    """namespaces/finalize: takes the spec alone."""

    def prepare_for_update(self, context: Context, obj: Json, old: Json) -> None:
        obj["status"] = old.get("status") or {}
        super().prepare_for_update(context, obj, old)
        _label_with_name(obj)


def _label_with_name(obj: Json) -> None:
    meta = obj["metadata"]
    if name := meta.get("name"):
        labels = meta.get("labels") or {}
        if labels.get(NAME_LABEL) != name:
            meta["labels"] = {**labels, NAME_LABEL: name}


class NodeStrategy(GenericStrategy):
    """nodes and nodes/status: ``podCIDR`` is the first of ``podCIDRs``."""

    def prepare_for_create(self, context: Context, obj: Json) -> None:
        super().prepare_for_create(context, obj)
        agree_pod_cidrs(obj)

    def prepare_for_update(self, context: Context, obj: Json, old: Json) -> None:
        super().prepare_for_update(context, obj, old)
        agree_pod_cidrs(obj)


def agree_pod_cidrs(node: Json) -> None:
    """Fill in whichever spelling is missing; where they differ the single one wins."""
    spec = node.get("spec") or {}
    single, listed = spec.get("podCIDR"), spec.get("podCIDRs") or []
    if single and listed[:1] != [single]:
        spec["podCIDRs"] = [single]
    elif listed and not single:
        spec["podCIDR"] = listed[0]


class SecretStrategy(GenericStrategy):
    """secrets: ``stringData`` is another way to write ``data``; an update without a type keeps the stored one."""

    def prepare_for_create(self, context: Context, obj: Json) -> None:
        super().prepare_for_create(context, obj)
        encode_string_data(obj)

    def prepare_for_update(self, context: Context, obj: Json, old: Json) -> None:
        super().prepare_for_update(context, obj, old)
        if not obj.get("type") and old.get("type"):
            obj["type"] = old["type"]
        encode_string_data(obj)


def encode_string_data(secret: Json) -> None:
    """Write plain texts into ``data``; they win over what stands there."""
    texts = secret.pop("stringData", None)
    if texts:
        encoded = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
        secret["data"] = {**(secret.get("data") or {}), **encoded}


class EventStrategy(GenericStrategy):
    """events: stored once, served by two groups, of which the newer one is stricter."""

    def validate_object(self, context: Context, obj: Json) -> list[FieldError]:
        if context.info.group == NEW_EVENTS:
            return validate_new_event(obj)
        return validate_core_event(obj)

    def validate_object_update(self, context: Context, obj: Json, old: Json) -> list[FieldError]:
        if context.info.group == NEW_EVENTS:
            return validate_new_event_update(obj, old)
        return validate_core_event_update(obj, old)


class LeaseStrategy(GenericStrategy):
    """leases: coordinated leader election is off by default, so its fields are dropped."""

    def prepare_for_create(self, context: Context, obj: Json) -> None:
        super().prepare_for_create(context, obj)
        self._drop_gated(obj)

    def prepare_for_update(self, context: Context, obj: Json, old: Json) -> None:
        super().prepare_for_update(context, obj, old)
        self._drop_gated(obj)

    def _drop_gated(self, obj: Json) -> None:
        for name in ("strategy", "preferredHolder"):
            (obj.get("spec") or {}).pop(name, None)


class LimitRangeStrategy(GenericStrategy):
    """limitranges: one without a name gets a uid for its name."""

    def prepare_for_create(self, context: Context, obj: Json) -> None:
        super().prepare_for_create(context, obj)
        if not obj["metadata"].get("name"):
            obj["metadata"]["name"] = context.identity.uid()


class VolumeStrategy(GenericStrategy):
    """persistentvolumes: pending at first, and dated."""

    def prepare_for_create(self, context: Context, obj: Json) -> None:
        super().prepare_for_create(context, obj)
        obj["status"] = {"phase": "Pending", "lastPhaseTransitionTime": rfc3339(context.clock.now_s())}


class VolumeStatusStrategy(GenericStrategy):
    """persistentvolumes/status: a changed phase is dated."""

    def prepare_for_update(self, context: Context, obj: Json, old: Json) -> None:
        super().prepare_for_update(context, obj, old)
        status, before = obj.setdefault("status", {}), old.get("status") or {}
        stored = before.get("lastPhaseTransitionTime")
        if status.get("phase") != before.get("phase") and status.get("lastPhaseTransitionTime") in (None, stored):
            status["lastPhaseTransitionTime"] = rfc3339(context.clock.now_s())
        elif status.get("lastPhaseTransitionTime") is None and stored is not None:
            status["lastPhaseTransitionTime"] = stored


class ClaimStrategy(GenericStrategy):
    """persistentvolumeclaims: pending at first; dataSource and dataSourceRef say the same."""

    def prepare_for_create(self, context: Context, obj: Json) -> None:
        super().prepare_for_create(context, obj)
        obj["status"] = {"phase": "Pending"}
        match_data_sources(obj["spec"])

    def prepare_for_update(self, context: Context, obj: Json, old: Json) -> None:
        super().prepare_for_update(context, obj, old)
        match_data_sources(obj["spec"])


KNOWN_SOURCES = {("", "PersistentVolumeClaim"), ("snapshot.storage.k8s.io", "VolumeSnapshot")}


def match_data_sources(spec: Json) -> None:
    """The old field knows claims and snapshots only; what else it holds is dropped."""
    source, reference = spec.get("dataSource"), spec.get("dataSourceRef")
    if source and not reference and (source.get("apiGroup") or "", source.get("kind")) not in KNOWN_SOURCES:
        del spec["dataSource"]
        return
    if source and not reference:
        spec["dataSourceRef"] = dict(source)
    elif reference and not source and not reference.get("namespace"):
        is_known = (reference.get("apiGroup") or "", reference.get("kind")) in KNOWN_SOURCES
        if is_known:
            spec["dataSource"] = {k: v for k, v in reference.items() if k != "namespace"}


class DaemonSetStrategy(GenericStrategy):
    """daemonsets: count the versions of their template in an annotation of old clients."""

    ANNOTATION = "deprecated.daemonset.template.generation"

    def prepare_for_create(self, context: Context, obj: Json) -> None:
        super().prepare_for_create(context, obj)
        self._note(obj, 1)

    def prepare_for_update(self, context: Context, obj: Json, old: Json) -> None:
        stored = (old["metadata"].get("annotations") or {}).get(self.ANNOTATION, "0")
        generation = int(stored) if stored.isascii() and stored.isdigit() else 0
        has_changed = obj["spec"].get("template") != old["spec"].get("template")
        self._note(obj, generation + 1 if has_changed else generation)
        super().prepare_for_update(context, obj, old)

    def _note(self, obj: Json, generation: int) -> None:
        annotations = obj["metadata"].get("annotations") or {}
        obj["metadata"]["annotations"] = {**annotations, self.ANNOTATION: str(generation)}


class DaemonSetStatusStrategy(GenericStrategy):
    """daemonsets/status: the count of template versions belongs to the spec."""

    def prepare_for_update(self, context: Context, obj: Json, old: Json) -> None:
        stored = (old["metadata"].get("annotations") or {}).get(DaemonSetStrategy.ANNOTATION)
        if stored is not None:
            annotations = obj["metadata"].get("annotations") or {}
            obj["metadata"]["annotations"] = {**annotations, DaemonSetStrategy.ANNOTATION: stored}
        super().prepare_for_update(context, obj, old)


class DefinitionStrategy(GenericStrategy):
    """customresourcedefinitions: remember which versions objects may be stored in."""

    def prepare_for_create(self, context: Context, obj: Json) -> None:
        super().prepare_for_create(context, obj)
        obj["status"]["storedVersions"] = self._storage_versions(obj)[:1] or None

    def prepare_for_update(self, context: Context, obj: Json, old: Json) -> None:
        super().prepare_for_update(context, obj, old)
        known = (old.get("status") or {}).get("storedVersions") or []
        added = [name for name in self._storage_versions(obj) if name not in known]
        if added:
            obj["status"] = {**(obj.get("status") or {}), "storedVersions": [*known, *added]}

    def _storage_versions(self, obj: Json) -> list[str]:
        return [v["name"] for v in (obj.get("spec") or {}).get("versions") or () if v.get("storage")]


class TemplateStrategy(GenericStrategy):
    """Kinds with a pod template: warn as of a pod."""

    def warnings_on_create(self, context: Context, obj: Json) -> list[str]:
        return spec_warnings("spec.template.spec", _template_spec(obj))

    def warnings_on_update(self, context: Context, obj: Json, old: Json) -> list[str]:
        if _template_spec(obj) == _template_spec(old):
            return []
        return spec_warnings("spec.template.spec", _template_spec(obj))


def _template_spec(obj: Json) -> Json:
    return ((obj.get("spec") or {}).get("template") or {}).get("spec") or {}


class RevisionStrategy(GenericStrategy):
    """controllerrevisions: a patch re-reads the data into another form, which kube-apiserver takes for a change."""

    def validate_object_update(self, context: Context, obj: Json, old: Json) -> list[FieldError]:
        errors = super().validate_object_update(context, obj, old)
        if context.info.verb == "patch" and not errors:
            errors.append(invalid("data", obj.get("data"), formats.IMMUTABLE))
        return errors


class IngressStrategy(GenericStrategy):
    """ingresses: the annotation of old names a class beside the field."""

    ANNOTATION = "kubernetes.io/ingress.class"

    def warnings_on_create(self, context: Context, obj: Json) -> list[str]:
        if self.ANNOTATION not in (obj["metadata"].get("annotations") or {}):
            return []
        return [f"annotation \"{self.ANNOTATION}\" is deprecated, please use 'spec.ingressClassName' instead"]


class SigningRequestStrategy(GenericStrategy):
    """certificatesigningrequests: say who asks."""

    def prepare_for_create(self, context: Context, obj: Json) -> None:
        super().prepare_for_create(context, obj)
        spec, user = obj["spec"], context.user
        for name in ("username", "uid", "groups", "extra"):
            spec.pop(name, None)
        spec["username"] = user.username
        if user.uid:
            spec["uid"] = user.uid
        if user.groups:
            spec["groups"] = list(user.groups)
        if user.extra:
            spec["extra"] = {name: list(values) for name, values in user.extra.items()}


class SigningRequestApprovalStrategy(GenericStrategy):
    """certificatesigningrequests/approval: takes conditions alone."""

    def prepare_for_update(self, context: Context, obj: Json, old: Json) -> None:
        conditions = (obj.get("status") or {}).get("conditions")
        super().prepare_for_update(context, obj, old)
        status = dict(old.get("status") or {})
        if conditions:
            status["conditions"] = dated(conditions, status.get("conditions") or [], context)
        else:
            status.pop("conditions", None)
        obj["status"] = status


class SigningRequestStatusStrategy(GenericStrategy):
    """certificatesigningrequests/status: everything but who approved."""

    def prepare_for_update(self, context: Context, obj: Json, old: Json) -> None:
        super().prepare_for_update(context, obj, old)
        status, before = obj.setdefault("status", {}), (old.get("status") or {}).get("conditions") or []
        others = [c for c in status.get("conditions") or () if c.get("type") not in APPROVALS]
        kept = [c for c in before if c.get("type") in APPROVALS]
        if kept or others:
            status["conditions"] = [*kept, *dated(others, before, context)]
        else:
            status.pop("conditions", None)


APPROVALS = frozenset({"Approved", "Denied"})


def dated(conditions: list[Json], before: list[Json], context: Context) -> list[Json]:
    """Conditions with their times filled in: of the last change and, for new ones, of now."""
    now = rfc3339(context.clock.now_s())
    known = {c.get("type"): c for c in before}
    result = []
    for condition in conditions:
        old = known.get(condition.get("type"))
        same = old if old is not None and old.get("status") == condition.get("status") else None
        moved = condition.get("lastTransitionTime") or (same or {}).get("lastTransitionTime") or now
        updated = condition.get("lastUpdateTime") or now
        result.append({**condition, "lastUpdateTime": updated, "lastTransitionTime": moved})
    return result
