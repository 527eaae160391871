"""Both twins, fed the same random clusters, decide alike and stand alike after every step."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from pyk8s import _core, reference

sys.path.insert(0, str(Path(__file__).parent))

import device_strategies as devices
import resource_strategies as resources
import spread_strategies as spread

Json = dict[str, Any]

KEYS = st.sampled_from(["disk", "size", "topology.kubernetes.io/zone", "metadata.name"])
VALUES = st.sampled_from(["a", "b", "1", "5", "-3", "n-1", "n-2"])
QUANTITIES = st.sampled_from(["0", "1", "250m", "1500m", "3", "1Gi", "1.5Gi", "100M", "2e3", "0.1", "8Gi"])
RESOURCES = st.sampled_from(["cpu", "memory", "ephemeral-storage", "example.com/gpu", "hugepages-2Mi"])
EFFECTS = st.sampled_from(["NoSchedule", "PreferNoSchedule", "NoExecute"])
NODE_NAMES = st.sampled_from([f"n-{number}" for number in range(6)])
POD_NAMES = st.sampled_from([f"p-{number}" for number in range(12)])

requests = st.dictionaries(RESOURCES, QUANTITIES, max_size=3)
requirements = st.lists(
    st.fixed_dictionaries(
        {
            "key": KEYS,
            "operator": st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]),
            "values": st.lists(VALUES, max_size=2),
        }
    ),
    max_size=2,
)
terms = st.fixed_dictionaries({"matchExpressions": requirements, "matchFields": requirements})
containers = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(["x", "y"]),
            "resources": st.fixed_dictionaries({"requests": requests}),
            "ports": st.lists(
                st.fixed_dictionaries(
                    {"hostPort": st.integers(0, 2), "hostIP": st.sampled_from(["", "0.0.0.0", "10.0.0.1"])}
                ),
                max_size=1,
            ),
            "restartPolicy": st.sampled_from(["", "Always"]),
            "image": resources.image_names,
            "restartPolicyRules": resources.restart_rules,
        }
    ),
    max_size=3,
)


node_labels = st.builds(dict.__or__, st.dictionaries(KEYS, VALUES, max_size=3), spread.topology_labels)


@st.composite
def nodes(draw: st.DrawFn) -> Json:
    taint = st.fixed_dictionaries({"key": KEYS, "value": VALUES, "effect": EFFECTS})
    allocatable = {"pods": draw(st.sampled_from(["0", "2", "110"])), **draw(requests)}
    if draw(st.booleans()):
        allocatable |= {"cpu": draw(QUANTITIES), "memory": draw(QUANTITIES)}
    return {
        "metadata": {"name": draw(NODE_NAMES), "labels": draw(node_labels)},
        "spec": {"unschedulable": draw(st.booleans()), "taints": draw(st.lists(taint, max_size=2))},
        "status": {"allocatable": allocatable, **draw(resources.node_status)},
    }


@st.composite
def pods(draw: st.DrawFn) -> Json:
    toleration = st.fixed_dictionaries(
        {
            "key": st.one_of(st.just(""), KEYS),
            "operator": st.sampled_from(["", "Equal", "Exists", "Lt", "Gt"]),
            "value": VALUES,
            "effect": st.one_of(st.just(""), EFFECTS),
        }
    )
    spec: Json = {
        "containers": draw(containers),
        "initContainers": draw(containers),
        "priority": draw(st.integers(-1, 2)),
        "tolerations": draw(st.lists(toleration, max_size=2)),
        "nodeSelector": draw(st.dictionaries(KEYS, VALUES, max_size=1)),
        "overhead": draw(requests),
    }
    affinity: Json = {
        "preferredDuringSchedulingIgnoredDuringExecution": draw(
            st.lists(st.fixed_dictionaries({"weight": st.integers(1, 100), "preference": terms}), max_size=2)
        )
    }
    if draw(st.booleans()):
        selector = {"nodeSelectorTerms": draw(st.lists(terms, max_size=2))}
        affinity["requiredDuringSchedulingIgnoredDuringExecution"] = selector
    spec["affinity"] = {
        "nodeAffinity": affinity,
        "podAffinity": draw(spread.sometimes(spread.affinities)),
        "podAntiAffinity": draw(spread.sometimes(spread.affinities)),
    }
    spec["topologySpreadConstraints"] = draw(st.lists(spread.constraints, max_size=2))
    if draw(st.booleans()):
        spec["resources"] = {"requests": draw(requests)}
    if draw(st.integers(0, 9)) == 0:
        spec["schedulingGates"] = [{"name": "gate"}]
    if draw(st.integers(0, 4)) == 0:
        spec["nodeName"] = draw(NODE_NAMES)
    name = draw(POD_NAMES)
    metadata: Json = {"name": name, "namespace": draw(spread.NAMESPACES), "uid": f"default/{name}"}
    metadata |= {"labels": draw(spread.labels), "ownerReferences": draw(spread.owner_references)}
    if draw(st.integers(0, 9)) == 0:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return {"metadata": metadata, "spec": spec, "status": {"phase": draw(st.sampled_from(["Pending", "Failed"]))}}


class Mirror(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.twins = (_core.SchedulerEngine(), reference.SchedulerEngine())
        self.now_s = 100.0

    @rule(node=nodes())
    def set_node(self, node: Json) -> None:
        for twin in self.twins:
            twin.set_node(json.dumps(node).encode())

    @rule(name=NODE_NAMES)
    def remove_node(self, name: str) -> None:
        for twin in self.twins:
            twin.remove_node(name)

    @rule(change=spread.objects())
    def set_object(self, change: tuple[str, Json]) -> None:
        for twin in self.twins:
            twin.set_object(change[0], json.dumps(change[1]).encode())

    @rule(change=spread.objects())
    def remove_object(self, change: tuple[str, Json]) -> None:
        kind, meta = change[0], change[1]["metadata"]
        key = meta["name"] if kind == "Namespace" else f"{meta['namespace']}/{meta['name']}"
        for twin in self.twins:
            twin.remove_object(kind, key)

    @rule(pod=pods())
    def set_pod(self, pod: Json) -> None:
        for twin in self.twins:
            twin.set_pod(json.dumps(pod).encode())

    @rule(name=POD_NAMES)
    def remove_pod(self, name: str) -> None:
        for twin in self.twins:
            twin.remove_pod(f"default/{name}")

    @rule(name=POD_NAMES)
    def forget(self, name: str) -> None:
        rust, python = (twin.forget(f"default/{name}") for twin in self.twins)
        assert rust == python

    @rule(seconds=st.sampled_from([0.0, 0.3, 1.0, 7.5, 200.0, 400.0]), max_count=st.integers(1, 5))
    def schedule(self, seconds: float, max_count: int) -> None:
        self.now_s += seconds
        rust, python = (
            [
                (
                    d.uid,
                    d.outcome,
                    d.node_name,
                    d.message,
                    list(d.plugins),
                    d.attempts,
                    d.nominated_node_name,
                    d.victims,
                )
                for d in twin.schedule(self.now_s, max_count)
            ]
            for twin in self.twins
        )
        assert rust == python

    @rule(pod=pods())
    def evaluate(self, pod: Json) -> None:
        rust, python = (twin.evaluate(json.dumps(pod).encode()) for twin in self.twins)
        assert rust == python

    @invariant()
    def stand_alike(self) -> None:
        rust, python = self.twins
        assert rust.counts() == python.counts()
        assert rust.next_deadline_s() == python.next_deadline_s()


TestMirror = Mirror.TestCase
TestMirror.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)


class MirrorWithDefaults(Mirror):
    """The same with arguments for what spreads pods."""

    def __init__(self) -> None:
        super().__init__()
        config = json.dumps(spread.HARD_DEFAULTS).encode()
        self.twins = (_core.SchedulerEngine(config=config), reference.SchedulerEngine(config=config))


TestMirrorWithDefaults = MirrorWithDefaults.TestCase
TestMirrorWithDefaults.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)


class MirrorWithStrategies(Mirror):
    """The same with arguments for what is scored by resources, and for what must be where."""

    @initialize(config=resources.configs())
    def configure(self, config: Json) -> None:
        text = json.dumps(config).encode()
        self.twins = (_core.SchedulerEngine(config=text), reference.SchedulerEngine(config=text))


TestMirrorWithStrategies = MirrorWithStrategies.TestCase
TestMirrorWithStrategies.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)


class MirrorWithDevices(RuleBasedStateMachine):
    """Claims and devices that come and go; what is written is compared too."""

    def __init__(self) -> None:
        super().__init__()
        self.twins = (_core.SchedulerEngine(), reference.SchedulerEngine())
        self.now_s = 100.0
        for twin in self.twins:
            for node in devices.NODES:
                twin.set_node(json.dumps(node).encode())

    @rule(change=devices.objects())
    def set_object(self, change: tuple[str, Json]) -> None:
        for twin in self.twins:
            twin.set_object(change[0], json.dumps(change[1]).encode())

    @rule(change=devices.objects())
    def remove_object(self, change: tuple[str, Json]) -> None:
        meta = change[1]["metadata"]
        key = f"{meta['namespace']}/{meta['name']}" if "namespace" in meta else meta["name"]
        for twin in self.twins:
            twin.remove_object(change[0], key)

    @rule(pod=devices.pods())
    def set_pod(self, pod: Json) -> None:
        for twin in self.twins:
            twin.set_pod(json.dumps(pod).encode())

    @rule(name=devices.POD_NAMES)
    def forget(self, name: str) -> None:
        rust, python = (twin.forget(name) for twin in self.twins)
        assert rust == python

    @rule(pod=devices.pods())
    def evaluate(self, pod: Json) -> None:
        rust, python = (twin.evaluate(json.dumps(pod).encode()) for twin in self.twins)
        assert rust == python

    @rule(seconds=st.sampled_from([0.3, 20.0]))
    def schedule(self, seconds: float) -> None:
        self.now_s += seconds
        rust, python = (
            [(d.uid, d.outcome, d.node_name, d.message, d.writes) for d in twin.schedule(self.now_s, 3)]
            for twin in self.twins
        )
        assert rust == python

    @invariant()
    def stand_alike(self) -> None:
        rust, python = self.twins
        assert rust.counts() == python.counts()


TestMirrorWithDevices = MirrorWithDevices.TestCase
TestMirrorWithDevices.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
