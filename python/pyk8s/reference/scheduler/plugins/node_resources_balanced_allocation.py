"""NodeResourcesBalancedAllocation: prefers nodes whose use of several resources the pod brings closer together.

75 means "changes nothing". Uses true requests, without fallbacks. The only plugin of resources that works in floating
point.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from pyk8s.reference.scheduler.framework import Json, Plugin, Run, Skip, State, World
from pyk8s.reference.scheduler.node import NodeInfo
from pyk8s.reference.scheduler.plugins.resource_allocation import as_requested, parse_resources, shares
from pyk8s.reference.scheduler.pod import PodInfo
from pyk8s.reference.scheduler.quantity import quotient


def balance(fractions: Sequence[float]) -> int:
    """100 when all resources are used to the same degree, 50 when of two one is full and the other empty."""
    return int((1 - deviation(fractions)) * 100)


def deviation(fractions: Sequence[float]) -> float:
    if len(fractions) < 2:
        return 0.0
    if len(fractions) == 2:
        return abs((fractions[0] - fractions[1]) / 2)
    # Summed from left to right, as the other engine does: `sum` of floats rounds otherwise.
    total = square = 0.0
    for fraction in fractions:
        total += fraction
    mean = total / len(fractions)
    for fraction in fractions:
        square += (fraction - mean) * (fraction - mean)
    return math.sqrt(square / len(fractions))


def fraction(used: int, capacity: int) -> float:
    # Both are made floats first, as the other engine does: integers beyond 2^53 round here, not in the quotient.
    return max(0.0, min(float(used) / float(capacity), 1.0))


class NodeResourcesBalancedAllocation(Plugin):
    name = "NodeResourcesBalancedAllocation"

    def __init__(self, args: Json) -> None:
        super().__init__(args)
        self._resources = parse_resources(args.get("resources"), f"pluginConfig.{self.name}.resources")

    def pre_score(self, pod: PodInfo, nodes: list[NodeInfo], state: State, world: World) -> Run | Skip:
        wanted = pod.shape.requests.requested
        return Run() if any(wanted.get(resource.name) for resource in self._resources) else Skip()

    def score(self, pod: PodInfo, node: NodeInfo, state: State, world: World) -> int:
        found = shares(self._resources, as_requested, pod, node)
        without = balance([fraction(share.before, share.capacity) for share in found])
        with_pod = balance([fraction(share.after, share.capacity) for share in found])
        return 50 + quotient(50 + with_pod - without, 2)
