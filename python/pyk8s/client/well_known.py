"""The resources that components name in code.

Always true: every name stands for an entry of the resource table; a missing entry fails at import.
"""

from __future__ import annotations

from pyk8s.api.resources import Resource, find


def _required(group: str, version: str, plural: str) -> Resource:
    resource = find(group, version, plural)
    assert resource is not None, f"{plural}.{group} is in the resource table"
    return resource


CONFIG_MAPS = _required("", "v1", "configmaps")
ENDPOINTS = _required("", "v1", "endpoints")
EVENTS = _required("", "v1", "events")
NAMESPACES = _required("", "v1", "namespaces")
NODES = _required("", "v1", "nodes")
PERSISTENT_VOLUME_CLAIMS = _required("", "v1", "persistentvolumeclaims")
PERSISTENT_VOLUMES = _required("", "v1", "persistentvolumes")
PODS = _required("", "v1", "pods")
RESOURCE_QUOTAS = _required("", "v1", "resourcequotas")
SECRETS = _required("", "v1", "secrets")
SERVICES = _required("", "v1", "services")
SERVICE_ACCOUNTS = _required("", "v1", "serviceaccounts")
DEPLOYMENTS = _required("apps", "v1", "deployments")
REPLICA_SETS = _required("apps", "v1", "replicasets")
ENDPOINT_SLICES = _required("discovery.k8s.io", "v1", "endpointslices")
LEASES = _required("coordination.k8s.io", "v1", "leases")
PRIORITY_CLASSES = _required("scheduling.k8s.io", "v1", "priorityclasses")
STORAGE_CLASSES = _required("storage.k8s.io", "v1", "storageclasses")
