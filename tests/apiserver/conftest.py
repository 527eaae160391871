"""An API server in process with a clock that moves when told, and a client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from pyk8s import core
from pyk8s.api.clock import VirtualClock
from pyk8s.api.identity import Identity
from pyk8s_server.apiserver.app import ApiServer

from tests.apiserver.api import Api


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def api(clock: VirtualClock) -> AsyncIterator[Api]:
    """A bootstrapped server; default has its service account, so pods can be made."""
    server = ApiServer(core.Store(objects=True), clock=clock, identity=Identity(7))
    await server.bootstrap()
    client = Api(server)
    await client.create("/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "default"}})
    yield client
    for stream in client.streams:
        await stream.aclose()
    await server.close()
