"""Volumes of pods: their names, that each has one source, and the rules of each source.

Always true: sources are looked at in kube-apiserver's order; only the first of several is examined.
Not here: persistent volumes and claims (see `storage`), which share sources with pods.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyk8s.api.field import FieldError, duplicate, forbidden, invalid, not_supported, required, too_long
from pyk8s.api.quantity import Quantity

from pyk8s_server.apiserver.registry.validation import formats
from pyk8s_server.apiserver.registry.validation.choices import (
    choice,
    local_path,
    no_backsteps,
    required_choice,
    required_format,
)
from pyk8s_server.apiserver.registry.validation.environment import (
    validate_field_reference,
    validate_resource_reference,
)
from pyk8s_server.apiserver.registry.validation.meta import validate_annotations, validate_labels

Json = dict[str, Any]
Rule = Callable[[str, Json], list[FieldError]]

ONE_SOURCE = "may not specify more than 1 volume type"
MODE_WRONG = "must be a number between 0 and 0777 (octal), both inclusive"
HOST_PATH_TYPES = (
    "",
    "BlockDevice",
    "CharDevice",
    "Directory",
    "DirectoryOrCreate",
    "File",
    "FileOrCreate",
    "Socket",
)
VOLUME_FIELDS = (
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
)
TOKEN_S_MIN = 600
TOKEN_S_MAX = 1 << 32
CSI_DRIVER_BYTES_MAX = 63


def validate_volumes(path: str, volumes: list[Json]) -> tuple[dict[str, Json], list[FieldError]]:
    """(valid volumes by name, errors)."""
    known: dict[str, Json] = {}
    errors: list[FieldError] = []
    names: set[str] = set()
    for i, volume in enumerate(volumes):
        where, name = f"{path}[{i}]", volume.get("name", "")
        found = validate_source(where, volume, name)
        found += required_format(f"{where}.name", name, formats.dns_label)
        if name in names:
            found.append(duplicate(f"{where}.name", name))
        if found:
            errors += found
        else:
            names.add(name)
            known[name] = volume
    return known, errors


def validate_source(path: str, volume: Json, name: str) -> list[FieldError]:
    """Exactly one source, and that one well-formed."""
    given = [source for source, value in volume.items() if source in RULES and value is not None]
    if not given:
        return [required(path, "must specify a volume type")]
    if len(given) > 1:
        given.sort(key=list(RULES).index)
    first, *others = given
    errors = RULES[first](f"{path}.{first}", volume[first])
    errors += (forbidden(f"{path}.{PATH_NAMES.get(other, other)}", ONE_SOURCE) for other in others)
    if first == "iscsi" and volume[first].get("initiatorName"):
        errors += _iscsi_name(path, name, volume[first])
    return errors


def _iscsi_name(path: str, name: str, source: Json) -> list[FieldError]:
    if len(f"{name}:{source.get('targetPortal', '')}") <= 64:
        return []
    detail = (
        "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters"
        " if iscsi.initiatorName is specified."
    )
    return [invalid(f"{path}.name", name, detail)]


def _needs(*names: str) -> Rule:
    """Fields that may not be empty; a dotted name is looked up inside the source."""

    def rule(path: str, source: Json) -> list[FieldError]:
        return [required(f"{path}.{name}") for name in names if not _at(source, name)]

    return rule


def _at(source: Json, name: str) -> Any:
    value: Any = source
    for part in name.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value


def _empty_dir(path: str, source: Json) -> list[FieldError]:
    size = source.get("sizeLimit")
    if size is not None and Quantity.of(size).nano < 0:
        return [forbidden(f"{path}.sizeLimit", "SizeLimit field must be a valid resource quantity")]
    return []


def _host_path(path: str, source: Json) -> list[FieldError]:
    where = source.get("path", "")
    if not where:
        return [required(f"{path}.path")]
    errors = no_backsteps(f"{path}.path", where)
    if (kind := source.get("type")) is not None:
        errors += choice(f"{path}.type", kind, HOST_PATH_TYPES)
    return errors


def _git_repo(path: str, source: Json) -> list[FieldError]:
    errors = [] if source.get("repository") else [required(f"{path}.repository")]
    return errors + local_path(f"{path}.directory", source.get("directory", ""))


def _partitioned(name: str, shown: str) -> Rule:
    def rule(path: str, source: Json) -> list[FieldError]:
        where = f"{path.rpartition('.')[0]}.{shown}"
        errors = [] if source.get(name) else [required(f"{where}.{name}")]
        partition = source.get("partition", 0)
        if not 0 <= partition <= 255:
            errors.append(invalid(f"{where}.partition", partition, "must be between 1 and 255, inclusive"))
        return errors

    return rule


def validate_mode(path: str, mode: int | None) -> list[FieldError]:
    return [invalid(path, mode, MODE_WRONG)] if mode is not None and not 0 <= mode <= 0o777 else []


def _secret(path: str, source: Json) -> list[FieldError]:
    errors = [] if source.get("secretName") else [required(f"{path}.secretName")]
    errors += validate_mode(f"{path}.defaultMode", source.get("defaultMode"))
    return errors + _items(f"{path}.items", source)


def _config_map(path: str, source: Json) -> list[FieldError]:
    errors = [] if source.get("name") else [required(f"{path}.name")]
    errors += validate_mode(f"{path}.defaultMode", source.get("defaultMode"))
    return errors + _items(f"{path}.items", source)


def _items(path: str, source: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    for i, item in enumerate(source.get("items") or ()):
        if not item.get("key"):
            errors.append(required(f"{path}[{i}].key"))
        errors += _file_path(f"{path}[{i}].path", item.get("path", ""))
        errors += validate_mode(f"{path}[{i}].mode", item.get("mode"))
    return errors


def _file_path(path: str, value: str) -> list[FieldError]:
    """A path below a volume's root."""
    if not value:
        return [required(path)]
    errors = local_path(path, value)
    if value.startswith("..") and not errors:
        errors.append(invalid(path, value, "must not start with '..'"))
    return errors


