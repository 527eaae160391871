"""DefaultTolerationSeconds: a pod stays five minutes on a node that is not ready or out of reach.

Always true: a pod that tolerates such a taint in its own way keeps its way.
"""

from __future__ import annotations

from typing import Any

from pyk8s_server.apiserver.admission.base import Plugin, is_write_of
from pyk8s_server.apiserver.interfaces import Attributes

Json = dict[str, Any]

NOT_READY = "node.kubernetes.io/not-ready"
UNREACHABLE = "node.kubernetes.io/unreachable"
TOLERATION_S = 300


class DefaultTolerationSeconds(Plugin):
    name = "DefaultTolerationSeconds"
    resources = frozenset({"pods"})

    async def admit(self, attributes: Attributes) -> None:
        if not is_write_of(attributes, "pods") or attributes.obj is None:
            return
        spec = attributes.obj["spec"]
        own = spec.get("tolerations") or []
        added = [_toleration(key) for key in (NOT_READY, UNREACHABLE) if not _tolerates(own, key)]
        if added:
            spec["tolerations"] = [*own, *added]


def _tolerates(tolerations: list[Json], key: str) -> bool:
    return any(t.get("key") in (key, None, "") and t.get("effect") in ("NoExecute", None, "") for t in tolerations)


def _toleration(key: str) -> Json:
    return {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": TOLERATION_S}
