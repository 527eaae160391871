"""Storage: durable writes, events that expire, metadata kept in the engine's terms."""

import asyncio

from pyk8s import core
from pyk8s.api.clock import VirtualClock
from pyk8s.api.resources import find
from pyk8s_server.apiserver.storage.embedded import EmbeddedStorage
from pyk8s_server.apiserver.storage.keys import key_of, prefix_of

from tests.apiserver.api import Api

EVENTS = "/api/v1/namespaces/default/events"


async def test_writes_that_wait_for_the_disk_are_durable_when_they_return(tmp_path):
    engine = core.Store.open(str(tmp_path / "data"), objects=True, durability="fsync")
    storage = EmbeddedStorage(engine, VirtualClock(), fsync=True)

    async def write(index):
        kv = await storage.create(f"/registry/x/{index}", b'{"metadata":{"name":"a"}}')
        return engine.durable_revision >= kv.mod_revision

    assert all(await asyncio.gather(*[write(index) for index in range(50)]))
    storage.close()
    engine.close()


async def test_an_event_is_gone_after_its_hour(api, clock):
    event = {"metadata": {"name": "e"}, "involvedObject": {"namespace": "default", "kind": "Pod", "name": "p"}}
    await api.create(EVENTS, event)

    await clock.advance(minutes=59)
    young = await api("GET", EVENTS + "/e")
    await clock.advance(minutes=3)
    old = await api("GET", EVENTS + "/e")

    assert (young.status, old.status) == (200, 404)


async def test_an_event_is_one_object_to_both_groups(api):
    event = {"metadata": {"name": "e"}, "involvedObject": {"namespace": "default"}, "message": "m", "count": 3}
    await api.create(EVENTS, event)

    newer = (await api("GET", "/apis/events.k8s.io/v1/namespaces/default/events/e")).body

    assert (newer["apiVersion"], newer["note"], newer["deprecatedCount"]) == ("events.k8s.io/v1", "m", 3)


async def test_an_autoscaler_keeps_through_v1_what_only_v2_can_say(api):
    path = "/apis/autoscaling/{}/namespaces/default/horizontalpodautoscalers"
    target = {"kind": "Deployment", "name": "d", "apiVersion": "apps/v1"}
    cpu = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}
    memory = {
        "type": "Resource",
        "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "1Gi"}},
    }
    spec = {"scaleTargetRef": target, "maxReplicas": 3, "metrics": [cpu, memory]}
    created = await api.create(path.format("v2"), {"metadata": {"name": "h"}, "spec": spec})

    older = (await api("GET", path.format("v1") + "/h")).body
    older["spec"]["maxReplicas"] = 5
    await api("PUT", path.format("v1") + "/h", older)
    newer = (await api("GET", path.format("v2") + "/h")).body

    assert older["spec"]["targetCPUUtilizationPercentage"] == 50
    assert newer["spec"]["maxReplicas"] == 5
    assert newer["spec"]["metrics"] == created["spec"]["metrics"]


def test_keys_are_those_of_kubernetes():
    assert key_of(find("", "v1", "pods"), "p", "ns") == "/registry/pods/ns/p"
    assert key_of(find("", "v1", "nodes"), "n") == "/registry/minions/n"
    assert prefix_of(find("events.k8s.io", "v1", "events")) == prefix_of(find("", "v1", "events"))


async def test_a_restarted_server_finds_what_the_first_one_left(api):
    from pyk8s_server.apiserver.app import ApiServer

    services = "/api/v1/namespaces/default/services"
    await api.create(services, {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}})
    second = ApiServer(api.server.store, clock=api.server.clock, identity=api.server.identity)

    await second.bootstrap()
    again = Api(second)
    taken = (await again("GET", services + "/s")).body["spec"]["clusterIP"]
    body = {"metadata": {"name": "t"}, "spec": {"clusterIP": taken, "ports": [{"port": 80}]}}

    assert (await again("POST", services, body)).status == 422
    await second.close()
