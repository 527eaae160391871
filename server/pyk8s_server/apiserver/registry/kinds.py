"""Which class is the strategy of which kind: the kinds about which the table does not say all.

Always true: a resource that is not named here is driven by the table alone.
"""

from __future__ import annotations

from functools import cache

from pyk8s.api.resources import Resource

from pyk8s_server.apiserver.interfaces import Lifecycle
from pyk8s_server.apiserver.registry import objects
from pyk8s_server.apiserver.registry.allocation.services import ServiceLifecycle
from pyk8s_server.apiserver.registry.jobs import JobStrategy
from pyk8s_server.apiserver.registry.pods import (
    EphemeralContainersStrategy,
    PodStatusStrategy,
    PodStrategy,
    ResizeStrategy,
)
from pyk8s_server.apiserver.registry.services import ServiceStatusStrategy, ServiceStrategy
from pyk8s_server.apiserver.registry.strategies import GenericStrategy, rules_of

CLASSES: dict[tuple[str, str], type[GenericStrategy]] = {
    ("pods", ""): PodStrategy,
    ("pods", "status"): PodStatusStrategy,
    ("pods", "ephemeralcontainers"): EphemeralContainersStrategy,
    ("pods", "resize"): ResizeStrategy,
    ("services", ""): ServiceStrategy,
    ("services", "status"): ServiceStatusStrategy,
    ("namespaces", ""): objects.NamespaceStrategy,
    ("namespaces", "finalize"): objects.NamespaceFinalizeStrategy,
    ("nodes", ""): objects.NodeStrategy,
    ("nodes", "status"): objects.NodeStrategy,
    ("secrets", ""): objects.SecretStrategy,
    ("events", ""): objects.EventStrategy,
    ("events.events.k8s.io", ""): objects.EventStrategy,
    ("leases.coordination.k8s.io", ""): objects.LeaseStrategy,
    ("limitranges", ""): objects.LimitRangeStrategy,
    ("persistentvolumes", ""): objects.VolumeStrategy,
    ("persistentvolumes", "status"): objects.VolumeStatusStrategy,
    ("persistentvolumeclaims", ""): objects.ClaimStrategy,
    ("replicationcontrollers", ""): objects.TemplateStrategy,
    ("deployments.apps", ""): objects.TemplateStrategy,
    ("replicasets.apps", ""): objects.TemplateStrategy,
    ("statefulsets.apps", ""): objects.TemplateStrategy,
    ("daemonsets.apps", ""): objects.DaemonSetStrategy,
    ("daemonsets.apps", "status"): objects.DaemonSetStatusStrategy,
    ("customresourcedefinitions.apiextensions.k8s.io", ""): objects.DefinitionStrategy,
    ("controllerrevisions.apps", ""): objects.RevisionStrategy,
    ("jobs.batch", ""): JobStrategy,
    ("ingresses.networking.k8s.io", ""): objects.IngressStrategy,
    ("certificatesigningrequests.certificates.k8s.io", ""): objects.SigningRequestStrategy,
    ("certificatesigningrequests.certificates.k8s.io", "approval"): objects.SigningRequestApprovalStrategy,
    ("certificatesigningrequests.certificates.k8s.io", "status"): objects.SigningRequestStatusStrategy,
}
"""(qualified resource, subresource) -> class; the subresource "" is the object itself."""


@cache
def strategy_for(resource: Resource, subresource: str = "") -> GenericStrategy:
    """The strategy of a resource, or of one of its subresources; made once."""
    kind = CLASSES.get((resource.qualified, subresource), GenericStrategy)
    return kind(resource, subresource, rules_of(resource, subresource))


def lifecycle_for(resource: Resource) -> Lifecycle | None:
    """The side effects of a kind's writes, None for most kinds. Made anew: one per API server, kept by the caller."""
    return ServiceLifecycle(resource) if resource.qualified == "services" else None
