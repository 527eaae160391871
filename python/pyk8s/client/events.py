"""The event recorder: core/v1 Events with client-go's aggregation, counting and spam filter.

Always true: recording never waits and never fails its caller: what does not fit the queue is dropped and counted.
An equal event again is a patch of count and lastTimestamp, not a new object.
Not here: events.k8s.io series.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

import orjson

from pyk8s.api.clock import Clock, rfc3339
from pyk8s.api.status import StatusError
from pyk8s.client.interfaces import Client
from pyk8s.client.well_known import EVENTS

Json = dict[str, Any]
EventLevel = Literal["Normal", "Warning"]
Value = TypeVar("Value")
log = logging.getLogger(__name__)

# A rollout of some thousand pods in one process tells of each of them three times; an event is about 1 KB.
QUEUE_LENGTH_MAX = 10_000
# In a flood the work the events tell of goes first: before each write, one loop turn per this many waiting events.
FLOOD_EVENTS_PER_TURN = 50
FLOOD_TURNS_MAX = 10
LRU_SIZE_MAX = 4096
AGGREGATE_MESSAGES_MAX = 10
AGGREGATE_INTERVAL_S = 600.0
SPAM_BURST = 25
SPAM_REFILL_S = 300.0
MESSAGE_LENGTH_MAX = 1024
AGGREGATE_PREFIX = "(combined from similar events): "


class Lru(Generic[Value]):
    """At most `LRU_SIZE_MAX` values; the least recently used goes first."""

    def __init__(self, size_max: int = LRU_SIZE_MAX) -> None:
        self._size_max = size_max
        self._values: OrderedDict[tuple[str, ...], Value] = OrderedDict()

    def get(self, key: tuple[str, ...], make: Callable[[], Value]) -> Value:
        """The value of ``key``, made when there is none."""
        if key in self._values:
            self._values.move_to_end(key)
            return self._values[key]
        value = self._values[key] = make()
        if len(self._values) > self._size_max:
            self._values.popitem(last=False)
        return value


@dataclass(slots=True)
class _Aggregate:
    """The distinct messages of one kind of event lately, and when the last came."""

    last_s: float
    messages: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Observed:
    """The Event object that stands for equal events."""

    count: int = 0
    first: str = ""
    name: str = ""


@dataclass(slots=True)
class _Bucket:
    """Tokens of the spam filter for one source and object."""

    tokens: float
    filled_s: float


@dataclass(frozen=True, slots=True)
class Correlated:
    """What to write: the event, and whether it is one that was written before."""

    event: Json
    is_repeat: bool


class Correlator:
    """Turns a new event into a create, a patch of an earlier one, or None (spam). No I/O."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._aggregates: Lru[_Aggregate] = Lru()
        self._observed: Lru[_Observed] = Lru()
        self._buckets: Lru[_Bucket] = Lru()

    def correlate(self, event: Json) -> Correlated | None:
        event, key = self._aggregate(event)
        observed = self._observed.get(key, _Observed)
        observed.count += 1
        is_repeat = observed.count > 1
        if is_repeat:
            metadata = {**event["metadata"], "name": observed.name}
            event = {**event, "metadata": metadata, "firstTimestamp": observed.first, "count": observed.count}
        else:
            observed.first, observed.name = event["firstTimestamp"], event["metadata"]["name"]
        return Correlated(event, is_repeat) if self._is_allowed(event) else None

    def _aggregate(self, event: Json) -> tuple[Json, tuple[str, ...]]:
        now_s = self._clock.now_s()
        group = _aggregate_key(event)
        aggregate = self._aggregates.get(group, lambda: _Aggregate(now_s))
        if now_s - aggregate.last_s > AGGREGATE_INTERVAL_S:
            aggregate.messages.clear()
        aggregate.last_s = now_s
        aggregate.messages.add(event["message"])
        if len(aggregate.messages) < AGGREGATE_MESSAGES_MAX:
            return event, _event_key(event)
        # One message less is kept than makes the group full, so the set stays small and every further event combines.
        aggregate.messages.discard(event["message"])
        return {**event, "message": AGGREGATE_PREFIX + event["message"]}, group

    def _is_allowed(self, event: Json) -> bool:
        now_s = self._clock.now_s()
        bucket = self._buckets.get(_spam_key(event), lambda: _Bucket(float(SPAM_BURST), now_s))
        bucket.tokens = min(float(SPAM_BURST), bucket.tokens + (now_s - bucket.filled_s) / SPAM_REFILL_S)
        bucket.filled_s = now_s
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True


def _object_key(event: Json) -> tuple[str, ...]:
    involved, source = event["involvedObject"], event["source"]
    fields = (involved.get(name, "") for name in ("kind", "namespace", "name", "uid", "apiVersion"))
    return (source.get("component", ""), source.get("host", ""), *fields)


def _spam_key(event: Json) -> tuple[str, ...]:
    return (*_object_key(event), event["type"])


def _aggregate_key(event: Json) -> tuple[str, ...]:
    return (*_spam_key(event), event["reason"], event["reportingComponent"], event["reportingInstance"])


def _event_key(event: Json) -> tuple[str, ...]:
    field_path = event["involvedObject"].get("fieldPath", "")
    return (*_object_key(event), field_path, event["type"], event["reason"], event["message"])


