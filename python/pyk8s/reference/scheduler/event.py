"""Cluster events: what changed, as queueing hints see it.

Always true: a node update that changed nothing scheduling looks at (a heartbeat) is no event.
Not here: which plugin cares for which event (each plugin's `hint`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pyk8s.reference.scheduler.node import NodeFacts
from pyk8s.reference.scheduler.pod import PodInfo


@dataclass(frozen=True, slots=True)
class NodeAdded:
    node: NodeFacts


@dataclass(frozen=True, slots=True)
class NodeUpdated:
    old: NodeFacts
    node: NodeFacts


@dataclass(frozen=True, slots=True)
class AssignedPodDeleted:
    """A pod that held a node's resources is gone or has ended."""

    pod: PodInfo


@dataclass(frozen=True, slots=True)
class AssignedPodScaledDown:
    """A pod on a node asks for less than before."""

    old: PodInfo
    pod: PodInfo


ClusterEvent = NodeAdded | NodeUpdated | AssignedPodDeleted | AssignedPodScaledDown


def makes_true(event: ClusterEvent, fits: Callable[[NodeFacts], bool]) -> bool:
    """True for a node event that made ``fits`` true, or found it true on a new node."""
    match event:
        case NodeAdded(node):
            return fits(node)
        case NodeUpdated(old, node):
            return fits(node) and not fits(old)
    return False
