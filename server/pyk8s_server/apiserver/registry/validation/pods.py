"""The rules of a whole pod: annotations, spec, and what an update of each endpoint may change."""

from __future__ import annotations

import copy
from typing import Any

from pyk8s.api.field import FieldError, forbidden, invalid, required

from pyk8s_server.apiserver.registry.internal_form import struct_diff
from pyk8s_server.apiserver.registry.validation import formats
from pyk8s_server.apiserver.registry.validation.choices import formatted, immutable, local_path
from pyk8s_server.apiserver.registry.validation.containers import validate_images
from pyk8s_server.apiserver.registry.validation.pod_spec import (
    INT32_MAX,
    validate_created_spec,
    validate_pod_spec,
)

Json = dict[str, Any]

MIRROR = "kubernetes.io/config.mirror"
DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
SECCOMP_POD = "seccomp.security.alpha.kubernetes.io/pod"
SECCOMP_CONTAINER = "container.seccomp.security.alpha.kubernetes.io/"
POD_SPEC = "k8s.io.api.core.v1.PodSpec"
EPHEMERAL_CONTAINER = "k8s.io.api.core.v1.EphemeralContainer"
UPDATABLE = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
DEADLINE = "spec.activeDeadlineSeconds"


def validate_pod_annotations(path: str, annotations: Json, spec: Json) -> list[FieldError]:
    """Annotations that mean something to a pod; templates share them."""
    errors: list[FieldError] = []
    if MIRROR in annotations and not spec.get("nodeName"):
        detail = "must set spec.nodeName if mirror pod annotation is set"
        errors.append(invalid(f"{path}[{MIRROR}]", annotations[MIRROR], detail))
    for key, value in annotations.items():
        if key == SECCOMP_POD or key.startswith(SECCOMP_CONTAINER):
            errors += _seccomp(f"{path}.{key}", value)
    cost = annotations.get(DELETION_COST)
    if cost is not None and not _is_int32(cost):
        errors.append(invalid(f"{path}[{DELETION_COST}]", cost, "must be a 32bit integer"))
    return errors


def _seccomp(path: str, value: str) -> list[FieldError]:
    if value in ("runtime/default", "docker/default", "unconfined"):
        return []
    if value.startswith("localhost/"):
        return local_path(path, value.removeprefix("localhost/"))
    return [invalid(path, value, "must be a valid seccomp profile")]


def _is_int32(text: str) -> bool:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()) or (len(digits) > 1 and digits[0] == "0") or text == "-0":
        return False
    return len(digits) <= 10 and -INT32_MAX - 1 <= int(text) <= INT32_MAX


def validate_pod(pod: Json) -> list[FieldError]:
    """What holds for every stored pod, apart from metadata."""
    spec = pod.get("spec") or {}
    errors = validate_pod_annotations("metadata.annotations", pod["metadata"].get("annotations") or {}, spec)
    errors += validate_pod_spec("spec", spec)
    if not spec.get("serviceAccountName"):
        errors += _tokens_without_account(spec)
    errors += validate_images("spec.containers", spec.get("containers") or [])
    errors += validate_images("spec.initContainers", spec.get("initContainers") or [])
    return errors


def _tokens_without_account(spec: Json) -> list[FieldError]:
    detail = "must not be specified when serviceAccountName is not set"
    return [
        forbidden(f"spec.volumes[{i}].projected.sources[{j}].serviceAccountToken", detail)
        for i, volume in enumerate(spec.get("volumes") or ())
        for j, source in enumerate((volume.get("projected") or {}).get("sources") or ())
        if source.get("serviceAccountToken") is not None
    ]


def validate_new_pod(pod: Json) -> list[FieldError]:
    return validate_pod(pod) + validate_created_spec("spec", pod.get("spec") or {})


# -- update of the pod itself --------------------------------------------------------------------------------


def validate_pod_update(pod: Json, old: Json) -> list[FieldError]:
    errors = validate_pod(pod)
    errors += _annotation_updates(pod, old)
    spec, before = pod["spec"], old["spec"]
    for kind in ("containers", "initContainers"):
        found, is_over = _container_updates(f"spec.{kind}", spec.get(kind) or [], before.get(kind) or [])
        errors += found
        if is_over:
            return errors
    found, is_over = _deadline_update(spec, before)
    errors += found
    if is_over:
        return errors
    errors += _tolerations_update(spec, before)
    errors += _gates_update(spec, before)
    munged = _munged(spec, before, errors)
    if munged != before:
        diff = struct_diff(POD_SPEC, before, munged)
        if diff:
            errors.append(forbidden("spec", f"{UPDATABLE}\n{diff}"))
    return errors


