"""The strategies of NodeResourcesFit: LeastAllocated spreads, MostAllocated packs, RequestedToCapacityRatio chooses.

Always true: a score lies in 0..100; a node without any of the resources is worth 0. Integers only, every division cut
off, but for the last one of RequestedToCapacityRatio.
Not here: the amounts (see `resource_allocation`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pyk8s.errors import DecodeError
from pyk8s.reference.scheduler.framework import NODE_SCORE_MAX
from pyk8s.reference.scheduler.plugins.resource_allocation import (
    DEFAULT_RESOURCES,
    ScoredResource,
    Share,
    parse_resources,
)
from pyk8s.reference.scheduler.quantity import quotient

PATH = "pluginConfig.NodeResourcesFit.scoringStrategy"
SHAPE_SCORE_MAX = 10
UTILIZATION_MAX = 100
SHAPE_SCALE = NODE_SCORE_MAX // SHAPE_SCORE_MAX
"""Scores of a shape go from 0 to 10, a plugin's from 0 to 100."""

Point = tuple[int, int]
"""(utilization in percent, score 0..100)."""


def least_allocated(share: Share) -> int:
    """100 for an unused resource, 0 for a full or overfull one."""
    return percent(share.capacity - share.after, share.capacity)


def most_allocated(share: Share) -> int:
    """0 for an unused resource, 100 for a full or overfull one; also its utilization."""
    return percent(share.after, share.capacity)


def percent(part: int, whole: int) -> int:
    """``part`` of ``whole`` in percent, cut off, held in 0..100."""
    return quotient(max(0, min(part, whole)) * NODE_SCORE_MAX, whole)


def on_line(shape: Sequence[Point], x: int) -> int:
    """The height at ``x`` of the line through the points; level before the first and after the last."""
    if x <= shape[0][0]:
        return shape[0][1]
    for (left, low), (right, high) in pairwise(shape):
        if x <= right:
            return low + quotient((high - low) * (x - left), right - left)
    return shape[-1][1]


def mean(parts: Sequence[tuple[int, int]]) -> int:
    """The mean of (score, weight), cut off."""
    weights = sum(weight for _, weight in parts)
    return quotient(sum(score * weight for score, weight in parts), weights) if weights else 0


def rounded_mean(parts: Sequence[tuple[int, int]]) -> int:
    """The mean of those parts that are above 0, rounded half up."""
    counted = [(score, weight) for score, weight in parts if score > 0]
    weights = sum(weight for _, weight in counted)
    return quotient(2 * sum(score * weight for score, weight in counted) + weights, 2 * weights) if weights else 0


@dataclass(frozen=True, slots=True)
class Strategy:
    resources: tuple[ScoredResource, ...]
    part: Callable[[Share], int]
    """What one resource is worth."""
    join: Callable[[Sequence[tuple[int, int]]], int]

    def score(self, shares: Sequence[Share]) -> int:
        return self.join([(self.part(share), share.resource.weight) for share in shares])

    @classmethod
    def parse(cls, manifest: Mapping[str, Any] | None) -> Strategy:
        """Raises DecodeError, which names the field."""
        if not manifest:
            return cls(DEFAULT_RESOURCES, least_allocated, mean)
        resources = parse_resources(manifest.get("resources"), f"{PATH}.resources")
        match manifest.get("type") or "LeastAllocated":
            case "LeastAllocated":
                return cls(resources, least_allocated, mean)
            case "MostAllocated":
                return cls(resources, most_allocated, mean)
            case "RequestedToCapacityRatio":
                shape = _parse_shape(manifest.get("requestedToCapacityRatio") or {})
                return cls(resources, lambda share: on_line(shape, most_allocated(share)), rounded_mean)
        raise DecodeError(f"{PATH}.type: LeastAllocated, MostAllocated or RequestedToCapacityRatio is needed")


def _parse_shape(manifest: Mapping[str, Any]) -> list[Point]:
    path = f"{PATH}.requestedToCapacityRatio.shape"
    shape: list[Point] = []
    for i, point in enumerate(manifest.get("shape") or ()):
        x, y = point.get("utilization") or 0, point.get("score") or 0
        if not _is_within(x, UTILIZATION_MAX) or (shape and x <= shape[-1][0]):
            raise DecodeError(f"{path}[{i}].utilization: must be 0 to {UTILIZATION_MAX}, and rise")
        if not _is_within(y, SHAPE_SCORE_MAX):
            raise DecodeError(f"{path}[{i}].score: must be 0 to {SHAPE_SCORE_MAX}")
        shape.append((x, y * SHAPE_SCALE))
    if not shape:
        raise DecodeError(f"{path}: at least one point is needed")
    return shape


def _is_within(number: Any, limit: int) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and 0 <= number <= limit
