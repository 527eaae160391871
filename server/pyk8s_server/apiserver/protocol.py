"""The HTTP/1.1 protocol of the API server: uvicorn's, with a short way from a request to its handler and back.

Always true: a whole answer is one write; a watch costs no task: the engine's wakeup writes its events to the socket.
Invariant: nothing is written to a connection whose buffer is full; its events wait in the engine's bounded backlog.
Not here: what requests mean; paths that FastAPI serves go uvicorn's own way.
"""

from __future__ import annotations

import asyncio
import logging
import types
from collections.abc import Coroutine, Generator
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from pyk8s.api.http import Response
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from pyk8s_server.apiserver import asgi
from pyk8s_server.apiserver.endpoints.status import response_of
from pyk8s_server.apiserver.endpoints.watch import WatchStream
from pyk8s_server.apiserver.filters import limits

if TYPE_CHECKING:
    from pyk8s_server.apiserver.handler import ResourceHandler

log = logging.getLogger(__name__)

STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
BODILESS = ("GET", "HEAD")
LAST_CHUNK = b"0\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@types.coroutine
def _go_on(serving: Coroutine[Any, Any, None], awaited: Any) -> Generator[Any, Any, None]:
    """The rest of a coroutine that was begun without a task and now waits for ``awaited``."""
    while True:
        try:
            value = yield awaited
        except BaseException as error:
            step = partial(serving.throw, error)
        else:
            step = partial(serving.send, value)
        try:
            awaited = step()
        except StopIteration:
            return


class ApiProtocol(HttpToolsProtocol):
    """One connection."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        connection = transport.get_extra_info("ssl_object")
        certificate = connection.getpeercert(binary_form=True) if connection is not None else None
        self._extensions: dict[str, Any] = {"tls": {"client_cert_der": certificate}} if certificate else {}
        self._pump: _WatchPump | None = None
        self._waiting: tuple[RequestResponseCycle, ResourceHandler] | None = None
        """A request whose body is not all here."""
        self._body_timer: asyncio.TimerHandle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_waiting()
        if self._pump is not None:
            self._pump.end()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._pump is not None:
            self._pump.pump()

    def shutdown(self) -> None:
        """Close now when idle or watching, else when the answer is out."""
        if self._pump is not None or self._waiting is not None:
            self.transport.close()
        super().shutdown()

    # -- reading -------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._waiting is not None and self._body_timer is None:
            self._body_timer = self.loop.call_later(limits.REQUEST_TIMEOUT_S, self.transport.close)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = self._extensions

    def on_body(self, body: bytes) -> None:
        if self._waiting is None:
            super().on_body(body)
            return
        cycle, _ = self._waiting
        cycle.body += body
        if len(cycle.body) > limits.BODY_BYTES_MAX:
            self._stop_waiting()
            cycle.keep_alive = False
            self._answer(cycle, response_of(limits.too_large()))

    def on_message_complete(self) -> None:
        super().on_message_complete()
        if self._waiting is not None:
            cycle, app = self._waiting
            self._stop_waiting()
            self._begin(cycle, app)

    def _stop_waiting(self) -> None:
        self._waiting = None
        if self._body_timer is not None:
            self._body_timer.cancel()
            self._body_timer = None

    # -- one request ---------------------------------------------------------------------------------------

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        serves_itself = getattr(app, "serves_itself", None)
        if serves_itself is None or not serves_itself(cycle.scope["path"]):
            super()._start_asgi_task(cycle, app)
        elif cycle.more_body and cycle.scope["method"] not in BODILESS and cycle is self.cycle:
            self._waiting = (cycle, app)
            if cycle.waiting_for_100_continue:
                self.transport.write(CONTINUE)
        else:
            self._begin(cycle, app)

    def _begin(self, cycle: RequestResponseCycle, app: ResourceHandler) -> None:
        serving: Coroutine[Any, Any, None] = self._serve(cycle, app)
        if cycle.scope["method"] in BODILESS:
            # Most reads are answered before anything is waited for, and a task would cost a tenth of them. Writes may
            # meet plugins that need to run in a task from their first line.
            try:
                awaited = serving.send(None)
            except StopIteration:
                return
            serving = _go_on(serving, awaited)
        task = self.loop.create_task(serving)
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    async def _serve(self, cycle: RequestResponseCycle, app: ResourceHandler) -> None:
        scope = cycle.scope
        try:
            response = await app.handle(asgi.request_of(cast(asgi.Scope, scope), bytes(cycle.body)))
            self._answer(cycle, response)
        except Exception:
            log.exception("%s %s could not be answered", scope["method"], scope["path"])
            self.transport.close()

    def _answer(self, cycle: RequestResponseCycle, response: Response) -> None:
        if cycle.disconnected or self.transport.is_closing():
            if isinstance(response.stream, WatchStream):
                response.stream.end()
            return
        cycle.response_started = True
        cycle.waiting_for_100_continue = False
        head = STATUS_LINES[response.status] + "".join([f"{name}: {value}\r\n" for name, value in response.headers])
        if not cycle.keep_alive:
            head += "connection: close\r\n"
        if response.stream is not None:
            assert isinstance(response.stream, WatchStream), "only watches stream"
            self.transport.write(f"{head}transfer-encoding: chunked\r\n\r\n".encode("latin-1", "replace"))
            self._pump = _WatchPump(self, cycle, response.stream)
            self._pump.pump()
            return
        raw = f"{head}content-length: {len(response.body)}\r\n\r\n".encode("latin-1", "replace")
        self.transport.write(raw if cycle.scope["method"] == "HEAD" else raw + response.body)
        self.finish(cycle)

    def finish(self, cycle: RequestResponseCycle) -> None:
        """The answer is out: take the next request, or close."""
        self._pump = None
        cycle.response_complete = True
        cycle.message_event.set()
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()


class _WatchPump:
    """Moves one watch's chunks to its connection, whenever there are some and the connection takes them."""

    def __init__(self, protocol: ApiProtocol, cycle: RequestResponseCycle, stream: WatchStream) -> None:
        self._protocol, self._cycle, self._stream = protocol, cycle, stream
        stream.on_ready = self.pump

    def pump(self) -> None:
        """Write what can be written now."""
        protocol, stream = self._protocol, self._stream
        while not protocol.flow.write_paused:
            chunk = stream.next_chunk()
            if not chunk:
                break
            protocol.transport.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        if stream.is_over and not protocol.flow.write_paused and not self._cycle.response_complete:
            stream.on_ready = None
            stream.end()
            protocol.transport.write(LAST_CHUNK)
            protocol.finish(self._cycle)

    def end(self) -> None:
        """The connection is gone."""
        self._stream.on_ready = None
        self._stream.end()
