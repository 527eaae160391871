"""WATCH: a stream of changes, one JSON document a line.

Always true: a stream shows strictly rising versions, none twice; when it cannot go on it says so with an ERROR event
and ends, so that the client lists again.
Invariant: a stream holds no events of its own: what is not sent yet lies in the engine's bounded backlog.
Not here: sockets (see `protocol`); the engine wakes the stream through `storage.wakeups`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
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
    """One watch's chunks; each chunk is whole lines. Read by iteration, or by `next_chunk` after each `on_ready`.

    Must be ended with `end` or `aclose` unless it was read to its end.
    """

    def __init__(
        self, backend: Backend, call: Call, options: ListOptions, *, lines: EventLines, selection: Selection | None
    ) -> None:
        self._backend, self._call, self._options = backend, call, options
        self._lines, self._selection = lines, selection
        self._prefix = call.scope.range(call.info.namespace)
        self.on_ready: Callable[[], None] | None = None
        """Called when `next_chunk` may have something, or the stream is over."""
        self._signal = asyncio.Event()
        self._bookmark_due = self.is_over = self._is_ended = False
        self._initial: Iterator[bytes] | None = None
        self._watch = self._begin()
        self._timer = asyncio.ensure_future(self._run_timer())

    # -- beginning -----------------------------------------------------------------------------------------

    def _begin(self) -> Watch:
        version = self._options.resource_version
        revision = self._backend.storage.engine.revision
        if self._options.send_initial_events:
            self._initial = self._initial_chunks(revision)
        elif version not in ("", "0"):
            revision = parse_version(version)
        self._backend.metrics.watching(self._labels, 1)
        return self._backend.wakeups.watch(
            self._prefix, self._wake, start_revision=revision + 1, selection=self._selection
        )

    @property
    def _labels(self) -> tuple[str, ...]:
        resource = self._call.scope.resource
        reach = "namespace" if self._call.info.namespace else "cluster"
        return ("WATCH", resource.group, resource.version, resource.plural, "", reach)

    def _initial_chunks(self, revision: int) -> Iterator[bytes]:
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
        if self._options.wants_bookmarks and "sendInitialEvents" in self._call.params:
            yield self._lines.bookmark(revision, is_initial_end=True)

    # -- waiting -------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        self._signal.set()
        if self.on_ready is not None:
            self.on_ready()

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
        self.is_over = True
        self._wake()

    # -- reading -------------------------------------------------------------------------------------------

    def __aiter__(self) -> WatchStream:
        return self

    async def __anext__(self) -> bytes:
        while True:
            self._signal.clear()
            chunk = self.next_chunk()
            if chunk:
                return chunk
            if self.is_over:
                self.end()
                raise StopAsyncIteration
            await self._signal.wait()

    def next_chunk(self) -> bytes:
        """What can be sent now, b"" when there is nothing. Never blocks."""
        if self._is_ended:
            return b""
        try:
            return self._next()
        except Compacted as error:
            return self._failed(_too_old(error))
        except WatchOverflow as error:
            return self._failed(StatusError(410, "Expired", str(error)))

    def _next(self) -> bytes:
        if self._initial is not None:
            chunk = next(self._initial, b"")
            if chunk:
                return chunk
            self._initial = None
        chunk = self._lines.poll(self._watch, CHUNK_BYTES_MAX)
        if chunk or not self._bookmark_due:
            return chunk
        self._bookmark_due = False
        return self._lines.bookmark(self._watch.progress_revision)

    def _failed(self, error: StatusError) -> bytes:
        """The last line of a stream that cannot go on."""
        if self.is_over:
            return b""
        self.is_over = True
        return self._lines.error(error)

    def end(self) -> None:
        """End the watch; a second call does nothing."""
        if self._is_ended:
            return
        self._is_ended = self.is_over = True
        self._timer.cancel()
        self._backend.wakeups.cancel(self._watch)
        self._backend.metrics.watching(self._labels, -1)
        self._wake()

    async def aclose(self) -> None:
        """As `end`, for users of asynchronous iterators."""
        self.end()


def _too_old(error: Compacted) -> StatusError:
    # A watch begins after the version its client has seen, so the version is one below what the engine was asked for.
    return StatusError(410, "Expired", f"too old resource version: {error.revision - 1} ({error.compact_revision})")
