"""GET /version: which Kubernetes this server speaks like."""

from __future__ import annotations

import platform
from functools import cache

import orjson
from pyk8s.api.http import Request, Response

VERSION = {
    "major": "1",
    "minor": "36",
    "emulationMajor": "1",
    "emulationMinor": "36",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "35",
    "gitVersion": "v1.36.2",
    "gitCommit": "0000000000000000000000000000000000000000",
    "gitTreeState": "clean",
    "buildDate": "2026-06-01T00:00:00Z",
    "goVersion": "none",
    "compiler": "pyk8s",
}
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@cache
def _body() -> bytes:
    machine = platform.machine()
    where = f"{platform.system().lower()}/{ARCHITECTURES.get(machine, machine)}"
    return orjson.dumps({**VERSION, "platform": where}, option=orjson.OPT_INDENT_2)


def answer(request: Request) -> Response | None:
    """The answer to /version, None for other paths."""
    if request.path.rstrip("/") != "/version" or request.method not in ("GET", "HEAD"):
        return None
    return Response(200, [("content-type", "application/json")], _body())
