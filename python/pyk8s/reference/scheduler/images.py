"""Container images: which a node has, which a pod runs, and how many nodes have each.

Always true: a name is counted for exactly the nodes that report it; the size of a name is what the first of them said.
Not here: what that is worth (see `plugins.image_locality`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pyk8s.reference.scheduler.quantity import saturated

Json = Mapping[str, Any]


def normalized(name: str) -> str:
    """The name with its tag: without one, after the last slash, it means ``latest``."""
    return name if name.rfind(":") > name.rfind("/") else f"{name}:latest"


def node_images(status: Json) -> dict[str, int]:
    """Sizes in bytes by name, from a node's status. The last mention of a name counts."""
    sizes = {}
    for image in status.get("images") or ():
        size_bytes = image.get("sizeBytes") or 0
        if not isinstance(size_bytes, int) or saturated(size_bytes) != size_bytes:
            raise TypeError("sizeBytes is not an integer of 64 bits")
        sizes.update(dict.fromkeys(image.get("names") or (), size_bytes))
    return sizes


@dataclass(slots=True)
class PodImages:
    names: list[str] = field(default_factory=list)
    """One for each init container, container and image volume, with its tag."""
    container_count: int = 0
    """Containers, init containers included."""

    @classmethod
    def parse(cls, spec: Json) -> PodImages:
        containers = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
        mounted = [volume["image"] for volume in spec.get("volumes") or () if volume.get("image")]
        names = [container.get("image") or "" for container in containers]
        names += [image.get("reference") or "" for image in mounted]
        return cls([normalized(name) for name in names if name], len(containers))


@dataclass(slots=True)
class ImageState:
    size_bytes: int
    node_count: int = 0


class ImageCounts:
    """How many nodes have each image."""

    def __init__(self) -> None:
        self._states: dict[str, ImageState] = {}

    def spread(self, images: Mapping[str, int]) -> dict[str, ImageState]:
        """What is known now of a node's images."""
        return {name: replace(self._states[name]) for name in images if name in self._states}

    def add(self, images: Mapping[str, int]) -> None:
        """A node has come to have these images."""
        for name, size_bytes in images.items():
            self._states.setdefault(name, ImageState(size_bytes)).node_count += 1

    def remove(self, images: Mapping[str, int]) -> None:
        """A node that was added with these images has them no more."""
        for name in images:
            state = self._states[name]
            state.node_count -= 1
            if state.node_count == 0:
                del self._states[name]
