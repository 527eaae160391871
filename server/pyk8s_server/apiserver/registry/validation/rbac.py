"""The rules of roles and their bindings."""

from __future__ import annotations

from typing import Any

from pyk8s.api.field import FieldError, invalid, required

from pyk8s_server.apiserver.registry.internal_form import internal_form
from pyk8s_server.apiserver.registry.validation import formats
from pyk8s_server.apiserver.registry.validation.choices import choice, formatted
from pyk8s_server.apiserver.registry.validation.selectors import validate_label_selector

Json = dict[str, Any]

RBAC = "rbac.authorization.k8s.io"


def validate_role(obj: Json) -> list[FieldError]:
    return _rules(obj, is_namespaced=True)


def validate_cluster_role(obj: Json) -> list[FieldError]:
    errors = _rules(obj, is_namespaced=False)
    aggregation = obj.get("aggregationRule")
    if aggregation is None:
        return errors
    selectors = aggregation.get("clusterRoleSelectors") or []
    if not selectors:
        detail = "at least one clusterRoleSelector required if aggregationRule is non-nil"
        errors.append(required("aggregationRule.clusterRoleSelectors", detail))
    for i, selector in enumerate(selectors):
        errors += validate_label_selector(f"aggregationRule.clusterRoleSelectors[{i}]", selector)
    return errors


def _rules(obj: Json, *, is_namespaced: bool) -> list[FieldError]:
    errors: list[FieldError] = []
    for i, rule in enumerate(obj.get("rules") or ()):
        errors += _policy_rule(f"rules[{i}]", rule, is_namespaced=is_namespaced)
    return errors


def _policy_rule(path: str, rule: Json, *, is_namespaced: bool) -> list[FieldError]:
    errors = [] if rule.get("verbs") else [required(f"{path}.verbs", "verbs must contain at least one value")]
    urls = rule.get("nonResourceURLs") or []
    if urls:
        if is_namespaced:
            detail = "namespaced rules cannot apply to non-resource URLs"
            errors.append(invalid(f"{path}.nonResourceURLs", urls, detail))
        if any(rule.get(name) for name in ("apiGroups", "resources", "resourceNames")):
            detail = "rules cannot apply to both regular resources and non-resource URLs"
            errors.append(invalid(f"{path}.nonResourceURLs", urls, detail))
        return errors
    if not rule.get("apiGroups"):
        errors.append(required(f"{path}.apiGroups", "resource rules must supply at least one api group"))
    if not rule.get("resources"):
        errors.append(required(f"{path}.resources", "resource rules must supply at least one resource"))
    return errors


def validate_role_binding(obj: Json) -> list[FieldError]:
    return _binding(obj, ("Role", "ClusterRole"), is_namespaced=True)


def validate_cluster_role_binding(obj: Json) -> list[FieldError]:
    return _binding(obj, ("ClusterRole",), is_namespaced=False)


def _binding(obj: Json, kinds: tuple[str, ...], *, is_namespaced: bool) -> list[FieldError]:
    reference = obj.get("roleRef") or {}
    errors: list[FieldError] = []
    group = reference.get("apiGroup", "")
    if group != RBAC:
        errors += choice("roleRef.apiGroup", group, (RBAC,))
    errors += choice("roleRef.kind", reference.get("kind", ""), kinds)
    name = reference.get("name", "")
    errors += formatted("roleRef.name", name, formats.path_segment) if name else [required("roleRef.name")]
    for i, subject in enumerate(obj.get("subjects") or ()):
        errors += _subject(f"subjects[{i}]", subject, is_namespaced=is_namespaced)
    return errors


def _subject(path: str, subject: Json, *, is_namespaced: bool) -> list[FieldError]:
    name, group, kind = subject.get("name", ""), subject.get("apiGroup", ""), subject.get("kind", "")
    errors = [] if name else [required(f"{path}.name")]
    if kind == "ServiceAccount":
        if name:
            errors += formatted(f"{path}.name", name, formats.dns_subdomain)
        if group:
            errors += choice(f"{path}.apiGroup", group, ("",))
        if not is_namespaced and not subject.get("namespace"):
            errors.append(required(f"{path}.namespace"))
    elif kind in ("User", "Group"):
        if group != RBAC:
            errors += choice(f"{path}.apiGroup", group, (RBAC,))
    else:
        errors += choice(f"{path}.kind", kind, ("ServiceAccount", "User", "Group"))
    return errors


def validate_role_binding_update(obj: Json, old: Json) -> list[FieldError]:
    return validate_role_binding(obj) + _same_role(obj, old)


def validate_cluster_role_binding_update(obj: Json, old: Json) -> list[FieldError]:
    return validate_cluster_role_binding(obj) + _same_role(obj, old)


def _same_role(obj: Json, old: Json) -> list[FieldError]:
    new = obj.get("roleRef") or {}
    if new == (old.get("roleRef") or {}):
        return []
    return [invalid("roleRef", internal_form("k8s.io.api.rbac.v1.RoleRef", new), "cannot change roleRef")]
