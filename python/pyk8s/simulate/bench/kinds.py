"""The kinds of objects a benchmark creates: where each lies in the store, and whether it has a namespace.

Always true: a built-in resource lies where the API server puts it, so an engine attached to the store finds it.
Not here: any object (see `objects`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from pyk8s.api.resources import Resource, by_kind

ROOT = "/registry/"
DIRECTORIES = {"services": "services/specs", "nodes": "minions", "replicationcontrollers": "controllers"}
"""Resources whose directory is not their plural, as in etcd."""
WORKLOADS_GROUP = "scheduling.k8s.io"


@dataclass(frozen=True, slots=True)
class ObjectKind:
    """One kind; ``resource`` is None for one that the API server does not serve by default."""

    api_version: str
    kind: str
    plural: str
    is_namespaced: bool
    resource: Resource | None

    @property
    def prefix(self) -> str:
        return f"{ROOT}{DIRECTORIES.get(self.plural, self.plural)}/"

    def key(self, namespace: str, name: str) -> str:
        return f"{self.prefix}{namespace}/{name}" if self.is_namespaced else self.prefix + name

    @property
    def gvk(self) -> str:
        return f"{self.api_version}/{self.kind}"


@cache
def find_kind(api_version: str, kind: str) -> ObjectKind | None:
    """None for a kind that is not known."""
    resource = by_kind(api_version, kind)
    if resource is not None:
        return ObjectKind(api_version, kind, resource.plural, resource.namespaced, resource)
    if kind == "PodGroup" and api_version.startswith(f"{WORKLOADS_GROUP}/"):
        return ObjectKind(api_version, kind, "podgroups", True, None)
    return None


def must_find(api_version: str, kind: str) -> ObjectKind:
    found = find_kind(api_version, kind)
    assert found is not None, f"{api_version} {kind} is in the resource table"
    return found


NODES, PODS = must_find("v1", "Node"), must_find("v1", "Pod")
NAMESPACES = must_find("v1", "Namespace")
VOLUMES, CLAIMS = must_find("v1", "PersistentVolume"), must_find("v1", "PersistentVolumeClaim")
CSI_NODES = must_find("storage.k8s.io/v1", "CSINode")
SEEN = (
    PODS,
    NODES,
    NAMESPACES,
    VOLUMES,
    CLAIMS,
    CSI_NODES,
    must_find("v1", "Event"),
    must_find("v1", "Service"),
    must_find("v1", "ReplicationController"),
    must_find("apps/v1", "ReplicaSet"),
    must_find("apps/v1", "StatefulSet"),
    must_find("storage.k8s.io/v1", "StorageClass"),
    must_find("storage.k8s.io/v1", "CSIDriver"),
    must_find("storage.k8s.io/v1", "CSIStorageCapacity"),
    must_find("storage.k8s.io/v1", "VolumeAttachment"),
    must_find("policy/v1", "PodDisruptionBudget"),
    must_find("resource.k8s.io/v1", "DeviceClass"),
    must_find("resource.k8s.io/v1", "ResourceSlice"),
    must_find("resource.k8s.io/v1", "ResourceClaim"),
    must_find("scheduling.k8s.io/v1alpha2", "PodGroup"),
)
"""What the scheduler looks at; and events, which it writes."""
POD_FIELDS = [
    *((label, label, "") for label in ("spec.nodeName", "spec.restartPolicy", "spec.schedulerName")),
    ("spec.serviceAccountName", "spec.serviceAccountName", ""),
    ("spec.hostNetwork", "spec.hostNetwork", "false"),
    *((label, label, "") for label in ("status.phase", "status.podIP", "status.podIPs", "status.nominatedNodeName")),
]
"""The fields by which pods are selected, as the API server keeps them."""
