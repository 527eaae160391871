"""What an object uses of a resource quota (counts, compute resources, storage), and which quotas mean it.

Always true: admission and the controller count by these functions alone, so that they agree.
Source: kubernetes.io, "Resource Quotas"; details as observed of kube-apiserver.
Not here: refusing (see the admission plugin), keeping a quota's status (see the controller).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pyk8s.api.clock import parse_rfc3339
from pyk8s.api.pod_resources import Amounts, amounts, pod_limits, pod_requests
from pyk8s.api.quantity import Quantity
from pyk8s.api.resources import Resource

Json = dict[str, Any]

ONE = Quantity.from_value(1)
ZERO = Quantity()
COUNT = "count/"
REQUESTS = "requests."
LIMITS = "limits."
HUGE_PAGES = "hugepages-"
COMPUTE = ("cpu", "memory", "ephemeral-storage")
COUNTED_BY_NAME = frozenset(
    (
        "pods", "services", "persistentvolumeclaims", "configmaps", "secrets", "resourcequotas",
        "replicationcontrollers",
    )
)  # fmt: skip
"""Resources that may be counted without ``count/``."""
SERVICE_NAMES = ("services.loadbalancers", "services.nodeports")
STORAGE = "requests.storage"
OF_CLASS = ".storageclass.storage.k8s.io/"
CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class"
UNCOUNTED = frozenset({"events", "events.events.k8s.io", "bindings"})
"""Resources that quotas never count."""
BY_CONTAINER = frozenset(("cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"))
"""When a quota limits one of these, every container must say it."""


# -- usage -----------------------------------------------------------------------------------------------------


def usage_of(resource: Resource, obj: Json, now_s: float) -> Amounts:
    """What one object uses, by the names quotas know it under."""
    used = {COUNT + resource.qualified: ONE}
    match resource.qualified:
        case "pods":
            if is_pod_charged(obj, now_s):
                used |= {"pods": ONE} | compute_usage(pod_requests(obj["spec"]), pod_limits(obj["spec"]))
        case "services":
            used |= _service_usage(obj.get("spec") or {})
        case "persistentvolumeclaims":
            used |= _claim_usage(obj)
        case name if name in COUNTED_BY_NAME:
            used[name] = ONE
    return used


def is_plain_count(resource: Resource) -> bool:
    """Whether every object of the resource uses the same, so that counting them is enough."""
    return resource.qualified not in ("pods", "services", "persistentvolumeclaims")


def is_pod_charged(pod: Json, now_s: float) -> bool:
    """Whether a pod uses resources: not once it ended, nor when its deletion is overdue."""
    if (pod.get("status") or {}).get("phase") in ("Failed", "Succeeded"):
        return False
    meta = pod["metadata"]
    deleted, grace_s = meta.get("deletionTimestamp"), meta.get("deletionGracePeriodSeconds")
    return deleted is None or grace_s is None or now_s <= parse_rfc3339(deleted) + grace_s


def compute_usage(requests: Amounts, limits: Amounts) -> Amounts:
    """Requests and limits under the names of quotas: ``cpu`` and ``requests.cpu``, ``limits.cpu``."""
    used: Amounts = {}
    for name, value in requests.items():
        if name in COMPUTE or name.startswith(HUGE_PAGES):
            used[name] = used[REQUESTS + name] = value
        elif "/" in name:
            used[REQUESTS + name] = value
    for name, value in limits.items():
        if name in COMPUTE:
            used[LIMITS + name] = value
    return used


def _service_usage(spec: Json) -> Amounts:
    ports, kind = spec.get("ports") or [], spec.get("type")
    node_port_count = 0
    if kind == "NodePort" or (kind == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is not False):
        node_port_count = len(ports)
    elif kind == "LoadBalancer":
        node_port_count = sum(1 for port in ports if port.get("nodePort"))
    return {
        "services": ONE,
        "services.loadbalancers": ONE if kind == "LoadBalancer" else ZERO,
        "services.nodeports": Quantity.from_value(node_port_count),
    }


def _claim_usage(claim: Json) -> Amounts:
    used = {"persistentvolumeclaims": ONE}
    spec = claim.get("spec") or {}
    asked = amounts(spec.get("resources"), "requests").get("storage")
    allocated = ((claim.get("status") or {}).get("allocatedResources") or {}).get("storage")
    if asked is not None:
        # A claim that grows is charged for what it was given until the smaller size is real.
        used[STORAGE] = asked if allocated is None else max(asked, Quantity.of(allocated))
    class_name = (claim["metadata"].get("annotations") or {}).get(CLASS_ANNOTATION) or spec.get("storageClassName")
    if class_name:
        used |= {f"{class_name}{OF_CLASS}{name}": value for name, value in used.items()}
    return used


# -- which quotas mean an object ---------------------------------------------------------------------------------


def counted_names(resource: Resource, names: Iterable[str]) -> list[str]:
    """Those of a quota's ``names`` that objects of this resource use."""
    qualified = resource.qualified
    own = (COUNT + qualified, qualified if qualified in COUNTED_BY_NAME else "")
    return [name for name in names if name in own or _is_used_by(qualified, name)]


