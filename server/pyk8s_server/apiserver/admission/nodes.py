"""Plugins about nodes: new ones take no pods until they are seen ready, and a pod is resized only where it runs."""

from __future__ import annotations

from pyk8s_server.apiserver.admission.base import Plugin, is_create_of, refused, resource
from pyk8s_server.apiserver.admission.tolerations import NOT_READY
from pyk8s_server.apiserver.interfaces import Attributes


class TaintNodesByCondition(Plugin):
    name = "TaintNodesByCondition"
    resources = frozenset({"nodes"})

    async def admit(self, attributes: Attributes) -> None:
        if not is_create_of(attributes, "nodes") or attributes.obj is None:
            return
        spec = attributes.obj.setdefault("spec", {})
        taints = spec.get("taints") or []
        if not any(t.get("key") == NOT_READY and t.get("effect") == "NoSchedule" for t in taints):
            spec["taints"] = [*taints, {"key": NOT_READY, "effect": "NoSchedule"}]


class PodResizeValidator(Plugin):
    """A pod's resources change only on a node that exists."""

    name = "PodResizeValidator"
    resources = frozenset({"pods"})

    def __init__(self) -> None:
        self._nodes = resource("", "v1", "nodes")

    async def validate(self, attributes: Attributes) -> None:
        if attributes.resource.qualified != "pods" or attributes.subresource != "resize":
            return
        assert attributes.obj is not None and attributes.old is not None, "an update has both objects"
        name = attributes.obj["spec"].get("nodeName")
        if not name or attributes.obj["spec"] == attributes.old["spec"]:
            return
        if attributes.context.reader.get(self._nodes, name) is None:
            raise refused(attributes, f'node "{name}" not found')
