"""Leader election: one leader, a takeover after expiry, a clean handover, a lost lease."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fake_api import FakeApi
from pyk8s.api.clock import VirtualClock
from pyk8s.api.identity import Identity
from pyk8s.api.status import StatusError
from pyk8s.client.leader_election import LeaderElector, LeadershipLost, LeaseRecord, next_record
from pyk8s.client.rest import RestClient


def elector(client: RestClient, clock: VirtualClock, identity: Identity, host: str, **options: Any) -> LeaderElector:
    return LeaderElector(client, "kcm", clock=clock, identity=identity, host=host, **options)


async def nothing() -> None:
    """A release that never reaches the server."""


async def forever() -> None:
    await asyncio.Event().wait()


async def end(*tasks: asyncio.Future[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def lease(api: FakeApi) -> dict[str, Any]:
    spec: dict[str, Any] = api.objects[("leases.coordination.k8s.io", "kube-system", "kcm")]["spec"]
    return spec


async def test_the_first_candidate_creates_the_lease_and_renews_it(
    api: FakeApi, client: RestClient, clock: VirtualClock, identity: Identity
) -> None:
    told: list[str] = []
    candidate = elector(client, clock, identity, "a", on_event=lambda obj, message: told.append(message))
    run = asyncio.ensure_future(candidate.run(forever))
    await clock.advance(0)
    created = lease(api)

    await clock.advance(4)

    assert candidate.is_leader
    assert created["leaseTransitions"] == 0
    assert created["leaseDurationSeconds"] == 15
    assert lease(api)["renewTime"] == "2026-01-01T00:00:04.000000Z"
    assert lease(api)["acquireTime"] == created["acquireTime"]
    assert told == [f"{candidate.holder} became leader"]
    await end(run)


async def test_a_second_candidate_takes_over_only_after_the_lease_stood_still(
    api: FakeApi,
    client: RestClient,
    clock: VirtualClock,
    identity: Identity,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = (elector(client, clock, identity, host) for host in "ab")
    leading = asyncio.ensure_future(first.run(forever))
    await clock.advance(0)
    waiting = asyncio.ensure_future(second.run(forever))
    await clock.advance(30)
    assert (first.is_leader, second.is_leader) == (True, False)

    # the first one dies without a word
    monkeypatch.setattr(first, "_release", nothing)
    await end(leading)
    await clock.advance(14)
    assert not second.is_leader
    await clock.advance(6)

    assert second.is_leader
    assert lease(api)["leaseTransitions"] == 1
    await end(waiting)


async def test_a_leader_that_ends_gives_the_lease_up_at_once(
    api: FakeApi, client: RestClient, clock: VirtualClock, identity: Identity
) -> None:
    first, second = (elector(client, clock, identity, host) for host in "ab")
    leading = asyncio.ensure_future(first.run(forever))
    await clock.advance(0)
    waiting = asyncio.ensure_future(second.run(forever))
    await clock.advance(1)

    await end(leading)
    assert lease(api)["holderIdentity"] == ""
    assert lease(api)["leaseDurationSeconds"] == 1
    await clock.advance(5)

    assert second.is_leader
    await end(waiting)


async def test_a_leader_that_cannot_renew_stops_within_the_deadline(
    api: FakeApi, client: RestClient, clock: VirtualClock, identity: Identity
) -> None:
    run = asyncio.ensure_future(elector(client, clock, identity, "a").run(forever))
    await clock.advance(1)

    api.failures = [StatusError(500, "InternalError", "down")] * 100
    await clock.advance(8)
    assert not run.done()
    await clock.advance(5)

    with pytest.raises(LeadershipLost):
        await run


async def test_the_work_of_a_leader_ends_the_run(client: RestClient, clock: VirtualClock, identity: Identity) -> None:
    async def fail() -> None:
        raise ValueError("a bug")

    run = asyncio.ensure_future(elector(client, clock, identity, "a").run(fail))
    await clock.advance(1)

    with pytest.raises(ValueError, match="a bug"):
        await run


@pytest.mark.parametrize(
    ("previous", "expected"),
    [
        (None, LeaseRecord("me", 15, 100.0, 100.0, 0)),
        (LeaseRecord("me", 15, 50.0, 90.0, 3), LeaseRecord("me", 15, 50.0, 100.0, 3)),
        (LeaseRecord("other", 15, 50.0, 60.0, 3), LeaseRecord("me", 15, 100.0, 100.0, 4)),
        (LeaseRecord("", 1, 50.0, 60.0, 3), LeaseRecord("me", 15, 100.0, 100.0, 4)),
    ],
    ids=["create", "renew", "take over", "take what was given up"],
)
def test_the_record_a_candidate_writes(previous: LeaseRecord | None, expected: LeaseRecord) -> None:
    assert next_record(previous, "me", now_s=100.0) == expected
