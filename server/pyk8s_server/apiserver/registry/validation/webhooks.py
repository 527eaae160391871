"""The rules of webhook configurations, and the parts that admission policies share with them.

Not here: whether expressions compile.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from pyk8s.api.field import FieldError, duplicate, invalid, required, too_many

from pyk8s_server.apiserver.registry.validation import formats
from pyk8s_server.apiserver.registry.validation.choices import choice, formatted
from pyk8s_server.apiserver.registry.validation.selectors import validate_label_selector

Json = dict[str, Any]

OPERATIONS = ("*", "CONNECT", "CREATE", "DELETE", "UPDATE")
SCOPES = ("*", "Cluster", "Namespaced")
REVIEW_VERSIONS = ("v1", "v1beta1")
CONDITIONS_MAX = 64
TIMEOUT_S_MAX = 30
URL_FORM = "desired format: https://host[/path]"
ONLY_HTTPS = f"'https' is the only allowed URL scheme; {URL_FORM}"


def validate_webhooks(obj: Json) -> list[FieldError]:
    """Both kinds of webhook configuration."""
    errors: list[FieldError] = []
    names: set[str] = set()
    for i, hook in enumerate(obj.get("webhooks") or ()):
        path, name = f"webhooks[{i}]", hook.get("name", "")
        errors += _review_versions(f"{path}.admissionReviewVersions", hook.get("admissionReviewVersions") or [])
        errors += _hook(path, hook)
        if name in names:
            errors.append(duplicate(f"{path}.name", name))
        names.add(name)
    return errors


def _review_versions(path: str, versions: list[str]) -> list[FieldError]:
    if not versions:
        return [required(path, f"must specify one of {', '.join(REVIEW_VERSIONS)}")]
    errors: list[FieldError] = []
    for i, version in enumerate(versions):
        if version in versions[:i]:
            errors.append(invalid(f"{path}[{i}]", version, "duplicate version"))
        errors += formatted(f"{path}[{i}]", version, formats.dns_1035_label)
    if not set(versions) & set(REVIEW_VERSIONS):
        errors.append(invalid(path, versions, f"must include at least one of {', '.join(REVIEW_VERSIONS)}"))
    return errors


def _hook(path: str, hook: Json) -> list[FieldError]:
    errors = fully_qualified_name(f"{path}.name", hook.get("name", ""))
    for i, rule in enumerate(hook.get("rules") or ()):
        errors += validate_operations_rule(f"{path}.rules[{i}]", rule)
    if (policy := hook.get("failurePolicy")) is not None:
        errors += choice(f"{path}.failurePolicy", policy, ("Fail", "Ignore"))
    if (policy := hook.get("matchPolicy")) is not None:
        errors += choice(f"{path}.matchPolicy", policy, ("Equivalent", "Exact"))
    effects = hook.get("sideEffects")
    if effects is None:
        errors.append(required(f"{path}.sideEffects", "must specify one of None, NoneOnDryRun"))
    else:
        errors += choice(f"{path}.sideEffects", effects, ("None", "NoneOnDryRun"))
    timeout = hook.get("timeoutSeconds")
    if timeout is not None and not 1 <= timeout <= TIMEOUT_S_MAX:
        detail = f"the timeout value must be between 1 and {TIMEOUT_S_MAX} seconds"
        errors.append(invalid(f"{path}.timeoutSeconds", timeout, detail))
    for name in ("namespaceSelector", "objectSelector"):
        errors += validate_label_selector(f"{path}.{name}", hook.get(name))
    errors += _client(f"{path}.clientConfig", hook.get("clientConfig") or {})
    errors += validate_conditions(f"{path}.matchConditions", hook.get("matchConditions") or [])
    if (policy := hook.get("reinvocationPolicy")) is not None:
        errors += choice(f"{path}.reinvocationPolicy", policy, ("IfNeeded", "Never"))
    return errors


def fully_qualified_name(path: str, name: str) -> list[FieldError]:
    """A domain of at least three segments."""
    if not name:
        return [required(path)]
    if messages := formats.dns_subdomain(name):
        return [invalid(path, name, m) for m in messages]
    if name.count(".") < 2:
        return [invalid(path, name, "should be a domain with at least three segments separated by dots")]
    return []


def validate_operations_rule(path: str, rule: Json) -> list[FieldError]:
    """RuleWithOperations."""
    operations = rule.get("operations") or []
    errors: list[FieldError] = []
    if not operations:
        errors.append(required(f"{path}.operations"))
    if len(operations) > 1 and "*" in operations:
        detail = "if '*' is present, must not specify other operations"
        errors.append(invalid(f"{path}.operations", operations, detail))
    for i, operation in enumerate(operations):
        errors += choice(f"{path}.operations[{i}]", operation, OPERATIONS)
    return errors + _rule(path, rule)


def _rule(path: str, rule: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    for name, what in (("apiGroups", "API groups"), ("apiVersions", "API versions"), ("resources", "resources")):
        values = rule.get(name) or []
        if not values:
            errors.append(required(f"{path}.{name}"))
        if len(values) > 1 and "*" in values:
            detail = f"if '*' is present, must not specify other {what}"
            errors.append(invalid(f"{path}.{name}", values, detail))
        if name != "apiGroups":
            errors += (required(f"{path}.{name}[{i}]") for i, value in enumerate(values) if not value)
    if (scope := rule.get("scope")) is not None:
        errors += choice(f"{path}.scope", scope, SCOPES)
    return errors


def _client(path: str, config: Json) -> list[FieldError]:
    url, service = config.get("url"), config.get("service")
    if (url is None) == (service is None):
        return [required(path, "exactly one of url or service is required")]
    if url is not None:
        return _url(f"{path}.url", url)
    return validate_service_reference(f"{path}.service", service or {})


def _url(path: str, url: str) -> list[FieldError]:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        return [required(path, f"url must be a valid URL: {error}; {URL_FORM}")]
    errors: list[FieldError] = []
    if parts.scheme != "https":
        errors.append(invalid(path, parts.scheme, ONLY_HTTPS))
    if not parts.netloc:
        errors.append(invalid(path, parts.netloc, f"host must be specified; {URL_FORM}"))
    if parts.username is not None:
        errors.append(invalid(path, parts.username, "user information is not permitted in the URL"))
    if parts.fragment:
        errors.append(invalid(path, parts.fragment, "fragments are not permitted in the URL"))
    if parts.query:
        errors.append(invalid(path, parts.query, "query parameters are not permitted in the URL"))
    return errors


def validate_service_reference(path: str, service: Json) -> list[FieldError]:
    errors = [required(f"{path}.{name}") for name in ("name", "namespace") if not service.get(name)]
    port = service.get("port")
    if port is not None and formats.port_number(port):
        errors.append(invalid(f"{path}.port", port, f"port is not valid: {formats.BAD_PORT}"))
    location = service.get("path")
    return errors + (_service_path(f"{path}.path", location) if location is not None else [])


def _service_path(path: str, location: str) -> list[FieldError]:
    if location == "/" or not location:
        return []
    if location == "//":
        return [invalid(path, location, "segment[0] may not be empty")]
    if not location.startswith("/"):
        return [invalid(path, location, "must start with a '/'")]
    errors: list[FieldError] = []
    for i, segment in enumerate(location[1:].removesuffix("/").split("/")):
        if not segment:
            errors.append(invalid(path, location, f"segment[{i}] may not be empty"))
        errors += (invalid(path, location, f"segment[{i}]: {m}") for m in formats.dns_subdomain(segment) if segment)
    return errors


def validate_conditions(path: str, conditions: list[Json]) -> list[FieldError]:
    """matchConditions, apart from their expressions' meaning."""
    errors: list[FieldError] = []
    if len(conditions) > CONDITIONS_MAX:
        errors.append(too_many(path, len(conditions), CONDITIONS_MAX))
    names: set[str] = set()
    for i, condition in enumerate(conditions):
        where, name = f"{path}[{i}]", condition.get("name", "")
        if not (condition.get("expression") or "").strip():
            errors.append(required(f"{where}.expression"))
        if not name:
            errors.append(required(f"{where}.name"))
        else:
            errors += formatted(f"{where}.name", name, formats.qualified_name)
        if name and name in names:
            errors.append(duplicate(f"{where}.name", name))
        names.add(name)
    return errors
