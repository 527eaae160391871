"""Both twins on random crowded clusters: the same victims, nominations and groups, in the same order."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from preemption_cluster import budget, encoded, group, node, pod
from pyk8s import _core, reference
from pyk8s.scheduler.configuration import compile_configuration

Json = dict[str, Any]
CONFIGURATION = compile_configuration(
    {"apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration"},
    feature_gates={"GenericWorkload": True, "GangScheduling": True},
).config

NODE_NAMES = st.sampled_from(["n-0", "n-1", "n-2"])
POD_NAMES = st.sampled_from([f"p-{number}" for number in range(10)])
GROUP_NAMES = st.sampled_from(["g", "h"])
LABELS = st.sampled_from([{}, {"app": "a"}, {"app": "b"}])
STARTS = st.sampled_from(["", "00:00:01", "00:00:02"])


@st.composite
def pods(draw: st.DrawFn) -> Json:
    spec: Json = {}
    if draw(st.integers(0, 3)) == 0:
        spec["ports"] = [{"hostPort": 80, "containerPort": 80}]
    if draw(st.integers(0, 3)) == 0:
        spec["schedulingGroup"] = {"podGroupName": draw(GROUP_NAMES)}
    if draw(st.integers(0, 5)) == 0:
        spec["preemptionPolicy"] = "Never"
    if draw(st.integers(0, 9)) == 0:
        spec["schedulingGates"] = [{"name": "gate"}]
    if draw(st.integers(0, 3)) == 0:
        term = {"labelSelector": {"matchLabels": {"app": "a"}}, "topologyKey": "kubernetes.io/hostname"}
        spec["affinity"] = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    return pod(
        draw(POD_NAMES),
        cpu=draw(st.sampled_from(["0", "1", "2", "3"])),
        priority=draw(st.integers(0, 3)),
        labels=draw(LABELS),
        started=draw(STARTS),
        **spec,
    )


class PreemptionMirror(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.twins = (
            _core.SchedulerEngine(config=CONFIGURATION, seed=7),
            reference.SchedulerEngine(config=CONFIGURATION, seed=7),
        )
        self.now_s = 100.0
        self.pods: dict[str, Json] = {}
        self.placed: dict[str, str] = {}
        self.nominated: dict[str, str] = {}
        self.victims: list[str] = []
        for number in range(3):
            self._feed("set_node", encoded(node(f"n-{number}")))

    def _feed(self, method: str, *args: Any) -> list[Any]:
        return [getattr(twin, method)(*args) for twin in self.twins]

    def _set_pod(self, body: Json) -> None:
        self.pods[body["metadata"]["name"]] = body
        self._feed("set_pod", encoded(body))

    @rule(name=NODE_NAMES, cpu=st.sampled_from(["2", "4", "6"]), pods=st.sampled_from(["2", "9"]))
    def set_node(self, name: str, cpu: str, pods: str) -> None:
        self._feed("set_node", encoded(node(name, cpu=cpu, pods=pods)))

    @rule(name=NODE_NAMES)
    def remove_node(self, name: str) -> None:
        self._feed("remove_node", name)

    @rule(name=st.sampled_from(["x", "y"]), allowed=st.integers(0, 2), labels=LABELS)
    def set_budget(self, name: str, allowed: int, labels: Json) -> None:
        self._feed("set_object", "PodDisruptionBudget", encoded(budget(name, allowed=allowed, labels=labels)))

    @rule(name=st.sampled_from(["x", "y"]))
    def remove_budget(self, name: str) -> None:
        self._feed("remove_object", "PodDisruptionBudget", f"default/{name}")

    @rule(name=GROUP_NAMES, min_count=st.sampled_from([None, 1, 2, 3]))
    def set_group(self, name: str, min_count: int | None) -> None:
        self._feed("set_object", "PodGroup", encoded(group(name, min_count)))

    @rule(body=pods())
    def add_pod(self, body: Json) -> None:
        """A pending pod; what was of that name before is gone."""
        self.remove_pod(body["metadata"]["name"])
        self._set_pod(body)

    @rule(body=pods())
    def change_pod(self, body: Json) -> None:
        if body["metadata"]["name"] not in self.placed:
            self._set_pod(body)

    @rule(body=pods(), name=NODE_NAMES)
    def add_bound_pod(self, body: Json, name: str) -> None:
        self.remove_pod(body["metadata"]["name"])
        self.placed[body["metadata"]["name"]] = name
        self._set_pod({**body, "spec": {**body["spec"], "nodeName": name}})

    @rule(name=POD_NAMES)
    def remove_pod(self, name: str) -> None:
        for known in (self.pods, self.placed, self.nominated):
            known.pop(name, None)
        self._feed("remove_pod", f"default/{name}")

    @rule(name=POD_NAMES)
    def see_bound(self, name: str) -> None:
        """The watch shows what was decided."""
        if name in self.placed and name in self.pods:
            body = self.pods[name]
            self._set_pod({**body, "spec": {**body["spec"], "nodeName": self.placed[name]}})

    @rule(name=POD_NAMES)
    def see_nominated(self, name: str) -> None:
        if name in self.nominated and name in self.pods and name not in self.placed:
            self._set_pod({**self.pods[name], "status": {"nominatedNodeName": self.nominated[name]}})

    @rule(is_leaving=st.booleans())
    def evict(self, is_leaving: bool) -> None:
        """The oldest victim goes, or says that it is going."""
        if not self.victims:
            return
        name = self.victims[0]
        if not is_leaving or name not in self.pods or name not in self.placed:
            self.victims.pop(0)
            self.remove_pod(name)
            return
        leaving = pod(name, priority=self.pods[name]["spec"]["priority"], on=self.placed[name], leaving=True)
        self._set_pod({**leaving, "spec": {**self.pods[name]["spec"], "nodeName": self.placed[name]}})

    @rule(name=POD_NAMES)
    def forget(self, name: str) -> None:
        rust, python = self._feed("forget", f"default/{name}")
        assert rust == python
        if rust:
            self.placed.pop(name, None)

    @rule(seconds=st.sampled_from([0.0, 1.0, 7.5, 400.0]), max_count=st.integers(1, 8))
    def schedule(self, seconds: float, max_count: int) -> None:
        self.now_s += seconds
        rust, python = ([told(d) for d in twin.schedule(self.now_s, max_count)] for twin in self.twins)
        assert rust == python
        for decision in python:
            name = decision["name"]
            if decision["outcome"] == "scheduled":
                self.placed[name] = decision["node_name"]
            elif decision["victims"]:
                self.nominated[name] = decision["nominated_node_name"]
                self.victims += [victim for _, victim, _ in decision["victims"]]

    @rule(body=pods())
    def evaluate(self, body: Json) -> None:
        rust, python = self._feed("evaluate", encoded(body))
        assert json.loads(rust) == json.loads(python)

    @rule(bodies=st.lists(pods(), min_size=1, max_size=4, unique_by=lambda body: body["metadata"]["name"]))
    def evaluate_group(self, bodies: list[Json]) -> None:
        fresh = [body for body in bodies if body["metadata"]["name"] not in self.pods]
        rust, python = self._feed("evaluate_group", [encoded(body) for body in fresh])
        assert json.loads(rust) == json.loads(python)

    @invariant()
    def stand_alike(self) -> None:
        rust, python = self.twins
        assert rust.counts() == python.counts()
        assert rust.next_deadline_s() == python.next_deadline_s()


def told(decision: Any) -> Json:
    names = ("name", "outcome", "node_name", "message", "plugins", "attempts", "nominated_node_name")
    row = {name: getattr(decision, name) for name in names}
    return {**row, "plugins": list(decision.plugins), "victims": decision.victims, "cleared": decision.cleared}


TestPreemptionMirror = PreemptionMirror.TestCase
TestPreemptionMirror.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
