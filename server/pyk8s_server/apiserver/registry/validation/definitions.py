"""The rules of custom resource definitions: names, versions, conversion, columns, and what may not change.

Not here: schemas beyond their presence and root type.
"""

from __future__ import annotations

from typing import Any

from pyk8s.api.field import FieldError, duplicate, forbidden, invalid, required, too_many

from pyk8s_server.apiserver.registry.internal_form import internal_form
from pyk8s_server.apiserver.registry.validation import formats
from pyk8s_server.apiserver.registry.validation.choices import choice, formatted, immutable

Json = dict[str, Any]

EXTENSIONS = "k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1."
COLUMN_TYPES = ("boolean", "date", "integer", "number", "string")
SELECTABLE_MAX = 8
ONE_STORAGE = "must have exactly one version marked as storage version"
KEEP_UNKNOWN = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead"


def validate_definition(obj: Json) -> list[FieldError]:
    spec, name = obj.get("spec") or {}, obj["metadata"].get("name", "")
    names, versions = spec.get("names") or {}, spec.get("versions") or []
    errors: list[FieldError] = []
    if name != f"{names.get('plural', '')}.{spec.get('group', '')}":
        errors.append(invalid("metadata.name", name, 'must be spec.names.plural+"."+spec.group'))
    errors += _group(spec.get("group", ""))
    errors += choice("spec.scope", spec.get("scope", ""), ("Cluster", "Namespaced"))
    if spec.get("preserveUnknownFields"):
        errors.append(invalid("spec.preserveUnknownFields", True, KEEP_UNKNOWN))
    for i, version in enumerate(versions):
        errors += _version(f"spec.versions[{i}]", version)
    errors += (
        duplicate(f"spec.versions[{i}].name", v.get("name"))
        for i, v in enumerate(versions)
        if v.get("name") in [w.get("name") for w in versions[:i]]
    )
    stored = [v.get("name") for v in versions if v.get("storage")]
    if len(stored) != 1:
        errors.append(invalid("spec.versions", _shown(versions), ONE_STORAGE))
    errors += _names("spec.names", names)
    errors += _conversion("spec.conversion", spec.get("conversion") or {})
    return errors + _stored_versions(obj, versions)


def _shown(versions: list[Json]) -> list[Any]:
    """Versions as the internal type prints them, which keeps a single schema elsewhere."""
    shown = [internal_form(f"{EXTENSIONS}CustomResourceDefinitionVersion", {**v, "schema": None}) for v in versions]
    return shown


def _group(group: str) -> list[FieldError]:
    if not group:
        return [required("spec.group")]
    errors = formatted("spec.group", group, formats.dns_subdomain)
    if not errors and "." not in group:
        errors.append(invalid("spec.group", group, "should be a domain with at least one dot"))
    return errors


def _version(path: str, version: Json) -> list[FieldError]:
    errors = formatted(f"{path}.name", version.get("name", ""), formats.dns_1035_label)
    warning = version.get("deprecationWarning")
    if warning is not None and not version.get("deprecated"):
        errors.append(invalid(f"{path}.deprecationWarning", warning, "can only be set for deprecated versions"))
    if ((version.get("schema") or {}).get("openAPIV3Schema")) is None:
        errors.append(required(f"{path}.schema.openAPIV3Schema"))
    scale = (version.get("subresources") or {}).get("scale")
    if scale is not None:
        errors += _scale("spec.subresources.scale", scale)
    for i, column in enumerate(version.get("additionalPrinterColumns") or ()):
        errors += _column(f"spec.additionalPrinterColumns[{i}]", column)
    selectable = version.get("selectableFields") or []
    if len(selectable) > SELECTABLE_MAX:
        errors.append(too_many("spec.selectableFields", len(selectable), SELECTABLE_MAX))
    return errors


