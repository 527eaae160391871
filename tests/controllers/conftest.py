"""What tests of the controllers share: a cluster on a virtual clock."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from controller_world import World
from pyk8s import core
from pyk8s.api.clock import VirtualClock
from pyk8s.api.identity import Identity
from pyk8s_server.apiserver.app import ApiServer


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def world(clock: VirtualClock) -> AsyncIterator[World]:
    identity = Identity(11)
    world = World(
        ApiServer(core.Store(objects=True), clock=clock, identity=identity, advertise_address="10.0.0.1"),
        clock,
        identity,
    )
    await world.start()
    yield world
    await world.stop()
