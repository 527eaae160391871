"""The rules of services, and of what an update of one may change.

Not here: whether an address or port is free (see `allocation`).
"""

from __future__ import annotations

from typing import Any

from pyk8s.api.field import FieldError, duplicate, forbidden, invalid, required

from pyk8s_server.apiserver.registry.internal_form import internal_form
from pyk8s_server.apiserver.registry.validation import formats
from pyk8s_server.apiserver.registry.validation.addresses import validate_outside_address
from pyk8s_server.apiserver.registry.validation.choices import (
    choice,
    formatted,
    port,
    required_choice,
    required_format,
)
from pyk8s_server.apiserver.registry.validation.meta import validate_labels

Json = dict[str, Any]

TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
PROTOCOLS = ("SCTP", "TCP", "UDP")
AFFINITIES = ("ClientIP", "None")
FAMILIES = ("IPv4", "IPv6")
FAMILY_POLICIES = ("PreferDualStack", "RequireDualStack", "SingleStack")
TRAFFIC_POLICIES = ("Cluster", "Local")
DISTRIBUTIONS = ("PreferClose", "PreferSameNode", "PreferSameZone")
HEADLESS = "None"
KUBELET_PORT = 10250
AFFINITY_S_MAX = 86400
NOT_FOR_EXTERNAL_NAME = "may not be set for ExternalName services"
ONLY_LOAD_BALANCER = "may only be used when `type` is 'LoadBalancer'"
ONCE = "may not change once set"
SERVICE_PORT = "k8s.io.api.core.v1.ServicePort"
SOURCE_RANGES = "spec.LoadBalancerSourceRanges"


def is_headless(spec: Json) -> bool:
    return spec.get("clusterIP") == HEADLESS


def validate_service(service: Json) -> list[FieldError]:
    spec = service.get("spec") or {}
    ports = spec.get("ports") or []
    errors: list[FieldError] = []
    if not ports and not is_headless(spec) and spec.get("type") != "ExternalName":
        errors.append(required("spec.ports"))
    errors += _type_rules(spec, ports)
    names: set[str] = set()
    for i, entry in enumerate(ports):
        errors += _port(f"spec.ports[{i}]", entry, is_named=len(ports) > 1, names=names)
    if selector := spec.get("selector"):
        errors += validate_labels("spec.selector", selector)
    errors += _affinity(spec)
    errors += _cluster_ips(spec)
    for i, address in enumerate(spec.get("externalIPs") or ()):
        errors += validate_outside_address(f"spec.externalIPs[{i}]", address)
    errors += required_choice("spec.type", spec.get("type"), TYPES)
    errors += _port_conflicts(spec, ports)
    errors += _load_balancer(service["metadata"], spec)
    errors += _traffic(spec)
    return errors


def _type_rules(spec: Json, ports: list[Json]) -> list[FieldError]:
    kind = spec.get("type")
    errors: list[FieldError] = []
    if kind == "LoadBalancer":
        detail = "may not expose port 10250 externally since it is used by kubelet"
        errors += (
            invalid(f"spec.ports[{i}]", entry.get("port"), detail)
            for i, entry in enumerate(ports)
            if entry.get("port") == KUBELET_PORT
        )
    if kind in ("LoadBalancer", "NodePort") and is_headless(spec):
        errors.append(invalid("spec.clusterIPs[0]", HEADLESS, f"may not be set to 'None' for {kind} services"))
    if kind == "ExternalName":
        for name in ("clusterIPs", "ipFamilies", "ipFamilyPolicy"):
            if spec.get(name):
                errors.append(forbidden(f"spec.{name}", NOT_FOR_EXTERNAL_NAME))
        external = (spec.get("externalName") or "").removesuffix(".")
        errors += required_format("spec.externalName", external, formats.dns_subdomain)
    return errors


def _port(path: str, entry: Json, *, is_named: bool, names: set[str]) -> list[FieldError]:
    errors: list[FieldError] = []
    if name := entry.get("name"):
        errors += formatted(f"{path}.name", name, formats.dns_label)
        if name in names:
            errors.append(duplicate(f"{path}.name", name))
        names.add(name)
    elif is_named:
        errors.append(required(f"{path}.name"))
    errors += port(f"{path}.port", entry.get("port", 0))
    errors += required_choice(f"{path}.protocol", entry.get("protocol"), PROTOCOLS)
    errors += port(f"{path}.targetPort", entry.get("targetPort", 0))
    if protocol := entry.get("appProtocol"):
        errors += formatted(f"{path}.appProtocol", protocol, formats.qualified_name)
    return errors


def _affinity(spec: Json) -> list[FieldError]:
    affinity, config = spec.get("sessionAffinity"), spec.get("sessionAffinityConfig")
    errors = required_choice("spec.sessionAffinity", affinity, AFFINITIES)
    path = "spec.sessionAffinityConfig"
    if affinity == "None" and config is not None:
        errors.append(forbidden(path, "must not be set when session affinity is None"))
    elif affinity == "ClientIP":
        errors += _client_ip(path, config)
    return errors


