"""Serving over HTTPS: uvicorn driven in code, with httptools and uvloop, and client certificates for the application.

Always true: TLS 1.2 or newer; a client certificate that the authority did not sign ends the handshake; `Running.stop`
returns with every connection closed.
Not here: certificates (the caller has them), signals.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import sys
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

BACKLOG = 2048
KEEP_ALIVE_S = 75
STOP_GRACE_S = 5.0
"""How long requests in flight may take to end when the server stops; watches are ended at once."""
START_TURNS_MAX = 1000


class CertificateProtocol(HttpToolsProtocol):
    """Hands the client's certificate to the application, as the ASGI TLS extension names it."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        connection = transport.get_extra_info("ssl_object")
        certificate = connection.getpeercert(binary_form=True) if connection is not None else None
        self._extensions: dict[str, Any] = {"tls": {"client_cert_der": certificate}} if certificate else {}

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = self._extensions


class Running:
    """A server that is serving; `port` is the one it got."""

    def __init__(self, server: uvicorn.Server, task: asyncio.Task[None], port: int) -> None:
        self._server, self._task, self.port = server, task, port

    async def stop(self) -> None:
        """Close the socket and the connections. Safe to call twice."""
        self._server.should_exit = True
        if self._task.done():
            return
        for connection in list(self._server.server_state.connections):
            _end_stream(connection)
        done, _ = await asyncio.wait([self._task], timeout=STOP_GRACE_S)
        if not done:
            self._server.force_exit = True
            await asyncio.wait([self._task], timeout=STOP_GRACE_S)
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task


def _end_stream(connection: Any) -> None:
    """Close a connection that serves a stream: it would not end by itself."""
    cycle = getattr(connection, "cycle", None)
    is_streaming = cycle is not None and cycle.response_started and not cycle.response_complete
    if is_streaming and connection.transport is not None:
        connection.transport.close()


async def serve(
    app: Any,
    *,
    host: str,
    port: int,
    certfile: str | Path | None = None,
    keyfile: str | Path | None = None,
    client_ca_file: str | Path | None = None,
) -> Running:
    """Listen and serve ``app`` in the running loop; returns when connections are taken.

    Args:
        port: 0 takes a free one.
        certfile: PEM of the server's certificate; None serves plain HTTP.
        client_ca_file: PEM of the authority of client certificates.
    Raises:
        OSError: the port is in use, a file cannot be read.
        ssl.SSLError: a file is no certificate or key.
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=CertificateProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=int(STOP_GRACE_S),
        proxy_headers=False,
    )
    config.load()
    if certfile is not None:
        config.ssl = tls_context(certfile, keyfile, client_ca_file)
    listener = config.bind_socket() if port == 0 else _bound(host, port)
    server = _Server(config)
    task = asyncio.get_running_loop().create_task(server.serve(sockets=[listener]))
    while not server.started and not task.done():
        await asyncio.sleep(0.001)
    if task.done():
        task.result()
    return Running(server, task, listener.getsockname()[1])


class _Server(uvicorn.Server):
    """A server whose process keeps its own signal handlers."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


def _bound(host: str, port: int) -> Any:
    import socket

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    if sys.platform != "win32":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    listener.set_inheritable(True)
    return listener


def tls_context(certfile: str | Path, keyfile: str | Path | None, client_ca_file: str | Path | None) -> ssl.SSLContext:
    """The server's side of TLS: a client certificate is optional, and verified when it is shown."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certfile, keyfile)
    context.set_alpn_protocols(["http/1.1"])
    if client_ca_file is not None:
        context.load_verify_locations(client_ca_file)
        context.verify_mode = ssl.CERT_OPTIONAL
    return context
