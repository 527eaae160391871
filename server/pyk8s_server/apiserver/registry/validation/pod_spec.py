"""The rules of a pod's spec, in the order in which kube-apiserver reports them; templates share them."""

from __future__ import annotations

from typing import Any

from pyk8s.api.field import FieldError, duplicate, forbidden, invalid, required

from pyk8s_server.apiserver.registry.validation import formats
from pyk8s_server.apiserver.registry.validation.choices import formatted, required_choice, required_format
from pyk8s_server.apiserver.registry.validation.containers import (
    PodFacts,
    validate_containers,
    validate_ephemeral_containers,
    validate_init_containers,
)
from pyk8s_server.apiserver.registry.validation.meta import validate_labels
from pyk8s_server.apiserver.registry.validation.resources import validate_pod_resources, validate_requirements
from pyk8s_server.apiserver.registry.validation.scheduling import (
    validate_affinity,
    validate_gates,
    validate_spread,
    validate_tolerations,
)
from pyk8s_server.apiserver.registry.validation.security import (
    validate_host_users,
    validate_operating_system,
    validate_pod_security,
)
from pyk8s_server.apiserver.registry.validation.volumes import validate_volumes

Json = dict[str, Any]

RESTART_POLICIES = ("Always", "OnFailure", "Never")
DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
PREEMPTION_POLICIES = ("PreemptLowerPriority", "Never")
NAME_SERVERS_MAX = 3
SEARCH_PATHS_MAX = 32
SEARCH_CHARACTERS_MAX = 2048
INT32_MAX = 2147483647


def validate_pod_spec(path: str, spec: Json) -> list[FieldError]:
    """Everything about a pod's spec that holds at create and at update."""
    errors: list[FieldError] = []
    grace_s = spec.get("terminationGracePeriodSeconds")
    if grace_s is None:
        errors.append(required(f"{path}.terminationGracePeriodSeconds"))
    volumes, found = validate_volumes(f"{path}.volumes", spec.get("volumes") or [])
    errors += found
    claims = spec.get("resourceClaims") or []
    if claims:
        errors += _claims(f"{path}.resourceClaims", claims)
    facts = PodFacts(
        volumes,
        frozenset(claim.get("name", "") for claim in claims),
        grace_s or 0,
        spec.get("restartPolicy", ""),
        spec.get("hostUsers") is not False,
    )
    errors += _all_containers(path, spec, facts)
    errors += validate_pod_resources(f"{path}.resources", spec)
    errors += _policies(path, spec)
    errors += _placement(path, spec)
    errors += _names(path, spec)
    errors += _rest(path, spec)
    return errors


def _all_containers(path: str, spec: Json, facts: PodFacts) -> list[FieldError]:
    errors = validate_containers(f"{path}.containers", spec.get("containers") or [], facts)
    if init := spec.get("initContainers"):
        errors += validate_init_containers(f"{path}.initContainers", init, facts)
    if ephemeral := spec.get("ephemeralContainers"):
        targets = set(facts.names)
        errors += validate_ephemeral_containers(f"{path}.ephemeralContainers", ephemeral, facts, targets)
    return errors


def _claims(path: str, claims: list[Json]) -> list[FieldError]:
    errors: list[FieldError] = []
    seen: set[str] = set()
    for i, claim in enumerate(claims):
        where, name = f"{path}[{i}]", claim.get("name", "")
        if name in seen:
            errors.append(duplicate(f"{where}.name", name))
        seen.add(name)
        errors += required_format(f"{where}.name", name, formats.dns_label)
        given = [n for n in ("resourceClaimName", "resourceClaimTemplateName") if claim.get(n) is not None]
        if not given:
            detail = "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"
            errors.append(invalid(where, claim, detail))
        elif len(given) > 1:
            detail = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"
            errors.append(invalid(where, claim, detail))
        for n in given:
            errors += formatted(f"{where}.{n}", claim[n], formats.dns_subdomain)
    return errors


