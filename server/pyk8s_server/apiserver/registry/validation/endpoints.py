"""The rules of Endpoints and EndpointSlices."""

from __future__ import annotations

from typing import Any

from pyk8s.api.field import FieldError, duplicate, invalid, required, too_many

from pyk8s_server.apiserver.registry.validation import formats
from pyk8s_server.apiserver.registry.validation.addresses import (
    LOOPBACK,
    validate_outside_address,
    validate_special_address,
)
from pyk8s_server.apiserver.registry.validation.choices import (
    choice,
    formatted,
    immutable,
    port,
    required_choice,
)
from pyk8s_server.apiserver.registry.validation.meta import validate_labels

Json = dict[str, Any]

ADDRESS_TYPES = ("FQDN", "IPv4", "IPv6")
PROTOCOLS = ("SCTP", "TCP", "UDP")
ENDPOINTS_MAX = 1000
PORTS_MAX = 20000
ADDRESSES_MAX = 100
TOPOLOGY_MAX = 16
HINTS_MAX = 8
NO_ADDRESS = "must specify `addresses` or `notReadyAddresses`"


def is_own(obj: Json) -> bool:
    """The API server's own endpoints: a server that listens on loopback alone may say so, as nobody else may."""
    meta = obj["metadata"]
    return bool(meta.get("namespace") == "default" and meta.get("name") == "kubernetes")


def _but_loopback(errors: list[FieldError], obj: Json) -> list[FieldError]:
    return [e for e in errors if e.detail != LOOPBACK] if is_own(obj) else errors


def validate_slice(obj: Json) -> list[FieldError]:
    kind = obj.get("addressType", "")
    errors = required_choice("addressType", kind, ADDRESS_TYPES)
    errors += _endpoints(obj.get("endpoints") or [], kind)
    errors += _slice_ports(obj.get("ports") or [])
    return _but_loopback(errors, obj)


def validate_slice_update(obj: Json, old: Json) -> list[FieldError]:
    return validate_slice(obj) + immutable("addressType", obj.get("addressType"), old.get("addressType"))


def _endpoints(endpoints: list[Json], kind: str) -> list[FieldError]:
    if len(endpoints) > ENDPOINTS_MAX:
        return [too_many("endpoints", len(endpoints), ENDPOINTS_MAX)]
    errors: list[FieldError] = []
    for i, endpoint in enumerate(endpoints):
        path, addresses = f"endpoints[{i}]", endpoint.get("addresses") or []
        if not addresses:
            errors.append(required(f"{path}.addresses", "must contain at least 1 address"))
        elif len(addresses) > ADDRESSES_MAX:
            errors.append(too_many(f"{path}.addresses", len(addresses), ADDRESSES_MAX))
        for j, address in enumerate(addresses):
            errors += _slice_address(f"{path}.addresses", j, address, kind)
        errors += _endpoint(path, endpoint)
    return errors


def _slice_address(path: str, index: int, address: str, kind: str) -> list[FieldError]:
    where = f"{path}[{index}]"
    if kind == "FQDN":
        return _fully_qualified(where, address)
    if kind not in ADDRESS_TYPES:
        return []
    errors = [invalid(where, address, m) for m in formats.ip_address(address)]
    parsed = formats.parse_ip(address)
    if parsed is not None and f"IPv{parsed.version}" != kind:
        errors.append(invalid(path, address, f"must be an {kind} address"))
    return errors + validate_special_address(where, address)


def _fully_qualified(path: str, name: str) -> list[FieldError]:
    if not name:
        return [required(path)]
    name = name.removesuffix(".")
    if messages := formats.dns_subdomain(name):
        return [invalid(path, name, m) for m in messages]
    if "." not in name:
        return [invalid(path, name, "should be a domain with at least two segments separated by dots")]
    return []


def _endpoint(path: str, endpoint: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    if node := endpoint.get("nodeName"):
        errors += formatted(f"{path}.nodeName", node, formats.dns_subdomain)
    topology = endpoint.get("deprecatedTopology") or {}
    if len(topology) > TOPOLOGY_MAX:
        errors.append(too_many(f"{path}.deprecatedTopology", len(topology), TOPOLOGY_MAX))
    errors += validate_labels(f"{path}.deprecatedTopology", topology)
    if (host := endpoint.get("hostname")) is not None:
        errors += formatted(f"{path}.hostname", host, formats.dns_label)
    hints = endpoint.get("hints") or {}
    for name, format in (("forZones", formats.label_value), ("forNodes", formats.dns_subdomain)):
        entries = hints.get(name) or []
        if len(entries) > HINTS_MAX:
            errors.append(too_many(f"{path}.hints.{name}", len(entries), HINTS_MAX))
            continue
        seen: set[str] = set()
        for i, entry in enumerate(entries):
            value = entry.get("name", "")
            if value in seen:
                errors.append(duplicate(f"{path}.hints.{name}[{i}].name", value))
            seen.add(value)
            errors += formatted(f"{path}.hints.{name}[{i}].name", value, format)
    return errors


def _slice_ports(ports: list[Json]) -> list[FieldError]:
    if len(ports) > PORTS_MAX:
        return [too_many("ports", len(ports), PORTS_MAX)]
    errors: list[FieldError] = []
    names: set[str] = set()
    for i, entry in enumerate(ports):
        path, name = f"ports[{i}]", entry.get("name") or ""
        if name:
            errors += formatted(f"{path}.name", name, formats.dns_label)
        if name in names:
            errors.append(duplicate(f"{path}.name", name))
        names.add(name)
        errors += required_choice(f"{path}.protocol", entry.get("protocol"), PROTOCOLS)
        if protocol := entry.get("appProtocol"):
            errors += formatted(f"{path}.appProtocol", protocol, formats.qualified_name)
    return errors


# -- Endpoints -----------------------------------------------------------------------------------------------


def validate_endpoints(obj: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    for i, subset in enumerate(obj.get("subsets") or ()):
        path = f"subsets[{i}]"
        ready, waiting = subset.get("addresses") or [], subset.get("notReadyAddresses") or []
        if not ready and not waiting:
            errors.append(required(path, NO_ADDRESS))
        for name, addresses in (("addresses", ready), ("notReadyAddresses", waiting)):
            for j, address in enumerate(addresses):
                errors += _address(f"{path}.{name}[{j}]", address)
        ports = subset.get("ports") or []
        for j, entry in enumerate(ports):
            errors += _endpoint_port(f"{path}.ports[{j}]", entry, is_named=len(ports) > 1)
    return _but_loopback(errors, obj)


def _address(path: str, address: Json) -> list[FieldError]:
    errors = validate_outside_address(f"{path}.ip", address.get("ip", ""))
    if host := address.get("hostname"):
        errors += formatted(f"{path}.hostname", host, formats.dns_label)
    if (node := address.get("nodeName")) is not None:
        errors += formatted(f"{path}.nodeName", node, formats.dns_subdomain)
    return errors


def _endpoint_port(path: str, entry: Json, *, is_named: bool) -> list[FieldError]:
    errors: list[FieldError] = []
    name = entry.get("name", "")
    if is_named and not name:
        errors.append(required(f"{path}.name"))
    elif name:
        errors += formatted(f"{path}.name", name, formats.dns_label)
    errors += port(f"{path}.port", entry.get("port", 0))
    protocol = entry.get("protocol", "")
    errors += choice(f"{path}.protocol", protocol, PROTOCOLS) if protocol else [required(f"{path}.protocol")]
    if application := entry.get("appProtocol"):
        errors += formatted(f"{path}.appProtocol", application, formats.qualified_name)
    return errors
