"""/healthz, /livez, /readyz: whether the server is alive and may be sent requests.

Always true: a check that fails is named, and why is logged, not told; an excluded check is not run.
Source: kubernetes.io, "Kubernetes API health endpoints", and its texts as observed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from pyk8s.api.http import Request, Response

from pyk8s_server.apiserver.endpoints.status import page_not_found

log = logging.getLogger(__name__)

Check = Callable[[], None]
"""Raises when it fails."""

HEADERS = [("content-type", "text/plain; charset=utf-8"), ("x-content-type-options", "nosniff")]
ROOTS = ("healthz", "livez", "readyz")


class Health:
    """The checks of each endpoint: ``checks`` on all three, ``ready_checks`` on readyz, ``live_checks`` elsewhere."""

    def __init__(self) -> None:
        self.checks: dict[str, Check] = {"ping": _ping, "log": _ping}
        self.ready_checks: dict[str, Check] = {}
        self.live_checks: dict[str, Check] = {}

    def answer(self, request: Request) -> Response | None:
        """The answer to a health path, None for other paths."""
        root, _, name = request.path.strip("/").partition("/")
        if root not in ROOTS or request.method not in ("GET", "HEAD"):
            return None
        checks = self.checks | (self.ready_checks if root == "readyz" else self.live_checks)
        if name:
            return self._single(name, checks)
        return self._all(request, root, checks)

    def _single(self, name: str, checks: dict[str, Check]) -> Response:
        check = checks.get(name)
        if check is None:
            return page_not_found()
        if _passes(name, check):
            return Response(200, HEADERS, b"ok")
        return Response(500, HEADERS, b"internal server error: reason withheld\n")

    def _all(self, request: Request, root: str, checks: dict[str, Check]) -> Response:
        query = request.query
        excluded = {value for key, value in query if key == "exclude"}
        lines, failed = [], False
        for name, check in checks.items():
            if name in excluded:
                lines.append(f"[+]{name} excluded: ok")
            elif _passes(name, check):
                lines.append(f"[+]{name} ok")
            else:
                failed = True
                lines.append(f"[-]{name} failed: reason withheld")
        unknown = sorted(excluded - checks.keys())
        if unknown:
            names = ",".join(f'"{name}"' for name in unknown)
            lines.append(f"warn: some health checks cannot be excluded: no matches for {names}")
        if failed:
            return Response(500, HEADERS, "\n".join([*lines, f"{root} check failed", ""]).encode())
        if any(key == "verbose" for key, _ in query):
            return Response(200, HEADERS, "\n".join([*lines, f"{root} check passed", ""]).encode())
        return Response(200, HEADERS, b"ok")


def _ping() -> None:
    return None


def _passes(name: str, check: Check) -> bool:
    try:
        check()
    except Exception:
        log.warning("health check %s failed", name, exc_info=True)
        return False
    return True
