"""What groups pods: the Services that select them, and the controller that owns them.

Always true: a Service without a selector selects no pod; only the three kinds below own pods for spreading.
Not here: what is spread by it (see `plugins.pod_topology_spread`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyk8s.reference.scheduler.label_selector import LabelSelector

if TYPE_CHECKING:
    from pyk8s.reference.scheduler.objects import Objects
    from pyk8s.reference.scheduler.pod import PodShape

KINDS = {
    "ReplicationController": "v1",
    "ReplicaSet": "apps/v1",
    "StatefulSet": "apps/v1",
}


@dataclass(frozen=True, slots=True)
class Owner:
    kind: str
    name: str

    @classmethod
    def find(cls, references: Iterable[Mapping[str, Any]]) -> Owner | None:
        """The controller among a pod's owners, when it is of a kind that matters here."""
        for reference in references:
            if reference.get("controller"):
                kind = reference.get("kind") or ""
                is_known = kind in KINDS and reference.get("apiVersion") == KINDS[kind]
                return cls(kind, reference.get("name") or "") if is_known else None
        return None


def default_selector(shape: PodShape, owner: Owner | None, objects: Objects) -> LabelSelector:
    """What the pod's Services and its controller select, taken together; the empty selector when there are none."""
    labels: dict[str, str] = {}
    for key, service in objects.all("Service"):
        selector = (service.get("spec") or {}).get("selector")
        if key.startswith(f"{shape.namespace}/") and selector and selector.items() <= shape.labels.items():
            labels |= selector
    controller = objects.get(owner.kind, f"{shape.namespace}/{owner.name}") if owner else None
    selector = (controller.get("spec") or {}).get("selector") if controller else None
    if owner is not None and owner.kind == "ReplicationController":
        return LabelSelector.of_labels(labels | (selector or {}))
    own = LabelSelector.parse(selector)
    return LabelSelector.of_labels(labels).also(own if own.requirements is not None else LabelSelector(()))