def _annotation_updates(pod: Json, old: Json) -> list[FieldError]:
    new, before = pod["metadata"].get("annotations") or {}, old["metadata"].get("annotations") or {}
    path = f"metadata.annotations[{MIRROR}]"
    if new.get(MIRROR) == before.get(MIRROR):
        return []
    if MIRROR in before:
        return [forbidden(path, "may not remove or update mirror pod annotation")]
    return [forbidden(path, "may not add mirror pod annotation")]


def _container_updates(path: str, new: list[Json], old: list[Json]) -> tuple[list[FieldError], bool]:
    if len(new) != len(old):
        return [forbidden(path, "pod updates may not add or remove containers")], True
    errors = [required(f"{path}[{i}].image") for i, c in enumerate(new) if not c.get("image", "").strip()]
    return errors, False


def _deadline_update(spec: Json, before: Json) -> tuple[list[FieldError], bool]:
    new, old = spec.get("activeDeadlineSeconds"), before.get("activeDeadlineSeconds")
    if new is None:
        if old is None:
            return [], False
        return [invalid(DEADLINE, None, "must not update from a positive integer to nil value")], False
    if not 0 <= new <= INT32_MAX:
        return [invalid(DEADLINE, new, f"must be between 0 and {INT32_MAX}, inclusive")], True
    if old is not None and old < new:
        return [invalid(DEADLINE, new, "must be less than or equal to previous value")], True
    return [], False


def _tolerations_update(spec: Json, before: Json) -> list[FieldError]:
    def bare(toleration: Json) -> Json:
        return {k: v for k, v in toleration.items() if k != "tolerationSeconds"}

    kept = [bare(t) for t in spec.get("tolerations") or ()]
    if all(bare(t) in kept for t in before.get("tolerations") or ()):
        return []
    return [forbidden("spec.tolerations", "existing toleration can not be modified except its tolerationSeconds")]


def _gates_update(spec: Json, before: Json) -> list[FieldError]:
    known = {gate.get("name") for gate in before.get("schedulingGates") or ()}
    return [
        forbidden(
            f"spec.schedulingGates[{i}].name",
            f"only deletion is allowed, but found new scheduling gate '{gate.get('name', '')}'",
        )
        for i, gate in enumerate(spec.get("schedulingGates") or ())
        if gate.get("name") not in known
    ]


def _munged(spec: Json, before: Json, errors: list[FieldError]) -> Json:
    """The new spec with every change undone that an update may make."""
    munged = dict(spec)
    for kind in ("containers", "initContainers"):
        if spec.get(kind):
            pairs = zip(spec[kind], before.get(kind) or [], strict=True)
            munged[kind] = [_with(new, old, "image") for new, old in pairs]
    names = ["activeDeadlineSeconds", "tolerations", "schedulingGates"]
    if before.get("terminationGracePeriodSeconds", 0) < 0 and spec.get("terminationGracePeriodSeconds") == 1:
        names.append("terminationGracePeriodSeconds")
    for name in names:
        munged = _with(munged, before, name)
    if before.get("schedulingGates"):
        munged = _gated(munged, before, errors)
    return munged


def _with(obj: Json, other: Json, name: str) -> Json:
    """A copy of ``obj`` whose field ``name`` is as in ``other``."""
    copied = {k: v for k, v in obj.items() if k != name}
    if name in other:
        copied[name] = other[name]
    return copied


def _gated(munged: Json, before: Json, errors: list[FieldError]) -> Json:
    """While a pod is gated, its node selector and required node affinity may be narrowed."""
    selector = munged.get("nodeSelector") or {}
    if selector != (before.get("nodeSelector") or {}):
        if any(selector.get(k) != v for k, v in (before.get("nodeSelector") or {}).items()):
            detail = "only additions to spec.nodeSelector are allowed (no mutations or deletions)"
            errors.append(invalid("spec.nodeSelector", selector, detail))
        munged = _with(munged, before, "nodeSelector")
    new, old = _required_affinity(munged), _required_affinity(before)
    if new == old:
        return munged
    if old:
        errors += _narrowed(new, old)
    munged = copy.deepcopy(munged)
    _set_required_affinity(munged, before)
    return munged


AFFINITY = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def _required_affinity(spec: Json) -> list[Json]:
    node = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    return (node.get(REQUIRED) or {}).get("nodeSelectorTerms") or []


