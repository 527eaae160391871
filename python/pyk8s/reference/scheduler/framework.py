"""The framework: what a plugin may say at each extension point, and the plugins of one profile.

Always true: scores after normalising lie in 0..100; weights are applied by the cycle alone. What a plugin remembers
within one attempt is its state: made by `pre_filter` or `pre_score`, handed to every later call of that attempt.
Not here: the order of one scheduling attempt (see `cycle`), configuration (see `config`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pyk8s.errors import DecodeError
from pyk8s.reference.scheduler.config import IN_TREE
from pyk8s.reference.scheduler.event import ClusterEvent
from pyk8s.reference.scheduler.node import NodeInfo
from pyk8s.reference.scheduler.pod import PodInfo

if TYPE_CHECKING:
    from pyk8s.reference.scheduler.cache import Cache
    from pyk8s.reference.scheduler.config import Profile
    from pyk8s.reference.scheduler.foreign import ForeignPlugin
    from pyk8s.reference.scheduler.node_table import Texts
    from pyk8s.reference.scheduler.objects import Objects

Json = dict[str, Any]
NODE_SCORE_MAX = 100
PREPARED = {"preFilter": "filter", "preScore": "score"}
"""The points at which foreign plugins prepare later ones."""

Code = Literal["Unschedulable", "UnschedulableAndUnresolvable", "Error"]
"""With the second, preempting pods would not help. The third fails the attempt."""

State = Any
"""What one plugin remembers within one attempt; copied with `copy.deepcopy` for what-if questions."""


@dataclass(slots=True)
class World:
    """What plugins may read: nodes and their pods, every other object, the time."""

    cache: Cache
    objects: Objects
    nodes: list[NodeInfo]
    """All nodes in the scheduler's order."""
    now_s: float = 0.0


@dataclass(slots=True)
class Rejection:
    """Why a filter refused a node."""

    code: Code
    reasons: list[str]


@dataclass(frozen=True, slots=True)
class Run:
    """Go on, with this state."""

    state: State = None


@dataclass(frozen=True, slots=True)
class Skip:
    """The plugin has nothing to check (PreFilter) or to score (PreScore) for this pod."""


@dataclass(frozen=True, slots=True)
class Nodes:
    """PreFilter: only these nodes can do."""

    names: list[str]
    state: State = None


@dataclass(frozen=True, slots=True)
class Refuse:
    """PreFilter, Reserve: no node can do."""

    code: Code
    message: str


PreFilter = Run | Skip | Nodes | Refuse


class Plugin:
    """One scheduling plugin. What a method does here is what a plugin without that point does."""

    name: str
    gates: dict[str, bool]
    """The feature gates that the configuration sets; filled in by the framework."""

    def __init__(self, args: Json) -> None:
        """``args``: the plugin's section of pluginConfig, without defaults filled in."""

    def pre_enqueue(self, pod: PodInfo, world: World) -> str | None:
        """A message holds the pod back from the queue."""

    def pre_filter(self, pod: PodInfo, world: World) -> PreFilter:
        return Run()

    def filter(self, pod: PodInfo, node: NodeInfo, state: State, world: World) -> Rejection | None:
        """None when the node can take the pod."""

    def admit(self, pod: PodInfo, nodes: list[NodeInfo], world: World) -> list[Rejection | None] | Refuse:
        """Extenders alone: for each node that all filters admit why it is refused. Refuse fails the attempt."""
        return [None] * len(nodes)

    def add_pod(self, pod: PodInfo, other: PodInfo, node: NodeInfo, state: State, world: World) -> None:
        """What if ``other`` were on the node too: changes ``state``; ``node`` already holds ``other``."""

    def remove_pod(self, pod: PodInfo, other: PodInfo, node: NodeInfo, state: State, world: World) -> None:
        """What if ``other`` had left the node: changes ``state``; ``node`` no longer holds ``other``."""

    def post_filter(self, pod: PodInfo, state: State, world: World) -> str | None:
        """What this plugin has to say when no node was feasible; a part of the message."""

    def post_filter_writes(self, pod: PodInfo, state: State, world: World) -> list[Json]:
        """What to write so that the pod may fit later; `post_filter` has said so."""
        return []

    def pre_score(self, pod: PodInfo, nodes: list[NodeInfo], state: State, world: World) -> Run | Skip | Refuse:
        """Skip when no node's score depends on this plugin: it then counts 0. ``state`` is PreFilter's.

        Refuse (with the code Error) fails the attempt.
        """
        return Run(state)

    def score(self, pod: PodInfo, node: NodeInfo, state: State, world: World) -> int:
        """``state`` is what `pre_score` answered."""
        return 0

    def normalize(self, pod: PodInfo, nodes: list[NodeInfo], scores: list[int], state: State) -> list[int]:
        return scores

    def reserve(self, pod: PodInfo, node: NodeInfo, state: State, world: World) -> list[Json] | Refuse:
        """Take what the pod needs beside the node's resources: changes ``world.objects``; answers what to write."""
        return []

    def unreserve(self, pod: PodInfo, world: World) -> None:
        """Give back what `reserve` took."""

    def hint(self, pod: PodInfo, event: ClusterEvent, world: World) -> bool:
        """Whether the event may let a pod pass that this plugin refused."""
        return False


