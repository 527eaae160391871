"""The HTTP transport: aiohttp with the cluster's CA, a client certificate or a bearer token.

Always true: a failure to reach or read the server is an OSError; an answer is a Response whatever its status.
Not here: kubeconfig files (see `kubeconfig`), retries (see `reflector`).
"""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import AsyncIterator

import aiohttp
from yarl import URL

from pyk8s.api.http import Request, Response
from pyk8s.client.kubeconfig import ClusterAccess
from pyk8s.client.watch import LineBuffer

CONNECT_TIMEOUT_S = 10.0
# The API server itself gives up on a request after 60 s; the rest is for the way.
REQUEST_TIMEOUT_S = 75.0
IDLE_CONNECTION_TIMEOUT_S = 90.0
# A reflector's watch ends after ten minutes at most: a longer silence is a connection whose other end is gone.
WATCH_SILENCE_S_MAX = 660.0
REQUEST_TIMEOUT = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
WATCH_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=CONNECT_TIMEOUT_S, sock_read=WATCH_SILENCE_S_MAX)


class HttpTransport:
    """Sends requests to one server. Must be used from one event loop; connections are pooled and kept alive."""

    def __init__(
        self, server: str, *, tls: ssl.SSLContext | None = None, token: str = "", server_name: str = ""
    ) -> None:
        self._base = server.rstrip("/")
        self._tls, self._token, self._server_name = tls, token, server_name
        self._session: aiohttp.ClientSession | None = None
        self._is_closed = False

    @classmethod
    def from_access(cls, access: ClusterAccess) -> HttpTransport:
        """The transport a kubeconfig's context describes. Raises KubeconfigError through `ssl_context`."""
        tls = ssl_context(access) if access.server.startswith("https:") else None
        return cls(access.server, tls=tls, token=access.token, server_name=access.tls_server_name)

    async def send(self, request: Request) -> Response:
        try:
            return await self._send(request)
        except aiohttp.ClientError as error:
            raise _as_os_error(error) from error

    async def close(self) -> None:
        self._is_closed = True
        if self._session is not None:
            await self._session.close()

    async def _send(self, request: Request) -> Response:
        is_watch = any(name == "watch" and value in ("true", "1") for name, value in request.query)
        timeout = WATCH_TIMEOUT if is_watch else REQUEST_TIMEOUT
        answer = await self._open().request(
            request.method,
            URL(self._base + request.path).with_query(request.query),
            headers=self._headers(request),
            data=request.body or None,
            timeout=timeout,
            server_hostname=self._server_name or None,
            allow_redirects=False,
        )
        headers = [(name.lower(), value) for name, value in answer.headers.items()]
        if is_watch and answer.status == 200:
            return Response(answer.status, headers, stream=_lines(answer))
        async with answer:
            return Response(answer.status, headers, await answer.read())

    def _headers(self, request: Request) -> dict[str, str]:
        if self._token:
            return {**request.headers, "authorization": f"Bearer {self._token}"}
        return request.headers

    def _open(self) -> aiohttp.ClientSession:
        if self._is_closed:
            raise ConnectionError("the transport is closed")
        if self._session is None:
            # Watches live for as long as the component: a limit on connections would starve its requests.
            connector = aiohttp.TCPConnector(
                limit=0, ssl=self._tls or True, keepalive_timeout=IDLE_CONNECTION_TIMEOUT_S
            )
            self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        return self._session


async def _lines(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Whole lines of a watch. Ends when the server ends it; a broken connection is an OSError."""
    buffer = LineBuffer()
    try:
        async for chunk in answer.content.iter_any():
            if lines := buffer.feed(chunk):
                yield lines
    except aiohttp.ClientError as error:
        raise _as_os_error(error) from error
    finally:
        answer.close()


def _as_os_error(error: aiohttp.ClientError) -> OSError:
    return error if isinstance(error, OSError) else ConnectionError(str(error) or type(error).__name__)


def ssl_context(access: ClusterAccess) -> ssl.SSLContext:
    """The TLS settings of a context. Raises KubeconfigError, in one line, for material that cannot be used."""
    context = ssl.create_default_context()
    if access.is_insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    try:
        if access.ca_data:
            context = _with_only(access.ca_data, context)
        if access.client_cert_data:
            _load_client_certificate(context, access.client_cert_data + b"\n" + access.client_key_data)
    except (ssl.SSLError, ValueError) as error:
        raise access.error(f"its certificate, key or CA cannot be read: {error}") from error
    return context


def _with_only(ca_data: bytes, default: ssl.SSLContext) -> ssl.SSLContext:
    """A context that trusts this CA alone, not those of the machine."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = default.check_hostname, default.verify_mode
    context.load_verify_locations(cadata=ca_data.decode("ascii"))
    return context


def _load_client_certificate(context: ssl.SSLContext, pem: bytes) -> None:
    """Python's ssl takes certificates from files only: the key lies in a private one (0600) for this call."""
    descriptor, path = tempfile.mkstemp(prefix="pyk8s-", suffix=".pem")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
        context.load_cert_chain(path)
    finally:
        os.unlink(path)
