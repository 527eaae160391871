"""From ASGI to a `Request`, and from a `Response` to ASGI.

Always true: a body beyond the limit is not read to its end; a stream ends when its client is gone, and is closed.
Not here: what requests mean.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

from pyk8s.api.http import Request, Response

from pyk8s_server.apiserver.endpoints.status import response_of
from pyk8s_server.apiserver.filters import limits

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Handler = Callable[[Request], Awaitable[Response]]

QUERY_FIELDS_MAX = 1000


async def respond(handler: Handler, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one HTTP request."""
    body = b""
    if scope["method"] not in ("GET", "HEAD"):
        read = await read_body(receive)
        if read is None:
            await _send_whole(response_of(limits.too_large()), send, with_body=True)
            return
        body = read
    response = await handler(request_of(scope, body))
    if response.stream is not None:
        await _send_stream(response, receive, send)
    else:
        await _send_whole(response, send, with_body=scope["method"] != "HEAD")


def request_of(scope: Scope, body: bytes) -> Request:
    """The request an ASGI scope stands for."""
    extensions = scope.get("extensions") or {}
    certificate = (extensions.get("tls") or {}).get("client_cert_der")
    query, headers = query_of(scope["query_string"]), headers_of(scope["headers"])
    return Request(scope["method"], scope["path"], query, headers, body, peer_certificate=certificate)


def query_of(raw: bytes) -> list[tuple[str, str]]:
    """The parameters of a query, in order."""
    if not raw:
        return []
    return parse_qsl(raw.decode("latin-1"), keep_blank_values=True, max_num_fields=None)[:QUERY_FIELDS_MAX]


def headers_of(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by name; repeated ones are joined, those of impersonation by a line feed."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        if name in headers:
            separator = "\n" if name.startswith("impersonate-") else ", "
            headers[name] = f"{headers[name]}{separator}{value}"
        else:
            headers[name] = value
    return headers


async def read_body(receive: Receive) -> bytes | None:
    """The whole body; None when it is too large. Raises ConnectionResetError when the client is gone."""
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError("the client went away within its request")
        part = message.get("body", b"")
        size += len(part)
        if size > limits.BODY_BYTES_MAX:
            return None
        parts.append(part)
        more = message.get("more_body", False)
    return b"".join(parts)


def _encoded(headers: list[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1", errors="replace")) for name, value in headers]


async def _send_whole(response: Response, send: Send, *, with_body: bool) -> None:
    headers = _encoded(response.headers)
    headers.append((b"content-length", b"%d" % len(response.body)))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body if with_body else b""})


async def _send_stream(response: Response, receive: Receive, send: Send) -> None:
    stream = response.stream
    assert stream is not None, "the caller saw a stream"
    current = asyncio.current_task()
    assert current is not None, "a request runs in a task"
    gone = asyncio.ensure_future(_until_disconnect(receive))
    gone.add_done_callback(lambda done: None if done.cancelled() else current.cancel())
    try:
        await send({"type": "http.response.start", "status": response.status, "headers": _encoded(response.headers)})
        # An empty part makes the server send the headers now: a client waits for them before the first event.
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        async for chunk in stream:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    except asyncio.CancelledError:
        if not gone.done():
            raise
    finally:
        gone.cancel()
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()


async def _until_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
