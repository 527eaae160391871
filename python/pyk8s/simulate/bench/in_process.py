"""A cluster in one process: the store, the scheduler attached to it, and a watcher that takes in every event.

Always true: a pod counts as bound when the watcher has had the event of its binding.
Always true: objects are created in order, by a thread of their own, a batch at a time; any other change waits for that.
Not here: what the scheduler leaves to its caller (see `feeder`), the operations (see `runner`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import orjson

from pyk8s import core
from pyk8s.api.clock import Clock
from pyk8s.core.interfaces import Store
from pyk8s.core.scheduler_interface import AttachedScheduler, SchedulerEngine
from pyk8s.simulate.bench.cluster import ClusterError
from pyk8s.simulate.bench.feeder import EVENT_TEMPLATE, Feeder
from pyk8s.simulate.bench.kinds import POD_FIELDS, PODS, SEEN, ObjectKind
from pyk8s.simulate.bench.ledger import Ledger
from pyk8s.simulate.bench.objects import NewObject, ordered
from pyk8s.simulate.bench.placement import fill_of_nodes

Json = dict[str, Any]
MakeEngine = Callable[..., SchedulerEngine]
"""Called with ``is_indexed``: a new engine with the benchmark's configuration and seed."""

WATCH_BACKLOG_MAX = 4_000_000
"""Events that may wait for the watcher: a batch of creates, and what the scheduler commits meanwhile."""
POLL_COUNT = 4096
NODE_NAME = b'"nodeName":"'


class InProcessCluster:
    """Store, scheduler and watcher; called from one thread. Creating goes on beside, as clients do it."""

    def __init__(
        self, clock: Clock, ledger: Ledger, make_engine: MakeEngine, *, seed: int = 0, is_recording: bool = True
    ) -> None:
        """``is_recording``: each pod's event Scheduled is written, too."""
        self._clock, self._ledger = clock, ledger
        self.store: Store = core.Store(objects=True)
        self.store.set_fields(PODS.prefix, POD_FIELDS)
        self._watch = self.store.watch(PODS.prefix, backlog_max=WATCH_BACKLOG_MAX)
        engine = make_engine(is_indexed=True)
        template = EVENT_TEMPLATE if is_recording else b""
        scheduler: AttachedScheduler = core.AttachedScheduler(
            engine, self.store, prefixes={kind.kind: kind.prefix for kind in SEEN}, event_template=template, seed=seed
        )
        self._feeder = Feeder(self.store, engine, scheduler, clock, ledger)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="bench-writer")
        self._writing: Future[list[int]] | None = None
        self.event_count = 0
        self.marked_revision = 0

    async def create(self, objects: Sequence[NewObject]) -> None:
        self._finish_writing()
        items = [(obj.key, obj.value) for obj in objects]
        self._writing = self._writer.submit(self.store.create_many, items)

    async def flush(self) -> None:
        self._finish_writing()

    async def replace(self, obj: NewObject, subresources: Sequence[str]) -> None:
        self._finish_writing()
        kv = self.store.get(obj.key)
        if kv is None:
            raise ClusterError(f"{obj.kind.kind} {obj.namespace}/{obj.name} is to be updated, but does not exist")
        stored, wanted = orjson.loads(kv.value), orjson.loads(obj.value)
        kept = {name: stored["metadata"][name] for name in ("uid", "creationTimestamp")}
        wanted["metadata"] = {**wanted["metadata"], **kept}
        node_name = (stored.get("spec") or {}).get("nodeName")
        if node_name:
            wanted["spec"]["nodeName"] = node_name
        if "status" in stored:
            wanted["status"] = {**stored["status"], **(wanted.get("status") or {})}
        self.store.update(obj.key, ordered(wanted), expected=kv.mod_revision)

    async def delete(self, kind: ObjectKind, namespace: str, name: str, grace_s: int | None = None) -> None:
        self._finish_writing()
        self._feeder.delete(kind, kind.key(namespace, name), grace_s)

    async def advance(self) -> bool:
        is_busy = self._feeder.advance()
        is_busy = self._drain() or is_busy
        if self._writing is not None and (self._writing.done() or not is_busy):
            self._finish_writing()
            return True
        return is_busy

    async def wait(self, seconds: float) -> None:
        await self._clock.sleep(seconds)

    def next_deadline_s(self) -> float | None:
        return self._feeder.next_deadline_s()

    async def mark(self) -> None:
        self._finish_writing()
        self.marked_revision = self.store.revision

    async def placements(self) -> dict[str, Json]:
        return fill_of_nodes(self.store)

    async def close(self) -> None:
        self._writer.shutdown()
        self._feeder.close()
        self._watch.close()
        self.store.close()

    def _finish_writing(self) -> None:
        """Wait for the batch that is being created; raises what it raised."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def _drain(self) -> bool:
        """Take in what the watch has, as a client would."""
        total = 0
        while events := self._watch.poll(POLL_COUNT):
            total += len(events)
            bound = [kv.key for kv in [one.kv for one in events if one.type == "MODIFIED"] if NODE_NAME in kv.value]
            if bound:
                self._ledger.bound(bound, self._clock.monotonic_s())
        self.event_count += total
        return total > 0
