"""NamespaceLifecycle: nothing is created in a namespace that is missing or terminating; some namespaces stay.

Always true: deletes within a namespace always pass, or a terminating namespace could not be emptied.
"""

from __future__ import annotations

from pyk8s.api import status

from pyk8s_server.apiserver.admission.base import Plugin, refused, resource
from pyk8s_server.apiserver.interfaces import Attributes

IMMORTAL = frozenset({"default", "kube-system", "kube-public"})
TERMINATING_CAUSE = "NamespaceTerminating"
ACCESS_REVIEWS = "authorization.k8s.io"


class NamespaceLifecycle(Plugin):
    name = "NamespaceLifecycle"

    def __init__(self) -> None:
        self._namespaces = resource("", "v1", "namespaces")

    async def admit(self, attributes: Attributes) -> None:
        if attributes.resource is self._namespaces:
            if attributes.operation == "DELETE" and not attributes.subresource and attributes.name in IMMORTAL:
                raise refused(attributes, "this namespace may not be deleted")
            return
        if not attributes.namespace or attributes.operation == "DELETE":
            return
        if attributes.resource.group == ACCESS_REVIEWS:
            return
        namespace = attributes.context.reader.get(self._namespaces, attributes.namespace)
        if namespace is None:
            raise status.not_found("", "namespaces", attributes.namespace)
        if attributes.operation == "CREATE" and namespace.get("status", {}).get("phase") == "Terminating":
            raise _terminating(attributes)


def _terminating(attributes: Attributes) -> status.StatusError:
    name = attributes.namespace
    error = refused(attributes, f"unable to create new content in namespace {name} because it is being terminated")
    cause = {
        "reason": TERMINATING_CAUSE,
        "message": f"namespace {name} is being terminated",
        "field": "metadata.namespace",
    }
    return status.with_causes(error, [cause])
