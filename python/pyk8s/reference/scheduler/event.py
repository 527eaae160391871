"""Cluster events: what changed, as queueing hints see it.

Always true: a node update that changed nothing scheduling looks at (a heartbeat) is no event.
Not here: which plugin cares for which event (each plugin's `hint`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

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
class NodeRemoved:
    node: NodeFacts


@dataclass(frozen=True, slots=True)
class AssignedPodAdded:
    """A pod is on a node now that was on none before (an assumed pod is no event)."""

    pod: PodInfo


@dataclass(frozen=True, slots=True)
class AssignedPodUpdated:
    """A pod on a node changed its shape: labels, requests, tolerations."""

    old: PodInfo
    pod: PodInfo


@dataclass(frozen=True, slots=True)
class AssignedPodDeleted:
    """A pod that held a node's resources is gone or has ended; or room is no longer being made for a pod."""

    pod: PodInfo


@dataclass(frozen=True, slots=True)
class PodUpdated:
    """The waiting pod itself changed."""

    old: PodInfo
    pod: PodInfo


@dataclass(frozen=True, slots=True)
class ObjectChanged:
    """Any other object: new when ``old`` is None, gone when ``new`` is None."""

    kind: str
    old: dict[str, Any] | None
    new: dict[str, Any] | None


ClusterEvent = (
    NodeAdded
    | NodeUpdated
    | NodeRemoved
    | AssignedPodAdded
    | AssignedPodUpdated
    | AssignedPodDeleted
    | PodUpdated
    | ObjectChanged
)


def makes_true(event: ClusterEvent, fits: Callable[[NodeFacts], bool]) -> bool:
    """True for a node event that made ``fits`` true, or found it true on a new node."""
    match event:
        case NodeAdded(node):
            return fits(node)
        case NodeUpdated(old, node):
            return fits(node) and not fits(old)
    return False