def _client_ip(path: str, config: Json | None) -> list[FieldError]:
    detail = "when session affinity type is ClientIP"
    if config is None:
        return [required(path, detail)]
    if config.get("clientIP") is None:
        return [required(f"{path}.clientIP", detail)]
    timeout = config["clientIP"].get("timeoutSeconds")
    if timeout is None:
        return [required(f"{path}.clientIP.timeoutSeconds", detail)]
    if 0 < timeout <= AFFINITY_S_MAX:
        return []
    limit = f"must be greater than 0 and less than {AFFINITY_S_MAX}"
    return [invalid(f"{path}.clientIP.timeoutSeconds", timeout, limit)]


def _cluster_ips(spec: Json) -> list[FieldError]:
    """clusterIP, clusterIPs, ipFamilies and ipFamilyPolicy, alone and together."""
    if spec.get("type") == "ExternalName":
        return []
    first, addresses = spec.get("clusterIP") or "", spec.get("clusterIPs") or []
    errors: list[FieldError] = []
    if first and not addresses:
        errors.append(required("spec.clusterIPs"))
    elif first and addresses[0] != first:
        errors.append(invalid("spec.clusterIPs", addresses, "first value must match `clusterIP`"))
    elif addresses and not first:
        errors.append(invalid("spec.clusterIPs", addresses, "must be empty when `clusterIP` is not specified"))
    families = spec.get("ipFamilies") or []
    for i, family in enumerate(families):
        errors += choice(f"spec.ipFamilies[{i}]", family, FAMILIES)
        if family in families[:i]:
            errors.append(duplicate(f"spec.ipFamilies[{i}]", family))
    if (policy := spec.get("ipFamilyPolicy")) is not None:
        errors += choice("spec.ipFamilyPolicy", policy, FAMILY_POLICIES)
    found = _addresses(addresses)
    errors += found
    if not errors and addresses and not is_headless(spec):
        errors += _families_match(addresses, families)
    return errors


def _addresses(addresses: list[str]) -> list[FieldError]:
    path = "spec.clusterIPs"
    errors: list[FieldError] = []
    for i, address in enumerate(addresses):
        if i == 0 and address == HEADLESS:
            if len(addresses) > 1:
                errors.append(invalid(path, addresses, "'None' must be the first and only value"))
            continue
        errors += formatted(f"{path}[{i}]", address, formats.ip_address)
    if len(addresses) > 2:
        errors.append(invalid(path, addresses, "may only hold up to 2 values"))
    if not errors and len(addresses) == 2 and (":" in addresses[0]) == (":" in addresses[1]):
        errors.append(invalid(path, addresses, "may specify no more than one IP for each IP family"))
    return errors


def _families_match(addresses: list[str], families: list[str]) -> list[FieldError]:
    return [
        invalid(
            f"spec.clusterIPs[{i}]",
            address,
            f"expected an {family} value as indicated by `ipFamilies[{i}]`",
        )
        for i, (address, family) in enumerate(zip(addresses, families, strict=False))
        if (":" in address) != (family == "IPv6")
    ]


def _port_conflicts(spec: Json, ports: list[Json]) -> list[FieldError]:
    errors: list[FieldError] = []
    if spec.get("type") == "ClusterIP":
        detail = "may not be used when `type` is 'ClusterIP'"
        errors += (forbidden(f"spec.ports[{i}].nodePort", detail) for i, p in enumerate(ports) if p.get("nodePort"))
    node_ports: set[tuple[Any, Any]] = set()
    for i, entry in enumerate(ports):
        key = (entry.get("protocol"), entry.get("nodePort"))
        if entry.get("nodePort") and key in node_ports:
            errors.append(duplicate(f"spec.ports[{i}].nodePort", entry["nodePort"]))
        node_ports.add(key)
    seen: set[tuple[Any, Any]] = set()
    for i, entry in enumerate(ports):
        key = (entry.get("protocol"), entry.get("port"))
        if key in seen:
            shown = {name: entry.get(name) for name in ("protocol", "port")}
            errors.append(duplicate(f"spec.ports[{i}]", internal_form(SERVICE_PORT, shown)))
        seen.add(key)
    return errors


def _load_balancer(meta: Json, spec: Json) -> list[FieldError]:
    is_load_balancer = spec.get("type") == "LoadBalancer"
    errors: list[FieldError] = []
    if ranges := spec.get("loadBalancerSourceRanges"):
        if not is_load_balancer:
            errors.append(forbidden(SOURCE_RANGES, ONLY_LOAD_BALANCER))
        for i, value in enumerate(ranges):
            errors += formatted(f"{SOURCE_RANGES}[{i}]", value.strip(), formats.cidr)
    if is_load_balancer:
        if spec.get("allocateLoadBalancerNodePorts") is None:
            errors.append(required("allocateLoadBalancerNodePorts"))
        if name := spec.get("loadBalancerClass"):
            errors += formatted("spec.loadBalancerClass", name, formats.qualified_name)
        return errors
    for name in ("allocateLoadBalancerNodePorts", "loadBalancerClass"):
        if spec.get(name) is not None:
            errors.append(forbidden(f"spec.{name}", ONLY_LOAD_BALANCER))
    return errors


