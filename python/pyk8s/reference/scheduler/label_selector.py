"""Label selectors as the scheduler asks them: over the labels of pods and of namespaces.

Always true: an absent selector selects nothing, an empty one everything. One that the API server would refuse selects
nothing.
Not here: the API server's words about wrong selectors (see `pyk8s.reference.selector`), node selectors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyk8s.reference.scheduler.node_selector import Requirement

OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")


@dataclass(frozen=True, slots=True)
class LabelSelector:
    requirements: tuple[Requirement, ...] | None = None
    """All must hold; None selects nothing."""

    @classmethod
    def parse(cls, manifest: Mapping[str, Any] | None) -> LabelSelector:
        if manifest is None:
            return NOTHING
        expressions = tuple(Requirement.parse(r) for r in manifest.get("matchExpressions") or ())
        if any(r.operator not in OPERATORS for r in expressions):
            return NOTHING
        return cls.of_labels(manifest.get("matchLabels") or {}).also(cls(expressions))

    @classmethod
    def of_labels(cls, labels: Mapping[str, str]) -> LabelSelector:
        """Selects what has all these labels."""
        return cls(tuple(Requirement(key, "In", (labels[key],)) for key in sorted(labels, key=str.encode)))

    @property
    def is_empty(self) -> bool:
        """True when it selects everything."""
        return self.requirements == ()

    def also(self, other: LabelSelector) -> LabelSelector:
        """What both select."""
        if self.requirements is None or other.requirements is None:
            return NOTHING
        return LabelSelector((*self.requirements, *other.requirements))

    def matches(self, labels: Mapping[str, str]) -> bool:
        return self.requirements is not None and all(r.matches_label(labels) for r in self.requirements)


NOTHING = LabelSelector()
