"""A live cluster, read for a simulation: paged lists of what scheduling looks at. Nothing is written.

Always true: only GET is used; what a cluster does not serve, or does not let us read, is left out and named, except
nodes and pods, without which there is nothing to simulate.
"""

from __future__ import annotations

import asyncio

from pyk8s.api.resources import Resource, by_kind
from pyk8s.api.status import StatusError
from pyk8s.client.kubeconfig import ClusterAccess
from pyk8s.client.rest import RestClient
from pyk8s.simulate.manifests import Manifests

PAGE = 500
"""Objects of one answer: what kubectl asks for."""
PAGES_MAX = 20_000
REQUIRED = (("v1", "Node"), ("v1", "Pod"))
OPTIONAL = (
    ("v1", "Namespace"),
    ("v1", "Service"),
    ("v1", "ReplicationController"),
    ("v1", "PersistentVolume"),
    ("v1", "PersistentVolumeClaim"),
    ("apps/v1", "ReplicaSet"),
    ("apps/v1", "StatefulSet"),
    ("policy/v1", "PodDisruptionBudget"),
    ("scheduling.k8s.io/v1", "PriorityClass"),
    ("storage.k8s.io/v1", "StorageClass"),
    ("storage.k8s.io/v1", "CSINode"),
    ("storage.k8s.io/v1", "CSIDriver"),
    ("storage.k8s.io/v1", "CSIStorageCapacity"),
    ("storage.k8s.io/v1", "VolumeAttachment"),
    ("resource.k8s.io/v1", "DeviceClass"),
    ("resource.k8s.io/v1", "ResourceSlice"),
    ("resource.k8s.io/v1", "ResourceClaim"),
)
NOT_SERVED = (403, 404, 405)


def read_live(access: ClusterAccess) -> Manifests:
    """Raises StatusError, OSError."""
    return asyncio.run(_read(access))


async def _read(access: ClusterAccess) -> Manifests:
    from pyk8s.client.transport_http import HttpTransport

    client = RestClient(HttpTransport.from_access(access), user_agent="pyk8s-simulate/v1.36.0")
    try:
        return await read_cluster(client)
    finally:
        await client.close()


async def read_cluster(client: RestClient) -> Manifests:
    """Everything that scheduling looks at, kind by kind. Raises StatusError, OSError."""
    manifests = Manifests()
    for api_version, kind in (*REQUIRED, *OPTIONAL):
        resource = by_kind(api_version, kind)
        if resource is None:
            continue
        try:
            await _list(client, resource, manifests)
        except StatusError as error:
            if (api_version, kind) in REQUIRED or error.code not in NOT_SERVED:
                raise
            manifests.ignored.append(f"{resource.qualified}: {error}")
    return manifests


async def _list(client: RestClient, resource: Resource, manifests: Manifests) -> None:
    token = ""
    for _ in range(PAGES_MAX):
        page = await client.list(resource, limit=PAGE, continue_token=token)
        for item in page["items"]:
            manifests.add(item)
        token = (page.get("metadata") or {}).get("continue") or ""
        if not token:
            return
    raise OSError(f"the list of {resource.plural} has no end: more than {PAGES_MAX} pages")