def _nfs(path: str, source: Json) -> list[FieldError]:
    errors = [] if source.get("server") else [required(f"{path}.server")]
    where = source.get("path", "")
    if not where:
        errors.append(required(f"{path}.path"))
    elif not where.startswith("/"):
        errors.append(invalid(f"{path}.path", where, "must be an absolute path"))
    return errors


def _iscsi(path: str, source: Json) -> list[FieldError]:
    errors = [required(f"{path}.{name}") for name in ("targetPortal", "iqn") if not source.get(name)]
    if name := source.get("iqn"):
        errors += _iscsi_qualified(f"{path}.iqn", name)
    if not 0 <= source.get("lun", 0) <= 255:
        errors.append(invalid(f"{path}.lun", source["lun"], "must be between 0 and 255, inclusive"))
    if (source.get("chapAuthDiscovery") or source.get("chapAuthSession")) and source.get("secretRef") is None:
        errors.append(required(f"{path}.secretRef"))
    if name := source.get("initiatorName"):
        errors += _iscsi_qualified(f"{path}.initiatorname", name)
    return errors


def _iscsi_qualified(path: str, name: str) -> list[FieldError]:
    if name.startswith(("iqn.", "eui.", "naa.")):
        return []
    return [invalid(path, name, "must be valid format starting with iqn, eui, or naa")]


def _claim(path: str, source: Json) -> list[FieldError]:
    return [] if source.get("claimName") else [required(f"{path}.claimName")]


def _flocker(path: str, source: Json) -> list[FieldError]:
    name, uuid = source.get("datasetName"), source.get("datasetUUID")
    if not name and not uuid:
        return [required(path, "one of datasetName and datasetUUID is required")]
    errors: list[FieldError] = []
    if name and uuid:
        errors.append(invalid(path, "resource", "datasetName and datasetUUID can not be specified simultaneously"))
    if name and "/" in name:
        errors.append(invalid(f"{path}.datasetName", name, "must not contain '/'"))
    return errors


def _downward(path: str, source: Json) -> list[FieldError]:
    errors = validate_mode(f"{path}.defaultMode", source.get("defaultMode"))
    for item in source.get("items") or ():
        errors += _downward_file(path, item)
    return errors


def _downward_file(path: str, item: Json) -> list[FieldError]:
    errors = _file_path(f"{path}.path", item.get("path", ""))
    field, resource = item.get("fieldRef"), item.get("resourceFieldRef")
    if field is not None:
        errors += validate_field_reference(f"{path}.fieldRef", field, VOLUME_FIELDS)
        if resource is not None:
            detail = "fieldRef and resourceFieldRef can not be specified simultaneously"
            errors.append(invalid(path, "resource", detail))
    elif resource is not None:
        errors += validate_resource_reference(f"{path}.resourceFieldRef", resource, is_volume=True)
    else:
        errors.append(required(path, "one of fieldRef and resourceFieldRef is required"))
    return errors + validate_mode(f"{path}.mode", item.get("mode"))


