"""Plugins in Python in a whole scheduler: what their methods do to pods, and what a failure tells."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pyk8s.client.well_known import EVENTS, NODES, PODS
from pyk8s.scheduler import Scheduler, plugins
from pyk8s.scheduler.configuration import ConfigurationError, compile_configuration
from pyk8s.scheduler.foreign import ForeignPlugins, known_points
from pyk8s.scheduler.plugins import Node, Plugin, load, points_of, register

sys.path.insert(0, str(Path(__file__).parents[1] / "kubelet"))

from cluster_in_process import InProcess, condition, named, pod

Json = dict[str, Any]
HEAD = {"apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration"}


@pytest.fixture
async def cluster() -> AsyncIterator[InProcess]:
    async with InProcess() as made:
        yield made


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "registry", {})
    monkeypatch.setattr("pyk8s.scheduler.foreign.registry", plugins.registry)


def start(cluster: InProcess, *kinds: type, args: Json | None = None) -> None:
    for kind in kinds:
        register(kind)
    enabled = [{"name": kind.__name__} for kind in kinds]
    config = [{"name": kind.__name__, "args": args or {}} for kind in kinds]
    profile = {"plugins": {"multiPoint": {"enabled": enabled}}, "pluginConfig": config}
    compiled = compile_configuration({**HEAD, "profiles": [profile]}, foreign=known_points())
    client = cluster.client_of("kube-scheduler")
    cluster.start(Scheduler(client, clock=cluster.clock, identity=cluster.identity, configuration=compiled))


async def add_nodes(cluster: InProcess, *names: str) -> None:
    resources = {"cpu": "4", "memory": "8Gi", "pods": "110"}
    for name in names:
        made = {**named("Node", name), "status": {"capacity": resources, "allocatable": resources}}
        await cluster.client.create(NODES, made)
        await cluster.client.patch(NODES, name, {"spec": {"taints": None}}, patch_type="merge")


async def bound_to(cluster: InProcess, name: str) -> str:
    found = await cluster.find(PODS, name, "default")
    return "" if found is None else found["spec"].get("nodeName", "")


async def told(cluster: InProcess, name: str) -> Json:
    """The pod's PodScheduled condition, once it is False."""

    async def refused() -> Json | None:
        found = await cluster.client.get(PODS, name, "default")
        return found if condition(found, "PodScheduled") == "False" else None

    found = await cluster.until(refused)
    return next(c for c in found["status"]["conditions"] if c["type"] == "PodScheduled")


class Preferring(Plugin):
    def score(self, pod: Json, node: Node) -> int:
        return 100 if node.name == self.args["node"] else 0


async def test_a_score_decides_where_a_pod_goes(cluster: InProcess) -> None:
    await add_nodes(cluster, "a", "b", "c")
    start(cluster, Preferring, args={"node": "b"})
    await cluster.client.create(PODS, pod("p"))

    await cluster.until(lambda: bound_to(cluster, "p"))

    assert await bound_to(cluster, "p") == "b"


class Stumbling(Plugin):
    def filter(self, pod: Json, node: Node) -> bool:
        if "stumble" in pod["metadata"]["name"]:
            raise LookupError("no idea about this pod")
        return True


async def test_what_a_plugin_raises_is_in_the_event_of_that_pod_and_others_go_on(cluster: InProcess) -> None:
    await add_nodes(cluster, "a")
    start(cluster, Stumbling)
    await cluster.client.create(PODS, pod("stumble"))
    await cluster.client.create(PODS, pod("fine"))

    await cluster.until(lambda: bound_to(cluster, "fine"))
    found = await told(cluster, "stumble")
    await cluster.clock.advance(0.1)

    assert found["reason"] == "SchedulerError"
    events = (await cluster.client.list(EVENTS))["items"]
    event = next(e for e in events if e["involvedObject"]["name"] == "stumble")
    assert event["reason"] == "FailedScheduling"
    assert event["message"].startswith('running "Stumbling" filter plugin: LookupError: no idea about this pod')
    assert "test_plugins.py" in event["message"]


