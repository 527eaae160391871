"""What a client sees of a pod bound in the store is what it sees of one bound by POST …/binding."""

from __future__ import annotations

import json
import re
from typing import Any

from pyk8s import core
from pyk8s.api.clock import VirtualClock
from pyk8s.client.events import EventRecorder, binding_event_template
from pyk8s.client.rest import RestClient
from pyk8s.client.transport_memory import MemoryTransport

from tests.apiserver.api import ADMIN, MERGE, PODS, Api, pod

Json = dict[str, Any]
PREFIXES = {"Pod": "/registry/pods/", "Node": "/registry/minions/", "Event": "/registry/events/"}
EVENTS = "/api/v1/namespaces/default/events"
NODE = {
    "metadata": {"name": "n1", "labels": {"topology.kubernetes.io/zone": "z", "size": "big"}},
    "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "10"}},
}


def timeless(obj: Json, *, name: str) -> Json:
    """The object without what differs from one pod to the next."""
    kept = dict(obj["metadata"])
    for part in ("uid", "resourceVersion", "creationTimestamp", "managedFields", "name"):
        kept.pop(part, None)
    told: Json = json.loads(
        re.sub(r"kube-api-access-[a-z0-9]{5}", "kube-api-access", json.dumps({**obj, "metadata": kept}))
    )
    if "involvedObject" in told:
        told["involvedObject"] = {**told["involvedObject"], "uid": "", "resourceVersion": "", "name": ""}
        told["message"] = told["message"].replace(name, "NAME")
    return told


async def test_a_pod_bound_in_the_store_looks_like_one_bound_by_a_client(api: Api, clock: VirtualClock) -> None:
    store = api.server.backend.storage.engine
    await api.create("/api/v1/nodes", NODE)
    # As the node lifecycle controller does once the node is ready.
    await api("PATCH", "/api/v1/nodes/n1", {"spec": {"taints": None}}, content_type=MERGE)
    for name in ("posted", "attached"):
        await api.create(PODS, {**pod(name), "metadata": {"name": name, "labels": {"app": "x"}}})
    posted = (await api("GET", PODS + "/posted")).body
    await api("POST", PODS + "/posted/binding", {"metadata": {"name": "posted"}, "target": {"name": "n1"}})
    recorder = EventRecorder(RestClient(MemoryTransport(api.server.handle, ADMIN)), "default-scheduler", clock=clock)
    recorder.event(posted, "Normal", "Scheduled", "Successfully assigned default/posted to n1")
    await recorder.flush()
    watch = store.watch(PREFIXES["Pod"])

    template = binding_event_template("default-scheduler")
    engine = core.SchedulerEngine()
    attached = core.AttachedScheduler(engine, store, prefixes=PREFIXES, event_template=template)
    attached.step(clock.now_s())
    attached.close()

    by_client = (await api("GET", PODS + "/posted")).body
    in_store = (await api("GET", PODS + "/attached")).body
    events = {e["involvedObject"]["name"]: e for e in (await api("GET", EVENTS)).body["items"]}
    assert timeless(in_store, name="attached") == timeless(by_client, name="posted")
    assert in_store["metadata"]["managedFields"] is not None
    assert [event.type for event in watch.poll()] == ["MODIFIED"]
    assert timeless(events["attached"], name="attached") == timeless(events["posted"], name="posted")
    assert events["attached"]["involvedObject"]["uid"] == in_store["metadata"]["uid"]
    assert events["attached"]["metadata"]["uid"] != events["posted"]["metadata"]["uid"]