def _policies(path: str, spec: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    for name, allowed in (("restartPolicy", RESTART_POLICIES), ("dnsPolicy", DNS_POLICIES)):
        policy = spec.get(name)
        if policy not in allowed:
            errors += required_choice(f"{path}.{name}", policy, allowed)
    if selector := spec.get("nodeSelector"):
        errors += validate_labels(f"{path}.nodeSelector", selector)
    errors += validate_pod_security(f"{path}.securityContext", path, spec)
    return errors


def _placement(path: str, spec: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    if affinity := spec.get("affinity"):
        errors += validate_affinity(f"{path}.affinity", affinity)
    errors += _dns_config(f"{path}.dnsConfig", spec)
    for i, gate in enumerate(spec.get("readinessGates") or ()):
        kind = gate.get("conditionType", "")
        errors += formatted(f"{path}.readinessGates[{i}].conditionType", kind, formats.qualified_name)
    if gates := spec.get("schedulingGates"):
        errors += validate_gates(f"{path}.schedulingGates", gates)
    if constraints := spec.get("topologySpreadConstraints"):
        errors += validate_spread(f"{path}.topologySpreadConstraints", constraints)
    errors += validate_host_users(path, spec)
    return errors


def _dns_config(path: str, spec: Json) -> list[FieldError]:
    config, policy = spec.get("dnsConfig"), spec.get("dnsPolicy")
    if policy == "None":
        if config is None:
            return [required(path, "must provide `dnsConfig` when `dnsPolicy` is None")]
        if not config.get("nameservers"):
            detail = "must provide at least one DNS nameserver when `dnsPolicy` is None"
            return [required(f"{path}.nameservers", detail)]
    if not config:
        return []
    errors: list[FieldError] = []
    servers, searches = config.get("nameservers") or [], config.get("searches") or []
    if len(servers) > NAME_SERVERS_MAX:
        detail = f"must not have more than {NAME_SERVERS_MAX} nameservers"
        errors.append(invalid(f"{path}.nameservers", servers, detail))
    for i, server in enumerate(servers):
        errors += formatted(f"{path}.nameservers[{i}]", server, formats.ip_address)
    errors += _searches(f"{path}.searches", searches)
    for i, option in enumerate(config.get("options") or ()):
        if not option.get("name"):
            errors.append(required(f"{path}.options[{i}]", "must not be empty"))
    return errors


def _searches(path: str, searches: list[str]) -> list[FieldError]:
    errors: list[FieldError] = []
    if len(searches) > SEARCH_PATHS_MAX:
        detail = f"must not have more than {SEARCH_PATHS_MAX} search paths"
        errors.append(invalid(path, searches, detail))
    if len(" ".join(searches)) > SEARCH_CHARACTERS_MAX:
        detail = f"must not have more than {SEARCH_CHARACTERS_MAX} characters (including spaces) in the search list"
        errors.append(invalid(path, searches, detail))
    for i, search in enumerate(searches):
        if search != ".":
            name = search.removesuffix(".")
            errors += (invalid(f"{path}[{i}]", name, m) for m in formats.search_domain(name))
    return errors


def _names(path: str, spec: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    if account := spec.get("serviceAccountName"):
        errors += formatted(f"{path}.serviceAccountName", account, formats.dns_subdomain)
    if node := spec.get("nodeName"):
        errors += formatted(f"{path}.nodeName", node, formats.dns_subdomain)
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline <= INT32_MAX:
        detail = f"must be between 1 and {INT32_MAX}, inclusive"
        errors.append(invalid(f"{path}.activeDeadlineSeconds", deadline, detail))
    for name in ("hostname", "subdomain"):
        if value := spec.get(name):
            errors += formatted(f"{path}.{name}", value, formats.dns_label)
    return errors


def _rest(path: str, spec: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    if tolerations := spec.get("tolerations"):
        errors += validate_tolerations(f"{path}.tolerations", tolerations)
    for i, alias in enumerate(spec.get("hostAliases") or ()):
        where = f"{path}.hostAliases[{i}]"
        errors += formatted(f"{where}.ip", alias.get("ip", ""), formats.ip_address)
        for j, name in enumerate(alias.get("hostnames") or ()):
            errors += formatted(f"{where}.hostnames[{j}]", name, formats.dns_subdomain)
    for name in ("priorityClassName", "runtimeClassName"):
        if value := spec.get(name):
            errors += formatted(f"{path}.{name}", value, formats.dns_subdomain)
    if (policy := spec.get("preemptionPolicy")) is not None:
        errors += required_choice(f"{path}.preemptionPolicy", policy, PREEMPTION_POLICIES)
    if overhead := spec.get("overhead"):
        errors += validate_requirements(f"{path}.overhead", {"limits": overhead})
    errors += validate_operating_system(path, spec)
    return errors


def validate_created_spec(path: str, spec: Json) -> list[FieldError]:
    """What only a new pod must fulfil."""
    errors: list[FieldError] = []
    if spec.get("ephemeralContainers"):
        errors.append(forbidden(f"{path}.ephemeralContainers", "cannot be set on create"))
    if spec.get("schedulingGates") and spec.get("nodeName"):
        detail = "cannot be set until all schedulingGates have been cleared"
        errors.append(forbidden(f"{path}.nodeName", detail))
    return errors
