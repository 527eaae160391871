"""The in-process transport: requests go straight to an API server's handler, with a user it vouches for.

Always true: the handler sees what it would see over HTTP, apart from the socket; bodies and streams are bytes.
Not here: what a request means (see `rest`).
"""

from __future__ import annotations

from pyk8s.api.http import Request, Response, UserInfo
from pyk8s.client.interfaces import Handler


class MemoryTransport:
    """Hands requests to ``handler`` as ``user``; None leaves authentication to the server's filters."""

    def __init__(self, handler: Handler, user: UserInfo | None = None, *, token: str = "") -> None:
        self._handler, self._user, self._token = handler, user, token
        self._is_closed = False

    async def send(self, request: Request) -> Response:
        if self._is_closed:
            raise ConnectionError("the transport is closed")
        if self._user is not None:
            request.user = self._user
        elif self._token:
            request.headers.setdefault("authorization", f"Bearer {self._token}")
        return await self._handler(request)

    async def close(self) -> None:
        self._is_closed = True
