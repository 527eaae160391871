"""Priority: a pod's priority and preemption policy follow from its priority class; one class may be the default.

Always true: after admission every pod has a priority and a preemption policy, and they are its class's.
"""

from __future__ import annotations

from typing import Any

from pyk8s_server.apiserver.admission.base import Plugin, is_write_of, refused, resource
from pyk8s_server.apiserver.interfaces import Attributes

Json = dict[str, Any]

SCHEDULING = "scheduling.k8s.io"
DEFAULT_PRIORITY = 0
PREEMPT_LOWER = "PreemptLowerPriority"
SYSTEM_CLASSES = frozenset({"system-node-critical", "system-cluster-critical"})
COMPUTED = "must not be provided in pod spec; priority admission controller computed"


class Priority(Plugin):
    name = "Priority"
    resources = frozenset({"pods", "priorityclasses.scheduling.k8s.io"})

    def __init__(self) -> None:
        self._classes = resource(SCHEDULING, "v1", "priorityclasses")

    async def admit(self, attributes: Attributes) -> None:
        if not is_write_of(attributes, "pods") or attributes.obj is None:
            return
        spec = attributes.obj["spec"]
        if attributes.operation == "UPDATE":
            _keep(spec, (attributes.old or {}).get("spec", {}))
            return
        found = self._class_of(attributes, spec)
        priority = found.get("value", DEFAULT_PRIORITY)
        policy = found.get("preemptionPolicy") or PREEMPT_LOWER
        _check(attributes, spec, priority, policy)
        spec["priority"], spec["preemptionPolicy"] = priority, policy

    async def validate(self, attributes: Attributes) -> None:
        if attributes.operation == "DELETE" and attributes.resource is self._classes:
            if attributes.name in SYSTEM_CLASSES:
                raise refused(attributes, "this is a system priority class and cannot be deleted")
            return
        if not is_write_of(attributes, "priorityclasses", SCHEDULING) or attributes.obj is None:
            return
        if not attributes.obj.get("globalDefault"):
            return
        other = self._default(attributes)
        name = attributes.obj["metadata"].get("name")
        if other is not None and other["metadata"]["name"] != name:
            shown = other["metadata"]["name"]
            raise refused(attributes, f"PriorityClass {shown} is already marked as default. Only one default can exist")

    def _class_of(self, attributes: Attributes, spec: Json) -> Json:
        if name := spec.get("priorityClassName"):
            found = attributes.context.reader.get(self._classes, name)
            if found is None:
                raise refused(attributes, f"no PriorityClass with name {name} was found")
            return found
        default = self._default(attributes)
        if default is None:
            return {}
        spec["priorityClassName"] = default["metadata"]["name"]
        return default

    def _default(self, attributes: Attributes) -> Json | None:
        defaults = [c for c in attributes.context.reader.list(self._classes) if c.get("globalDefault")]
        return min(defaults, key=lambda c: int(c.get("value", 0)), default=None)


def _keep(spec: Json, old: Json) -> None:
    for name in ("priority", "preemptionPolicy"):
        if spec.get(name) is None and old.get(name) is not None:
            spec[name] = old[name]


def _check(attributes: Attributes, spec: Json, priority: int, policy: str) -> None:
    given = spec.get("priority")
    if given is not None and given != priority:
        raise refused(
            attributes,
            f"the integer value of priority ({given}) {COMPUTED} {priority} from the given PriorityClass name",
        )
    wish = spec.get("preemptionPolicy")
    if wish is not None and wish != policy:
        raise refused(
            attributes,
            f"the string value of PreemptionPolicy ({wish}) {COMPUTED} {policy} from the given PriorityClass name",
        )