def reference_to(obj: Json, *, field_path: str = "") -> Json:
    """An ObjectReference to an object, or the reference itself when it is one already."""
    if "metadata" not in obj:
        return obj
    metadata = obj["metadata"]
    pairs = {
        "kind": obj["kind"],
        "namespace": metadata.get("namespace"),
        "name": metadata["name"],
        "uid": metadata.get("uid"),
        "apiVersion": obj["apiVersion"],
        "resourceVersion": metadata.get("resourceVersion"),
        "fieldPath": field_path,
    }
    return {name: value for name, value in pairs.items() if value}


def binding_event_template(component: str) -> bytes:
    """The event Scheduled as it is stored, with places for what differs; see `pyk8s.core.AttachedScheduler`."""
    metadata = {"name": "{name}", "namespace": "{namespace}", "uid": "{event_uid}", "creationTimestamp": "{now}"}
    reference = {
        "kind": "Pod",
        "namespace": "{namespace}",
        "name": "{pod}",
        "uid": "{uid}",
        "apiVersion": "v1",
        "resourceVersion": "{version}",
    }
    event = {
        "kind": "Event",
        "apiVersion": "v1",
        "metadata": metadata,
        "involvedObject": reference,
        "reason": "Scheduled",
        "message": "Successfully assigned {namespace}/{pod} to {node}",
        "source": {"component": component},
        "firstTimestamp": "{now}",
        "lastTimestamp": "{now}",
        "count": 1,
        "type": "Normal",
        "eventTime": None,
        "reportingComponent": component,
        "reportingInstance": "",
    }
    return orjson.dumps(event)


class EventRecorder:
    """Records events of one component. `run` writes them; before it runs they wait in a bounded queue."""

    def __init__(self, client: Client, component: str, *, clock: Clock, host: str = "") -> None:
        self._client, self._clock = client, clock
        self._source = {"component": component, "host": host} if host else {"component": component}
        self._correlator = Correlator(clock)
        self._queue: deque[Json] = deque()
        self._readable = asyncio.Event()
        self._last_ns = 0
        self.dropped_count = 0

    def event(
        self,
        obj: Json,
        level: EventLevel,
        reason: str,
        message: str,
        *,
        field_path: str = "",
        component: str = "",
        more: Json | None = None,
    ) -> None:
        """Record that something happened to ``obj`` (an object with kind and apiVersion, or an ObjectReference).

        ``component``: who tells it, when it is not the recorder's own (a scheduler speaks for several profiles).
        ``more``: further fields of the event, as ``action`` and ``related``.
        """
        if len(self._queue) >= QUEUE_LENGTH_MAX:
            self.dropped_count += 1
            return
        event = self._make(reference_to(obj, field_path=field_path), level, reason, message)
        if component:
            event["source"] = {**self._source, "component": component}
            event["reportingComponent"] = component
        event |= more or {}
        self._queue.append(event)
        self._readable.set()

    async def run(self) -> None:
        """Write events until cancelled."""
        while True:
            await self._readable.wait()
            await self.flush()

    async def flush(self) -> None:
        """Write everything recorded so far."""
        while self._queue:
            for _ in range(min(len(self._queue) // FLOOD_EVENTS_PER_TURN, FLOOD_TURNS_MAX)):
                await asyncio.sleep(0)
            correlated = self._correlator.correlate(self._queue.popleft())
            if correlated is not None:
                await self._write(correlated)
        self._readable.clear()

    def _make(self, reference: Json, level: EventLevel, reason: str, message: str) -> Json:
        now = rfc3339(self._clock.now_s())
        namespace = reference.get("namespace") or "default"
        return {
            "kind": "Event",
            "apiVersion": "v1",
            "metadata": {"name": f"{reference['name']}.{self._next_ns():x}", "namespace": namespace},
            "involvedObject": reference,
            "reason": reason,
            "message": message[:MESSAGE_LENGTH_MAX],
            "source": self._source,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "type": level,
            "eventTime": None,
            "reportingComponent": self._source["component"],
            "reportingInstance": self._source.get("host", ""),
        }

    def _next_ns(self) -> int:
        """Nanoseconds for a name, strictly rising: a virtual clock stands still between two events."""
        self._last_ns = max(int(self._clock.now_s() * 1e9), self._last_ns + 1)
        return self._last_ns

    async def _write(self, correlated: Correlated) -> None:
        event = correlated.event
        try:
            if correlated.is_repeat and await self._is_patched(event):
                return
            await self._client.create(EVENTS, event, event["metadata"]["namespace"])
        except StatusError as error:
            # An event is never worth more than one try against an API that answers: client-go drops it as well.
            log.debug("event %s was refused: %s", event["metadata"]["name"], error)
        except OSError as error:
            log.info("event %s was lost: %s", event["metadata"]["name"], error)

    async def _is_patched(self, event: Json) -> bool:
        """Raise the count of the event written before; False when it is gone (it lives an hour)."""
        metadata = event["metadata"]
        changes = {"count": event["count"], "lastTimestamp": event["lastTimestamp"], "message": event["message"]}
        try:
            await self._client.patch(EVENTS, metadata["name"], changes, metadata["namespace"], patch_type="strategic")
        except StatusError as error:
            if error.code != 404:
                raise
            return False
        return True