def _narrowed(new: list[Json], old: list[Json]) -> list[FieldError]:
    if len(new) != len(old):
        detail = "no additions/deletions to non-empty NodeSelectorTerms list are allowed"
        return [invalid(AFFINITY, new, detail)]
    return [
        invalid(f"{AFFINITY}[{i}]", term, "only additions are allowed (no mutations or deletions)")
        for i, (term, before) in enumerate(zip(new, old, strict=True))
        if not all(
            (term.get(kind) or [])[: len(before.get(kind) or [])] == (before.get(kind) or [])
            for kind in ("matchExpressions", "matchFields")
        )
    ]


def _set_required_affinity(munged: Json, before: Json) -> None:
    old = (before.get("affinity") or {}).get("nodeAffinity") or {}
    if "affinity" not in before:
        affinity = munged["affinity"]
        affinity.get("nodeAffinity", {}).pop(REQUIRED, None)
        if not affinity.get("nodeAffinity"):
            affinity.pop("nodeAffinity", None)
        if not affinity:
            munged.pop("affinity")
        return
    node = munged.setdefault("affinity", {}).setdefault("nodeAffinity", {})
    if REQUIRED in old:
        node[REQUIRED] = old[REQUIRED]
    else:
        node.pop(REQUIRED, None)
    if not node and "nodeAffinity" not in before["affinity"]:
        munged["affinity"].pop("nodeAffinity")


# -- subresources --------------------------------------------------------------------------------------------


def validate_ephemeral_update(pod: Json, old: Json) -> list[FieldError]:
    """pods/ephemeralcontainers: containers may be added, never changed or taken away."""
    errors = validate_pod(pod)
    if MIRROR in (pod["metadata"].get("annotations") or {}):
        return [*errors, forbidden("", "static pods do not support ephemeral containers")]
    new = {c.get("name"): c for c in pod["spec"].get("ephemeralContainers") or ()}
    for container in old["spec"].get("ephemeralContainers") or ():
        name = container.get("name")
        path = "spec.ephemeralContainers"
        if name not in new:
            errors.append(forbidden(path, f'existing ephemeral containers "{name}" may not be removed\n'))
        elif new[name] != container:
            diff = struct_diff(EPHEMERAL_CONTAINER, container, new[name])
            errors.append(forbidden(path, f'existing ephemeral containers "{name}" may not be changed\n{diff}'))
    return errors


def validate_pod_status(pod: Json, old: Json) -> list[FieldError]:
    status, before = pod.get("status") or {}, old.get("status") or {}
    errors = _annotation_updates(pod, old)
    for i, condition in enumerate(status.get("conditions") or ()):
        kind = condition.get("type", "")
        errors += (invalid(f"status.conditions[{i}].Type", kind, m) for m in formats.qualified_name(kind))
    nominated = status.get("nominatedNodeName")
    if nominated and nominated != before.get("nominatedNodeName"):
        errors += formatted("status.nominatedNodeName", nominated, formats.dns_subdomain)
    if before.get("qosClass"):
        errors += immutable("status.qosClass", status.get("qosClass"), before["qosClass"])
    if old["spec"].get("restartPolicy") != "Always":
        errors += _transitions(status, before, old["spec"])
    errors += _addresses("podIP", status)
    errors += _addresses("hostIP", status)
    return errors


def _transitions(status: Json, before: Json, spec: Json) -> list[FieldError]:
    """Containers that are done stay done in pods that do not restart them."""
    errors: list[FieldError] = []
    for kind in ("containerStatuses", "initContainerStatuses"):
        states = {s.get("name"): s.get("state") or {} for s in status.get(kind) or ()}
        for i, old in enumerate(before.get(kind) or ()):
            ended = (old.get("state") or {}).get("terminated")
            if ended is None or old.get("name") not in states:
                continue
            if spec.get("restartPolicy") == "OnFailure" and ended.get("exitCode", 0) != 0:
                continue
            if states[old.get("name")].get("terminated") is None:
                errors.append(forbidden(f"status.{kind}[{i}].state", "may not be transitioned to non-terminated state"))
    return errors


def _addresses(name: str, status: Json) -> list[FieldError]:
    listed = [entry.get("ip", "") for entry in status.get(f"{name}s") or ()]
    values = listed or ([status[name]] if status.get(name) else [])
    path = f"status.{name}s"
    errors = [invalid(f"{path}[{i}]", v, m) for i, v in enumerate(values) for m in formats.ip_address(v)]
    if not errors and len({":" in v for v in values}) < len(values):
        errors.append(invalid(path, status.get(f"{name}s"), "may specify no more than one IP for each IP family"))
    return errors
