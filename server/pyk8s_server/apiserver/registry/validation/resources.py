"""Compute resources: names, amounts, requests against limits, claims; of containers and of whole pods."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from pyk8s.api.field import FieldError, duplicate, forbidden, invalid, required
from pyk8s.api.quantity import NANO, Quantity

from pyk8s_server.apiserver.registry.validation import formats
from pyk8s_server.apiserver.registry.validation.choices import required_choice

Json = dict[str, Any]

CONTAINER_STANDARD = frozenset({"cpu", "memory", "ephemeral-storage"})
STANDARD = CONTAINER_STANDARD | {
    "storage",
    "pods",
    "services",
    "replicationcontrollers",
    "resourcequotas",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "services.nodeports",
    "services.loadbalancers",
    *(f"{side}.{name}" for side in ("requests", "limits") for name in CONTAINER_STANDARD),
    "requests.storage",
}
INTEGER_NAMED = frozenset(
    {
        "pods",
        "services",
        "replicationcontrollers",
        "resourcequotas",
        "secrets",
        "configmaps",
        "persistentvolumeclaims",
        "services.nodeports",
        "services.loadbalancers",
    }
)
HUGE_PAGES = "hugepages-"
NATIVE_DOMAIN = "kubernetes.io/"
CACHED_AMOUNTS_MAX = 4096
NOT_STANDARD = "must be a standard resource type or fully qualified"
NOT_FOR_CONTAINERS = "must be a standard resource for containers"
NOT_INTEGER = "must be an integer"
HUGE_ALONE = "HugePages require cpu or memory"


@lru_cache(CACHED_AMOUNTS_MAX)
def nano_of(value: str | int | float) -> int:
    """A quantity in billionths; remembered, since the same few amounts are in every pod."""
    return Quantity.of(value).nano


def is_native(name: str) -> bool:
    return "/" not in name or NATIVE_DOMAIN in name


def is_integer_resource(name: str) -> bool:
    return name in INTEGER_NAMED or (not is_native(name) and not name.startswith("requests."))


def is_overcommit_allowed(name: str) -> bool:
    """Only native resources may be promised beyond what there is; huge pages may not."""
    return is_native(name) and not name.startswith(HUGE_PAGES)


def validate_resource_name(path: str, name: str) -> list[FieldError]:
    errors = [invalid(path, name, m) for m in formats.qualified_name(name)]
    if not errors and "/" not in name and name not in STANDARD and not _is_huge(name):
        errors.append(invalid(path, name, NOT_STANDARD))
    return errors


def _is_huge(name: str) -> bool:
    return name.startswith(HUGE_PAGES) or name.startswith(f"requests.{HUGE_PAGES}")


def validate_container_resource_name(path: str, name: str) -> list[FieldError]:
    if name in CONTAINER_STANDARD:
        return []
    errors = validate_resource_name(path, name)
    if "/" not in name:
        if not name.startswith(HUGE_PAGES):
            errors.append(invalid(path, name, NOT_FOR_CONTAINERS))
    elif not is_native(name) and formats.qualified_name(f"requests.{name}"):
        errors.append(invalid(path, name, "doesn't follow extended resource name standard"))
    return errors


def validate_amount(path: str, name: str, value: Any) -> list[FieldError]:
    """A quantity of a named resource: not negative, whole where the resource is counted."""
    amount = Quantity.of(value)
    errors: list[FieldError] = []
    if amount.nano < 0:
        errors.append(invalid(path, str(value), formats.NOT_NEGATIVE))
    if is_integer_resource(name) and amount.nano % NANO:
        errors.append(invalid(path, str(value), NOT_INTEGER))
    return errors


def validate_requirements(path: str, resources: Json, claim_names: frozenset[str] | None = None) -> list[FieldError]:
    """ResourceRequirements of a container.

    Args:
        claim_names: the pod's resourceClaims by name; None where claims do not belong.
    """
    errors: list[FieldError] = []
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    for name, value in limits.items():
        if name in CONTAINER_STANDARD and nano_of(value) >= 0:
            continue
        errors += validate_container_resource_name(f"{path}.limits[{name}]", name)
        errors += validate_amount(f"{path}.limits[{name}]", name, value)
    for name, value in requests.items():
        if name not in CONTAINER_STANDARD or nano_of(value) < 0:
            key_path = f"{path}.requests[{name}]"
            errors += validate_container_resource_name(key_path, name)
            errors += validate_amount(key_path, name, value)
        if value != limits.get(name, value if name in CONTAINER_STANDARD else None):
            errors += _against_limit(path, name, value, limits)
    if not (limits.keys() | requests.keys()) <= CONTAINER_STANDARD:
        names = {*limits, *requests}
        if any(n.startswith(HUGE_PAGES) for n in names) and not names & {"cpu", "memory"}:
            errors.append(forbidden(path, HUGE_ALONE))
    if claims := resources.get("claims"):
        errors += _claims(f"{path}.claims", claims, claim_names or frozenset())
    return errors


def _against_limit(path: str, name: str, value: Any, limits: Json) -> list[FieldError]:
    limit = limits.get(name)
    if limit is None:
        if not is_overcommit_allowed(name):
            return [required(f"{path}.limits", "Limit must be set for non overcommitable resources")]
        return []
    requested, allowed = nano_of(value), nano_of(limit)
    if requested != allowed and not is_overcommit_allowed(name):
        return [invalid(f"{path}.requests", str(value), f"must be equal to {name} limit of {limit}")]
    if requested > allowed:
        return [invalid(f"{path}.requests", str(value), f"must be less than or equal to {name} limit of {limit}")]
    return []


def _claims(path: str, claims: list[Json], known: frozenset[str]) -> list[FieldError]:
    errors: list[FieldError] = []
    seen: set[tuple[str, str]] = set()
    for i, claim in enumerate(claims):
        name, request = claim.get("name", ""), claim.get("request", "")
        if not name:
            errors.append(required(f"{path}[{i}]"))
            continue
        if (name, request) in seen:
            errors.append(duplicate(f"{path}[{i}]", f"{name}/{request}" if request else name))
        seen.add((name, request))
        if name not in known:
            among = "which is empty" if not known else "which are " + ", ".join(f'"{n}"' for n in sorted(known))
            detail = f"must be one of the names in pod.spec.resourceClaims {among}"
            errors.append(FieldError(f"{path}[{i}]", "Not found", name, detail))
    return errors


POD_LEVEL = frozenset({"cpu", "memory"})


def validate_pod_resources(path: str, spec: Json) -> list[FieldError]:
    """Pod-level resources, and how they agree with the containers'."""
    resources = spec.get("resources")
    if not resources:
        return []
    errors: list[FieldError] = []
    if (spec.get("os") or {}).get("name") == "windows":
        errors.append(forbidden(path, "may not be set for a windows pod"))
    if resources.get("claims"):
        errors.append(forbidden(f"{path}.claims", "claims may not be set for Resources at pod-level"))
    errors += _pod_level_names(path, resources)
    errors += validate_requirements(path, {k: v for k, v in resources.items() if k != "claims"})
    errors += _aggregates(path, resources, spec)
    return errors


