"""Topology spread constraints: a pod's own, and those that stand in the configuration.

Always true: `matchLabelKeys` are in the selector already. A pod with constraints of its own remembers no owner, since
the defaults do not concern it.
Not here: counting and judging (see `plugins.pod_topology_spread`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pyk8s.reference.scheduler.label_selector import NOTHING, LabelSelector
from pyk8s.reference.scheduler.owners import Owner

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SpreadConstraint:
    topology_key: str
    max_skew: int
    is_hard: bool
    """DoNotSchedule: filters. Else ScheduleAnyway: scores."""
    selector: LabelSelector = NOTHING
    min_domains: int = 1
    honors_affinity: bool = True
    """Only nodes count that the pod's node selector and required node affinity admit."""
    honors_taints: bool = False
    """Only nodes count whose taints the pod tolerates."""

    @classmethod
    def parse(cls, manifest: Json, labels: Mapping[str, str]) -> SpreadConstraint:
        """``labels``: of the pod, for `matchLabelKeys`."""
        min_domains = manifest.get("minDomains")
        return cls(
            topology_key=manifest.get("topologyKey") or "",
            max_skew=manifest.get("maxSkew") or 0,
            is_hard=manifest.get("whenUnsatisfiable") == "DoNotSchedule",
            selector=_selector(manifest, labels),
            min_domains=1 if min_domains is None else min_domains,
            honors_affinity=manifest.get("nodeAffinityPolicy") != "Ignore",
            honors_taints=manifest.get("nodeTaintsPolicy") == "Honor",
        )


def _selector(manifest: Json, labels: Mapping[str, str]) -> LabelSelector:
    selector = LabelSelector.parse(manifest.get("labelSelector"))
    keys = manifest.get("matchLabelKeys") or ()
    return LabelSelector.of_labels({key: labels[key] for key in keys if key in labels}).also(selector)


@dataclass(frozen=True, slots=True)
class PodSpread:
    """The part of a pod's shape that spreading looks at."""

    hard: tuple[SpreadConstraint, ...] = ()
    soft: tuple[SpreadConstraint, ...] = ()
    owner: Owner | None = None

    @classmethod
    def parse(cls, pod: Json) -> PodSpread:
        meta, spec = pod.get("metadata") or {}, pod.get("spec") or {}
        constraints = parse_constraints(spec.get("topologySpreadConstraints") or (), meta.get("labels") or {})
        return cls(
            hard=tuple(constraint for constraint in constraints if constraint.is_hard),
            soft=tuple(constraint for constraint in constraints if not constraint.is_hard),
            owner=None if constraints else Owner.find(meta.get("ownerReferences") or ()),
        )

    @property
    def has_own(self) -> bool:
        """True for a pod with constraints of its own."""
        return bool(self.hard or self.soft)


def parse_constraints(manifests: Iterable[Json], labels: Mapping[str, str]) -> tuple[SpreadConstraint, ...]:
    return tuple(SpreadConstraint.parse(manifest, labels) for manifest in manifests)
