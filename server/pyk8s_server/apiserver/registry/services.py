"""Strategies of services: two spellings of one address kept equal, what a changed type leaves behind dropped.

Always true: after a write ``clusterIP`` is the first of ``clusterIPs``.
Not here: giving out addresses and ports (see `allocation.services`).
"""

from __future__ import annotations

from typing import Any

from pyk8s.api.field import FieldError

from pyk8s_server.apiserver.interfaces import Context
from pyk8s_server.apiserver.registry.allocation.services import allocates_node_ports
from pyk8s_server.apiserver.registry.strategies import GenericStrategy
from pyk8s_server.apiserver.registry.validation.services import (
    is_externally_accessible,
    needs_health_check,
    validate_service,
    validate_service_status,
    validate_service_update,
)

Json = dict[str, Any]


class ServiceStrategy(GenericStrategy):
    """services."""

    def prepare_for_create(self, context: Context, obj: Json) -> None:
        super().prepare_for_create(context, obj)
        spec = obj["spec"]
        if spec.get("clusterIP") and not spec.get("clusterIPs"):
            spec["clusterIPs"] = [spec["clusterIP"]]

    def validate_object(self, context: Context, obj: Json) -> list[FieldError]:
        return validate_service(obj)

    def warnings_on_create(self, context: Context, obj: Json) -> list[str]:
        return service_warnings(obj)

    def prepare_for_update(self, context: Context, obj: Json, old: Json) -> None:
        super().prepare_for_update(context, obj, old)
        spec, before = obj["spec"], old["spec"]
        normalize_cluster_ips(spec, before)
        fill_from_stored(spec, before)
        drop_with_type(spec, before)
        if spec.get("type") != "LoadBalancer" and (obj.get("status") or {}).get("loadBalancer"):
            obj["status"] = {**obj["status"], "loadBalancer": {}}

    def validate_object_update(self, context: Context, obj: Json, old: Json) -> list[FieldError]:
        return validate_service_update(obj, old)

    def warnings_on_update(self, context: Context, obj: Json, old: Json) -> list[str]:
        return service_warnings(obj)


class ServiceStatusStrategy(GenericStrategy):
    """services/status: load balancers report here."""

    def validate_object_update(self, context: Context, obj: Json, old: Json) -> list[FieldError]:
        return validate_service_status(obj)


def normalize_cluster_ips(spec: Json, before: Json) -> None:
    """A client may change one of clusterIP and clusterIPs; the other follows."""
    first, stored = spec.get("clusterIP") or "", before.get("clusterIP") or ""
    is_list_same = (spec.get("clusterIPs") or []) == (before.get("clusterIPs") or [])
    if first == stored or not is_list_same:
        return
    if not first:
        spec.pop("clusterIPs", None)
    elif spec.get("clusterIPs"):
        spec["clusterIPs"] = [first, *spec["clusterIPs"][1:]]
    else:
        spec["clusterIPs"] = [first]


def needs_cluster_ip(spec: Json) -> bool:
    return spec.get("type") in ("ClusterIP", "NodePort", "LoadBalancer")


def fill_from_stored(spec: Json, before: Json) -> None:
    """What was given out stays, though the client did not send it."""
    if needs_cluster_ip(spec) and needs_cluster_ip(before):
        if not spec.get("clusterIP") and before.get("clusterIP"):
            spec["clusterIP"] = before["clusterIP"]
        is_same = spec.get("clusterIP") == before.get("clusterIP")
        if is_same and not spec.get("clusterIPs") and before.get("clusterIPs"):
            spec["clusterIPs"] = list(before["clusterIPs"])
    if allocates_node_ports(spec) and allocates_node_ports(before):
        _fill_node_ports(spec.get("ports") or [], before.get("ports") or [])
    if needs_health_check(spec) and needs_health_check(before) and not spec.get("healthCheckNodePort"):
        spec["healthCheckNodePort"] = before.get("healthCheckNodePort", 0)


def _fill_node_ports(ports: list[Json], stored: list[Json]) -> None:
    by_name = {p.get("name", ""): p.get("nodePort") or 0 for p in stored}
    used = {p["nodePort"] for p in ports if p.get("nodePort")} & set(by_name.values())
    for port in ports:
        number = by_name.get(port.get("name", ""), 0)
        if not port.get("nodePort") and number and number not in used:
            port["nodePort"] = number
            used.add(number)


def drop_with_type(spec: Json, before: Json) -> None:
    """Fields that the new type does not have are dropped, if the client left them as they were."""
    if needs_cluster_ip(before) and not needs_cluster_ip(spec):
        for name in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"):
            _drop_same(name, spec, before)
    if allocates_node_ports(before) and spec.get("type") not in ("NodePort", "LoadBalancer"):
        _drop_node_ports(spec, before)
    if needs_health_check(before) and not needs_health_check(spec):
        _drop_same("healthCheckNodePort", spec, before)
    if before.get("type") == "LoadBalancer" and spec.get("type") != "LoadBalancer":
        for name in ("allocateLoadBalancerNodePorts", "loadBalancerClass"):
            _drop_same(name, spec, before)
    if is_externally_accessible(before) and not is_externally_accessible(spec):
        _drop_same("externalTrafficPolicy", spec, before)


def _drop_same(name: str, spec: Json, before: Json) -> None:
    if name in spec and spec[name] == before.get(name):
        del spec[name]


def _drop_node_ports(spec: Json, before: Json) -> None:
    new = [p.get("nodePort") or 0 for p in spec.get("ports") or ()]
    if set(new) - {0} <= {p.get("nodePort") or 0 for p in before.get("ports") or ()}:
        for port in spec.get("ports") or ():
            port.pop("nodePort", None)


def service_warnings(service: Json) -> list[str]:
    spec = service.get("spec") or {}
    warnings = []
    if spec.get("clusterIP") == "None" and spec.get("loadBalancerIP"):
        warnings.append("spec.loadBalancerIP is ignored for headless services")
    return warnings
