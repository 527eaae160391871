"""Reads that must not be older than a version the client has seen.

Always true: a read waits at most `WAIT_S` for the store to reach the version, then fails with what clients retry on.
"""

from __future__ import annotations

from pyk8s.api.status import StatusError, bad_request

from pyk8s_server.apiserver.endpoints.call import Backend
from pyk8s_server.apiserver.endpoints.list_options import parse_version
from pyk8s_server.apiserver.endpoints.status import too_large_resource_version

WAIT_S = 3.0
STEPS = 30


async def reach(backend: Backend, version: str) -> int:
    """Wait until the store is at ``version`` or later; returns it. Raises StatusError 400, 504."""
    try:
        revision = parse_version(version)
    except StatusError as error:
        raise bad_request(f"invalid resource version: {error.message}") from error
    await reach_revision(backend, revision)
    return revision


async def reach_revision(backend: Backend, revision: int) -> None:
    """Wait until the store is at ``revision`` or later. Raises StatusError 504."""
    engine = backend.storage.engine
    for _ in range(STEPS):
        if engine.revision >= revision:
            return
        await backend.clock.sleep(WAIT_S / STEPS)
    if engine.revision < revision:
        raise too_large_resource_version(revision, engine.revision)
