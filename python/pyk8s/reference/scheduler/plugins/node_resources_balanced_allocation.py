"""NodeResourcesBalancedAllocation: prefers nodes whose cpu and memory use the pod brings closer together.

75 means "changes nothing". Uses true requests, without fallbacks. The only plugin that works in floating point.
"""

from __future__ import annotations

from pyk8s.reference.scheduler.framework import Plugin, Run, Skip, State, World
from pyk8s.reference.scheduler.node import NodeInfo
from pyk8s.reference.scheduler.pod import PodInfo
from pyk8s.reference.scheduler.quantity import quotient, saturated


def balance(milli_cpu: int, memory_bytes: int, node: NodeInfo) -> int:
    """100 when both resources are used to the same degree, 50 when one is full and the other empty."""
    has = node.facts.allocatable
    if has.milli_cpu <= 0 or has.memory_bytes <= 0:
        return 100
    deviation = abs((_fraction(milli_cpu, has.milli_cpu) - _fraction(memory_bytes, has.memory_bytes)) / 2)
    return int((1 - deviation) * 100)


def _fraction(used: int, capacity: int) -> float:
    # Both are made floats first, as the other engine does: integers beyond 2^53 round here, not in the quotient.
    return min(float(used) / float(capacity), 1.0)


class NodeResourcesBalancedAllocation(Plugin):
    name = "NodeResourcesBalancedAllocation"

    def pre_score(self, pod: PodInfo, nodes: list[NodeInfo], state: State, world: World) -> Run | Skip:
        wanted = pod.shape.requests.requested
        return Run() if wanted.milli_cpu or wanted.memory_bytes else Skip()

    def score(self, pod: PodInfo, node: NodeInfo, state: State, world: World) -> int:
        used, wanted = node.requested, pod.shape.requests.requested
        without = balance(used.milli_cpu, used.memory_bytes, node)
        cpu, memory = saturated(used.milli_cpu + wanted.milli_cpu), saturated(used.memory_bytes + wanted.memory_bytes)
        return 50 + quotient(50 + balance(cpu, memory, node) - without, 2)
