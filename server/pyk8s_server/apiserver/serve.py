"""Serving over HTTPS: uvicorn's protocol driven in code, on httptools and uvloop.

Always true: TLS 1.2 or newer; a client certificate that the authority did not sign ends the handshake; `Running.stop`
returns with every connection closed.
Not here: certificates (the caller has them), signals, the protocol itself.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from pyk8s_server.apiserver.protocol import ApiProtocol

BACKLOG = 2048
KEEP_ALIVE_S = 75
HANDSHAKE_TIMEOUT_S = 10.0
STOP_GRACE_S = 5.0
"""How long requests in flight may take to end when the server stops; watches are ended at once."""


class Running:
    """A server that is serving; `port` is the one it got."""

    def __init__(self, server: asyncio.Server, state: ServerState, port: int) -> None:
        self._server, self._state, self.port = server, state, port

    async def stop(self) -> None:
        """Close the socket and the connections. Safe to call twice."""
        self._server.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        try:
            async with asyncio.timeout(STOP_GRACE_S):
                await asyncio.gather(*list(self._state.tasks), return_exceptions=True)
        except TimeoutError:
            for task in list(self._state.tasks):
                task.cancel()
        for connection in list(self._state.connections):
            connection.transport.abort()
        await self._server.wait_closed()


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
        http=ApiProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
    )
    config.load()
    context = None if certfile is None else tls_context(certfile, keyfile, client_ca_file)
    state = ServerState()
    loop = asyncio.get_running_loop()
    listener = _bound(host, port)
    server = await loop.create_server(
        lambda: ApiProtocol(config=config, server_state=state, app_state={}, _loop=loop),
        sock=listener,
        ssl=context,
        ssl_handshake_timeout=None if context is None else HANDSHAKE_TIMEOUT_S,
        backlog=BACKLOG,
    )
    return Running(server, state, listener.getsockname()[1])


def _bound(host: str, port: int) -> socket.socket:
    """A bound socket. Raises OSError."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
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
