"""A reflector: keeps a target equal to a collection of the server by list and watch, over drops and expiry.

Always true: the target sees a full replacement first, then every change in order; after a drop it goes on from the last
resource version seen, and after 410 from a new list. Failures back off with jitter; nothing polls.
Not here: the cache (see `informer`), the stream's bytes (see `watch`).
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, Protocol, cast

from pyk8s.api.clock import Clock
from pyk8s.api.identity import Identity
from pyk8s.api.resources import Resource
from pyk8s.api.status import StatusError
from pyk8s.client.interfaces import Client, WatchEvent
from pyk8s.client.watch import is_initial_events_end

Json = dict[str, Any]
log = logging.getLogger(__name__)

BACKOFF_BASE_S = 0.8
BACKOFF_S_MAX = 30.0
# A watch that lasted this long counts as a success: the next failure starts from the shortest backoff again.
BACKOFF_RESET_S = 120.0
WATCH_TIMEOUT_S_MIN = 300
VERY_SHORT_WATCH_S = 1.0
LIST_PAGE_SIZE = 500


class Target(Protocol):
    """What a reflector keeps up to date."""

    def replace(self, items: list[Json]) -> None:
        """The collection is exactly this now."""

    def apply(self, event_type: str, obj: Json) -> None:
        """One change: ADDED, MODIFIED or DELETED."""


class Reflector:
    """Runs until it is cancelled. ``resource_version`` is where it would go on."""

    def __init__(
        self,
        client: Client,
        resource: Resource,
        *,
        target: Target,
        clock: Clock,
        identity: Identity,
        namespace: str = "",
        label_selector: str = "",
        field_selector: str = "",
    ) -> None:
        self._client, self._resource, self._target = client, resource, target
        self._clock, self._identity = clock, identity
        self._namespace = namespace
        self._label_selector, self._field_selector = label_selector, field_selector
        self.resource_version = ""
        self.is_watch_list_served = True
        self._failure_count = 0

    async def run(self) -> None:
        """List and watch for ever."""
        while True:
            started_s = self._clock.monotonic_s()
            try:
                event_count = await self._follow()
            except StatusError as error:
                if self._is_answered_by_asking_otherwise(error):
                    continue
            except OSError as error:
                log.info("watch of %s dropped: %s", self._resource.qualified, error)
            except Exception:
                # A bug, or a server that sends what no server sends: what was read so far cannot be trusted.
                log.exception("the reflector of %s failed: listing again", self._resource.qualified)
                self.resource_version = ""
            else:
                if event_count or self._clock.monotonic_s() - started_s >= VERY_SHORT_WATCH_S:
                    self._failure_count = 0
                    continue
                log.info("very short watch of %s: it ended at once without an event", self._resource.qualified)
            if self._clock.monotonic_s() - started_s >= BACKOFF_RESET_S:
                self._failure_count = 0
            await self._clock.sleep(self._backoff_s())

    def _is_answered_by_asking_otherwise(self, error: StatusError) -> bool:
        """Take from an error of the API what the next attempt must do; True: it may be made at once."""
        if error.code == 410 or error.reason in ("Expired", "Gone"):
            log.info("watch of %s is too old (%s): listing again", self._resource.qualified, error)
            self.resource_version = ""
        elif error.code in (400, 422) and not self.resource_version and self.is_watch_list_served:
            # A server that does not stream initial events refuses the parameter; it is asked the old way from now on.
            self.is_watch_list_served = False
            return True
        else:
            log.warning("cannot list or watch %s: %s", self._resource.qualified, error)
        return False

    def _backoff_s(self) -> float:
        delay_s = min(BACKOFF_BASE_S * 2.0 ** min(self._failure_count, 10), BACKOFF_S_MAX)
        self._failure_count += 1
        return delay_s * (1 + self._identity.random.random())

    async def _follow(self) -> int:
        """One list (unless going on) and one watch to its end; returns the number of events."""
        if not self.resource_version:
            if self.is_watch_list_served:
                return await self._watch_list()
            await self._list()
        async with aclosing(self._stream(self.resource_version)) as stream:
            return await self._watch(stream)

    async def _list(self) -> None:
        items: list[Json] = []
        token = ""
        while True:
            page = await self._client.list(
                self._resource,
                self._namespace,
                label_selector=self._label_selector,
                field_selector=self._field_selector,
                limit=LIST_PAGE_SIZE,
                continue_token=token,
            )
            items += page["items"]
            token = page["metadata"].get("continue", "")
            if not token:
                break
        self._target.replace(items)
        self.resource_version = page["metadata"]["resourceVersion"]

    async def _watch_list(self) -> int:
        """Initial events and then changes, from one stream."""
        items: dict[tuple[str, str], Json] = {}
        async with aclosing(self._stream("", send_initial_events=True)) as stream:
            async for event in stream:
                if is_initial_events_end(event):
                    self._target.replace(list(items.values()))
                    self.resource_version = event.object["metadata"]["resourceVersion"]
                    return await self._watch(stream) + len(items) + 1
                metadata = event.object["metadata"]
                identity = (metadata.get("namespace", ""), metadata.get("name", ""))
                if event.type == "DELETED":
                    items.pop(identity, None)
                elif event.type != "BOOKMARK":
                    items[identity] = event.object
        return 0

    async def _watch(self, stream: AsyncIterator[WatchEvent]) -> int:
        event_count = 0
        async for event in stream:
            event_count += 1
            if event.type != "BOOKMARK":
                self._target.apply(event.type, event.object)
            self.resource_version = event.object["metadata"]["resourceVersion"]
        return event_count

    def _stream(self, resource_version: str, *, send_initial_events: bool = False) -> AsyncGenerator[WatchEvent, None]:
        timeout_s = int(WATCH_TIMEOUT_S_MIN * (1 + self._identity.random.random()))
        return cast(
            AsyncGenerator[WatchEvent, None],
            self._client.watch(
                self._resource,
                self._namespace,
                resource_version=resource_version,
                label_selector=self._label_selector,
                field_selector=self._field_selector,
                timeout_s=timeout_s,
                send_initial_events=send_initial_events,
            ),
        )
