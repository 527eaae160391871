"""Limits on requests: body size and time.

Always true: no request body beyond `BODY_BYTES_MAX` is kept in memory; no request but a watch outlives its timeout.
Source: kube-apiserver's defaults (3 MiB, 60 s, 34 s for writes).
"""

from __future__ import annotations

from pyk8s.api.status import StatusError

BODY_BYTES_MAX = 3 * 1024 * 1024
REQUEST_TIMEOUT_S = 60.0
WRITE_TIMEOUT_S = 34.0


def too_large() -> StatusError:
    message = f"Request entity too large: limit is {BODY_BYTES_MAX}"
    return StatusError(413, "RequestEntityTooLarge", message)


def timed_out() -> StatusError:
    message = "Timeout: request did not complete within the allotted timeout"
    return StatusError(504, "Timeout", message, {"retryAfterSeconds": 0})
