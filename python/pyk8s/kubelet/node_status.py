"""Node objects: what a simulated node says of itself.

Always true: pure functions; times and uids are arguments.
Not here: writing them (see `node_agent`).
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

from pyk8s.api.clock import rfc3339

Json = dict[str, Any]

KUBELET_VERSION = "v1.36.2"
RUNTIME_VERSION = "pyk8s://0.1.0"
KUBELET_PORT = 10250
SIMULATED = "pyk8s.io/simulated"
FIRST_ADDRESS = IPv4Address("172.18.0.0")
NETWORK_NOT_READY = (
    "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady "
    "message:Network plugin returns error: cni plugin not initialized"
)


@dataclass(frozen=True, slots=True)
class Shape:
    """What every simulated node has."""

    cpu: str = "8"
    memory: str = "32Gi"
    pods: str = "110"
    ephemeral_storage: str = "100Gi"
    zones: tuple[str, ...] = ()
    """Given out in turn as topology.kubernetes.io/zone."""

    def resources(self) -> Json:
        return {
            "cpu": self.cpu,
            "ephemeral-storage": self.ephemeral_storage,
            "memory": self.memory,
            "pods": self.pods,
        }


def name_of(index: int) -> str:
    """Nodes count from 1."""
    return f"node-{index}"


def address_of(index: int) -> str:
    return str(FIRST_ADDRESS + index + 1)


def manifest(index: int, shape: Shape, *, uid: str, now_s: float) -> Json:
    """The Node that registers node ``index``; its network is not ready yet."""
    name = name_of(index)
    labels = {
        "beta.kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
    }
    if shape.zones:
        labels["topology.kubernetes.io/zone"] = shape.zones[(index - 1) % len(shape.zones)]
    annotations = {SIMULATED: "true", "volumes.kubernetes.io/controller-managed-attach-detach": "true"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels, "annotations": annotations},
        "spec": {},
        "status": {
            "capacity": shape.resources(),
            "allocatable": shape.resources(),
            "addresses": [
                {"type": "InternalIP", "address": address_of(index)},
                {"type": "Hostname", "address": name},
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": KUBELET_PORT}},
            "nodeInfo": node_info(uid),
            "conditions": conditions([], is_ready=False, now_s=now_s),
        },
    }


def node_info(uid: str) -> Json:
    return {
        "machineID": uid.replace("-", ""),
        "systemUUID": uid,
        "bootID": uid,
        "kernelVersion": "0.0.0-simulated",
        "osImage": "pyk8s simulated node",
        "containerRuntimeVersion": RUNTIME_VERSION,
        "kubeletVersion": KUBELET_VERSION,
        "kubeProxyVersion": "",
        "operatingSystem": "linux",
        "architecture": "amd64",
    }


def is_ready(status: Json) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions") or ())


def conditions(known: list[Json], *, is_ready: bool, now_s: float) -> list[Json]:
    """The node's conditions with a fresh heartbeat; a transition time stays while the status stays."""
    ready = ("Ready", "True", "KubeletReady", "kubelet is posting ready status")
    not_ready = ("Ready", "False", "KubeletNotReady", NETWORK_NOT_READY)
    wanted = (
        ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        ready if is_ready else not_ready,
    )
    before = {condition["type"]: condition for condition in known}
    now = rfc3339(now_s)
    result = []
    for kind, status, reason, message in wanted:
        old = before.get(kind, {})
        since = old.get("lastTransitionTime", now) if old.get("status") == status else now
        result.append(
            {
                "type": kind,
                "status": status,
                "lastHeartbeatTime": now,
                "lastTransitionTime": since,
                "reason": reason,
                "message": message,
            }
        )
    return result
