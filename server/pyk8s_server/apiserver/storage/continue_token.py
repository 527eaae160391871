"""Continue tokens of paged lists: where the next page begins, and at which revision.

Always true: a token names no key outside the range that was listed; anything else is refused.
Source: apimachinery's token format ``{"v":"meta.k8s.io/v1","rv":N,"start":"name\\u0000"}`` in unpadded base64url.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

import orjson
from pyk8s.api.status import StatusError, bad_request

VERSION = "meta.k8s.io/v1"
LATEST = -1
"""A token's revision that means: go on with what there is now."""
TOKEN_BYTES_MAX = 8192


def encode(last_key: str, prefix: str, revision: int) -> str:
    """The token to go on after ``last_key``, a key under ``prefix``."""
    start = last_key.removeprefix(prefix) + "\0"
    token = orjson.dumps({"v": VERSION, "rv": revision, "start": start})
    return base64.urlsafe_b64encode(token).rstrip(b"=").decode()


def decode(text: str, prefix: str) -> tuple[str, int]:
    """(key to go on after, revision) of a token for a list of ``prefix``. Raises StatusError 400."""
    fields = _fields(text)
    if fields.get("v") != VERSION:
        raise _refused(f'server does not recognize this encoded version "{fields.get("v", "")}"')
    start, revision = fields.get("start"), fields.get("rv")
    if not isinstance(revision, int) or isinstance(revision, bool) or revision == 0:
        raise _refused("incorrect encoded start resourceVersion (version meta.k8s.io/v1)")
    if not isinstance(start, str) or not start:
        raise _refused("encoded start key empty (version meta.k8s.io/v1)")
    if start.startswith("/") or ".." in start.split("/"):
        raise _refused(orjson.dumps(start).decode())
    return prefix + start.removesuffix("\0"), revision


def _fields(text: str) -> dict[str, Any]:
    if len(text) > TOKEN_BYTES_MAX:
        raise _refused("too long")
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        fields = orjson.loads(raw)
    except (binascii.Error, ValueError) as error:
        raise _refused(str(error)) from error
    if not isinstance(fields, dict):
        raise _refused("not an object")
    return fields


def _refused(why: str) -> StatusError:
    return bad_request(f"invalid continue token: continue key is not valid: {why}")
