"""The framework: what a plugin may say at each extension point, and the default profile's plugins in their order.

Always true: scores after normalising lie in 0..100; weights are applied by the cycle alone.
Not here: the order of one scheduling attempt (see `cycle`), configuration files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from pyk8s.reference.scheduler.event import ClusterEvent
from pyk8s.reference.scheduler.node import NodeInfo
from pyk8s.reference.scheduler.pod import PodInfo

NODE_SCORE_MAX = 100

Code = Literal["Unschedulable", "UnschedulableAndUnresolvable"]
"""With the second, preempting pods would not help."""

Point = Literal["PreEnqueue", "PreFilter", "Filter", "Score"]


@dataclass(slots=True)
class Rejection:
    """Why a filter refused a node."""

    code: Code
    reasons: list[str]


@dataclass(frozen=True, slots=True)
class Skip:
    """PreFilter: the filter has nothing to check for this pod."""


@dataclass(frozen=True, slots=True)
class Nodes:
    """PreFilter: only these nodes can do."""

    names: list[str]


@dataclass(frozen=True, slots=True)
class Refuse:
    """PreFilter: no node can do."""

    code: Code
    message: str


PreFilter = Skip | Nodes | Refuse | None
"""None: look at every node."""


class Plugin:
    """One scheduling plugin. What a method does here is what a plugin without that point does."""

    name: ClassVar[str]
    points: ClassVar[tuple[Point, ...]]

    def pre_enqueue(self, pod: PodInfo) -> str | None:
        """A message holds the pod back from the queue."""

    def pre_filter(self, pod: PodInfo) -> PreFilter:
        return None

    def filter(self, pod: PodInfo, node: NodeInfo) -> Rejection | None:
        """None when the node can take the pod."""

    def pre_score(self, pod: PodInfo) -> bool:
        """False when no node's score depends on this plugin: it then counts 0."""
        return True

    def score(self, pod: PodInfo, node: NodeInfo) -> int:
        return 0

    def normalize(self, scores: list[int]) -> list[int]:
        return scores

    def hint(self, pod: PodInfo, event: ClusterEvent) -> bool:
        """Whether the event may let a pod pass that this plugin refused."""
        return False


class Framework:
    """The plugins of one profile in order, with their weights (0 for those that do not score)."""

    def __init__(self) -> None:
        from pyk8s.reference.scheduler.plugins import defaults

        self.weights = defaults()
        self.plugins = list(self.weights)

    def at(self, point: Point) -> list[Plugin]:
        return [plugin for plugin in self.plugins if point in plugin.points]

    def pre_enqueue(self, pod: PodInfo) -> Plugin | None:
        """The plugin that holds the pod back."""
        return next((plugin for plugin in self.plugins if plugin.pre_enqueue(pod) is not None), None)
