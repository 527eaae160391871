"""The rules of persistent volumes, claims, storage classes, and what drivers say about themselves."""

from __future__ import annotations

from typing import Any

from pyk8s.api.field import FieldError, forbidden, invalid, not_supported, required, too_long
from pyk8s.api.quantity import Quantity

from pyk8s_server.apiserver.registry.internal_form import internal_form, struct_diff
from pyk8s_server.apiserver.registry.validation import formats
from pyk8s_server.apiserver.registry.validation.choices import (
    choice,
    formatted,
    immutable,
    required_format,
)
from pyk8s_server.apiserver.registry.validation.resources import validate_amount, validate_resource_name
from pyk8s_server.apiserver.registry.validation.selectors import validate_label_selector, validate_node_selector
from pyk8s_server.apiserver.registry.validation.volumes import CLAIM_SPEC_RULES, ONE_SOURCE, PATH_NAMES, RULES

Json = dict[str, Any]

ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
RECLAIM_POLICIES = ("Delete", "Recycle", "Retain")
VOLUME_MODES = ("Block", "Filesystem")
CLAIM_SPEC = "k8s.io.api.core.v1.PersistentVolumeClaimSpec"
VOLUME_SOURCE = "k8s.io.api.core.v1.PersistentVolumeSource"
POSITIVE = formats.GREATER_THAN_ZERO
MIXED_MODES = "may not use ReadWriteOncePod with other access modes"
FROZEN_CLAIM = (
    "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
)
PARAMETERS_MAX = 512
PARAMETERS_BYTES_MAX = 256 * 1024
NODE_ID_MAX = 256


# -- PersistentVolume ----------------------------------------------------------------------------------------


def _csi(path: str, source: Json) -> list[FieldError]:
    errors = required_format(f"{path}.driver", source.get("driver"), lambda v: formats.dns_subdomain(v.lower()))
    if not source.get("volumeHandle"):
        errors.append(required(f"{path}.volumeHandle"))
    names = (
        "controllerPublishSecretRef",
        "controllerExpandSecretRef",
        "nodePublishSecretRef",
        "nodeExpandSecretRef",
        "nodeStageSecretRef",
    )
    for name in names:
        reference = source.get(name)
        if reference is not None:
            errors += (required(f"{path}.{name}.{part}") for part in ("name", "namespace") if not reference.get(part))
    return errors


def _local(path: str, source: Json) -> list[FieldError]:
    return [] if source.get("path") else [required(f"{path}.path")]


VOLUME_RULES = {
    "hostPath": RULES["hostPath"],
    "gcePersistentDisk": RULES["gcePersistentDisk"],
    "awsElasticBlockStore": RULES["awsElasticBlockStore"],
    "glusterfs": RULES["glusterfs"],
    "flocker": RULES["flocker"],
    "nfs": RULES["nfs"],
    "rbd": RULES["rbd"],
    "quobyte": RULES["quobyte"],
    "cephfs": RULES["cephfs"],
    "iscsi": RULES["iscsi"],
    "cinder": RULES["cinder"],
    "fc": RULES["fc"],
    "flexVolume": RULES["flexVolume"],
    "azureFile": RULES["azureFile"],
    "vsphereVolume": RULES["vsphereVolume"],
    "photonPersistentDisk": RULES["photonPersistentDisk"],
    "portworxVolume": RULES["portworxVolume"],
    "azureDisk": RULES["azureDisk"],
    "scaleIO": RULES["scaleIO"],
    "local": _local,
    "storageos": RULES["storageos"],
    "csi": _csi,
}


def validate_volume(obj: Json) -> list[FieldError]:
    spec = obj.get("spec") or {}
    modes = spec.get("accessModes") or []
    errors = [] if modes else [required("spec.accessModes")]
    errors += _modes("spec.accessModes", modes)
    capacity = spec.get("capacity") or {}
    if not capacity:
        errors.append(required("spec.capacity"))
    if "storage" not in capacity or len(capacity) > 1:
        errors.append(not_supported("spec.capacity", capacity or None, ["storage"]))
    for name, value in capacity.items():
        errors += validate_resource_name(f"spec.capacity.{name}", name)
        errors += _positive(f"spec.capacity.{name}", value)
    policy = spec.get("persistentVolumeReclaimPolicy")
    if policy:
        errors += choice("spec.persistentVolumeReclaimPolicy", policy, RECLAIM_POLICIES)
    affinity = (spec.get("nodeAffinity") or {}).get("required")
    if spec.get("nodeAffinity") is not None:
        if affinity is None:
            errors.append(required("spec.nodeAffinity.required", "must specify required node constraints"))
        else:
            errors += validate_node_selector("spec.nodeAffinity.required", affinity)
    errors += _volume_source(spec)
    if name := spec.get("storageClassName"):
        errors += formatted("spec.storageClassName", name, formats.dns_subdomain)
    if mode := spec.get("volumeMode"):
        errors += choice("spec.volumeMode", mode, VOLUME_MODES)
    return errors


