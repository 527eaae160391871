"""Compression of large answers for clients that take gzip.

Always true: streams and small answers are never compressed; what is compressed tells caches that it varies.
Source: kube-apiserver's threshold of 128 KiB and its lowest level.
"""

from __future__ import annotations

import asyncio
import zlib

from pyk8s.api.http import Request, Response

BYTES_MIN = 128 * 1024
IN_LOOP_BYTES_MAX = 512 * 1024
"""Up to this, compressing takes a few milliseconds; beyond, a thread does it and other requests go on."""
LEVEL = 1
GZIP_WINDOW = 31
"""zlib's sign for a gzip header around the largest window."""


async def compress(request: Request, response: Response) -> None:
    """Compress the answer's body when it is large and the client takes gzip."""
    if len(response.body) <= BYTES_MIN or "gzip" not in request.headers.get("accept-encoding", ""):
        return
    if any(name == "content-encoding" for name, _ in response.headers):
        return
    if len(response.body) <= IN_LOOP_BYTES_MAX:
        response.body = _gzip(response.body)
    else:
        response.body = await asyncio.to_thread(_gzip, response.body)
    response.headers += [("content-encoding", "gzip"), ("vary", "Accept-Encoding")]


def _gzip(body: bytes) -> bytes:
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, GZIP_WINDOW)
    return packer.compress(body) + packer.flush()
