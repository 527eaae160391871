"""Rules for metadata: names, labels, annotations, owners, finalizers, managed fields, and what an update keeps.

Always true: errors come in kube-apiserver's order; valid metadata costs a few microseconds.
Not here: the name rule of a kind (see `names`), body and URL agreement (the endpoints check it).
"""

from __future__ import annotations

from typing import Any

from pyk8s.api.field import FieldError, forbidden, invalid, required, too_long

from pyk8s_server.apiserver.registry.validation import formats
from pyk8s_server.apiserver.registry.validation.formats import Format

Json = dict[str, Any]

ANNOTATIONS_BYTES_MAX = 256 * 1024
MANAGER_BYTES_MAX = 128
SUBRESOURCE_BYTES_MAX = 256
STANDARD_FINALIZERS = frozenset({"kubernetes", "orphan", "foregroundDeletion"})
DELETION_POLICIES = ("orphan", "foregroundDeletion")


def validate_meta(path: str, meta: Json, name_format: Format, *, is_namespaced: bool) -> list[FieldError]:
    """Everything a stored object's metadata must fulfil."""
    errors: list[FieldError] = []
    if prefix := meta.get("generateName"):
        errors += (invalid(f"{path}.generateName", prefix, m) for m in name_format(masked_prefix(prefix)))
    if name := meta.get("name"):
        if messages := name_format(name):
            errors += (invalid(f"{path}.name", name, m) for m in messages)
    else:
        errors.append(required(f"{path}.name", "name or generateName is required"))
    errors += _namespace(path, meta.get("namespace") or "", is_namespaced)
    if meta.get("generation", 0) < 0:
        errors.append(invalid(f"{path}.generation", meta["generation"], formats.NOT_NEGATIVE))
    if labels := meta.get("labels"):
        errors += validate_labels(f"{path}.labels", labels)
    if annotations := meta.get("annotations"):
        errors += validate_annotations(f"{path}.annotations", annotations)
    if owners := meta.get("ownerReferences"):
        errors += validate_owners(f"{path}.ownerReferences", owners)
    if finalizers := meta.get("finalizers"):
        errors += validate_finalizers(f"{path}.finalizers", finalizers)
    if managed := meta.get("managedFields"):
        errors += validate_managed_fields(f"{path}.managedFields", managed)
    if finalizers:
        errors += _core_finalizers(f"{path}.finalizers", finalizers)
    return errors


def masked_prefix(prefix: str) -> str:
    """A generateName prefix as its name rule sees it: a trailing dash does not count against it."""
    return prefix[:-2] + "a" if len(prefix) > 1 and prefix.endswith("-") else prefix


def _namespace(path: str, namespace: str, is_namespaced: bool) -> list[FieldError]:
    if not is_namespaced:
        return [forbidden(f"{path}.namespace", "not allowed on this type")] if namespace else []
    if not namespace:
        return [required(f"{path}.namespace")]
    return [invalid(f"{path}.namespace", namespace, m) for m in formats.dns_label(namespace)]


def validate_labels(path: str, labels: dict[str, str]) -> list[FieldError]:
    errors: list[FieldError] = []
    for key, value in labels.items():
        if messages := formats.qualified_name(key):
            errors += (invalid(path, key, m) for m in messages)
        if messages := formats.label_value(value):
            errors += (invalid(path, value, m) for m in messages)
    return errors


def validate_annotations(path: str, annotations: dict[str, str]) -> list[FieldError]:
    errors: list[FieldError] = []
    size = 0
    for key, value in annotations.items():
        if messages := formats.qualified_name(key.lower()):
            errors += (invalid(path, key, m) for m in messages)
        size += formats.length_bytes(key) + formats.length_bytes(value)
    if size > ANNOTATIONS_BYTES_MAX:
        errors.append(too_long(path, ANNOTATIONS_BYTES_MAX))
    return errors


