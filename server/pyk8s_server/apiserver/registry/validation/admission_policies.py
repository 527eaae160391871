"""The rules of validating and mutating admission policies and their bindings.

Not here: whether expressions compile.
"""

from __future__ import annotations

import re
from typing import Any

from pyk8s.api.field import FieldError, duplicate, invalid, required

from pyk8s_server.apiserver.registry.validation import formats
from pyk8s_server.apiserver.registry.validation.choices import choice, formatted
from pyk8s_server.apiserver.registry.validation.selectors import validate_label_selector
from pyk8s_server.apiserver.registry.validation.webhooks import validate_conditions, validate_operations_rule

Json = dict[str, Any]

REASONS = ("Forbidden", "Invalid", "RequestEntityTooLarge")
SAME_FAILURE = (
    "must not contain both Deny and Warn (repeating the same validation failure information in the API response and"
    " headers serves no purpose)"
)
_identifier = re.compile("[A-Za-z_][A-Za-z0-9_]*").fullmatch
RESERVED = frozenset({"true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function"})


def validate_policy(obj: Json) -> list[FieldError]:
    """ValidatingAdmissionPolicy."""
    spec = obj.get("spec") or {}
    errors = _common(spec)
    validations = spec.get("validations") or []
    if not validations and not spec.get("auditAnnotations"):
        for name in ("validations", "auditAnnotations"):
            detail = "validations or auditAnnotations must contain at least one item"
            errors.append(required(f"spec.{name}", detail))
    for i, validation in enumerate(validations):
        errors += _validation(f"spec.validations[{i}]", validation)
    return errors


def validate_mutating_policy(obj: Json) -> list[FieldError]:
    """MutatingAdmissionPolicy."""
    spec = obj.get("spec") or {}
    errors = _common(spec)
    policy = spec.get("reinvocationPolicy")
    if not policy:
        errors.append(required("spec.reinvocationPolicy"))
    else:
        errors += choice("spec.reinvocationPolicy", policy, ("IfNeeded", "Never"))
    mutations = spec.get("mutations") or []
    if not mutations:
        errors.append(required("spec.mutations", "mutations must contain at least one item"))
    for i, mutation in enumerate(mutations):
        errors += _mutation(f"spec.mutations[{i}]", mutation)
    return errors


