"""The manager: choosing controllers, readiness, restarts, metrics, leadership, a clean end, one history per seed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from controller_world import World
from pyk8s import core
from pyk8s.api.clock import VirtualClock
from pyk8s.api.identity import Identity
from pyk8s.client.well_known import DEPLOYMENTS, LEASES, PODS, SERVICE_ACCOUNTS
from pyk8s.controllers.manager import CONTROLLERS, Manager, chosen
from pyk8s_server.apiserver.app import ApiServer

Json = dict[str, Any]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (None, list(CONTROLLERS)),
        (["*"], list(CONTROLLERS)),
        (["replicaset", "deployment"], ["deployment", "replicaset"]),
        (["*", "-endpoints"], [name for name in CONTROLLERS if name != "endpoints"]),
        (["-endpoints"], [name for name in CONTROLLERS if name != "endpoints"]),
        ([], []),
    ],
)
def test_controllers_are_chosen_as_by_upstreams_flag(asked: list[str] | None, expected: list[str]) -> None:
    assert chosen(asked) == expected


def test_an_unknown_controller_is_named() -> None:
    with pytest.raises(ValueError, match="unknown controllers: nonsense"):
        chosen(["nonsense"])


class Recorded:
    """Metrics that remember."""

    def __init__(self) -> None:
        self.outcomes: list[tuple[str, str]] = []

    def reconciled(self, controller: str, *, duration_s: float, outcome: str) -> None:
        self.outcomes.append((controller, outcome))

    def queue_depth(self, controller: str, depth: int) -> None:
        assert depth >= 0


async def test_a_bug_in_one_sync_is_logged_counted_and_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    controller = world.manager.controllers["serviceaccount"]
    metrics = Recorded()
    world.manager.context.metrics = metrics
    real, calls = controller.sync, []

    async def fails_once(key: str) -> None:
        calls.append(key)
        if len(calls) == 1:
            raise KeyError("a bug")
        await real(key)

    monkeypatch.setattr(controller, "sync", fails_once)
    await world.client.delete(SERVICE_ACCOUNTS, "default", "default")

    await world.until(lambda: world.find(SERVICE_ACCOUNTS, "default"))
    assert "serviceaccount: default: a bug" in caplog.text
    assert metrics.outcomes[:2] == [("serviceaccount", "error"), ("serviceaccount", "success")]


async def test_one_of_two_managers_leads_and_the_other_takes_over(world: World) -> None:
    managers = [
        Manager(world.client, world.clock, world.identity, controllers=["namespace"], leader_elect=True)
        for _ in range(2)
    ]
    tasks = [asyncio.ensure_future(manager.run()) for manager in managers]
    await world.until(lambda: any(manager.is_ready for manager in managers))
    await world.clock.advance(30)
    assert [manager.is_ready for manager in managers].count(True) == 1
    leader = next(manager for manager in managers if manager.is_ready)
    (other,) = [manager for manager in managers if manager is not leader]

    await leader.stop()
    await world.until(lambda: other.is_ready, timeout_s=10)

    lease = await world.client.get(LEASES, "kube-controller-manager", "kube-system")
    assert lease["spec"]["leaseTransitions"] >= 1
    await other.stop()
    await asyncio.gather(*tasks)


async def test_a_stopped_manager_leaves_nothing_running() -> None:
    clock, identity = VirtualClock(), Identity(5)
    api = ApiServer(core.Store(objects=True), clock=clock, identity=identity, advertise_address="10.0.0.1")
    world = World(api, clock, identity)
    before = asyncio.all_tasks()
    await world.start()

    await world.stop()

    await clock.advance(0)
    assert asyncio.all_tasks() == before


async def history(seed: int) -> list[tuple[str, str, str]]:
    clock, identity = VirtualClock(), Identity(seed)
    api = ApiServer(core.Store(objects=True), clock=clock, identity=identity, advertise_address="10.0.0.1")
    world = World(api, clock, identity)
    await world.start()
    await world.nodes.add("n1", "n2")
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    spec = {"replicas": 5, "selector": {"matchLabels": {"a": "b"}}, "template": template}
    await world.client.create(DEPLOYMENTS, {"metadata": {"name": "d"}, "spec": spec}, "default")
    await clock.advance(20)
    await world.client.patch(DEPLOYMENTS, "d", {"spec": {"replicas": 2}}, "default")
    await clock.advance(20)
    pods = [pod["metadata"] for pod in await world.items(PODS)]
    await world.stop()
    return [(metadata["name"], metadata["uid"], metadata["resourceVersion"]) for metadata in pods]


async def test_one_seed_gives_one_history() -> None:
    first, second, other = await history(3), await history(3), await history(4)

    assert first == second
    assert first != other
    assert len(first) == 2
