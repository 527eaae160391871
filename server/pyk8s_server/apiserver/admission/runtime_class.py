"""RuntimeClass: a pod takes overhead, node selector and tolerations from the runtime class that it names.

Always true: what the pod says itself may agree with the class, never contradict it.
"""

from __future__ import annotations

from typing import Any

from pyk8s_server.apiserver.admission.base import Plugin, is_create_of, refused, resource
from pyk8s_server.apiserver.interfaces import Attributes

Json = dict[str, Any]


class RuntimeClass(Plugin):
    name = "RuntimeClass"
    resources = frozenset({"pods"})

    def __init__(self) -> None:
        self._classes = resource("node.k8s.io", "v1", "runtimeclasses")

    async def admit(self, attributes: Attributes) -> None:
        if not is_create_of(attributes, "pods") or attributes.obj is None:
            return
        spec = attributes.obj["spec"]
        name = spec.get("runtimeClassName")
        if not name:
            return
        found = attributes.context.reader.get(self._classes, name)
        if found is None:
            raise refused(attributes, f'pod rejected: RuntimeClass "{name}" not found')
        _overhead(attributes, spec, (found.get("overhead") or {}).get("podFixed"))
        _scheduling(attributes, spec, found.get("scheduling") or {})

    async def validate(self, attributes: Attributes) -> None:
        if not is_create_of(attributes, "pods") or attributes.obj is None:
            return
        spec = attributes.obj["spec"]
        if spec.get("overhead") and not spec.get("runtimeClassName"):
            raise refused(
                attributes, "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"
            )


def _overhead(attributes: Attributes, spec: Json, fixed: Json | None) -> None:
    given = spec.get("overhead")
    if fixed:
        if given and given != fixed:
            raise refused(attributes, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead")
        spec["overhead"] = dict(fixed)
    elif given:
        raise refused(attributes, "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead")


def _scheduling(attributes: Attributes, spec: Json, scheduling: Json) -> None:
    selector = spec.get("nodeSelector") or {}
    wanted = scheduling.get("nodeSelector") or {}
    for key, value in wanted.items():
        if selector.get(key, value) != value:
            raise refused(
                attributes,
                f"conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value};"
                f" pod.spec.nodeSelector[{key}] = {selector[key]}",
            )
    if wanted:
        spec["nodeSelector"] = {**selector, **wanted}
    tolerations = spec.get("tolerations") or []
    added = [dict(t) for t in scheduling.get("tolerations") or () if t not in tolerations]
    if added:
        spec["tolerations"] = [*tolerations, *added]
