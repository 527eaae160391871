"""Affinity between pods: the required and the preferred terms of a pod, for and against.

Always true: a term without namespaces and without a namespace selector means the pod's own namespace.
Not here: matchLabelKeys and mismatchLabelKeys, which the API server has merged into the selectors; counting (see
`plugins.inter_pod_affinity`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pyk8s.reference.scheduler.label_selector import NOTHING, LabelSelector

if TYPE_CHECKING:
    from pyk8s.reference.scheduler.pod import PodShape

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AffinityTerm:
    topology_key: str
    selector: LabelSelector
    namespaces: frozenset[str]
    namespace_selector: LabelSelector = NOTHING
    """Selects more namespaces, by their labels."""
    weight: int = 0
    """1 to 100 for a preferred term."""

    @classmethod
    def parse(cls, manifest: Json, namespace: str, weight: int = 0) -> AffinityTerm:
        listed = manifest.get("namespaces") or ()
        is_own = not listed and manifest.get("namespaceSelector") is None
        return cls(
            topology_key=manifest.get("topologyKey") or "",
            selector=LabelSelector.parse(manifest.get("labelSelector")),
            namespaces=frozenset([namespace] if is_own else listed),
            namespace_selector=LabelSelector.parse(manifest.get("namespaceSelector")),
            weight=weight,
        )

    def matches(self, pod: PodShape, namespace_labels: Mapping[str, str]) -> bool:
        """``namespace_labels``: those of the pod's namespace."""
        is_there = pod.namespace in self.namespaces or self.namespace_selector.matches(namespace_labels)
        return is_there and self.selector.matches(pod.labels)

    def resolved(self, selected: Callable[[LabelSelector], Iterable[str]]) -> AffinityTerm:
        """The same with the selected namespaces by name; one that selects every namespace stays as it is."""
        if self.namespace_selector.is_empty:
            return self
        names = self.namespaces | frozenset(selected(self.namespace_selector))
        return replace(self, namespaces=names, namespace_selector=NOTHING)


Terms = tuple[AffinityTerm, ...]


@dataclass(frozen=True, slots=True)
class PodAffinity:
    """The part of a pod's shape that affinity between pods looks at."""

    required: Terms = ()
    required_anti: Terms = ()
    preferred: Terms = ()
    preferred_anti: Terms = ()

    @classmethod
    def parse(cls, pod: Json) -> PodAffinity:
        namespace = (pod.get("metadata") or {}).get("namespace") or ""
        affinity = (pod.get("spec") or {}).get("affinity") or {}
        toward, against = affinity.get("podAffinity") or {}, affinity.get("podAntiAffinity") or {}
        return cls(
            _required(toward, namespace),
            _required(against, namespace),
            _preferred(toward, namespace),
            _preferred(against, namespace),
        )

    @property
    def has_preferred(self) -> bool:
        return bool(self.preferred or self.preferred_anti)


def _required(manifest: Json, namespace: str) -> Terms:
    terms = manifest.get("requiredDuringSchedulingIgnoredDuringExecution") or ()
    return tuple(AffinityTerm.parse(term, namespace) for term in terms)


def _preferred(manifest: Json, namespace: str) -> Terms:
    terms = manifest.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
    return tuple(
        AffinityTerm.parse(term.get("podAffinityTerm") or {}, namespace, term.get("weight") or 0) for term in terms
    )
