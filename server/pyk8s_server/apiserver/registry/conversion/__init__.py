"""Kinds that are served in two versions: one is stored, the other is made from it at the edge.

Always true: converting to the served version and back loses nothing that the stored version can hold.
Not here: custom resources.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from pyk8s.api.resources import Resource, find

from pyk8s_server.apiserver.registry.conversion import autoscaling, events

Json = dict[str, Any]


class Conversion:
    """Between the served and the stored version of one kind. Objects passed in may be changed."""

    def __init__(self, to_stored: Callable[[Json], Json], from_stored: Callable[[Json], Json]) -> None:
        self.to_stored, self.from_stored = to_stored, from_stored

    def encoded_from_stored(self, value: bytes) -> bytes:
        return orjson.dumps(self.from_stored(orjson.loads(value)))


SERVED = {
    "events.k8s.io/v1/Event": (("", "v1", "events"), Conversion(events.to_core, events.from_core)),
    "autoscaling/v1/HorizontalPodAutoscaler": (
        ("autoscaling", "v2", "horizontalpodautoscalers"),
        Conversion(autoscaling.to_v2, autoscaling.from_v2),
    ),
}
"""Served kind -> (path of the stored resource, conversion)."""


def stored_version(resource: Resource) -> Resource:
    """The resource of the version that objects of ``resource`` are stored as."""
    if resource.gvk not in SERVED:
        return resource
    found = find(*SERVED[resource.gvk][0])
    assert found is not None, "stored versions are in the table"
    return found


def conversion_of(resource: Resource) -> Conversion | None:
    """How ``resource`` is made from its stored version; None when it is that version."""
    return SERVED[resource.gvk][1] if resource.gvk in SERVED else None