def _common(spec: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    if (policy := spec.get("failurePolicy")) is not None:
        errors += choice("spec.failurePolicy", policy, ("Fail", "Ignore"))
    if (kind := spec.get("paramKind")) is not None:
        errors += _param_kind("spec.paramKind", kind)
    constraints = spec.get("matchConstraints")
    if constraints is None:
        errors.append(required("spec.matchConstraints"))
    else:
        errors += match_resources("spec.matchConstraints", constraints, needs_rules=True)
    errors += validate_conditions("spec.matchConditions", spec.get("matchConditions") or [])
    names: set[str] = set()
    for i, variable in enumerate(spec.get("variables") or ()):
        errors += _variable(f"spec.variables[{i}]", variable, names)
    return errors


def _param_kind(path: str, kind: Json) -> list[FieldError]:
    errors = [required(f"{path}.{name}") for name in ("apiVersion", "kind") if not kind.get(name)]
    name = kind.get("kind", "").lower()
    if name and formats.dns_1035_label(name):
        detail = "may have mixed case, but should otherwise match: " + ",".join(formats.dns_1035_label(name))
        errors.append(invalid(f"{path}.kind", kind["kind"], detail))
    return errors


def match_resources(path: str, constraints: Json, *, needs_rules: bool) -> list[FieldError]:
    errors: list[FieldError] = []
    if (policy := constraints.get("matchPolicy")) is not None:
        errors += choice(f"{path}.matchPolicy", policy, ("Equivalent", "Exact"))
    for name in ("namespaceSelector", "objectSelector"):
        errors += validate_label_selector(f"{path}.{name}", constraints.get(name))
    rules = constraints.get("resourceRules") or []
    if needs_rules and not rules:
        errors.append(required(f"{path}.resourceRules"))
    for name in ("resourceRules", "excludeResourceRules"):
        for i, rule in enumerate(constraints.get(name) or ()):
            errors += validate_operations_rule(f"{path}.{name}[{i}]", rule)
    return errors


def _variable(path: str, variable: Json, names: set[str]) -> list[FieldError]:
    name = variable.get("name", "")
    errors: list[FieldError] = []
    if not name:
        errors.append(required(f"{path}.name"))
    elif not _identifier(name) or name in RESERVED:
        errors.append(invalid(f"{path}.name", name, "must be a valid CEL identifier"))
    elif name in names:
        errors.append(duplicate(f"{path}.name", name))
    names.add(name)
    if not (variable.get("expression") or "").strip():
        errors.append(required(f"{path}.expression"))
    return errors


def _validation(path: str, validation: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    if not (validation.get("expression") or "").strip():
        errors.append(required(f"{path}.expression", "expression is not specified"))
    message = validation.get("message") or ""
    if message and not message.strip():
        errors.append(invalid(f"{path}.message", message, "message must be non-empty if specified"))
    elif "\n" in message or "\r" in message:
        errors.append(invalid(f"{path}.message", message, "must not contain line breaks"))
    if (reason := validation.get("reason")) is not None:
        errors += choice(f"{path}.reason", reason, REASONS)
    return errors


def _mutation(path: str, mutation: Json) -> list[FieldError]:
    kind = mutation.get("patchType", "")
    wanted = {"ApplyConfiguration": "applyConfiguration", "JSONPatch": "jsonPatch"}.get(kind)
    if wanted is None:
        return choice(f"{path}.patchType", kind, ("ApplyConfiguration", "JSONPatch"))
    if mutation.get(wanted) is None:
        return [required(f"{path}.{wanted}", f"must be specified when patchType is {kind}")]
    if not (mutation[wanted].get("expression") or "").strip():
        return [required(f"{path}.{wanted}.expression", "expression is not specified")]
    return []


def validate_policy_binding(obj: Json) -> list[FieldError]:
    """ValidatingAdmissionPolicyBinding."""
    spec = obj.get("spec") or {}
    errors = _binding(spec)
    actions = spec.get("validationActions") or []
    path = "spec.validationActions"
    if not actions:
        return [*errors, required(path, "at least one validation action is required")]
    for i, action in enumerate(actions):
        errors += choice(f"{path}[{i}]", action, ("Audit", "Deny", "Warn"))
        if action in actions[:i]:
            errors.append(duplicate(f"{path}[{i}]", action))
    if {"Deny", "Warn"} <= set(actions):
        errors.append(invalid(path, actions, SAME_FAILURE))
    return errors


def validate_mutating_policy_binding(obj: Json) -> list[FieldError]:
    return _binding(obj.get("spec") or {})


def _binding(spec: Json) -> list[FieldError]:
    name = spec.get("policyName", "")
    errors = formatted("spec.policyName", name, formats.dns_subdomain) if name else [required("spec.policyName")]
    if (reference := spec.get("paramRef")) is not None:
        errors += _param_reference("spec.paramRef", reference)
    if (resources := spec.get("matchResources")) is not None:
        errors += match_resources("spec.matchResources", resources, needs_rules=False)
    return errors


def _param_reference(path: str, reference: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    name, selector = reference.get("name"), reference.get("selector")
    if name:
        errors += formatted(f"{path}.name", name, formats.path_segment)
        if selector is not None:
            detail = "name and selector are mutually exclusive"
            errors.append(FieldError(f"{path}.name", "Forbidden", "", detail))
    if selector is not None:
        errors += validate_label_selector(f"{path}.selector", selector)
    elif not name:
        errors.append(required(path, "one of name or selector must be specified"))
    action = reference.get("parameterNotFoundAction")
    if action is None:
        errors.append(required(f"{path}.parameterNotFoundAction"))
    else:
        errors += choice(f"{path}.parameterNotFoundAction", action, ("Allow", "Deny"))
    return errors
