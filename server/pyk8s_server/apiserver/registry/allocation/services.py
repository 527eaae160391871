"""Cluster IPs and node ports of services: given out before a write, kept or given back after it.

Always true: the pools agree with the store: they are filled from it at the first use, and every commit follows.
Not here: several API servers on one store; each would have pools of its own.
"""

from __future__ import annotations

import ipaddress
import threading
from dataclasses import dataclass, field
from typing import Any

from pyk8s.api import status
from pyk8s.api.field import FieldError, invalid
from pyk8s.api.resources import Resource

from pyk8s_server.apiserver.interfaces import Context, Release
from pyk8s_server.apiserver.registry.allocation.numbers import NumberPool
from pyk8s_server.apiserver.registry.validation.services import HEADLESS, is_headless, needs_health_check

Json = dict[str, Any]

SERVICE_CIDR = "10.96.0.0/16"
NODE_PORT_FIRST = 30000
NODE_PORT_LAST = 32767
RESERVED_ADDRESSES_MAX = 256
"""Addresses at the start of the range that are left to services which name their own (kube-dns takes .10)."""
RESERVED_PORTS = 86
"""min(max(16, size / 32), 128) of the 2768 node ports: the band left to services which name their own."""


@dataclass(slots=True)
class Taken:
    """What one write took, and what the old object held and the new one does not."""

    addresses: list[int] = field(default_factory=list)
    ports: list[int] = field(default_factory=list)
    old_addresses: list[int] = field(default_factory=list)
    old_ports: list[int] = field(default_factory=list)


class SharedPorts:
    """The node ports of one service so far: ports of one number and two protocols share theirs."""

    def __init__(self) -> None:
        self._by_number: dict[int, tuple[int, set[str]]] = {}

    def wish(self, entry: Json) -> int:
        """The node port that a service's port asks for, itself or by what it shares; 0 for none."""
        shared, protocols = self._by_number.get(entry.get("port", 0), (0, set()))
        given = int(entry.get("nodePort") or 0)
        return given or (0 if entry.get("protocol", "TCP") in protocols else shared)

    def note(self, entry: Json, node_port: int) -> None:
        entry["nodePort"] = node_port
        _, protocols = self._by_number.get(entry.get("port", 0), (0, set()))
        self._by_number[entry.get("port", 0)] = (node_port, protocols | {entry.get("protocol", "TCP")})


