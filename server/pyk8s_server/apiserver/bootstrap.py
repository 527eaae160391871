"""What a fresh cluster holds before anyone asks: namespaces, the `kubernetes` service, priority classes, roles, the CA.

Always true: everything is created through the API, as system:apiserver, and what is there already is left alone but for
the server's own address.
Not here: flow schemas, and the rules that roles gather from others (a controller's work).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from pyk8s.api.http import Request, UserInfo
from pyk8s.api.status import StatusError
from pyk8s.api.tables import table

if TYPE_CHECKING:
    from pyk8s_server.apiserver.handler import ResourceHandler

Json = dict[str, Any]

APISERVER = UserInfo("system:apiserver", ("system:masters", "system:authenticated"))
NAMESPACES = ("kube-system", "default", "kube-public", "kube-node-lease")
SERVICE_CIDR = "10.96.0.0/16"
SERVICE_ADDRESS = "10.96.0.1"
SERVICE_LABELS = {"component": "apiserver", "provider": "kubernetes"}
PRIORITY_PATH = "/apis/scheduling.k8s.io/v1/priorityclasses"
PRIORITY_DESCRIPTIONS = {
    "system-cluster-critical": (
        "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary."
    ),
    "system-node-critical": "Used for system critical pods that must not be moved from their current node.",
}
RBAC = "rbac.authorization.k8s.io"
ROLE_KINDS = {
    "clusterRoles": "clusterroles",
    "clusterRoleBindings": "clusterrolebindings",
    "roles": "roles",
    "roleBindings": "rolebindings",
}
"""Entries of the table of roles and the resources they are of, in the order of creation."""


async def bootstrap(api: ResourceHandler) -> None:
    """Create what is missing. Raises StatusError when the server refuses its own objects."""
    for name in NAMESPACES:
        await _ensure(api, "/api/v1/namespaces", {"metadata": {"name": name}})
    await _ensure(api, "/apis/networking.k8s.io/v1/servicecidrs", _service_cidr())
    for entry in table("bootstrap-priorityclasses")["priorityClasses"]:
        description = PRIORITY_DESCRIPTIONS[entry["metadata"]["name"]]
        await _ensure(api, PRIORITY_PATH, {**entry, "description": description})
    await _ensure_roles(api)
    await _ensure(api, "/api/v1/namespaces/default/services", _service(api.advertise_port), is_kept_current=True)
    await _ensure(api, "/api/v1/namespaces/default/endpoints", _endpoints(api), is_kept_current=True)
    slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
    await _ensure(api, slices, _endpoint_slice(api), is_kept_current=True)
    await _ensure(api, "/api/v1/namespaces/kube-system/configmaps", _authentication(api), is_kept_current=True)


async def _ensure_roles(api: ResourceHandler) -> None:
    """Roles and bindings of the cluster's own parts.

    Cost: one look-up in the store for each that is there, so that a cluster forked from another starts at once.
    """
    for entry, plural in ROLE_KINDS.items():
        scope = api.backend.scopes.find(RBAC, "v1", plural)
        assert scope is not None, "roles are built-in resources"
        for obj in table("bootstrap-rbac")[entry]:
            namespace = obj["metadata"].get("namespace", "")
            key = scope.key(namespace, obj["metadata"]["name"])
            if api.backend.storage.engine.get(key) is None:
                await _ensure(api, scope.resource.path(namespace), obj)


def _service_cidr() -> Json:
    return {"metadata": {"name": "kubernetes"}, "spec": {"cidrs": [SERVICE_CIDR]}}


def _service(port: int) -> Json:
    ports = [{"name": "https", "protocol": "TCP", "port": 443, "targetPort": port}]
    spec = {"clusterIP": SERVICE_ADDRESS, "ports": ports, "sessionAffinity": "None", "type": "ClusterIP"}
    return {"metadata": {"name": "kubernetes", "labels": SERVICE_LABELS}, "spec": spec}


def _endpoints(api: ResourceHandler) -> Json:
    labels = {"endpointslice.kubernetes.io/skip-mirror": "true"}
    ports = [{"name": "https", "port": api.advertise_port, "protocol": "TCP"}]
    subsets = [{"addresses": [{"ip": api.advertise_address}], "ports": ports}]
    return {"metadata": {"name": "kubernetes", "labels": labels}, "subsets": subsets}


def _endpoint_slice(api: ResourceHandler) -> Json:
    return {
        "metadata": {"name": "kubernetes", "labels": {"kubernetes.io/service-name": "kubernetes"}},
        "addressType": "IPv6" if ":" in api.advertise_address else "IPv4",
        "endpoints": [{"addresses": [api.advertise_address], "conditions": {"ready": True}}],
        "ports": [{"name": "https", "port": api.advertise_port, "protocol": "TCP"}],
    }


def _authentication(api: ResourceHandler) -> Json:
    data = {"client-ca-file": api.client_ca.decode()} if api.client_ca else {}
    return {"metadata": {"name": "extension-apiserver-authentication"}, "data": data}


async def _ensure(api: ResourceHandler, path: str, obj: Json, *, is_kept_current: bool = False) -> None:
    name = obj["metadata"]["name"]
    status, body = await _send(api, "GET", f"{path}/{name}", {})
    if status == 404:
        status, body = await _send(api, "POST", path, obj)
    elif is_kept_current:
        status, body = await _send(api, "PATCH", f"{path}/{name}", obj)
    if status >= 400:
        raise StatusError.from_dict(orjson.loads(body))


async def _send(api: ResourceHandler, method: str, path: str, obj: Json) -> tuple[int, bytes]:
    media = "application/merge-patch+json" if method == "PATCH" else "application/json"
    headers = {"content-type": media, "user-agent": "kube-apiserver/v1.36.2"}
    response = await api.handle(Request(method, path, [], headers, orjson.dumps(obj), user=APISERVER))
    return response.status, response.body
