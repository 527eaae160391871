"""WATCH: a stream of changes, one JSON document a line.

Always true: a stream shows strictly rising versions, none twice; when it cannot go on it says so with an ERROR event
and ends, so that the client lists again.
Invariant: a stream holds no events of its own: what is not sent yet lies in the engine's bounded backlog.
Not here: sockets (see `app`); the engine wakes the stream through `storage.wakeups`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from pyk8s.api.http import Response
from pyk8s.api.status import StatusError
from pyk8s.core.interfaces import Selection, Watch
from pyk8s.errors import Compacted, WatchOverflow

from pyk8s_server.apiserver.endpoints import protobuf
from pyk8s_server.apiserver.endpoints.call import Backend, Call
from pyk8s_server.apiserver.endpoints.event_lines import EventLines
from pyk8s_server.apiserver.endpoints.freshness import reach_revision
from pyk8s_server.apiserver.endpoints.list_options import ListOptions, parse_version, watch_options
from pyk8s_server.apiserver.endpoints.negotiation import not_acceptable
from pyk8s_server.apiserver.endpoints.responses import add_warnings
from pyk8s_server.apiserver.endpoints.selectors import selection_of
from pyk8s_server.apiserver.endpoints.status import JSON_TYPE

Json = dict[str, Any]

PROTOBUF_STREAM = ("content-type", f"{protobuf.CONTENT_TYPE};stream=watch")
TIMEOUT_MIN_S = 1800.0
"""A watch without timeoutSeconds lasts 1 to 2 times this, spread at random as kube-apiserver does."""
BOOKMARK_S = 60.0
BOOKMARK_BEFORE_END_S = 2.0
CHUNK_BYTES_MAX = 256 * 1024
LISTED_MAX = 500
"""Objects of the initial state per chunk, so that a large collection is not copied at once."""


async def watch(backend: Backend, call: Call) -> Response:
    """Answer with a stream. Raises StatusError 400, 406, 422 before it begins."""
    if call.form.media == "yaml" or call.form.kind == "PartialObjectMetadataList":
        raise not_acceptable()
    options = watch_options(call)
    selection = selection_of(call)
    revision = parse_version(options.resource_version)
    if options.send_initial_events and revision:
        await reach_revision(backend, revision)
    lines = EventLines(backend, call)
    stream = WatchStream(backend, call, options, lines=lines, selection=selection)
    content_type = PROTOBUF_STREAM if call.form.media == "protobuf" else JSON_TYPE
    response = Response(200, [content_type], stream=stream)
    add_warnings(call, response)
    return response


class WatchStream:
    """One watch's chunks; each chunk is whole lines. Must be closed with `aclose`."""

    def __init__(
        self, backend: Backend, call: Call, options: ListOptions, *, lines: EventLines, selection: Selection | None
    ) -> None:
        self._backend, self._call, self._options = backend, call, options
        self._lines, self._selection = lines, selection
        self._prefix = call.scope.range(call.info.namespace)
        self._watch: Watch | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._is_ready = self._bookmark_due = self._is_over = self._is_closed = False
        self._initial: AsyncIterator[bytes] | None = None
        self._timer = asyncio.ensure_future(self._run_timer())
        self._begin()

    # -- beginning -----------------------------------------------------------------------------------------

    def _begin(self) -> None:
        engine = self._backend.storage.engine
        version = self._options.resource_version
        if self._options.send_initial_events:
            revision = engine.revision
            self._initial = self._initial_chunks(revision)
        elif version in ("", "0"):
            revision = engine.revision
        else:
            revision = parse_version(version)
        self._watch = self._backend.wakeups.watch(
            self._prefix, self._wake, start_revision=revision + 1, selection=self._selection
        )
        self._backend.metrics.watching(self._labels, 1)

    @property
    def _labels(self) -> tuple[str, ...]:
        resource = self._call.scope.resource
        reach = "namespace" if self._call.info.namespace else "cluster"
        return ("WATCH", resource.group, resource.version, resource.plural, "", reach)

    async def _initial_chunks(self, revision: int) -> AsyncIterator[bytes]:
        """What there is at ``revision``, then the mark that it was all."""
        start_after, more = "", True
        while more:
            found = self._backend.storage.engine.range(
                self._prefix,
                start_after=start_after,
                limit=LISTED_MAX,
                revision=revision,
                selection=self._selection,
            )
            if found.items:
                start_after = found.items[-1].key
                yield b"".join([self._lines.added(kv.value) for kv in found.items])
            more = found.more
        if self._options.wants_bookmarks and self._is_list_watch:
            yield self._lines.bookmark(revision, is_initial_end=True)

    @property
    def _is_list_watch(self) -> bool:
        """The client asked for the initial events itself, so it waits for their end."""
        return "sendInitialEvents" in self._call.params

    # -- waiting -------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        self._is_ready = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _run_timer(self) -> None:
        """Tell the stream of bookmarks that are due and of its end."""
        clock = self._backend.clock
        left_s = float(self._options.timeout_s)
        if left_s <= 0:
            left_s = TIMEOUT_MIN_S * (1 + self._backend.identity.random.random())
        if self._options.wants_bookmarks:
            while left_s > BOOKMARK_BEFORE_END_S:
                step_s = min(BOOKMARK_S, left_s - BOOKMARK_BEFORE_END_S)
                await clock.sleep(step_s)
                left_s -= step_s
                self._bookmark_due = True
                self._wake()
        await clock.sleep(left_s)
        self._is_over = True
        self._wake()

    # -- reading -------------------------------------------------------------------------------------------

    def __aiter__(self) -> WatchStream:
        return self

    async def __anext__(self) -> bytes:
        if self._initial is not None:
            try:
                return await anext(self._initial)
            except StopAsyncIteration:
                self._initial = None
            except Compacted as error:
                self._initial, self._is_over = None, True
                return self._lines.error(_too_old(error))
        while True:
            chunk = self.next_chunk()
            if chunk:
                return chunk
            if self._is_over:
                await self.aclose()
                raise StopAsyncIteration
            if not self._is_ready:
                self._waiter = asyncio.get_running_loop().create_future()
                await self._waiter
                self._waiter = None
            self._is_ready = False

    def next_chunk(self) -> bytes:
        """What can be sent now, b"" when there is nothing. Never blocks."""
        if self._is_closed or self._watch is None:
            return b""
        try:
            chunk = self._lines.poll(self._watch, CHUNK_BYTES_MAX)
        except Compacted as error:
            self._is_over = True
            return self._lines.error(_too_old(error))
        except WatchOverflow as error:
            self._is_over = True
            return self._lines.error(StatusError(410, "Expired", str(error)))
        if chunk or not self._bookmark_due:
            return chunk
        self._bookmark_due = False
        return self._lines.bookmark(self._watch.progress_revision)

    @property
    def is_over(self) -> bool:
        """No more chunk comes."""
        return self._is_over

    async def aclose(self) -> None:
        """End the watch; a second call does nothing."""
        if self._is_closed:
            return
        self._is_closed = self._is_over = True
        self._timer.cancel()
        if self._watch is not None:
            self._backend.wakeups.cancel(self._watch)
        self._backend.metrics.watching(self._labels, -1)
        self._wake()


def _too_old(error: Compacted) -> StatusError:
    # A watch begins after the version its client has seen, so the version is one below what the engine was asked for.
    return StatusError(410, "Expired", f"too old resource version: {error.revision - 1} ({error.compact_revision})")
