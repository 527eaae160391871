"""DefaultIngressClass: an ingress without a class gets the default one."""

from __future__ import annotations

from pyk8s_server.apiserver.admission.base import Plugin, is_create_of, newest_default, resource
from pyk8s_server.apiserver.interfaces import Attributes

NETWORKING = "networking.k8s.io"
IS_DEFAULT_CLASS = "ingressclass.kubernetes.io/is-default-class"
CLASS_ANNOTATION = "kubernetes.io/ingress.class"


class DefaultIngressClass(Plugin):
    name = "DefaultIngressClass"
    resources = frozenset({"ingresses.networking.k8s.io"})

    def __init__(self) -> None:
        self._classes = resource(NETWORKING, "v1", "ingressclasses")

    async def admit(self, attributes: Attributes) -> None:
        if not is_create_of(attributes, "ingresses", NETWORKING) or attributes.obj is None:
            return
        ingress = attributes.obj
        if ingress["spec"].get("ingressClassName") is not None:
            return
        if CLASS_ANNOTATION in (ingress["metadata"].get("annotations") or {}):
            return
        default = newest_default(list(attributes.context.reader.list(self._classes)), IS_DEFAULT_CLASS)
        if default is not None:
            ingress["spec"]["ingressClassName"] = default["metadata"]["name"]
