"""What tests of the client share: a virtual clock, a seeded identity, an API in memory."""

from __future__ import annotations

import pytest
from fake_api import FakeApi
from pyk8s.api.clock import VirtualClock
from pyk8s.api.http import UserInfo
from pyk8s.api.identity import Identity
from pyk8s.client.rest import RestClient
from pyk8s.client.transport_memory import MemoryTransport


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def identity() -> Identity:
    return Identity(7)


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def client(api: FakeApi) -> RestClient:
    return RestClient(MemoryTransport(api.handle, UserInfo("test")), user_agent="test/v1")
