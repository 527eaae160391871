"""Environment variables of containers, and the field and resource references that variables and volumes use."""

from __future__ import annotations

import re
from typing import Any

from pyk8s.api.field import FieldError, invalid, not_supported, required
from pyk8s.api.quantity import Quantity

from pyk8s_server.apiserver.registry.validation import formats
from pyk8s_server.apiserver.registry.validation.choices import formatted, no_backsteps, required_format

Json = dict[str, Any]

SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
ONE_AT_A_TIME = "may not have more than one field specified at a time"
ENVIRONMENT_FIELDS = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)
ENVIRONMENT_RESOURCES = (
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
)
HUGE_RESOURCES = ("limits.hugepages-", "requests.hugepages-")
BYTE_DIVISORS = ("1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei")
DIVISORS = {
    "cpu": (("1m", "1"), "only divisor's values 1m and 1 are supported with the cpu resource"),
    "memory": (BYTE_DIVISORS, "memory resource"),
    "ephemeral-storage": (BYTE_DIVISORS, "local ephemeral storage resource"),
    "hugepages": (BYTE_DIVISORS, "hugepages resource"),
}
_subscripted = re.compile(r"(.*)\['([^']*)'\]").fullmatch


def validate_environment(path: str, variables: list[Json]) -> list[FieldError]:
    errors: list[FieldError] = []
    for i, variable in enumerate(variables):
        name = variable.get("name", "")
        errors += required_format(f"{path}[{i}].name", name, formats.environment_name)
        source = variable.get("valueFrom")
        if source is not None:
            errors += _value_from(f"{path}[{i}].valueFrom", source, variable.get("value"))
    return errors


def _value_from(path: str, source: Json, value: str | None) -> list[FieldError]:
    errors: list[FieldError] = []
    given = [name for name in SOURCES if source.get(name) is not None]
    for name in given:
        errors += _source(f"{path}.{name}", name, source[name])
    if not given:
        detail = (
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
        )
        return [invalid(path, "", detail)]
    if value:
        errors.append(invalid(path, "", "may not be specified when `value` is not empty"))
    elif len(given) > 1:
        errors.append(invalid(path, "", ONE_AT_A_TIME))
    return errors


def _source(path: str, name: str, source: Json) -> list[FieldError]:
    match name:
        case "fieldRef":
            return validate_field_reference(path, source, ENVIRONMENT_FIELDS)
        case "resourceFieldRef":
            return validate_resource_reference(path, source, is_volume=False)
        case "fileKeyRef":
            return _file_key(path, source)
        case _:
            errors = required_format(f"{path}.key", source.get("key"), formats.config_map_key)
            if owner := source.get("name"):
                errors = formatted(f"{path}.name", owner, formats.dns_subdomain) + errors
            return errors


def _file_key(path: str, source: Json) -> list[FieldError]:
    errors = required_format(f"{path}.volumeName", source.get("volumeName"), formats.dns_label)
    if file := source.get("path"):
        errors += no_backsteps(f"{path}.path", file)
    else:
        errors.append(required(f"{path}.path"))
    errors += required_format(f"{path}.key", source.get("key"), formats.environment_name)
    return errors


def validate_field_reference(path: str, reference: Json, fields: tuple[str, ...]) -> list[FieldError]:
    """ObjectFieldSelector: one of ``fields``, or one label or annotation by its key."""
    if not reference.get("apiVersion"):
        return [required(f"{path}.apiVersion")]
    field = reference.get("fieldPath", "")
    if not field:
        return [required(f"{path}.fieldPath")]
    match = _subscripted(field)
    if match is None:
        return [] if field in fields else _unknown_field(path, field, fields)
    root, key = match.groups()
    if root == "metadata.annotations":
        return formatted(path, key, lambda k: formats.qualified_name(k.lower()))
    if root == "metadata.labels":
        return formatted(path, key, formats.qualified_name)
    return [invalid(path, root, "does not support subscript")]


KNOWN_FIELDS = {"metadata.annotations", "metadata.labels", "status.phase", "spec.restartPolicy", *ENVIRONMENT_FIELDS}
"""What the conversion of pod field labels knows; anything else is no field of a pod at all."""


def _unknown_field(path: str, field: str, fields: tuple[str, ...]) -> list[FieldError]:
    where = f"{path}.fieldPath"
    if field in KNOWN_FIELDS:
        return [not_supported(where, field, sorted(fields))]
    return [invalid(where, field, f"error converting fieldPath: field label not supported: {field}")]


def validate_resource_reference(path: str, reference: Json, *, is_volume: bool) -> list[FieldError]:
    """ResourceFieldSelector; a volume must name the container."""
    if is_volume and not reference.get("containerName"):
        return [required(f"{path}.containerName")]
    resource = reference.get("resource", "")
    if not resource:
        return [required(f"{path}.resource")]
    if resource not in ENVIRONMENT_RESOURCES and not resource.startswith(HUGE_RESOURCES):
        return [not_supported(f"{path}.resource", resource, list(ENVIRONMENT_RESOURCES))]
    return _divisor(f"{path}.divisor", resource.partition(".")[2], reference.get("divisor"))


def _divisor(path: str, resource: str, divisor: Any) -> list[FieldError]:
    amount = Quantity.of(divisor or "0")
    if amount.is_zero():
        return []
    key = "hugepages" if resource.startswith("hugepages") else resource
    allowed, what = DIVISORS[key]
    if any(amount == Quantity.of(text) for text in allowed):
        return []
    shown = f"only divisor's values {', '.join(BYTE_DIVISORS)} are supported with the {what}"
    return [invalid(path, str(divisor), what if key == "cpu" else shown)]


def validate_environment_sources(path: str, sources: list[Json]) -> list[FieldError]:
    """envFrom: whole config maps and secrets."""
    errors: list[FieldError] = []
    for i, source in enumerate(sources):
        where = f"{path}[{i}]"
        if prefix := source.get("prefix"):
            errors += formatted(f"{where}.prefix", prefix, formats.environment_name)
        given = [name for name in ("configMapRef", "secretRef") if source.get(name) is not None]
        for name in given:
            errors += required_format(f"{where}.{name}.name", source[name].get("name"), formats.dns_subdomain)
        if not given:
            errors.append(invalid(path, "", "must specify one of: `configMapRef` or `secretRef`"))
        elif len(given) > 1:
            errors.append(invalid(path, "", ONE_AT_A_TIME))
    return errors
