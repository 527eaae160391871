"""The ledger: which pods there are, to which operation they belong, and how far each has come.

Always true: of every set of pods, `open_count` is the number of its pods that exist and are not bound.
Not here: when something is measured (see `runner`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pyk8s.simulate.bench.metrics import Latencies, Throughput


@dataclass(slots=True, eq=False)
class PodSet:
    """The pods that one operation creates in one namespace; they have the template's labels."""

    namespace: str
    labels: Mapping[str, str]
    mark: BoundMark = field(init=False)
    created_count: int = 0
    bound_count: int = 0
    gone_unbound_count: int = 0
    collectors: list[Collector] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.mark = BoundMark(self)

    @property
    def open_count(self) -> int:
        return self.created_count - self.bound_count - self.gone_unbound_count

    def is_selected(self, namespaces: Sequence[str], labels: Mapping[str, str]) -> bool:
        """By namespace (none named: any) and by the template's labels."""
        if namespaces and self.namespace not in namespaces:
            return False
        return all(self.labels.get(name) == value for name, value in labels.items())


@dataclass(frozen=True, slots=True, eq=False)
class BoundMark:
    """Stands for its set at a pod that is bound."""

    pod_set: PodSet


@dataclass(slots=True, eq=False)
class Collector:
    """Measures the pods of some namespaces from `start` on, until it is taken off."""

    name: str
    namespaces: Sequence[str]
    labels: Mapping[str, str]
    throughput: Throughput
    latencies: Latencies = field(default_factory=Latencies)
    attempt_count: int = 0
    unschedulable_count: int = 0


class Ledger:
    """Keys are the pods' keys in the store."""

    def __init__(self) -> None:
        self.sets: list[PodSet] = []
        self.collectors: list[Collector] = []
        self.bound_count = 0
        self.attempt_count = 0
        self.last_message = ""
        self._owners: dict[str, PodSet | BoundMark] = {}
        self._attempted: set[str] = set()
        self.watched_bindings: list[str] | None = None
        """When a list: the keys bound since it was last emptied."""

    def open_set(self, namespace: str, labels: Mapping[str, str]) -> PodSet:
        made = PodSet(namespace, labels)
        made.collectors = [one for one in self.collectors if made.is_selected(one.namespaces, one.labels)]
        self.sets.append(made)
        return made

    def created(self, pod_set: PodSet, keys: Iterable[str], *, is_gated: bool) -> None:
        """``is_gated``: nothing will be attempted; such pods count as attempted from the start."""
        before = len(self._owners)
        added = dict.fromkeys(keys, pod_set)
        self._owners |= added
        if is_gated:
            self._attempted |= added.keys()
        pod_set.created_count += len(self._owners) - before

    def bound(self, keys: Iterable[str], now_s: float) -> None:
        """These pods have a node now; keys of nobody's pods (churn) and those known as bound are ignored."""
        owners, counts = self._owners, dict.fromkeys((id(one) for one in self.sets), 0)
        for key in keys:
            owner = owners.get(key)
            if owner.__class__ is not PodSet:
                continue
            owners[key] = owner.mark
            counts[id(owner)] += 1
            if self.watched_bindings is not None:
                self.watched_bindings.append(key)
            if self._attempted:
                self._attempted.discard(key)
        for pod_set in self.sets:
            if count := counts[id(pod_set)]:
                self._count(pod_set, count, now_s)

    def _count(self, pod_set: PodSet, count: int, now_s: float) -> None:
        pod_set.bound_count += count
        self.bound_count += count
        for collector in pod_set.collectors:
            collector.throughput.add(now_s, count)

    def attempted(self, key: str, message: str) -> None:
        """An attempt that found no node."""
        self.last_message = message
        if self._owners.get(key).__class__ is PodSet:
            self._attempted.add(key)
        for collector in self.collectors:
            collector.unschedulable_count += 1

    def tried(self, count: int) -> None:
        """So many attempts were made."""
        self.attempt_count += count
        for collector in self.collectors:
            collector.attempt_count += count

    def timed(self, seconds: float) -> None:
        """One of the attempts took so long."""
        for collector in self.collectors:
            collector.latencies.add(seconds)

    def gone(self, key: str) -> None:
        owner = self._owners.pop(key, None)
        self._attempted.discard(key)
        if isinstance(owner, PodSet):
            owner.gone_unbound_count += 1

    def keys(self, namespace: str, labels: Mapping[str, str]) -> list[str]:
        """The pods of a namespace, in the order of their creation."""
        return [key for key, owner in self._owners.items() if _set_of(owner).is_selected([namespace], labels)]

    def is_settled(self, namespaces: Sequence[str], labels: Mapping[str, str], *, is_attempted: bool) -> bool:
        """All selected pods are bound; or, with ``is_attempted``, at least tried."""
        open_count = sum(one.open_count for one in self.sets if one.is_selected(namespaces, labels))
        if not open_count or not is_attempted:
            return not open_count
        tried = sum(1 for key in self._attempted if _set_of(self._owners[key]).is_selected(namespaces, labels))
        return tried >= open_count

    def start(self, collector: Collector) -> Collector:
        """Measure from now on; the sets that are there already are included."""
        self.collectors.append(collector)
        for one in self.sets:
            if one.is_selected(collector.namespaces, collector.labels):
                one.collectors.append(collector)
        return collector

    def stop(self, collector: Collector) -> None:
        self.collectors.remove(collector)
        for one in self.sets:
            if collector in one.collectors:
                one.collectors.remove(collector)

    def __iter__(self) -> Iterator[PodSet]:
        return iter(self.sets)


def _set_of(owner: PodSet | BoundMark) -> PodSet:
    return owner.pod_set if isinstance(owner, BoundMark) else owner
