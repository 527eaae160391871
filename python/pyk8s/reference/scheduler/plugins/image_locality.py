"""ImageLocality: prefers nodes that have the pod's images, the more so the larger and the more widespread they are.

Source: kubernetes.io, "Scheduling Policies"; the figures are kube-scheduler's.
"""

from __future__ import annotations

from pyk8s.reference.scheduler.framework import NODE_SCORE_MAX, Plugin, State, World
from pyk8s.reference.scheduler.images import ImageState
from pyk8s.reference.scheduler.node import NodeInfo
from pyk8s.reference.scheduler.pod import PodInfo
from pyk8s.reference.scheduler.quantity import quotient, saturated

MIB = 1024 * 1024
LEAST_BYTES = 23 * MIB
"""Images smaller than this in sum are worth nothing."""
MOST_BYTES_PER_CONTAINER = 1000 * MIB


def worth(image: ImageState, node_count: int) -> int:
    """An image's size, scaled down by how few nodes have it: else all pods of an image would share a node."""
    return saturated(int(float(image.size_bytes) * (image.node_count / node_count)))


class ImageLocality(Plugin):
    name = "ImageLocality"

    def score(self, pod: PodInfo, node: NodeInfo, state: State, world: World) -> int:
        most = MOST_BYTES_PER_CONTAINER * pod.shape.images.container_count
        found = 0
        for name in pod.shape.images.names:
            if name in node.images:
                found = saturated(found + worth(node.images[name], len(world.nodes)))
        placed = max(LEAST_BYTES, min(found, most))
        return quotient(NODE_SCORE_MAX * (placed - LEAST_BYTES), most - LEAST_BYTES)
