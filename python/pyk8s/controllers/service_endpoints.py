"""What Services and pods say about endpoints: ports, readiness, who selects whom. No I/O.

Always true: the same for Endpoints and EndpointSlices, which differ only in how they are packed.
Not here: packing (see `endpointslice_packing`, `endpoints`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pyk8s.api.clock import parse_rfc3339
from pyk8s.client.informer import Indexer
from pyk8s.controllers.label_selector import labels_of, map_matcher
from pyk8s.controllers.pod_state import condition_of, is_terminal

Json = dict[str, Any]

HEADLESS_LABEL = "service.kubernetes.io/headless"
# A sync looks at every pod of its service and may write objects of 100 endpoints each: events of large services are
# gathered in proportion to that, up to a second.
BATCH_S_PER_POD = 0.001
BATCH_S_MAX = 1.0


def batch_s(pod_count: int) -> float:
    """How long to gather pod events of a service that had this many pods."""
    return min(pod_count * BATCH_S_PER_POD, BATCH_S_MAX)


def selected_keys(services: Indexer, pod: Json) -> list[str]:
    """Keys of the services whose selector matches the pod."""
    namespace, labels = pod["metadata"]["namespace"], labels_of(pod)
    return [
        f"{namespace}/{service['metadata']['name']}"
        for service in services.list(namespace)
        if map_matcher(service["spec"].get("selector"))(labels)
    ]


def pods_of(service: Json, pods: Indexer) -> list[Json]:
    matches = map_matcher(service["spec"].get("selector"))
    return [pod for pod in pods.list(service["metadata"]["namespace"]) if matches(labels_of(pod))]


def endpoint_facts(pod: Json) -> tuple[object, ...]:
    """Everything about a pod that an endpoint may show; equal facts need no sync."""
    status, spec, metadata = pod.get("status", {}), pod.get("spec", {}), pod["metadata"]
    ready = condition_of(pod, "Ready") or {}
    return (
        status.get("phase"),
        status.get("podIP"),
        status.get("podIPs"),
        ready.get("status"),
        metadata.get("deletionTimestamp"),
        metadata.get("labels"),
        spec.get("nodeName"),
        spec.get("hostname"),
        spec.get("subdomain"),
    )


def pod_ips(pod: Json) -> list[str]:
    status = pod.get("status", {})
    ips = [entry["ip"] for entry in status.get("podIPs") or () if entry.get("ip")]
    return ips or ([status["podIP"]] if status.get("podIP") else [])


def is_ipv6(address: str) -> bool:
    return ":" in address


def address_of(pod: Json, family: str) -> str:
    """The pod's address of a family (IPv4, IPv6), "" for none."""
    return next((ip for ip in pod_ips(pod) if is_ipv6(ip) == (family == "IPv6")), "")


def families_of(service: Json) -> list[str]:
    """The service's address families, IPv4 when it names none."""
    return list(service["spec"].get("ipFamilies") or ["IPv4"])


def is_endpoint(pod: Json, *, is_terminating_shown: bool) -> bool:
    """True for a pod that belongs into endpoints at all, ready or not."""
    if is_terminal(pod) or not pod_ips(pod):
        return False
    return is_terminating_shown or not pod["metadata"].get("deletionTimestamp")


def is_headless(service: Json) -> bool:
    return str(service["spec"].get("clusterIP")) == "None"


def find_port(pod: Json, service_port: Json) -> int | None:
    """The pod's port behind a service port; None when a named one does not exist there."""
    target = service_port.get("targetPort") or service_port["port"]
    if isinstance(target, int):
        return target
    protocol = service_port.get("protocol", "TCP")
    spec = pod.get("spec", {})
    sidecars = (c for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always")
    for container in (*spec.get("containers", ()), *sidecars):
        for port in container.get("ports") or ():
            if port.get("name") == target and port.get("protocol", "TCP") == protocol:
                return int(port["containerPort"])
    return None


def endpoint_ports(service: Json, pod: Json) -> list[Json]:
    """The service's ports as this pod offers them; one that cannot be resolved is left out."""
    ports = []
    for service_port in service["spec"].get("ports") or ():
        number = find_port(pod, service_port)
        if number is None:
            continue
        port = {"name": service_port.get("name", ""), "port": number, "protocol": service_port.get("protocol", "TCP")}
        if service_port.get("appProtocol"):
            port["appProtocol"] = service_port["appProtocol"]
        ports.append(port)
    return ports


def hostname_of(service: Json, pod: Json) -> str:
    """The pod's own name under the service, "" without one."""
    spec = pod.get("spec", {})
    is_mine = spec.get("subdomain") == service["metadata"]["name"]
    return str(spec.get("hostname") or "") if is_mine else ""


def target_reference(pod: Json) -> Json:
    metadata = pod["metadata"]
    return {"kind": "Pod", "namespace": metadata["namespace"], "name": metadata["name"], "uid": metadata["uid"]}


class TriggerTimes:
    """When the change happened that a sync answers to: the oldest not yet answered to."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, dict[str, float]]] = {}

    def update(self, key: str, service: Json, pods: Sequence[Json]) -> float | None:
        """Seconds since the epoch of the oldest change since the last call; None when nothing tells."""
        created_s = parse_rfc3339(service["metadata"]["creationTimestamp"])
        pod_times = {pod["metadata"]["name"]: _ready_changed_s(pod) for pod in pods}
        known_service_s, known_pods = self._known.get(key, (0.0, {}))
        self._known[key] = (created_s, pod_times)
        if known_service_s == 0.0:
            return min([created_s, *(time for time in pod_times.values() if time)])
        changed = [time for name, time in pod_times.items() if time and time > known_pods.get(name, 0.0)]
        return min(changed, default=None)

    def forget(self, key: str) -> None:
        self._known.pop(key, None)


def _ready_changed_s(pod: Json) -> float:
    condition = condition_of(pod, "Ready")
    if condition is None or not condition.get("lastTransitionTime"):
        return 0.0
    return parse_rfc3339(condition["lastTransitionTime"])


def sorted_ports(ports: Iterable[Json]) -> tuple[tuple[tuple[str, Any], ...], ...]:
    """A hashable form of a set of ports: pods with equal ones share a slice or subset."""
    return tuple(sorted(tuple(sorted(port.items())) for port in ports))
