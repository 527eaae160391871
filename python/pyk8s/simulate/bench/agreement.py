"""Agreement: do the index and the exhaustive loop place a sample of the measured pods on the same nodes?

Always true: both engines get the same objects in the same order, as they stood when measuring began, and the same seed.
Not here: the run that is measured; it is over when this begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pyk8s.api.clock import Clock
from pyk8s.core.interfaces import Store
from pyk8s.core.scheduler_interface import SchedulerEngine
from pyk8s.simulate.bench.kinds import NODES, PODS, SEEN
from pyk8s.simulate.bench.placement import values_under

SAMPLE_S_MAX = 20.0
"""Time that the exhaustive loop may take; then the sample is as large as it is."""


@dataclass(frozen=True, slots=True)
class Agreement:
    sample_count: int
    agreeing_count: int

    @property
    def share(self) -> float:
        return self.agreeing_count / self.sample_count if self.sample_count else 1.0


def compare(
    store: Store, revision: int, keys: Sequence[str], make_engine: Callable[..., SchedulerEngine], clock: Clock
) -> Agreement:
    """Schedule the pods of ``keys``, as they were created, on the cluster of ``revision``, twice.

    Cost: the cluster is read and parsed twice; the exhaustive loop takes up to `SAMPLE_S_MAX`.
    """
    engines = [make_engine(is_indexed=is_indexed) for is_indexed in (True, False)]
    for engine in engines:
        _feed(engine, store, revision)
    pods = list(_as_created(store, keys))
    for engine in engines:
        for pod in pods:
            engine.set_pod(pod)
    now_s, started_s = clock.now_s(), clock.monotonic_s()
    sample_count = agreeing_count = 0
    for _ in pods:
        ours, theirs = ({one.uid: one.node_name for one in engine.schedule(now_s, 1)} for engine in engines)
        sample_count += max(len(ours), len(theirs))
        agreeing_count += sum(1 for uid, node_name in ours.items() if theirs.get(uid) == node_name)
        if clock.monotonic_s() - started_s > SAMPLE_S_MAX:
            break
    return Agreement(sample_count, agreeing_count)


def _feed(engine: SchedulerEngine, store: Store, revision: int) -> None:
    """Everything of the store at that revision, but pods that wait: only what is bound weighs on the sample."""
    for kind in SEEN:
        if kind.kind not in ("Node", "Pod", "Event"):
            for value in values_under(store, kind.prefix, revision):
                engine.set_object(kind.kind, value)
    for value in values_under(store, NODES.prefix, revision):
        engine.set_node(value)
    for value in values_under(store, PODS.prefix, revision):
        if b'"nodeName":"' in value:
            engine.set_pod(value)


def _as_created(store: Store, keys: Sequence[str]) -> Iterator[bytes]:
    for key in keys:
        kv = store.get(key)
        first = None if kv is None else store.get(key, revision=kv.create_revision)
        if first is not None:
            yield first.value