def _scale(path: str, scale: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    for name, root in (("specReplicasPath", ".spec"), ("statusReplicasPath", ".status")):
        value = scale.get(name, "")
        if not value:
            errors.append(required(f"{path}.{name}"))
        elif not value.startswith(f"{root}."):
            errors.append(invalid(f"{path}.{name}", value, f"should be a json path under {root}"))
    return errors


def _column(path: str, column: Json) -> list[FieldError]:
    errors = [] if column.get("name") else [required(f"{path}.name")]
    kind, where = column.get("type", ""), column.get("jsonPath", "")
    if not kind:
        errors.append(required(f"{path}.type", f"must be one of {','.join(COLUMN_TYPES)}"))
    elif kind not in COLUMN_TYPES:
        errors.append(invalid(f"{path}.type", kind, f"must be one of {','.join(COLUMN_TYPES)}"))
    if not where:
        errors.append(required(f"{path}.JSONPath"))
    elif not where.startswith("."):
        errors.append(invalid(f"{path}.JSONPath", where, "must be a simple json path starting with ."))
    return errors


def _names(path: str, names: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    for name in ("plural", "singular", "kind", "listKind"):
        value = names.get(name, "")
        if not value:
            errors.append(required(f"{path}.{name}"))
        else:
            shown = value if name in ("plural", "singular") else value.lower()
            errors += (invalid(f"{path}.{name}", value, m) for m in formats.dns_1035_label(shown))
    for i, short in enumerate(names.get("shortNames") or ()):
        errors += formatted(f"{path}.shortNames[{i}]", short, formats.dns_1035_label)
    if names.get("kind") and names.get("kind") == names.get("listKind"):
        errors.append(invalid(f"{path}.listKind", names["listKind"], "kind and listKind may not be the same"))
    return errors


def _conversion(path: str, conversion: Json) -> list[FieldError]:
    strategy, webhook = conversion.get("strategy", "None"), conversion.get("webhook") or {}
    if strategy == "Webhook":
        errors: list[FieldError] = []
        if webhook.get("clientConfig") is None:
            detail = "required when strategy is set to Webhook"
            errors.append(required(f"{path}.webhookClientConfig", detail))
        if not webhook.get("conversionReviewVersions"):
            errors.append(required(f"{path}.conversionReviewVersions"))
        return errors
    if strategy != "None":
        return choice(f"{path}.strategy", strategy, ("None", "Webhook"))
    if webhook.get("clientConfig") is not None:
        detail = "should not be set when strategy is not set to Webhook"
        return [forbidden(f"{path}.webhookClientConfig", detail)]
    return []


def _stored_versions(obj: Json, versions: list[Json]) -> list[FieldError]:
    stored = (obj.get("status") or {}).get("storedVersions") or []
    path = "status.storedVersions"
    if not stored:
        return [invalid(path, None, "must have at least one stored version")]
    names = [v.get("name") for v in versions]
    errors = [
        invalid(path, stored, f"must have the storage version {v.get('name')}")
        for v in versions
        if v.get("storage") and v.get("name") not in stored
    ]
    for i, name in enumerate(stored):
        if name not in names:
            detail = (
                f"missing from spec.versions; {name} was previously a storage version, and must remain in spec.versions"
                f" until a storage migration ensures no data remains persisted in {name} and removes {name} from"
                " status.storedVersions"
            )
            errors.append(invalid(f"{path}[{i}]", name, detail))
    return errors


def validate_definition_update(obj: Json, old: Json) -> list[FieldError]:
    spec, before = obj["spec"], old["spec"]
    errors = [e for e in validate_definition(obj) if e.path != "metadata.name"]
    errors += immutable("spec.group", spec.get("group"), before.get("group"))
    if _is_established(old):
        errors += immutable("spec.scope", spec.get("scope"), before.get("scope"))
        for name in ("plural", "kind"):
            new, was = (spec.get("names") or {}).get(name), (before.get("names") or {}).get(name)
            errors += immutable(f"spec.names.{name}", new, was)
    return errors


def _is_established(obj: Json) -> bool:
    conditions = (obj.get("status") or {}).get("conditions") or []
    return any(c.get("type") == "Established" and c.get("status") == "True" for c in conditions)
