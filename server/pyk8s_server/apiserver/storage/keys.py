"""Where objects lie in the store: `/registry/…` keys, as kube-apiserver's etcd has them.

Always true: a resource's prefix ends in "/", so no resource's range touches another's; both versions of a kind that is
served in two share one prefix.
Not here: reading or writing the store.
"""

from __future__ import annotations

from pyk8s.api.resources import Resource

ROOT = "/registry/"

PREFIXES = {
    "services": "services/specs",
    "endpoints": "services/endpoints",
    "nodes": "minions",
    "replicationcontrollers": "controllers",
    "ingresses.networking.k8s.io": "ingress",
    "customresourcedefinitions.apiextensions.k8s.io": "apiextensions.k8s.io/customresourcedefinitions",
    "apiservices.apiregistration.k8s.io": "apiregistration.k8s.io/apiservices",
}
"""Resources whose directory is not their plural; the names are history's."""


def prefix_of(resource: Resource) -> str:
    """The range of all objects of a resource, ``/registry/pods/``."""
    return f"{ROOT}{PREFIXES.get(resource.qualified, resource.plural)}/"


def key_of(resource: Resource, name: str, namespace: str = "") -> str:
    return f"{prefix_of(resource)}{namespace}/{name}" if resource.namespaced else prefix_of(resource) + name