def _is_used_by(qualified: str, name: str) -> bool:
    if qualified == "pods":
        if name.startswith(REQUESTS):
            bare = name.removeprefix(REQUESTS)
            return bare in COMPUTE or bare.startswith(HUGE_PAGES) or "/" in bare
        return name.removeprefix(LIMITS) in COMPUTE or name.startswith(HUGE_PAGES)
    if qualified == "services":
        return name in SERVICE_NAMES
    return qualified == "persistentvolumeclaims" and (name == STORAGE or OF_CLASS in name)


def is_in_scope(quota: Json, resource: Resource, obj: Json) -> bool:
    """Whether an object lies in all scopes of a quota; one without scopes means every object."""
    spec = quota.get("spec") or {}
    scopes: list[Json] = [{"scopeName": name, "operator": "Exists"} for name in spec.get("scopes") or ()]
    scopes += (spec.get("scopeSelector") or {}).get("matchExpressions") or ()
    if resource.qualified == "pods":
        return all(_is_pod_in(scope, obj) for scope in scopes)
    if resource.qualified == "persistentvolumeclaims":
        return all(_is_claim_in(scope, obj) for scope in scopes)
    return not scopes


def _is_pod_in(scope: Json, pod: Json) -> bool:
    spec, name = pod["spec"], scope.get("scopeName")
    deadline_s = spec.get("activeDeadlineSeconds")
    match name:
        case "Terminating":
            return deadline_s is not None and deadline_s >= 0
        case "NotTerminating":
            return deadline_s is None or deadline_s < 0
        case "BestEffort":
            return is_best_effort(spec)
        case "NotBestEffort":
            return not is_best_effort(spec)
        case "PriorityClass":
            priority_class = spec.get("priorityClassName")
            return _is_selected(scope, [priority_class] if priority_class else [])
        case "CrossNamespacePodAffinity":
            return _names_other_namespaces(spec.get("affinity") or {})
    return False


def _is_claim_in(scope: Json, claim: Json) -> bool:
    if scope.get("scopeName") != "VolumeAttributesClass":
        return False
    spec, status = claim.get("spec") or {}, claim.get("status") or {}
    target = (status.get("modifyVolumeStatus") or {}).get("targetVolumeAttributesClassName")
    names = (spec.get("volumeAttributesClassName"), status.get("currentVolumeAttributesClassName"), target)
    return _is_selected(scope, [name for name in names if name])


def _is_selected(scope: Json, names: list[str]) -> bool:
    values = scope.get("values") or ()
    match scope.get("operator"):
        case "In":
            return any(name in values for name in names)
        case "NotIn":
            return not any(name in values for name in names)
        case "Exists":
            return bool(names)
        case "DoesNotExist":
            return not names
    return False


def is_best_effort(spec: Json) -> bool:
    """Whether no container, nor the pod itself, asks for cpu or memory."""
    holders = [spec, *(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    sides = [amounts(holder.get("resources"), side) for holder in holders for side in ("requests", "limits")]
    return not any(side.get(name) for side in sides for name in ("cpu", "memory"))


def _names_other_namespaces(affinity: Json) -> bool:
    for kind in ("podAffinity", "podAntiAffinity"):
        rules = affinity.get(kind) or {}
        terms = list(rules.get("requiredDuringSchedulingIgnoredDuringExecution") or ())
        weighted = rules.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
        terms += [each.get("podAffinityTerm") or {} for each in weighted]
        if any(term.get("namespaces") or term.get("namespaceSelector") is not None for term in terms):
            return True
    return False


def missing_by_container(pod: Json, names: Iterable[str]) -> dict[str, list[str]]:
    """Which containers say nothing of which of the quota's ``names`` that every container must say."""
    spec = pod["spec"]
    of_pod = compute_usage(*(amounts(spec.get("resources"), side) for side in ("requests", "limits")))
    wanted = sorted((BY_CONTAINER & set(names)) - set(of_pod))
    missing: dict[str, list[str]] = {}
    for container in [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]:
        said = compute_usage(*(amounts(container.get("resources"), side) for side in ("requests", "limits")))
        for name in wanted:
            if name not in said:
                missing.setdefault(name, []).append(container.get("name", ""))
    return {name: sorted(set(missing[name])) for name in sorted(missing)}
