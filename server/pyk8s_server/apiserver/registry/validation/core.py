"""The rules of the small core kinds: config maps, secrets, namespaces, leases."""

from __future__ import annotations

import base64
import json
from typing import Any

from pyk8s.api.field import FieldError, forbidden, invalid, required, too_long

from pyk8s_server.apiserver.registry.validation import formats
from pyk8s_server.apiserver.registry.validation.choices import formatted, immutable

Json = dict[str, Any]

DATA_BYTES_MAX = 1024 * 1024
FROZEN = "field is immutable when `immutable` is set"
REDACTED = "<secret contents redacted>"
TOKEN_ACCOUNT = "kubernetes.io/service-account.name"


def decoded_length(text: str) -> int:
    """How many bytes a base64 text stands for."""
    return len(text) * 3 // 4 - text.count("=", -2)


def validate_config_map(obj: Json) -> list[FieldError]:
    data, binary = obj.get("data") or {}, obj.get("binaryData") or {}
    errors: list[FieldError] = []
    size = 0
    for key, value in data.items():
        errors += formatted(f"data[{key}]", key, formats.config_map_key)
        if key in binary:
            errors.append(invalid(f"data[{key}]", key, "duplicate of key present in binaryData"))
        size += formats.length_bytes(value)
    for key, value in binary.items():
        errors += formatted(f"binaryData[{key}]", key, formats.config_map_key)
        size += decoded_length(value)
    if size > DATA_BYTES_MAX:
        errors.append(too_long("", DATA_BYTES_MAX))
    return errors


def validate_config_map_update(obj: Json, old: Json) -> list[FieldError]:
    return _frozen(obj, old, ("data", "binaryData")) + validate_config_map(obj)


def _frozen(obj: Json, old: Json, names: tuple[str, ...]) -> list[FieldError]:
    if not old.get("immutable"):
        return []
    errors = [] if obj.get("immutable") else [forbidden("immutable", FROZEN)]
    errors += (forbidden(name, FROZEN) for name in names if (obj.get(name) or {}) != (old.get(name) or {}))
    return errors


def validate_secret(obj: Json) -> list[FieldError]:
    data = obj.get("data") or {}
    errors: list[FieldError] = []
    size = 0
    for key, value in data.items():
        errors += formatted(f"data[{key}]", key, formats.config_map_key)
        size += decoded_length(value or "")
    if size > DATA_BYTES_MAX:
        errors.append(too_long("data", DATA_BYTES_MAX))
    return errors + _secret_type(obj, data)


def _secret_type(obj: Json, data: Json) -> list[FieldError]:
    match obj.get("type"):
        case "kubernetes.io/service-account-token":
            if not (obj["metadata"].get("annotations") or {}).get(TOKEN_ACCOUNT):
                return [required(f"metadata.annotations[{TOKEN_ACCOUNT}]")]
        case "kubernetes.io/dockercfg":
            return _json_entry(".dockercfg", data)
        case "kubernetes.io/dockerconfigjson":
            return _json_entry(".dockerconfigjson", data)
        case "kubernetes.io/basic-auth":
            if "username" not in data and "password" not in data:
                return [required("data[username]"), required("data[password]")]
        case "kubernetes.io/ssh-auth":
            return [] if data.get("ssh-privatekey") else [required("data[ssh-privatekey]")]
        case "kubernetes.io/tls":
            return [required(f"data[{key}]") for key in ("tls.crt", "tls.key") if key not in data]
    return []


def _json_entry(key: str, data: Json) -> list[FieldError]:
    if key not in data:
        return [required(f"data[{key}]")]
    raw = base64.b64decode(data[key] or "")
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return [invalid(f"data[{key}]", REDACTED, _go_json_error(raw))]
    if not isinstance(value, dict | type(None)):
        return [invalid(f"data[{key}]", REDACTED, _go_type_error(value))]
    return []


def _go_json_error(raw: bytes) -> str:
    """What Go's decoder says about the first character it cannot read."""
    text = raw.decode("utf-8", "replace").lstrip(" \t\r\n")
    if not text:
        return "unexpected end of JSON input"
    if text[0] not in '{["-0123456789tfn':
        return f"invalid character {_quoted(text[0])} looking for beginning of value"
    return "unexpected end of JSON input"


def _quoted(character: str) -> str:
    return "'\\''" if character == "'" else f"'{character}'"


def _go_type_error(value: Any) -> str:
    kind = {bool: "bool", int: "number", float: "number", str: "string", list: "array"}[type(value)]
    return f"json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}"


def validate_secret_update(obj: Json, old: Json) -> list[FieldError]:
    errors = immutable("type", obj.get("type"), old.get("type"))
    return errors + _frozen(obj, old, ("data",)) + validate_secret(obj)


def validate_namespace(obj: Json) -> list[FieldError]:
    return _namespace_finalizers("spec.finalizers", obj, is_indexed=False)


def validate_namespace_update(obj: Json, old: Json) -> list[FieldError]:
    """Metadata alone; finalizers change through their own endpoint."""
    return []


def validate_namespace_finalize(obj: Json, old: Json) -> list[FieldError]:
    return _namespace_finalizers("spec.finalizers", obj, is_indexed=True)


def _namespace_finalizers(path: str, obj: Json, *, is_indexed: bool) -> list[FieldError]:
    errors: list[FieldError] = []
    for i, name in enumerate((obj.get("spec") or {}).get("finalizers") or ()):
        where = f"{path}[{i}]" if is_indexed else path
        errors += formatted(where, name, formats.qualified_name)
        if "/" not in name and name not in ("kubernetes", "orphan", "foregroundDeletion"):
            detail = "name is neither a standard finalizer name nor is it fully qualified"
            errors.append(invalid(where, name, detail))
    return errors


def validate_namespace_status(obj: Json, old: Json) -> list[FieldError]:
    phase = (obj.get("status") or {}).get("phase", "")
    if obj["metadata"].get("deletionTimestamp"):
        if phase != "Terminating":
            return [invalid("status.Phase", phase, "may only be 'Active' if `deletionTimestamp` is empty")]
    elif phase != "Active":
        return [invalid("status.Phase", phase, "may only be 'Terminating' if `deletionTimestamp` is not empty")]
    return []


def validate_lease(obj: Json) -> list[FieldError]:
    spec = obj.get("spec") or {}
    errors: list[FieldError] = []
    duration = spec.get("leaseDurationSeconds")
    if duration is not None and duration <= 0:
        errors.append(invalid("spec.leaseDurationSeconds", duration, "must be greater than 0"))
    transitions = spec.get("leaseTransitions")
    if transitions is not None and transitions < 0:
        errors.append(invalid("spec.leaseTransitions", transitions, formats.NOT_NEGATIVE))
    if spec.get("preferredHolder") and not spec.get("strategy"):
        detail = "may only be specified if `strategy` is defined"
        errors.append(forbidden("spec.preferredHolder", detail))
    return errors