def _traffic(spec: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    internal = spec.get("internalTrafficPolicy")
    if internal is not None:
        errors += choice("spec.internalTrafficPolicy", internal, TRAFFIC_POLICIES)
    elif spec.get("type") in ("ClusterIP", "NodePort", "LoadBalancer"):
        errors.append(required("spec.internalTrafficPolicy"))
    external = spec.get("externalTrafficPolicy")
    if is_externally_accessible(spec):
        errors += required_choice("spec.externalTrafficPolicy", external, TRAFFIC_POLICIES)
    elif external:
        detail = "may only be set for externally-accessible services"
        errors.append(invalid("spec.externalTrafficPolicy", external, detail))
    check_port = spec.get("healthCheckNodePort") or 0
    if check_port and not needs_health_check(spec):
        detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        errors.append(invalid("spec.healthCheckNodePort", check_port, detail))
    elif check_port:
        errors += port("spec.healthCheckNodePort", check_port)
    if (distribution := spec.get("trafficDistribution")) is not None:
        errors += choice("spec.trafficDistribution", distribution, DISTRIBUTIONS)
    return errors


def is_externally_accessible(spec: Json) -> bool:
    if spec.get("type") in ("NodePort", "LoadBalancer"):
        return True
    return spec.get("type") == "ClusterIP" and bool(spec.get("externalIPs"))


def needs_health_check(spec: Json) -> bool:
    return spec.get("type") == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"


# -- update --------------------------------------------------------------------------------------------------


def validate_service_update(service: Json, old: Json) -> list[FieldError]:
    spec, before = service["spec"], old["spec"]
    errors: list[FieldError] = []
    if "ExternalName" not in (spec.get("type"), before.get("type")):
        errors += _unchanged_order("clusterIPs", "primary clusterIP can not be unset", spec, before)
        errors += _unchanged_order("ipFamilies", "primary ipFamily can not be unset", spec, before)
    is_balanced = spec.get("type") == before.get("type") == "LoadBalancer"
    if is_balanced and spec.get("loadBalancerClass") != before.get("loadBalancerClass"):
        errors.append(invalid("spec.loadBalancerClass", spec.get("loadBalancerClass"), ONCE))
    is_checked = needs_health_check(spec) and needs_health_check(before)
    if is_checked and spec.get("healthCheckNodePort") != before.get("healthCheckNodePort"):
        errors.append(forbidden("spec.healthCheckNodePort", formats.IMMUTABLE))
    return errors + validate_service(service)


def _unchanged_order(name: str, unset: str, spec: Json, before: Json) -> list[FieldError]:
    """The first may never change; the second may come and, when asked for, go."""
    new, old = spec.get(name) or [], before.get(name) or []
    if not old:
        return []
    path = f"spec.{name}"
    if not new:
        return [invalid(f"{path}[0]", new or None, unset)]
    errors: list[FieldError] = []
    if new[0] != old[0]:
        errors.append(invalid(f"{path}[0]", new, ONCE))
    if len(old) > 1 and len(new) > 1 and new[1] != old[1]:
        errors.append(invalid(f"{path}[1]", new, ONCE))
    if len(old) > 1 and len(new) == 1 and spec.get("ipFamilyPolicy") != "SingleStack":
        what = "clusterIP" if name == "clusterIPs" else "ipFamily"
        detail = f"must be set to 'SingleStack' when releasing the secondary {what}"
        errors.append(invalid("spec.ipFamilyPolicy", spec.get("ipFamilyPolicy"), detail))
    return errors


def validate_service_status(service: Json) -> list[FieldError]:
    ingress = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    path = "status.loadBalancer.ingress"
    if ingress and service["spec"].get("type") != "LoadBalancer":
        return [forbidden(path, "may only be used when `spec.type` is 'LoadBalancer'")]
    errors: list[FieldError] = []
    for i, entry in enumerate(ingress):
        errors += validate_ingress_point(f"{path}[{i}]", entry)
    return errors


def validate_ingress_point(path: str, entry: Json) -> list[FieldError]:
    """One entry of a load balancer's status."""
    errors: list[FieldError] = []
    address, mode, host = entry.get("ip"), entry.get("ipMode"), entry.get("hostname")
    if address:
        errors += formatted(f"{path}.ip", address, formats.ip_address)
    if mode is not None:
        if not address:
            errors.append(forbidden(f"{path}.ipMode", "may not be specified when `ip` is not set"))
        else:
            errors += choice(f"{path}.ipMode", mode, ("Proxy", "VIP"))
    if host:
        errors += formatted(f"{path}.hostname", host, formats.dns_subdomain)
        if formats.parse_ip(host) is not None:
            errors.append(invalid(f"{path}.hostname", host, "must be a DNS name, not an IP address"))
    return errors