def _modes(path: str, modes: list[str]) -> list[FieldError]:
    errors = [error for mode in modes for error in choice(path, mode, ACCESS_MODES)]
    if "ReadWriteOncePod" in modes and len(set(modes)) > 1:
        errors.append(forbidden(path, MIXED_MODES))
    return errors


def _positive(path: str, value: Any) -> list[FieldError]:
    return [] if Quantity.of(value).nano > 0 else [invalid(path, str(value), POSITIVE)]


def _volume_source(spec: Json) -> list[FieldError]:
    given = [name for name in VOLUME_RULES if spec.get(name) is not None]
    if not given:
        return [required("spec", "must specify a volume type")]
    first, *others = given
    errors = VOLUME_RULES[first](f"spec.{first}", spec[first])
    errors += (forbidden(f"spec.{PATH_NAMES.get(other, other)}", ONE_SOURCE) for other in others)
    if first == "local" and spec.get("nodeAffinity") is None:
        errors.append(required("spec.nodeAffinity", "Local volume requires node affinity"))
    is_recycled = spec.get("persistentVolumeReclaimPolicy") == "Recycle"
    if first == "hostPath" and is_recycled and spec["hostPath"].get("path") == "/":
        detail = "may not be 'recycle' for a hostPath mount of '/'"
        errors.append(forbidden("spec.persistentVolumeReclaimPolicy", detail))
    return errors


def validate_volume_update(obj: Json, old: Json) -> list[FieldError]:
    spec, before = obj["spec"], old["spec"]
    errors = validate_volume(obj)
    sources = [{name: s[name] for name in VOLUME_RULES if name in s} for s in (spec, before)]
    if sources[0] != sources[1]:
        diff = struct_diff(VOLUME_SOURCE, sources[1], sources[0])
        detail = f"spec.persistentvolumesource is immutable after creation\n{diff}"
        errors.append(forbidden("spec.persistentvolumesource", detail))
    errors += immutable("volumeMode", spec.get("volumeMode"), before.get("volumeMode"))
    if before.get("nodeAffinity") is not None and spec.get("nodeAffinity") != before["nodeAffinity"]:
        errors.append(invalid("spec.nodeAffinity", spec.get("nodeAffinity"), formats.IMMUTABLE))
    return errors


# -- PersistentVolumeClaim -----------------------------------------------------------------------------------


def validate_claim(obj: Json) -> list[FieldError]:
    return validate_claim_spec("spec", obj.get("spec") or {})


def validate_claim_spec(path: str, spec: Json) -> list[FieldError]:
    modes = spec.get("accessModes") or []
    errors: list[FieldError] = []
    if not modes:
        errors.append(required(f"{path}.accessModes", "at least 1 access mode is required"))
    if selector := spec.get("selector"):
        errors += validate_label_selector(f"{path}.selector", selector)
    errors += _modes(f"{path}.accessModes", modes)
    storage = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    if storage is None:
        errors.append(required(f"{path}.resources[storage]"))
    else:
        errors += validate_amount(f"{path}.resources[storage]", "storage", storage)
        errors += _positive(f"{path}.resources[storage]", storage)
    if name := spec.get("storageClassName"):
        errors += formatted(f"{path}.storageClassName", name, formats.dns_subdomain)
    if (mode := spec.get("volumeMode")) is not None:
        errors += choice(f"{path}.volumeMode", mode, VOLUME_MODES)
    for source in ("dataSource", "dataSourceRef"):
        if spec.get(source) is not None:
            errors += _data_source(f"{path}.{source}", spec[source])
    if name := spec.get("volumeAttributesClassName"):
        errors += formatted(f"{path}.volumeAttributesClassName", name, formats.dns_subdomain)
    return errors


CLAIM_SPEC_RULES.append(validate_claim_spec)


def _data_source(path: str, source: Json) -> list[FieldError]:
    errors = [required(f"{path}.{name}") for name in ("name", "kind") if not source.get(name)]
    group = source.get("apiGroup") or ""
    if not group and source.get("kind") != "PersistentVolumeClaim":
        detail = "must be 'PersistentVolumeClaim' when referencing the default apiGroup"
        errors.append(invalid(path, source.get("kind"), detail))
    if group:
        errors += formatted(f"{path}.apiGroup", group, formats.dns_subdomain)
    return errors


