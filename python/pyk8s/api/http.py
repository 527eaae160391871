"""A request and its answer, free of any HTTP library: what transports hand to an API server in process.

Always true: header names are lower-case; a query keeps the order and the repeats in which it was sent.
Not here: sockets, ASGI, TLS.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class UserInfo:
    """Who asks, as authentication.k8s.io/v1 UserInfo."""

    username: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(slots=True)
class Request:
    """One API request. ``user`` is set by a transport that vouches for it; None: the filters authenticate."""

    method: str
    path: str
    query: list[tuple[str, str]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    user: UserInfo | None = None
    peer_certificate: bytes | None = None
    """DER of the client certificate that the TLS layer verified against the cluster CA."""


@dataclass(slots=True)
class Response:
    """One API answer: ``body`` whole, or ``stream`` in chunks (a watch; one chunk is whole lines)."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    stream: AsyncIterator[bytes] | None = None