@dataclass(eq=False)
class Framework:
    """The plugins of one profile by extension point, with their weights."""

    profile: Profile
    foreign: Mapping[str, ForeignPlugin] = field(default_factory=dict)
    texts: Texts | None = None
    """What foreign plugins read; None when there are none."""
    plugins: dict[str, Plugin] = field(default_factory=dict)

    def __post_init__(self) -> None:
        from pyk8s.reference.scheduler.foreign import Foreign
        from pyk8s.reference.scheduler.plugins import KINDS

        points = self.profile.points
        for name in self.profile.plugin_names():
            if name in KINDS:
                self.plugins[name] = _made(KINDS[name], self.profile.args.get(name, {}))
                self.plugins[name].gates = self.profile.gates
            elif name in self.foreign:
                assert self.texts is not None, "an engine with foreign plugins keeps the objects' texts"
                self.plugins[name] = Foreign(name, self.foreign[name], self.texts, points)
            elif name not in IN_TREE:
                where = next(f"{point}[{names.index(name)}]" for point, names in points.items() if name in names)
                raise DecodeError(f'plugins.{where}: plugin "{name}" does not exist')

    def at(self, point: str) -> list[Plugin]:
        """The plugins of one point, in the profile's order.

        Foreign plugins prepare what they filter and score, whether they have something to say before or not.
        """
        names = self.profile.points[point]
        if point in PREPARED:
            later = self.profile.points[PREPARED[point]]
            names = [*names, *(name for name in later if name in self.foreign and name not in names)]
        if point in ("preFilter", "filter"):
            names = [name for name in names if not self._is_extender(name)]
        return [self.plugins[name] for name in names if name in self.plugins]

    @property
    def extenders(self) -> list[Plugin]:
        """The plugins that filter what all others admit."""
        return [self.plugins[name] for name in self.profile.points["filter"] if self._is_extender(name)]

    def _is_extender(self, name: str) -> bool:
        return name in self.foreign and self.foreign[name].is_extender

    def weight(self, plugin: Plugin) -> int:
        return self.profile.weights[plugin.name]

    def has(self, point: str, name: str) -> bool:
        return name in self.profile.points[point]

    def pre_enqueue(self, pod: PodInfo, world: World) -> Plugin | None:
        """The plugin that holds the pod back."""
        return next((plugin for plugin in self.at("preEnqueue") if plugin.pre_enqueue(pod, world) is not None), None)


def _made(kind: type[Plugin], args: Json) -> Plugin:
    try:
        return kind(args)
    except (AttributeError, TypeError, ValueError) as error:
        raise DecodeError(f"pluginConfig.{kind.name}: has the wrong shape") from error