def validate_claim_update(obj: Json, old: Json) -> list[FieldError]:
    spec, before = obj["spec"], old["spec"]
    errors = validate_claim(obj)
    status = old.get("status") or {}
    munged = dict(spec)
    if not before.get("volumeName") and spec.get("volumeName"):
        munged.pop("volumeName")
        if "volumeName" in before:
            munged["volumeName"] = before["volumeName"]
    if before.get("storageClassName") is None and spec.get("storageClassName"):
        munged.pop("storageClassName")
    if status.get("phase") == "Bound":
        munged = _with_requests(munged, before)
    if munged != before:
        diff = struct_diff(CLAIM_SPEC, before, munged)
        if diff:
            errors.append(forbidden("spec", f"{FROZEN_CLAIM}\n{diff}"))
    errors += _shrunk(spec, before, status)
    if spec.get("volumeMode") != before.get("volumeMode"):
        errors.append(invalid("spec.volumeMode", spec.get("volumeMode"), formats.IMMUTABLE))
    return errors


def _with_requests(munged: Json, before: Json) -> Json:
    resources = {**(munged.get("resources") or {})}
    old_requests = (before.get("resources") or {}).get("requests")
    if old_requests is not None:
        resources["requests"] = old_requests
    result = {**munged, "resources": resources}
    result.pop("volumeAttributesClassName", None)
    if "volumeAttributesClassName" in before:
        result["volumeAttributesClassName"] = before["volumeAttributesClassName"]
    return result


def _storage(resources: Json | None) -> Quantity:
    return Quantity.of(((resources or {}).get("requests") or {}).get("storage", "0"))


def _shrunk(spec: Json, before: Json, status: Json) -> list[FieldError]:
    new, old = _storage(spec.get("resources")), _storage(before.get("resources"))
    if new >= old:
        return []
    path = "spec.resources.requests.storage"
    capacity = (status.get("capacity") or {}).get("storage")
    if capacity is None:
        return [forbidden(path, "field can not be less than previous value")]
    if new <= Quantity.of(capacity):
        return [forbidden(path, "field can not be less than status.capacity")]
    return []


# -- StorageClass and the like -------------------------------------------------------------------------------


def validate_storage_class(obj: Json) -> list[FieldError]:
    provisioner = obj.get("provisioner", "")
    errors = required_format("provisioner", provisioner, lambda v: formats.qualified_name(v.lower()))
    errors += _parameters("parameters", obj.get("parameters"))
    policy = obj.get("reclaimPolicy")
    if policy:
        errors += choice("reclaimPolicy", policy, ("Delete", "Retain"))
    mode = obj.get("volumeBindingMode")
    if mode is None:
        errors.append(required("volumeBindingMode"))
    else:
        errors += choice("volumeBindingMode", mode, ("Immediate", "WaitForFirstConsumer"))
    return errors + _topologies(obj.get("allowedTopologies") or [])


def _topologies(terms: list[Json]) -> list[FieldError]:
    errors: list[FieldError] = []
    for i, term in enumerate(terms):
        expressions = term.get("matchLabelExpressions") or []
        for j, expression in enumerate(expressions):
            path = f"allowedTopologies[{i}].matchLabelExpressions[{j}]"
            if not expression.get("values"):
                errors.append(required(f"{path}.values"))
            errors += formatted(f"{path}.key", expression.get("key", ""), formats.qualified_name)
    return errors


def _parameters(path: str, parameters: Json | None) -> list[FieldError]:
    if not parameters:
        return []
    if len(parameters) > PARAMETERS_MAX:
        return [too_long("Provisioner Parameters Length", PARAMETERS_MAX)]
    errors = [invalid(path, key, "field can not be empty.") for key in parameters if not key]
    if sum(formats.length_bytes(k) + formats.length_bytes(v) for k, v in parameters.items()) > PARAMETERS_BYTES_MAX:
        errors.append(too_long(path, PARAMETERS_BYTES_MAX))
    return errors


def validate_storage_class_update(obj: Json, old: Json) -> list[FieldError]:
    names = ("parameters", "provisioner", "reclaimPolicy", "volumeBindingMode")
    return [error for name in names for error in immutable(name, obj.get(name), old.get(name))]


def validate_attributes_class(obj: Json) -> list[FieldError]:
    errors = required_format("driverName", obj.get("driverName"), formats.dns_subdomain)
    parameters = obj.get("parameters")
    if not parameters:
        return [*errors, required("parameters", "must contain at least one key/value pair")]
    return errors + _parameters("parameters", parameters)


def validate_attributes_class_update(obj: Json, old: Json) -> list[FieldError]:
    return [
        forbidden(name, f"updates to {name} are forbidden.")
        for name in ("driverName", "parameters")
        if obj.get(name) != old.get(name)
    ]


