"""Stretching scores to 0..100, as several plugins do."""

from __future__ import annotations

from pyk8s.reference.scheduler.framework import NODE_SCORE_MAX
from pyk8s.reference.scheduler.quantity import quotient


def normalize_by_max(scores: list[int], *, is_reversed: bool) -> list[int]:
    """Stretch so that the highest becomes 100; ``is_reversed`` turns them round, so that the lowest wins."""
    highest = max(scores, default=0)
    if highest == 0:
        return [NODE_SCORE_MAX] * len(scores) if is_reversed else scores
    parts = [quotient(NODE_SCORE_MAX * score, highest) for score in scores]
    return [NODE_SCORE_MAX - part for part in parts] if is_reversed else parts