def _fibre_channel(path: str, source: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    targets, ids = source.get("targetWWNs"), source.get("wwids")
    if not targets and not ids:
        errors.append(required(f"{path}.targetWWNs", "must specify either targetWWNs or wwids, but not both"))
    elif targets and ids:
        detail = "targetWWNs and wwids can not be specified simultaneously"
        errors.append(invalid(f"{path}.targetWWNs", targets, detail))
    if targets:
        lun = source.get("lun")
        if lun is None:
            errors.append(required(f"{path}.lun", "lun is required if targetWWNs is specified"))
        elif not 0 <= lun <= 255:
            errors.append(invalid(f"{path}.lun", lun, "must be between 0 and 255, inclusive"))
    return errors


def _flex_volume(path: str, source: Json) -> list[FieldError]:
    errors = [] if source.get("driver") else [required(f"{path}.driver")]
    for key in source.get("options") or ():
        domain = key.partition("/")[0]
        if domain.endswith(("kubernetes.io", "k8s.io")):
            detail = "kubernetes.io and k8s.io namespaces are reserved"
            errors.append(invalid(f"{path}.options[{key}]", key, detail))
    return errors


TOKEN_LIFETIME_S = 60 * 60 + 7
"""An hour, and seven seconds by which a kubelet tells these tokens from those that users ask for."""


def access_projection() -> Json:
    """What nearly every pod projects: token, cluster CA and namespace."""
    token = {"serviceAccountToken": {"expirationSeconds": TOKEN_LIFETIME_S, "path": "token"}}
    authority = {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}}
    field = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    return {"sources": [token, authority, {"downwardAPI": {"items": [field]}}], "defaultMode": 0o644}


ACCESS_PROJECTION = access_projection()


def _projected(path: str, source: Json) -> list[FieldError]:
    if source == ACCESS_PROJECTION:
        return []
    errors = validate_mode(f"{path}.defaultMode", source.get("defaultMode"))
    paths: set[str] = set()
    for i, part in enumerate(source.get("sources") or ()):
        errors += _projection(f"{path}.sources[{i}]", path, part, paths)
    return errors


PROJECTIONS = ("secret", "configMap", "downwardAPI", "serviceAccountToken", "clusterTrustBundle", "podCertificate")


def _projection(where: str, path: str, part: Json, paths: set[str]) -> list[FieldError]:
    given = [name for name in PROJECTIONS if part.get(name) is not None]
    errors: list[FieldError] = []
    for i, name in enumerate(given):
        if i:
            errors.append(forbidden(where, "may not specify more than 1 volume type per source"))
        else:
            errors += _projected_source(f"{where}.{name}", path, name, part[name], paths)
    return errors


def _projected_source(where: str, path: str, name: str, source: Json, paths: set[str]) -> list[FieldError]:
    match name:
        case "serviceAccountToken":
            return _token(where, source) + _conflicts(path, where, [source.get("path", "")], paths)
        case "downwardAPI":
            errors = [error for item in source.get("items") or () for error in _downward_file(where, item)]
        case "clusterTrustBundle" | "podCertificate":
            errors = []
        case _:
            errors = [] if source.get("name") else [required(f"{where}.name")]
            errors += _items(f"{where}.items", source)
    files = [item.get("path", "") for item in source.get("items") or ()]
    return errors + _conflicts(path, where, files, paths)


def _conflicts(path: str, where: str, files: list[str], paths: set[str]) -> list[FieldError]:
    errors: list[FieldError] = []
    for file in files:
        if file and file in paths:
            errors.append(invalid(path, where, "conflicting duplicate paths"))
        paths.add(file)
    return errors