def validate_owners(path: str, owners: list[Json]) -> list[FieldError]:
    errors: list[FieldError] = []
    controller = ""
    for owner in owners:
        errors += _owner(path, owner)
        if not owner.get("controller"):
            continue
        named = f"{owner.get('kind', '')}/{owner.get('name', '')}"
        if controller:
            detail = (
                'Only one reference can have Controller set to true. Found "true" in references for'
                f" {controller} and {named}"
            )
            errors.append(invalid(path, owners, detail))
        else:
            controller = named
    return errors


def _owner(path: str, owner: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    group, _, version = owner.get("apiVersion", "").rpartition("/")
    if not version:
        errors.append(invalid(f"{path}.apiVersion", version, "version must not be empty"))
    for name in ("kind", "name", "uid"):
        if not owner.get(name):
            errors.append(invalid(f"{path}.{name}", owner.get(name, ""), "must not be empty"))
    if not group and version == "v1" and owner.get("kind") == "Event":
        errors.append(invalid(path, owner, "/v1, Kind=Event is disallowed from being an owner"))
    return errors


def validate_finalizers(path: str, finalizers: list[str]) -> list[FieldError]:
    errors = [invalid(path, name, m) for name in finalizers for m in formats.qualified_name(name)]
    if all(policy in finalizers for policy in DELETION_POLICIES):
        errors.append(invalid(path, finalizers, "finalizer orphan and foregroundDeletion cannot be both set"))
    return errors


def _core_finalizers(path: str, finalizers: list[str]) -> list[FieldError]:
    return [
        invalid(f"{path}[{i}]", name, "name is neither a standard finalizer name nor is it fully qualified")
        for i, name in enumerate(finalizers)
        if "/" not in name and name not in STANDARD_FINALIZERS
    ]


def validate_managed_fields(path: str, entries: list[Json]) -> list[FieldError]:
    errors: list[FieldError] = []
    for i, entry in enumerate(entries):
        if (operation := entry.get("operation", "")) not in ("Apply", "Update"):
            errors.append(invalid(f"{path}[{i}].operation", operation, "must be `Apply` or `Update`"))
        if (fields_type := entry.get("fieldsType")) and fields_type != "FieldsV1":
            errors.append(invalid(f"{path}[{i}].fieldsType", fields_type, "must be `FieldsV1`"))
        errors += _manager(f"{path}[{i}].manager", entry.get("manager", ""))
        if formats.length_bytes(entry.get("subresource", "")) > SUBRESOURCE_BYTES_MAX:
            errors.append(too_long(f"{path}[{i}].subresource", SUBRESOURCE_BYTES_MAX))
    return errors


def _manager(path: str, manager: str) -> list[FieldError]:
    errors: list[FieldError] = []
    if formats.length_bytes(manager) > MANAGER_BYTES_MAX:
        errors.append(too_long(path, MANAGER_BYTES_MAX))
    for position, character in enumerate("" if manager.isprintable() else manager):
        if not character.isprintable():
            detail = f"invalid character U+{ord(character):04X} (at position {position})"
            errors.append(invalid(path, manager, detail))
            break
    return errors


def validate_meta_update(path: str, meta: Json, old: Json) -> list[FieldError]:
    """What an update may not change."""
    errors: list[FieldError] = []
    if old.get("deletionTimestamp"):
        errors += _no_new_finalizers(f"{path}.finalizers", meta, old)
    if meta.get("generation", 0) < old.get("generation", 0):
        errors.append(invalid(f"{path}.generation", meta.get("generation", 0), "must not be decremented"))
    for name in ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"):
        if meta.get(name) != old.get(name):
            errors.append(invalid(f"{path}.{name}", meta.get(name), formats.IMMUTABLE))
    if managed := meta.get("managedFields"):
        errors += validate_managed_fields(f"{path}.managedFields", managed)
    return errors


def _no_new_finalizers(path: str, meta: Json, old: Json) -> list[FieldError]:
    known = set(old.get("finalizers") or ())
    added = [name for name in meta.get("finalizers") or () if name not in known]
    if not added:
        return []
    shown = ", ".join(f'"{name}"' for name in added)
    return [
        forbidden(
            path,
            f"no new finalizers can be added if the object is being deleted, found new finalizers []string{{{shown}}}",
        )
    ]