class Gatekeeper(Plugin):
    opened = asyncio.Event()

    async def permit(self, pod: Json, node_name: str) -> str | None:
        if pod["metadata"]["name"] == "barred":
            return "not on the list"
        await self.opened.wait()
        return None


async def test_permit_holds_a_binding_back_or_refuses_it(cluster: InProcess) -> None:
    Gatekeeper.opened = asyncio.Event()
    await add_nodes(cluster, "a")
    start(cluster, Gatekeeper)
    await cluster.client.create(PODS, pod("waits"))
    await cluster.client.create(PODS, pod("barred"))

    found = await told(cluster, "barred")
    assert found["reason"] == "Unschedulable"
    assert found["message"] == 'pod was refused by plugin "Gatekeeper" at permit: not on the list'
    assert await bound_to(cluster, "waits") == ""

    Gatekeeper.opened.set()
    await cluster.until(lambda: bound_to(cluster, "waits"))


class Diary(Plugin):
    lines: list[str] = []  # noqa: RUF012

    def reserve(self, pod: Json, node_name: str) -> None:
        self.lines.append(f"reserve {node_name}")

    def pre_bind(self, pod: Json, node_name: str) -> None:
        self.lines.append(f"pre_bind {node_name}")
        if self.lines.count(f"pre_bind {node_name}") == 1:
            raise OSError("the disk is not ready")

    def unreserve(self, pod: Json) -> None:
        self.lines.append("unreserve")

    async def post_bind(self, pod: Json, node_name: str) -> None:
        self.lines.append(f"post_bind {node_name}")


async def test_the_methods_around_a_binding_come_in_order_and_a_failure_takes_the_pod_back(cluster: InProcess) -> None:
    Diary.lines = []
    await add_nodes(cluster, "a")
    start(cluster, Diary)
    await cluster.client.create(PODS, pod("p"))

    found = await told(cluster, "p")
    assert found["message"].startswith('running PreBind plugin "Diary": OSError: the disk is not ready')
    await cluster.clock.advance(3)
    await cluster.until(lambda: bound_to(cluster, "p"))
    await cluster.clock.advance(0.1)

    first, second = ["reserve a", "pre_bind a", "unreserve"], ["reserve a", "pre_bind a", "post_bind a"]
    assert Diary.lines == [*first, *second]


def test_a_class_without_a_method_of_a_plugin_is_refused() -> None:
    with pytest.raises(TypeError, match="plugin Nothing has no method of a plugin"):
        register(type("Nothing", (Plugin,), {}))


def test_a_plugin_serves_the_points_of_its_methods() -> None:
    assert points_of(Diary) == ("reserve", "preBind", "postBind")
    assert points_of(type("Both", (), {"filter": len, "filter_nodes": len, "score_nodes": len})) == ("filter", "score")


def test_a_file_registers_what_it_defines(tmp_path: Path) -> None:
    file = tmp_path / "my-plugins.py"
    file.write_text(
        "from pyk8s.scheduler.plugins import register\n"
        "@register\nclass Mine:\n    def __init__(self, args): pass\n    def filter(self, pod, node): return True\n"
    )

    load(str(file))

    assert known_points() == {"Mine": ("filter",)}
    with pytest.raises(ImportError, match="there is no file"):
        load(str(tmp_path / "missing.py"))


def test_arguments_that_differ_between_profiles_are_refused() -> None:
    register(Preferring)
    profiles = [
        {
            "schedulerName": name,
            "plugins": {"multiPoint": {"enabled": [{"name": "Preferring"}]}},
            "pluginConfig": [{"name": "Preferring", "args": {"node": name}}],
        }
        for name in ("a", "b")
    ]
    compiled = compile_configuration({**HEAD, "profiles": profiles}, foreign=known_points())

    with pytest.raises(ConfigurationError, match=r"profiles\[1\].pluginConfig: .*the same arguments in all profiles"):
        ForeignPlugins(compiled)
