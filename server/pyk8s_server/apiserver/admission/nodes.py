"""TaintNodesByCondition: a new node takes no pods until the node controller has seen it ready."""

from __future__ import annotations

from pyk8s_server.apiserver.admission.base import Plugin, is_create_of
from pyk8s_server.apiserver.admission.tolerations import NOT_READY
from pyk8s_server.apiserver.interfaces import Attributes


class TaintNodesByCondition(Plugin):
    name = "TaintNodesByCondition"

    async def admit(self, attributes: Attributes) -> None:
        if not is_create_of(attributes, "nodes") or attributes.obj is None:
            return
        spec = attributes.obj.setdefault("spec", {})
        taints = spec.get("taints") or []
        if not any(t.get("key") == NOT_READY and t.get("effect") == "NoSchedule" for t in taints):
            spec["taints"] = [*taints, {"key": NOT_READY, "effect": "NoSchedule"}]