class ServiceLifecycle:
    """The `Lifecycle` of services, one per API server."""

    def __init__(self, resource: Resource, *, cidr: str = SERVICE_CIDR) -> None:
        self._resource = resource
        network = ipaddress.ip_network(cidr)
        self.cidr, self.family = cidr, f"IPv{network.version}"
        first, last = int(network.network_address) + 1, int(network.broadcast_address) - 1
        reserved = min(max(16, (last - first) // 16), RESERVED_ADDRESSES_MAX)
        self.addresses = NumberPool(first, last, reserved_count=reserved)
        self.ports = NumberPool(NODE_PORT_FIRST, NODE_PORT_LAST, reserved_count=RESERVED_PORTS)
        self._is_loaded = False
        self._loading = threading.Lock()

    def load(self, context: Context) -> None:
        """Mark what stored services hold; runs once, before anything is given out."""
        if self._is_loaded:
            return
        with self._loading:
            if self._is_loaded:
                return
            for service in context.reader.list(self._resource):
                self.addresses.take_all(held_addresses(service))
                self.ports.take_all(held_ports(service))
            self._is_loaded = True

    def allocate(self, context: Context, obj: Json, old: Json | None) -> Release:
        self.load(context)
        spec = obj["spec"]
        errors = self._init_families(spec, (old or {}).get("spec"))
        if errors:
            raise _refused(obj, errors)
        taken = Taken()
        try:
            self._take_addresses(context, obj, old, taken)
            self._take_ports(context, obj, old, taken)
        except BaseException:
            self._settle(taken, committed=False)
            raise
        if old is not None:
            taken.old_addresses = list(held_addresses(old) - held_addresses(obj))
            taken.old_ports = list(held_ports(old) - held_ports(obj))

        def release(committed: bool) -> None:
            self._settle(taken, committed=committed and not context.dry_run)

        return release

    def release(self, context: Context, obj: Json) -> None:
        self.addresses.give_back(held_addresses(obj))
        self.ports.give_back(held_ports(obj))

    def _settle(self, taken: Taken, *, committed: bool) -> None:
        if committed:
            self.addresses.give_back(taken.old_addresses)
            self.ports.give_back(taken.old_ports)
        else:
            self.addresses.give_back(taken.addresses)
            self.ports.give_back(taken.ports)

    # -- families ------------------------------------------------------------------------------------------

    def _init_families(self, spec: Json, before: Json | None) -> list[FieldError]:
        """Fill in ipFamilyPolicy and ipFamilies of a single-stack cluster."""
        if spec.get("type") == "ExternalName":
            return []
        if before and not spec.get("ipFamilyPolicy") and before.get("ipFamilyPolicy"):
            spec["ipFamilyPolicy"] = before["ipFamilyPolicy"]
        families = spec.get("ipFamilies") or []
        if is_headless(spec) and not spec.get("selector"):
            self._init_selectorless(spec, families)
            return []
        errors = [
            invalid(f"spec.ipFamilies[{i}]", family, "not configured on this cluster")
            for i, family in enumerate(families)
            if family != self.family
        ]
        policy = spec.setdefault("ipFamilyPolicy", "SingleStack")
        if policy == "RequireDualStack":
            detail = "this cluster is not configured for dual-stack services"
            errors.append(invalid("spec.ipFamilyPolicy", policy, detail))
        if not families:
            spec["ipFamilies"] = [self.family]
        return errors

    def _init_selectorless(self, spec: Json, families: list[str]) -> None:
        """Headless without selector: endpoints are somebody else's, so both families are allowed."""
        policy = spec.setdefault("ipFamilyPolicy", "RequireDualStack" if len(families) != 1 else "SingleStack")
        first = families[0] if families else self.family
        second = "IPv6" if first == "IPv4" else "IPv4"
        if len(families) < 2:
            spec["ipFamilies"] = [first] if policy == "SingleStack" else [first, second]

    # -- addresses -----------------------------------------------------------------------------------------

    def _take_addresses(self, context: Context, obj: Json, old: Json | None, taken: Taken) -> None:
        spec = obj["spec"]
        if spec.get("type") == "ExternalName" or is_headless(spec):
            return
        held = held_addresses(old) if old is not None else set()
        wanted = spec.get("clusterIPs") or []
        if not wanted:
            number = self.addresses.pick(context.identity)
            if number is None:
                raise status.internal_error("failed to allocate a serviceIP: range is full")
            taken.addresses.append(number)
            address = str(ipaddress.ip_address(number))
            spec["clusterIP"], spec["clusterIPs"] = address, [address]
            return
        for address in wanted:
            number = int(ipaddress.ip_address(address))
            if number in held:
                continue
            self._take_address(obj, address, number)
            taken.addresses.append(number)

    def _take_address(self, obj: Json, address: str, number: int) -> None:
        if number not in self.addresses:
            why = f"the provided IP ({address}) is not in the valid range. The range of valid IPs is {self.cidr}"
        elif self.addresses.take(number):
            return
        else:
            why = "provided IP is already allocated"
        value = obj["spec"]["clusterIPs"]
        raise _refused(obj, [invalid("spec.clusterIPs", value, f"failed to allocate IP {address}: {why}")])

    # -- ports ---------------------------------------------------------------------------------------------

    def _take_ports(self, context: Context, obj: Json, old: Json | None, taken: Taken) -> None:
        spec = obj["spec"]
        held = held_ports(old) if old is not None else set()
        if spec.get("type") in ("NodePort", "LoadBalancer"):
            shared = SharedPorts()
            for i, entry in enumerate(spec.get("ports") or ()):
                wish = shared.wish(entry)
                if not wish and not allocates_node_ports(spec):
                    continue
                if wish not in held and wish not in taken.ports:
                    wish = self._port(context, obj, f"spec.ports[{i}].nodePort", wish)
                    taken.ports.append(wish)
                shared.note(entry, wish)
        if needs_health_check(spec):
            wish = spec.get("healthCheckNodePort") or 0
            if wish not in held:
                spec["healthCheckNodePort"] = self._port(context, obj, "spec.healthCheckNodePort", wish)
                taken.ports.append(spec["healthCheckNodePort"])

    def _port(self, context: Context, obj: Json, path: str, wish: int) -> int:
        if not wish:
            number = self.ports.pick(context.identity)
            if number is None:
                raise status.internal_error("failed to allocate a nodePort: range is full")
            return number
        if wish not in self.ports:
            valid = f"{NODE_PORT_FIRST}-{NODE_PORT_LAST}"
            detail = f"provided port is not in the valid range. The range of valid ports is {valid}"
        elif self.ports.take(wish):
            return wish
        else:
            detail = "provided port is already allocated"
        raise _refused(obj, [invalid(path, wish, detail)])


def _refused(obj: Json, errors: list[FieldError]) -> status.StatusError:
    return status.invalid("", "Service", obj["metadata"].get("name", ""), errors)


def allocates_node_ports(spec: Json) -> bool:
    if spec.get("type") == "LoadBalancer":
        return spec.get("allocateLoadBalancerNodePorts") is not False
    return spec.get("type") == "NodePort"


def held_addresses(service: Json) -> set[int]:
    """The cluster IPs of a stored service, as numbers."""
    spec = service.get("spec") or {}
    if spec.get("type") == "ExternalName":
        return set()
    addresses = spec.get("clusterIPs") or [spec.get("clusterIP") or ""]
    return {int(ipaddress.ip_address(a)) for a in addresses if a and a != HEADLESS}


def held_ports(service: Json) -> set[int]:
    """The node ports of a stored service, the health check's among them."""
    spec = service.get("spec") or {}
    ports = {entry.get("nodePort") or 0 for entry in spec.get("ports") or ()}
    return (ports | {spec.get("healthCheckNodePort") or 0}) - {0}
