"""The rules of ingresses, network policies, and the objects that name addresses."""

from __future__ import annotations

import ipaddress
from typing import Any

from pyk8s.api.field import FieldError, forbidden, invalid, required

from pyk8s_server.apiserver.registry.validation import formats
from pyk8s_server.apiserver.registry.validation.batch import domain_prefixed
from pyk8s_server.apiserver.registry.validation.choices import choice, formatted, immutable, port
from pyk8s_server.apiserver.registry.validation.selectors import validate_label_selector
from pyk8s_server.apiserver.registry.validation.services import validate_ingress_point

Json = dict[str, Any]

PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")
BAD_PARTS = ("//", "/./", "/../", "%2f", "%2F")
BAD_ENDS = ("/..", "/.")
CLASS_ANNOTATION = "kubernetes.io/ingress.class"
POLICY_TYPES = ("Ingress", "Egress")
CONTROLLER_MAX = 250


def validate_ingress(obj: Json) -> list[FieldError]:
    spec = obj.get("spec") or {}
    errors: list[FieldError] = []
    annotation = (obj["metadata"].get("annotations") or {}).get(CLASS_ANNOTATION)
    name = spec.get("ingressClassName")
    if annotation is not None and name is not None and annotation != name:
        detail = "must match `ingressClassName` when both are specified"
        errors.append(invalid(f"annotations.{CLASS_ANNOTATION}", annotation, detail))
    return _ingress_spec(spec) + errors


def validate_ingress_update(obj: Json, old: Json) -> list[FieldError]:
    return _ingress_spec(obj.get("spec") or {})


def _ingress_spec(spec: Json) -> list[FieldError]:
    rules, backend = spec.get("rules") or [], spec.get("defaultBackend")
    errors: list[FieldError] = []
    if not rules and backend is None:
        errors.append(invalid("spec", None, "either `defaultBackend` or `rules` must be specified"))
    if backend is not None:
        errors += _backend("spec.defaultBackend", backend)
    for i, rule in enumerate(rules):
        errors += _rule(f"spec.rules[{i}]", rule)
    for i, entry in enumerate(spec.get("tls") or ()):
        errors += _tls(f"spec.tls[{i}]", entry)
    if (name := spec.get("ingressClassName")) is not None:
        errors += formatted("spec.ingressClassName", name, formats.dns_subdomain)
    return errors


