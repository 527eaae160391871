"""Rows of services, endpoints, ingresses and addresses.

Always true: what a cell cannot show whole it cuts with "+ N more...".
"""

from __future__ import annotations

from typing import Any

from pyk8s_server.apiserver.interfaces import Json
from pyk8s_server.apiserver.registry.printers.text import (
    NONE,
    SHOWN_MAX,
    UNSET,
    age,
    cut_list,
    labels_text,
    name_of,
    or_none,
    selector_text,
)

LOAD_BALANCER_WIDTH_MAX = 16


def service(obj: Json, now_s: float) -> list[Any]:
    spec = obj.get("spec") or {}
    ips = spec.get("clusterIPs") or ()
    cluster_ip = or_none(ips[0] if ips else spec.get("clusterIP"))
    ports = ",".join(_port(p) for p in spec.get("ports") or ()) or NONE
    selector = labels_text(spec.get("selector"))
    return [name_of(obj), spec.get("type", ""), cluster_ip, _external_ip(obj), ports, age(obj, now_s), selector]


def _port(port: Json) -> str:
    node_port = f":{port['nodePort']}" if port.get("nodePort") else ""
    return f"{port.get('port')}{node_port}/{port.get('protocol', 'TCP')}"


def _external_ip(obj: Json) -> str:
    spec = obj.get("spec") or {}
    external = list(spec.get("externalIPs") or ())
    if spec.get("type") == "ExternalName":
        return str(spec.get("externalName", ""))
    if spec.get("type") != "LoadBalancer":
        return ",".join(external) or NONE
    ingress = ((obj.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    found = ",".join(dict.fromkeys(i.get("ip") or i.get("hostname") or "" for i in ingress))
    if len(found) > LOAD_BALANCER_WIDTH_MAX:
        found = found[: LOAD_BALANCER_WIDTH_MAX - 3] + "..."
    return ",".join([found, *external] if found else external) or "<pending>"


def endpoints(obj: Json, now_s: float) -> list[Any]:
    shown = []
    for subset in obj.get("subsets") or ():
        ports = subset.get("ports") or ()
        for address in subset.get("addresses") or ():
            shown += [f"{_host(address['ip'])}:{p['port']}" for p in ports] or [address["ip"]]
    return [name_of(obj), cut_list(shown) or NONE, age(obj, now_s)]


def _host(ip: str) -> str:
    return f"[{ip}]" if ":" in ip else ip


def endpoint_slice(obj: Json, now_s: float) -> list[Any]:
    ports = obj.get("ports") or ()
    names = [str(p["port"]) if p.get("port") is not None else "*" for p in ports]
    addresses = [a for e in obj.get("endpoints") or () for a in e.get("addresses") or ()]
    shown_ports = cut_list(names) or UNSET
    return [name_of(obj), obj.get("addressType", ""), shown_ports, cut_list(addresses) or UNSET, age(obj, now_s)]


def ingress(obj: Json, now_s: float) -> list[Any]:
    spec = obj.get("spec") or {}
    hosts = cut_list((r["host"] for r in spec.get("rules") or () if r.get("host")), SHOWN_MAX) or "*"
    points = ((obj.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    address = ",".join(dict.fromkeys(p.get("ip") or p.get("hostname") or "" for p in points))
    ports = "80, 443" if spec.get("tls") else "80"
    return [name_of(obj), or_none(spec.get("ingressClassName")), hosts, address, ports, age(obj, now_s)]


def ingress_class(obj: Json, now_s: float) -> list[Any]:
    spec = obj.get("spec") or {}
    reference = spec.get("parameters")
    shown = NONE
    if reference:
        group = f".{reference['apiGroup']}" if reference.get("apiGroup") else ""
        shown = f"{reference.get('kind', '')}{group}/{reference.get('name', '')}"
    return [name_of(obj), spec.get("controller", ""), shown, age(obj, now_s)]


def network_policy(obj: Json, now_s: float) -> list[Any]:
    return [name_of(obj), selector_text((obj.get("spec") or {}).get("podSelector")), age(obj, now_s)]


def ip_address(obj: Json, now_s: float) -> list[Any]:
    parent = (obj.get("spec") or {}).get("parentRef") or {}
    group = f".{parent['group']}" if parent.get("group") else ""
    place = f"{parent['namespace']}/" if parent.get("namespace") else ""
    shown = f"{parent.get('resource', '')}{group}/{place}{parent.get('name', '')}" if parent else NONE
    return [name_of(obj), shown, age(obj, now_s)]


def service_cidr(obj: Json, now_s: float) -> list[Any]:
    return [name_of(obj), ",".join((obj.get("spec") or {}).get("cidrs") or ()), age(obj, now_s)]


ROWS = {
    "EndpointSlice": endpoint_slice,
    "Endpoints": endpoints,
    "IPAddress": ip_address,
    "Ingress": ingress,
    "IngressClass": ingress_class,
    "NetworkPolicy": network_policy,
    "Service": service,
    "ServiceCIDR": service_cidr,
}