def validate_driver(obj: Json) -> list[FieldError]:
    spec = obj.get("spec") or {}
    errors: list[FieldError] = []
    for name in ("attachRequired", "podInfoOnMount", "storageCapacity"):
        if spec.get(name) is None:
            errors.append(required(f"spec.{name}"))
    for mode in spec.get("volumeLifecycleModes") or ():
        errors += choice("spec.volumeLifecycleModes", mode, ("Persistent", "Ephemeral"))
    if (policy := spec.get("fsGroupPolicy")) is not None:
        errors += choice("spec.fsGroupPolicy", policy, ("File", "None", "ReadWriteOnceWithFSType"))
    return errors


def validate_driver_update(obj: Json, old: Json) -> list[FieldError]:
    spec, before = obj["spec"], old["spec"]
    errors = immutable("spec.attachedRequired", spec.get("attachRequired"), before.get("attachRequired"))
    modes, was = spec.get("volumeLifecycleModes"), before.get("volumeLifecycleModes")
    return errors + immutable("spec.volumeLifecycleModes", modes, was)


def validate_node_drivers(obj: Json) -> list[FieldError]:
    """CSINode."""
    errors: list[FieldError] = []
    seen: set[str] = set()
    for i, driver in enumerate((obj.get("spec") or {}).get("drivers") or ()):
        path, name, node = f"spec.drivers[{i}]", driver.get("name", ""), driver.get("nodeID", "")
        errors += required_format(f"{path}.name", name, lambda v: formats.dns_subdomain(v.lower()))
        if not node:
            errors.append(required(f"{path}.nodeID"))
        elif len(node) > NODE_ID_MAX:
            detail = f"must be {NODE_ID_MAX} characters or less"
            errors.append(invalid(f"{path}.nodeID", node, detail))
        if name in seen:
            errors.append(FieldError(f"{path}.name", "Duplicate value", name))
        seen.add(name)
    return errors


def validate_node_drivers_update(obj: Json, old: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    new = {d.get("name"): d for d in (obj.get("spec") or {}).get("drivers") or ()}
    for driver in (old.get("spec") or {}).get("drivers") or ():
        now = new.get(driver.get("name"))
        if now is not None and _without_count(now) != _without_count(driver):
            shown = internal_form("k8s.io.api.storage.v1.CSINodeDriver", now)
            errors.append(invalid("CSINodeDriver", shown, formats.IMMUTABLE))
    return validate_node_drivers(obj) + errors


def _without_count(driver: Json) -> Json:
    return {k: v for k, v in driver.items() if k != "allocatable"}


def validate_capacity(obj: Json) -> list[FieldError]:
    """CSIStorageCapacity."""
    errors = validate_label_selector("nodeTopology", obj.get("nodeTopology"))
    errors += formatted("storageClassName", obj.get("storageClassName", ""), formats.dns_subdomain)
    for name in ("capacity", "maximumVolumeSize"):
        if (value := obj.get(name)) is not None and Quantity.of(value).nano < 0:
            errors.append(invalid(name, str(value), formats.NOT_NEGATIVE))
    return errors


def validate_capacity_update(obj: Json, old: Json) -> list[FieldError]:
    errors = immutable("nodeTopology", obj.get("nodeTopology"), old.get("nodeTopology"))
    return errors + immutable("storageClassName", obj.get("storageClassName"), old.get("storageClassName"))


def validate_attachment(obj: Json) -> list[FieldError]:
    spec = obj.get("spec") or {}
    source = spec.get("source") or {}
    errors: list[FieldError] = []
    errors += required_format("spec.attacher", spec.get("attacher"), lambda v: formats.dns_subdomain(v.lower()))
    if not spec.get("nodeName"):
        errors += (invalid("spec.nodeName", "", m) for m in formats.dns_subdomain(""))
    else:
        errors += formatted("spec.nodeName", spec["nodeName"], formats.dns_subdomain)
    name, inline = source.get("persistentVolumeName"), source.get("inlineVolumeSpec")
    if inline is None and name is None:
        detail = "must specify exactly one of inlineVolumeSpec and persistentVolumeName"
        errors.append(required("spec.source", detail))
    elif inline is not None and name is not None:
        detail = "must specify exactly one of inlineVolumeSpec and persistentVolumeName"
        errors.append(forbidden("spec.source", detail))
    elif name is not None:
        errors += required_format("spec.source.persistentVolumeName", name, formats.dns_subdomain)
    return errors


def validate_attachment_update(obj: Json, old: Json) -> list[FieldError]:
    if obj["spec"] == old["spec"]:
        return validate_attachment(obj)
    shown = internal_form("k8s.io.api.storage.v1.VolumeAttachmentSpec", obj["spec"])
    return [*validate_attachment(obj), invalid("spec", shown, formats.IMMUTABLE)]