def _tls(path: str, entry: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    for i, host in enumerate(entry.get("hosts") or ()):
        format = formats.wildcard_subdomain if "*" in host else formats.dns_subdomain
        errors += formatted(f"{path}.hosts[{i}]", host, format)
    if secret := entry.get("secretName"):
        errors += formatted(f"{path}.secretName", secret, formats.dns_subdomain)
    return errors


def _rule(path: str, rule: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    if host := rule.get("host"):
        if formats.parse_ip(host) is not None:
            errors.append(invalid(f"{path}.host", host, "must be a DNS name, not an IP address"))
        format = formats.wildcard_subdomain if "*" in host else formats.dns_subdomain
        errors += formatted(f"{path}.host", host, format)
    http = rule.get("http")
    if http is None:
        return errors
    paths = http.get("paths") or []
    if not paths:
        errors.append(required(f"{path}.http.paths"))
    for i, entry in enumerate(paths):
        errors += _path(f"{path}.http.paths[{i}]", entry)
    return errors


def _path(path: str, entry: Json) -> list[FieldError]:
    kind, value = entry.get("pathType"), entry.get("path") or ""
    if kind is None:
        return [required(f"{path}.pathType", "pathType must be specified")]
    errors: list[FieldError] = []
    if kind not in PATH_TYPES:
        errors += choice(f"{path}.pathType", kind, PATH_TYPES)
    elif kind != "ImplementationSpecific":
        errors += _strict_path(f"{path}.path", value)
    elif value and not value.startswith("/"):
        errors.append(invalid(f"{path}.path", value, "must be an absolute path"))
    return errors + _backend(f"{path}.backend", entry.get("backend") or {})


def _strict_path(path: str, value: str) -> list[FieldError]:
    if not value.startswith("/"):
        return [invalid(path, value, "must be an absolute path")]
    errors = [invalid(path, value, f"must not contain '{part}'") for part in BAD_PARTS if part in value]
    errors += (invalid(path, value, f"cannot end with '{end}'") for end in BAD_ENDS if value.endswith(end))
    return errors


def _backend(path: str, backend: Json) -> list[FieldError]:
    service, resource = backend.get("service"), backend.get("resource")
    if resource is not None:
        if service is not None:
            return [invalid(path, "", "cannot set both resource and service backends")]
        return [required(f"{path}.resource.{n}") for n in ("kind", "name") if not resource.get(n)]
    if service is None:
        return [required(path, "resource or service backend is required")]
    return _service_backend(path, service)


def _service_backend(path: str, service: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    if not service.get("name"):
        errors.append(required(f"{path}.service.name"))
    else:
        errors += formatted(f"{path}.service.name", service["name"], formats.dns_label)
    wish = service.get("port") or {}
    name, number = wish.get("name"), wish.get("number", 0)
    if name and number:
        errors.append(invalid(path, "", "cannot set both port name & port number"))
    elif name:
        errors += formatted(f"{path}.service.port.name", name, formats.port_name)
    elif number:
        errors += port(f"{path}.service.port.number", number)
    else:
        errors.append(required(path, "port name or number is required"))
    return errors


def validate_ingress_status(obj: Json, old: Json) -> list[FieldError]:
    points = ((obj.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    return [
        error
        for i, entry in enumerate(points)
        for error in validate_ingress_point(f"status.loadBalancer.ingress[{i}]", entry)
    ]


def validate_ingress_class(obj: Json) -> list[FieldError]:
    spec = obj.get("spec") or {}
    controller = spec.get("controller", "")
    errors: list[FieldError] = []
    if len(controller) > CONTROLLER_MAX:
        errors.append(FieldError("spec.controller", "Too long", "", f"may not be more than {CONTROLLER_MAX} bytes"))
    errors += domain_prefixed("spec.controller", controller)
    parameters = spec.get("parameters")
    return errors + (_class_parameters("spec.parameters", parameters) if parameters else [])


def _class_parameters(path: str, parameters: Json) -> list[FieldError]:
    errors = [required(f"{path}.{name}") for name in ("kind", "name") if not parameters.get(name)]
    if group := parameters.get("apiGroup"):
        errors += formatted(f"{path}.apiGroup", group, formats.dns_subdomain)
    for name in ("kind", "name"):
        if value := parameters.get(name):
            errors += formatted(f"{path}.{name}", value, formats.path_segment)
    scope, namespace = parameters.get("scope"), parameters.get("namespace")
    if scope is None:
        errors.append(required(f"{path}.scope"))
    else:
        errors += choice(f"{path}.scope", scope, ("Cluster", "Namespace"))
    if scope == "Namespace" and not namespace:
        errors.append(required(f"{path}.namespace", "`parameters.scope` is set to 'Namespace'"))
    if scope == "Cluster" and namespace is not None:
        errors.append(forbidden(f"{path}.namespace", "`parameters.scope` is set to 'Cluster'"))
    return errors


def validate_ingress_class_update(obj: Json, old: Json) -> list[FieldError]:
    new, was = obj["spec"].get("controller"), old["spec"].get("controller")
    return validate_ingress_class(obj) + immutable("spec.controller", new, was)


# -- NetworkPolicy -------------------------------------------------------------------------------------------


def validate_network_policy(obj: Json) -> list[FieldError]:
    spec = obj.get("spec") or {}
    errors = validate_label_selector("spec.podSelector", spec.get("podSelector"))
    for direction, peers in (("ingress", "from"), ("egress", "to")):
        for i, rule in enumerate(spec.get(direction) or ()):
            path = f"spec.{direction}[{i}]"
            for j, entry in enumerate(rule.get("ports") or ()):
                errors += _policy_port(f"{path}.ports[{j}]", entry)
            for j, peer in enumerate(rule.get(peers) or ()):
                errors += _peer(f"{path}.{peers}[{j}]", peer)
    types = spec.get("policyTypes") or []
    if len(types) > len(POLICY_TYPES):
        return [*errors, invalid("spec.policyTypes", types, "may not specify more than two policyTypes")]
    for i, kind in enumerate(types):
        errors += choice(f"spec.policyTypes[{i}]", kind, POLICY_TYPES)
    return errors


def _policy_port(path: str, entry: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    if (protocol := entry.get("protocol")) is not None:
        errors += choice(f"{path}.protocol", protocol, ("SCTP", "TCP", "UDP"))
    number, end = entry.get("port"), entry.get("endPort")
    if number is not None:
        errors += port(f"{path}.port", number)
    if end is None:
        return errors
    if number is None:
        errors.append(invalid(f"{path}.endPort", end, "may not be specified when `port` is not specified"))
    elif isinstance(number, str):
        errors.append(invalid(f"{path}.endPort", end, "may not be specified when `port` is non-numeric"))
    elif end < number:
        errors.append(invalid(f"{path}.endPort", end, "must be greater than or equal to `port`"))
    return errors


def _peer(path: str, peer: Json) -> list[FieldError]:
    given = [name for name in ("podSelector", "namespaceSelector", "ipBlock") if peer.get(name) is not None]
    errors: list[FieldError] = []
    for name in given[:2]:
        if name != "ipBlock":
            errors += validate_label_selector(f"{path}.{name}", peer[name])
    if "ipBlock" in given:
        errors += _ip_block(f"{path}.ipBlock", peer["ipBlock"])
    if not given:
        errors.append(required(path, "must specify a peer"))
    elif len(given) > 1 and "ipBlock" in given:
        errors.append(forbidden(path, "may not specify both ipBlock and another peer"))
    return errors


def _ip_block(path: str, block: Json) -> list[FieldError]:
    text = block.get("cidr", "")
    if not text:
        return [required(f"{path}.cidr")]
    errors = formatted(f"{path}.cidr", text, formats.cidr)
    if errors:
        return errors
    network = ipaddress.ip_network(text, strict=False)
    for i, part in enumerate(block.get("except") or ()):
        where = f"{path}.except[{i}]"
        found = formatted(where, part, formats.cidr)
        if not found and not _is_inside(ipaddress.ip_network(part, strict=False), network):
            found = [invalid(where, part, "must be a strict subset of `cidr`")]
        errors += found
    return errors


def _is_inside(inner: Any, outer: Any) -> bool:
    return inner.version == outer.version and inner != outer and bool(inner.subnet_of(outer))


# -- IPAddress and ServiceCIDR -------------------------------------------------------------------------------


def validate_address_object(obj: Json) -> list[FieldError]:
    parent = (obj.get("spec") or {}).get("parentRef")
    path = "spec.parentRef"
    if parent is None:
        return [required(path)]
    errors: list[FieldError] = []
    if group := parent.get("group"):
        errors += formatted(f"{path}.group", group, formats.dns_subdomain)
    for name in ("resource", "name"):
        value = parent.get(name)
        errors += formatted(f"{path}.{name}", value, formats.path_segment) if value else [required(f"{path}.{name}")]
    if namespace := parent.get("namespace"):
        errors += formatted(f"{path}.namespace", namespace, formats.path_segment)
    return errors


def validate_address_object_update(obj: Json, old: Json) -> list[FieldError]:
    new, was = (o.get("spec", {}).get("parentRef") for o in (obj, old))
    return validate_address_object(obj) + immutable("spec.parentRef", new, was)


def validate_service_cidr(obj: Json) -> list[FieldError]:
    cidrs = (obj.get("spec") or {}).get("cidrs") or []
    if not cidrs:
        return [required("spec.cidrs", "at least one CIDR required")]
    errors = [e for i, cidr in enumerate(cidrs) for e in formatted(f"spec.cidrs[{i}]", cidr, formats.cidr)]
    if not errors and len({":" in cidr for cidr in cidrs}) < len(cidrs):
        detail = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64"
        errors.append(invalid("spec.cidrs", cidrs, detail))
    return errors


def validate_service_cidr_update(obj: Json, old: Json) -> list[FieldError]:
    new, was = obj["spec"].get("cidrs") or [], old["spec"].get("cidrs") or []
    if new == was or (len(was) == 1 and len(new) == 2 and new[0] == was[0]):
        return validate_service_cidr(obj)
    if len(new) == len(was):
        return [
            error
            for i, (now, before) in enumerate(zip(new, was, strict=True))
            for error in immutable(f"spec.cidrs[{i}]", now, before)
        ]
    return [invalid("spec.cidrs", new, formats.IMMUTABLE)]