def _pod_level_names(path: str, resources: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    for side in ("limits", "requests"):
        for name in resources.get(side) or ():
            if name not in POD_LEVEL and not name.startswith(HUGE_PAGES):
                errors.append(
                    FieldError(
                        f"{path}.{side}[{name}]",
                        "Unsupported value",
                        name,
                        'supported values: "cpu", "memory", "hugepages-"',
                    )
                )
    return errors


def _aggregates(path: str, resources: Json, spec: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    for name, value in (resources.get("requests") or {}).items():
        total = sum((_requested(c, "requests", name) for c in spec.get("containers") or ()), Quantity())
        if total > Quantity.of(value):
            detail = f"must be greater than or equal to aggregate container requests of {total}"
            errors.append(invalid(f"{path}.requests[{name}]", str(value), detail))
    for name, value in (resources.get("limits") or {}).items():
        for i, container in enumerate(spec.get("containers") or ()):
            limit = _requested(container, "limits", name)
            if limit > Quantity.of(value):
                detail = f"must be less than or equal to pod limits of {value}"
                errors.append(invalid(f"{path}.containers[{i}][{name}].limits", str(limit), detail))
    return errors


def _requested(container: Json, side: str, name: str) -> Quantity:
    value = ((container.get("resources") or {}).get(side) or {}).get(name)
    return Quantity() if value is None else Quantity.of(value)


def validate_resize_policy(path: str, policies: list[Json], pod_restart_policy: str) -> list[FieldError]:
    errors: list[FieldError] = []
    seen: set[str] = set()
    for i, policy in enumerate(policies):
        name, restart = policy.get("resourceName", ""), policy.get("restartPolicy", "")
        if name in seen:
            errors.append(duplicate(f"{path}[{i}]", name))
        seen.add(name)
        errors += required_choice(path, name, ("cpu", "memory"))
        errors += required_choice(path, restart, ("NotRequired", "RestartContainer"))
        if pod_restart_policy == "Never" and restart != "NotRequired":
            detail = "must be 'NotRequired' when pod `restartPolicy` is 'Never'"
            errors.append(invalid(path, restart, detail))
    return errors
