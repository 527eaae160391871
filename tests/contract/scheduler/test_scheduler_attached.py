"""A scheduler attached to a store: what it reads, what it commits, what it tells when it cannot."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pyk8s import _core, reference

Json = dict[str, Any]
NOW_S = 1_000_000_000.0
PREFIXES = {"Pod": "/registry/pods/", "Node": "/registry/minions/", "Event": "/registry/events/"}
FIELDS = [("spec.nodeName", "spec.nodeName", "")]
TEMPLATE = json.dumps(
    {
        "kind": "Event",
        "metadata": {"name": "{name}", "namespace": "{namespace}", "uid": "{event_uid}", "creationTimestamp": "{now}"},
        "involvedObject": {"name": "{pod}", "uid": "{uid}", "resourceVersion": "{version}"},
        "message": "Successfully assigned {namespace}/{pod} to {node}",
    }
).encode()


@pytest.fixture(params=["rust", "reference"])
def attached(request: pytest.FixtureRequest) -> Attached:
    return Attached(_core if request.param == "rust" else reference)


class Attached:
    """A store with an attached scheduler, of one twin."""

    def __init__(self, twin: Any) -> None:
        self.store = twin.Store(objects=True)
        self.store.set_fields(PREFIXES["Pod"], FIELDS)
        self.engine = twin.SchedulerEngine(seed=5)
        self.scheduler = twin.AttachedScheduler(self.engine, self.store, prefixes=PREFIXES, event_template=TEMPLATE)

    def node(self, name: str, **labels: str) -> None:
        obj = {
            "kind": "Node",
            "metadata": {"name": name, "labels": labels},
            "status": {"allocatable": {"cpu": "4", "pods": "9"}},
        }
        self.store.put(PREFIXES["Node"] + name, json.dumps(obj).encode())

    def pod(self, name: str, cpu: str = "1", **more: Any) -> str:
        spec = {"containers": [{"name": "c", "resources": {"requests": {"cpu": cpu}}}]}
        meta = {"name": name, "namespace": "default", "uid": f"uid-{name}"}
        key = f"{PREFIXES['Pod']}default/{name}"
        self.store.put(key, json.dumps({"kind": "Pod", "metadata": meta, "spec": spec, **more}).encode())
        return key

    def read(self, key: str) -> Json:
        found: Json = json.loads(self.store.get(key).value)
        return found

    def run(self) -> Any:
        """One step, and the end of its commits."""
        step = self.scheduler.step(NOW_S)
        return step, self.scheduler.settle(NOW_S)


def test_a_binding_is_one_change_with_node_labels_and_condition(attached: Attached) -> None:
    zone = {"topology.kubernetes.io/zone": "a", "other": "x"}
    attached.node("n", **zone)
    key = attached.pod("p", status={"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False"}]})
    watch = attached.store.watch(PREFIXES["Pod"])

    step, settled = attached.run()

    pod = attached.read(key)
    assert (step.attempt_count, settled.bound_count, step.decisions) == (1, 1, [])
    assert pod["spec"]["nodeName"] == "n"
    assert pod["metadata"]["labels"] == {"topology.kubernetes.io/zone": "a"}
    assert [(c["type"], c["status"]) for c in pod["status"]["conditions"]] == [("PodScheduled", "True")]
    assert pod["status"]["phase"] == "Pending"
    assert [event.type for event in watch.poll()] == ["MODIFIED"]
    assert attached.engine.counts()["bound"] == 1
    assert attached.engine.counts()["assumed"] == 0


def test_every_binding_has_its_event(attached: Attached) -> None:
    attached.node("n")
    for name in ("p", "q"):
        attached.pod(name)

    attached.run()

    events = [json.loads(kv.value) for kv in attached.store.range(PREFIXES["Event"]).items]
    assert sorted(e["message"] for e in events) == [f"Successfully assigned default/{p} to n" for p in "pq"]
    assert {e["involvedObject"]["uid"] for e in events} == {"uid-p", "uid-q"}
    assert len({e["metadata"]["uid"] for e in events}) == 2
    assert {e["metadata"]["creationTimestamp"] for e in events} == {"2001-09-09T01:46:40Z"}


def test_what_cannot_be_placed_is_told_to_the_caller(attached: Attached) -> None:
    attached.node("n")
    key = attached.pod("p", cpu="100")

    step, _ = attached.run()

    assert [d.outcome for d in step.decisions] == ["unschedulable"]
    assert "nodeName" not in attached.read(key)["spec"]


def test_a_pod_that_went_meanwhile_fails_and_is_forgotten(attached: Attached) -> None:
    attached.node("n")
    attached.scheduler.take_in(NOW_S)
    key = attached.pod("p")
    attached.scheduler.take_in(NOW_S)
    attached.store.delete(key)
    decision = attached.engine.schedule_one(NOW_S)
    assert decision is not None

    why = attached.scheduler.bind(decision, NOW_S)

    assert why == 'pods "p" not found'
    attached.scheduler.take_in(NOW_S)
    assert attached.engine.counts()["bound"] == 0


def test_a_node_deleted_between_decision_and_binding_leaves_the_pod_to_be_tried_again(attached: Attached) -> None:
    attached.node("n")
    key = attached.pod("p")
    attached.scheduler.take_in(NOW_S)
    decision = attached.engine.schedule_one(NOW_S)
    assert decision is not None
    attached.store.delete(PREFIXES["Node"] + "n")

    why = attached.scheduler.bind(decision, NOW_S)
    attached.node("m")
    attached.scheduler.take_in(NOW_S + 3)
    step = attached.scheduler.step(NOW_S + 5)
    settled = attached.scheduler.settle(NOW_S + 5)

    assert why == 'nodes "n" not found'
    assert (step.attempt_count, settled.bound_count) == (1, 1)
    assert attached.read(key)["spec"]["nodeName"] == "m"


def test_a_pod_changed_meanwhile_is_bound_as_it_is_now(attached: Attached) -> None:
    attached.node("n")
    attached.pod("p")
    attached.scheduler.take_in(NOW_S)
    decision = attached.engine.schedule_one(NOW_S)
    assert decision is not None
    key = attached.pod("p", status={"phase": "Pending", "message": "changed"})

    assert attached.scheduler.bind(decision, NOW_S) == ""

    assert attached.read(key)["status"]["message"] == "changed"
    assert attached.read(key)["spec"]["nodeName"] == "n"


def test_a_second_binding_is_refused(attached: Attached) -> None:
    attached.node("n")
    attached.pod("p")
    attached.scheduler.take_in(NOW_S)
    decision = attached.engine.schedule_one(NOW_S)
    assert decision is not None
    attached.pod("p", spec={"nodeName": "elsewhere"})

    assert attached.scheduler.bind(decision, NOW_S) == 'pod p is already assigned to node "elsewhere"'


def test_what_was_there_before_is_taken_in_and_deletions_too(attached: Attached) -> None:
    attached.node("n")
    attached.node("m")
    key = attached.pod("p")
    attached.scheduler.take_in(NOW_S)

    attached.store.delete(PREFIXES["Node"] + "m")
    attached.store.delete(key)
    changes = attached.scheduler.take_in(NOW_S)

    counts = attached.engine.counts()
    assert (changes, counts["nodes"], counts["active"]) == (2, 1, 0)


def test_a_detached_scheduler_says_so(attached: Attached) -> None:
    attached.scheduler.close()
    attached.scheduler.close()

    with pytest.raises(ValueError, match="no longer attached"):
        attached.scheduler.step(NOW_S)


def test_both_twins_commit_the_same_objects() -> None:
    stores = []
    for twin in (_core, reference):
        one = Attached(twin)
        for name in ("a", "b", "c"):
            one.node(name, **{"topology.kubernetes.io/zone": name})
        for number in range(9):
            one.pod(f"p{number}", status={"phase": "Pending"})
        one.run()
        kinds = ("Pod", "Event")
        stores.append([json.loads(kv.value) for kind in kinds for kv in one.store.range(PREFIXES[kind]).items])

    assert stores[0] == stores[1]


def test_a_pod_before_the_first_node_waits_for_it(attached: Attached) -> None:
    key = attached.pod("p")
    step, _ = attached.run()
    assert [d.message for d in step.decisions] == ["no nodes available to schedule pods"]

    attached.node("n")
    attached.scheduler.take_in(NOW_S + 2)
    attached.scheduler.step(NOW_S + 2)
    attached.scheduler.settle(NOW_S + 2)

    assert attached.read(key)["spec"]["nodeName"] == "n"