def _token(path: str, source: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    seconds = source.get("expirationSeconds", 3600)
    where = f"{path}.expirationSeconds"
    if seconds < TOKEN_S_MIN:
        errors.append(invalid(where, seconds, "may not specify a duration less than 10 minutes"))
    elif seconds > TOKEN_S_MAX:
        errors.append(invalid(where, seconds, "may not specify a duration larger than 2^32 seconds"))
    file = source.get("path", "")
    return errors + (_file_path(f"{path}.path", file) if file else [required(f"{path}.path")])


def _csi(path: str, source: Json) -> list[FieldError]:
    driver = source.get("driver", "")
    errors = required_format(f"{path}.driver", driver, lambda value: formats.dns_subdomain(value.lower()))
    if formats.length_bytes(driver) > CSI_DRIVER_BYTES_MAX:
        errors.append(too_long(f"{path}.driver", CSI_DRIVER_BYTES_MAX))
    reference = source.get("nodePublishSecretRef")
    if reference is not None:
        name = f"{path}.nodePublishSecretRef.name" if not reference.get("name") else f"{path}.name"
        errors += required_format(name, reference.get("name"), formats.dns_subdomain)
    return errors


def _ephemeral(path: str, source: Json) -> list[FieldError]:
    template = source.get("volumeClaimTemplate")
    where = f"{path}.volumeClaimTemplate"
    if template is None:
        return [required(where)]
    meta = template.get("metadata") or {}
    errors = validate_labels(f"{where}.metadata.labels", meta.get("labels") or {})
    errors += validate_annotations(f"{where}.metadata.annotations", meta.get("annotations") or {})
    errors += (
        forbidden(f"{where}.metadata.{name}", "cannot be set")
        for name, value in meta.items()
        if value and name not in ("labels", "annotations")
    )
    return errors + CLAIM_SPEC_RULES[0](f"{where}.spec", template.get("spec") or {})


CLAIM_SPEC_RULES: list[Rule] = []
"""The rule of a claim's spec, put here by `storage`, which itself needs the sources of this module."""


def _image(path: str, source: Json) -> list[FieldError]:
    errors = [] if source.get("reference") else [required(f"{path}.reference")]
    policy = source.get("pullPolicy")
    return errors + required_choice(f"{path}.pullPolicy", policy, ("Always", "IfNotPresent", "Never"))


def _azure_disk(path: str, source: Json) -> list[FieldError]:
    errors = [required(f"{path}.{name}") for name in ("diskName", "diskURI") if not source.get(name)]
    if mode := source.get("cachingMode"):
        errors += choice(f"{path}.cachingMode", mode, ("None", "ReadOnly", "ReadWrite"))
    uri, kind = source.get("diskURI", ""), source.get("kind")
    if kind:
        errors += choice(f"{path}.kind", kind, ("Dedicated", "Managed", "Shared"))
    managed = "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}"
    blob = "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"
    if kind == "Managed" and not uri.startswith("/subscriptions/"):
        errors.append(not_supported(f"{path}.diskURI", uri, [managed]))
    if kind not in (None, "Managed") and not uri.startswith("https://"):
        errors.append(not_supported(f"{path}.diskURI", uri, [blob]))
    return errors


def _quobyte(path: str, source: Json) -> list[FieldError]:
    detail = "must be a host:port pair or multiple pairs separated by commas"
    registry = source.get("registry", "")
    errors: list[FieldError] = []
    if not registry:
        errors.append(required(f"{path}.registry", detail))
    elif any(":" not in pair for pair in registry.split(",")):
        errors.append(invalid(f"{path}.registry", registry, detail))
    if len(source.get("tenant", "")) > 64:
        errors.append(required(f"{path}.tenant", "must be a UUID and may not exceed a length of 64 characters"))
    if not source.get("volume"):
        errors.append(required(f"{path}.volume"))
    return errors


RULES: dict[str, Rule] = {
    "emptyDir": _empty_dir,
    "hostPath": _host_path,
    "gitRepo": _git_repo,
    "gcePersistentDisk": _partitioned("pdName", "persistentDisk"),
    "awsElasticBlockStore": _partitioned("volumeID", "awsElasticBlockStore"),
    "secret": _secret,
    "nfs": _nfs,
    "iscsi": _iscsi,
    "glusterfs": _needs("endpoints", "path"),
    "persistentVolumeClaim": _claim,
    "rbd": _needs("monitors", "image"),
    "cinder": _needs("volumeID"),
    "cephfs": _needs("monitors"),
    "quobyte": _quobyte,
    "flocker": _flocker,
    "downwardAPI": _downward,
    "fc": _fibre_channel,
    "flexVolume": _flex_volume,
    "configMap": _config_map,
    "azureFile": _needs("secretName", "shareName"),
    "vsphereVolume": _needs("volumePath"),
    "photonPersistentDisk": _needs("pdID"),
    "portworxVolume": _needs("volumeID"),
    "azureDisk": _azure_disk,
    "storageos": _needs("volumeName"),
    "projected": _projected,
    "scaleIO": _needs("gateway", "system", "volumeName"),
    "csi": _csi,
    "ephemeral": _ephemeral,
    "image": _image,
}
"""Volume sources in the order in which they are looked at."""

PATH_NAMES = {"cephfs": "cephFS", "downwardAPI": "downwarAPI"}
"""Paths of a second source that kube-apiserver spells its own way."""
