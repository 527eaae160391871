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
from urllib.parse import unquote

import httptools
from pyk8s.api.http import Request, Response
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


class _Unwatched:
    """Stands where uvicorn's cycle has an event: nothing waits for an exchange."""

    def set(self) -> None:
        return None


class Exchange:
    """One request and its answer, with what the base class asks of its own cycles."""

    __slots__ = (
        "body",
        "disconnected",
        "keep_alive",
        "more_body",
        "request",
        "response_complete",
        "waits_for_continue",
    )
    message_event = _Unwatched()

    def __init__(self, request: Request, *, keep_alive: bool, waits_for_continue: bool) -> None:
        self.request, self.keep_alive, self.waits_for_continue = request, keep_alive, waits_for_continue
        self.body = bytearray()
        self.more_body = True
        self.response_complete = self.disconnected = False


class ApiProtocol(HttpToolsProtocol):
    """One connection."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        connection = transport.get_extra_info("ssl_object")
        self._certificate = connection.getpeercert(binary_form=True) if connection is not None else None
        self._serves_itself = getattr(self.app, "serves_itself", None) or (lambda path: False)
        self._pump: _WatchPump | None = None
        self._waiting: Exchange | None = None
        """A request whose body is not all here."""
        self._body_timer: asyncio.TimerHandle | None = None
        self._idle_since_s = 0.0
        self._last_headers: tuple[list[tuple[bytes, bytes]], dict[str, str]] = ([], {})
        """Headers as they came, and read: a client sends nearly the same with each request."""

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_waiting()
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
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

    # -- idle connections ----------------------------------------------------------------------------------

    def _unset_keepalive_if_required(self) -> None:
        # Setting and cancelling a timer around each request costs more than reading the clock: one timer stays.
        return None

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
            return
        self._idle_since_s = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._watch_idleness(self.timeout_keep_alive)

    def _watch_idleness(self, after_s: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(after_s, self.timeout_keep_alive_handler)

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection when it has been idle for long enough."""
        self.timeout_keep_alive_task = None
        if self.transport.is_closing() or not self.cycle.response_complete:
            return
        left_s = self._idle_since_s + self.timeout_keep_alive - self.loop.time()
        if left_s > 0:
            self._watch_idleness(left_s)
        else:
            self.transport.close()

    # -- reading -------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._waiting is not None and self._body_timer is None:
            self._body_timer = self.loop.call_later(limits.REQUEST_TIMEOUT_S, self.transport.close)

    def on_message_begin(self) -> None:
        self.url, self.headers, self.expect_100_continue = b"", [], False

    def on_headers_complete(self) -> None:
        parsed = httptools.parse_url(self.url)
        path = parsed.path.decode("ascii")
        if "%" in path:
            path = unquote(path)
        if not self._serves_itself(path):
            self._begin_cycle()
            return
        method = self.parser.get_method().decode("ascii")
        headers = self._read_headers()
        request = Request(method, path, asgi.query_of(parsed.query), headers, peer_certificate=self._certificate)
        keep_alive = self.parser.should_keep_alive() and self.parser.get_http_version() != "1.0"
        exchange = Exchange(request, keep_alive=keep_alive, waits_for_continue=self.expect_100_continue)
        previous, self.cycle = self.cycle, cast(RequestResponseCycle, exchange)
        if previous is None or previous.response_complete:
            self._start(exchange)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def _begin_cycle(self) -> None:
        """A request that goes uvicorn's own way."""
        url, headers, expects_continue = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects_continue
        self.headers.extend(headers)
        self.scope["extensions"] = {"tls": {"client_cert_der": self._certificate}} if self._certificate else {}
        super().on_headers_complete()

    def _read_headers(self) -> dict[str, str]:
        raw, read = self._last_headers
        if raw != self.headers:
            read = asgi.headers_of(self.headers)
            self._last_headers = (self.headers, read)
        return read

    def on_body(self, body: bytes) -> None:
        if self._waiting is None:
            super().on_body(body)
            return
        exchange = self._waiting
        exchange.body += body
        if len(exchange.body) > limits.BODY_BYTES_MAX:
            self._stop_waiting()
            exchange.keep_alive = False
            self._answer(exchange, response_of(limits.too_large()))

    def on_message_complete(self) -> None:
        super().on_message_complete()
        if self._waiting is not None:
            exchange = self._waiting
            self._stop_waiting()
            self._begin(exchange)

    def _stop_waiting(self) -> None:
        self._waiting = None
        if self._body_timer is not None:
            self._body_timer.cancel()
            self._body_timer = None

    # -- one request ---------------------------------------------------------------------------------------

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        if isinstance(cycle, Exchange):
            self._start(cycle)
        else:
            super()._start_asgi_task(cycle, app)

    def _start(self, exchange: Exchange) -> None:
        is_newest = cast(Exchange, self.cycle) is exchange
        if exchange.more_body and is_newest and exchange.request.method not in BODILESS:
            self._waiting = exchange
            if exchange.waits_for_continue:
                self.transport.write(CONTINUE)
        else:
            self._begin(exchange)

    def _begin(self, exchange: Exchange) -> None:
        exchange.request.body = bytes(exchange.body)
        serving: Coroutine[Any, Any, None] = self._serve(exchange)
        if exchange.request.method in BODILESS:
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

    async def _serve(self, exchange: Exchange) -> None:
        request = exchange.request
        try:
            self._answer(exchange, await cast("ResourceHandler", self.app).handle(request))
        except Exception:
            log.exception("%s %s could not be answered", request.method, request.path)
            self.transport.close()

    def _answer(self, exchange: Exchange, response: Response) -> None:
        transport, body = self.transport, response.body
        if exchange.disconnected or transport.is_closing():
            if isinstance(response.stream, WatchStream):
                response.stream.end()
            return
        lines = [STATUS_LINES[response.status]]
        for name, value in response.headers:
            lines.append(f"{name}: {value}\r\n")
        if not exchange.keep_alive:
            lines.append("connection: close\r\n")
        if response.stream is not None:
            assert isinstance(response.stream, WatchStream), "only watches stream"
            lines.append("transfer-encoding: chunked\r\n\r\n")
            transport.write("".join(lines).encode("latin-1", "replace"))
            self._pump = _WatchPump(self, exchange, response.stream)
            self._pump.pump()
            return
        lines.append(f"content-length: {len(body)}\r\n\r\n")
        raw = "".join(lines).encode("latin-1", "replace")
        transport.write(raw if exchange.request.method == "HEAD" else raw + body)
        self.finish(exchange)

    def finish(self, exchange: Exchange) -> None:
        """The answer is out: take the next request, or close."""
        self._pump = None
        exchange.response_complete = True
        if not exchange.keep_alive:
            self.transport.close()
        self.on_response_complete()


class _WatchPump:
    """Moves one watch's chunks to its connection, whenever there are some and the connection takes them."""

    def __init__(self, protocol: ApiProtocol, exchange: Exchange, stream: WatchStream) -> None:
        self._protocol, self._exchange, self._stream = protocol, exchange, stream
        stream.on_ready = self.pump

    def pump(self) -> None:
        """Write what can be written now."""
        protocol, stream = self._protocol, self._stream
        while not protocol.flow.write_paused:
            chunk = stream.next_chunk()
            if not chunk:
                break
            protocol.transport.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        if stream.is_over and not protocol.flow.write_paused and not self._exchange.response_complete:
            stream.on_ready = None
            stream.end()
            protocol.transport.write(LAST_CHUNK)
            protocol.finish(self._exchange)

    def end(self) -> None:
        """The connection is gone."""
        self._stream.on_ready = None
        self._stream.end()
