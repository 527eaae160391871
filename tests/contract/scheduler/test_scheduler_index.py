"""The index and the exhaustive loop, fed the same random clusters, decide alike: node, message, plugins, attempts."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from pyk8s import _core

Json = dict[str, Any]

ZONE, HOST, RACK = "topology.kubernetes.io/zone", "kubernetes.io/hostname", "rack"
NODE_COUNT = 24
NODE_NAMES = st.integers(0, NODE_COUNT - 1)
NAMESPACES = st.sampled_from(["default", "other"])
LABELS = st.dictionaries(st.sampled_from(["app", "tier"]), st.sampled_from(["a", "b"]), max_size=2)
KEYS = st.sampled_from([ZONE, HOST, RACK, "absent"])
CPU = st.sampled_from(["0", "100m", "250m", "500m", "1", "3"])
MEMORY = st.sampled_from(["0", "64Mi", "500Mi", "1Gi", "3Gi"])

selectors = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"matchLabels": LABELS}),
    st.fixed_dictionaries(
        {
            "matchExpressions": st.lists(
                st.one_of(
                    st.fixed_dictionaries(
                        {
                            "key": st.sampled_from(["app", "tier"]),
                            "operator": st.sampled_from(["In", "NotIn"]),
                            "values": st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=2),
                        }
                    ),
                    st.fixed_dictionaries(
                        {
                            "key": st.sampled_from(["app", "tier"]),
                            "operator": st.sampled_from(["Exists", "DoesNotExist"]),
                        }
                    ),
                ),
                max_size=2,
            )
        }
    ),
)
spread_constraints = st.fixed_dictionaries(
    {
        "maxSkew": st.integers(1, 2),
        "topologyKey": KEYS,
        "whenUnsatisfiable": st.sampled_from(["DoNotSchedule", "ScheduleAnyway"]),
        "labelSelector": selectors,
    },
    optional={
        "minDomains": st.integers(1, 4),
        "nodeAffinityPolicy": st.sampled_from(["Honor", "Ignore"]),
        "nodeTaintsPolicy": st.sampled_from(["Honor", "Ignore"]),
        "matchLabelKeys": st.just(["tier"]),
    },
)
affinity_terms = st.fixed_dictionaries(
    {"topologyKey": KEYS, "labelSelector": selectors},
    optional={
        "namespaces": st.just(["other"]),
        "namespaceSelector": st.sampled_from([{}, {"matchLabels": {"team": "x"}}]),
    },
)
weighted_terms = st.fixed_dictionaries({"weight": st.integers(1, 100), "podAffinityTerm": affinity_terms})
node_terms = st.fixed_dictionaries(
    {
        "matchExpressions": st.lists(
            st.fixed_dictionaries(
                {
                    "key": st.sampled_from([ZONE, RACK]),
                    "operator": st.sampled_from(["In", "NotIn"]),
                    "values": st.lists(st.sampled_from(["z0", "z1", "r0", "r1"]), min_size=1, max_size=2),
                }
            ),
            max_size=1,
        )
    }
)


def affinities(required: str, preferred: str) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries(
        {},
        optional={
            required: st.lists(affinity_terms, min_size=1, max_size=2),
            preferred: st.lists(weighted_terms, min_size=1, max_size=2),
        },
    )


REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


@st.composite
def nodes(draw: st.DrawFn) -> Json:
    number = draw(NODE_NAMES)
    labels = {HOST: f"n-{number}", ZONE: f"z{draw(st.integers(0, 2))}", RACK: f"r{draw(st.integers(0, 5))}"}
    for key in draw(st.lists(st.sampled_from([HOST, ZONE, RACK]), max_size=1)):
        del labels[key]
    taint = st.fixed_dictionaries(
        {"key": st.just("t"), "effect": st.sampled_from(["NoSchedule", "PreferNoSchedule", "NoExecute"])}
    )
    allocatable = {"cpu": draw(st.sampled_from(["1", "2", "4"])), "memory": draw(st.sampled_from(["1Gi", "4Gi"]))}
    return {
        "metadata": {"name": f"n-{number}", "labels": labels},
        "spec": {
            "unschedulable": draw(st.integers(0, 9)) == 0,
            "taints": draw(st.lists(taint, max_size=1)) if draw(st.integers(0, 3)) == 0 else [],
        },
        "status": {"allocatable": {**allocatable, "pods": draw(st.sampled_from(["2", "5", "110"]))}},
    }


@st.composite
def templates(draw: st.DrawFn) -> Json:
    """A pod without a name: many pods are made of each."""
    requests = {"cpu": draw(CPU), "memory": draw(MEMORY)}
    container: Json = {"name": "c", "resources": {"requests": requests}}
    if draw(st.integers(0, 4)) == 0:
        container["ports"] = [{"hostPort": draw(st.integers(1, 2))}]
    spec: Json = {"containers": [container], "affinity": {}}
    if draw(st.integers(0, 2)) == 0:
        spec["priority"] = draw(st.integers(0, 2))
    if draw(st.integers(0, 2)) == 0:
        spec["tolerations"] = [{"key": "t", "operator": "Exists"}]
    if draw(st.booleans()):
        spec["topologySpreadConstraints"] = draw(st.lists(spread_constraints, min_size=1, max_size=3))
    if draw(st.integers(0, 2)) == 0:
        spec["affinity"]["podAffinity"] = draw(affinities(REQUIRED, PREFERRED))
    if draw(st.integers(0, 2)) == 0:
        spec["affinity"]["podAntiAffinity"] = draw(affinities(REQUIRED, PREFERRED))
    if draw(st.integers(0, 3)) == 0:
        node_affinity: Json = {
            PREFERRED: draw(
                st.lists(st.fixed_dictionaries({"weight": st.integers(1, 9), "preference": node_terms}), max_size=2)
            )
        }
        match draw(st.integers(0, 3)):
            case 0 | 1:
                node_affinity[REQUIRED] = {"nodeSelectorTerms": draw(st.lists(node_terms, min_size=1, max_size=2))}
            case 2:
                names = [f"n-{number}" for number in draw(st.lists(NODE_NAMES, min_size=1, max_size=3))]
                field = {"key": "metadata.name", "operator": "In", "values": names}
                node_affinity[REQUIRED] = {"nodeSelectorTerms": [{"matchFields": [field]}]}
        spec["affinity"]["nodeAffinity"] = node_affinity
    return {"metadata": {"namespace": draw(NAMESPACES), "labels": draw(LABELS)}, "spec": spec, "status": {}}


class Indexed(RuleBasedStateMachine):
    @initialize(
        seed=st.integers(0, 2**32),
        first_nodes=st.lists(nodes(), min_size=2, max_size=NODE_COUNT),
        pods=st.lists(templates(), min_size=1, max_size=4),
    )
    def start(self, seed: int, first_nodes: list[Json], pods: list[Json]) -> None:
        self.engines = [_core.SchedulerEngine(seed=seed, is_indexed=is_indexed) for is_indexed in (True, False)]
        self.templates, self.number, self.now_s = pods, 0, 100.0
        self.uids: list[str] = []
        for namespace in ("default", "other"):
            labels = {"team": "x"} if namespace == "other" else {}
            text = json.dumps({"metadata": {"name": namespace, "labels": labels}}).encode()
            for engine in self.engines:
                engine.set_object("Namespace", text)
        for node in first_nodes:
            self.set_node(node)

    @rule(node=nodes())
    def set_node(self, node: Json) -> None:
        for engine in self.engines:
            engine.set_node(json.dumps(node).encode())

    @rule(number=NODE_NAMES)
    def remove_node(self, number: int) -> None:
        for engine in self.engines:
            engine.remove_node(f"n-{number}")

    @rule(which=st.integers(0, 3), count=st.integers(1, 8), max_count=st.integers(0, 8), is_numbered=st.booleans())
    def add_and_schedule(self, which: int, count: int, max_count: int, is_numbered: bool) -> None:
        template = self.templates[which % len(self.templates)]
        for _ in range(count):
            name = f"p-{self.number}"
            labels = template["metadata"]["labels"] | ({"number": name} if is_numbered else {})
            self._set({**template, "metadata": {**template["metadata"], "labels": labels}}, name)
            self.number += 1
        self._schedule(max_count)

    @rule(which=st.integers(0, 3), number=NODE_NAMES, is_deleted=st.booleans())
    def add_bound(self, which: int, number: int, is_deleted: bool) -> None:
        template = json.loads(json.dumps(self.templates[which % len(self.templates)]))
        template["spec"]["nodeName"] = f"n-{number}"
        if is_deleted:
            template["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        self._set(template, f"p-{self.number}")
        self.number += 1

    @rule(data=st.data())
    def remove_pod(self, data: st.DataObject) -> None:
        if self.uids:
            uid = self.uids.pop(data.draw(st.integers(0, len(self.uids) - 1)))
            for engine in self.engines:
                engine.remove_pod(uid)

    @rule(data=st.data())
    def forget(self, data: st.DataObject) -> None:
        if self.uids:
            uid = data.draw(st.sampled_from(self.uids))
            indexed, scanned = (engine.forget(uid) for engine in self.engines)
            assert indexed == scanned

    @rule(labels=LABELS, is_there=st.booleans())
    def change_service(self, labels: Json, is_there: bool) -> None:
        service = {"metadata": {"name": "s", "namespace": "default"}, "spec": {"selector": labels}}
        for engine in self.engines:
            if is_there:
                engine.set_object("Service", json.dumps(service).encode())
            else:
                engine.remove_object("Service", "default/s")

    @rule(team=st.sampled_from(["x", "y"]))
    def change_namespace(self, team: str) -> None:
        for engine in self.engines:
            namespace = {"metadata": {"name": "default", "labels": {"team": team}}}
            engine.set_object("Namespace", json.dumps(namespace).encode())

    @rule(seconds=st.sampled_from([0.0, 11.0, 400.0]), max_count=st.integers(1, 20))
    def schedule(self, seconds: float, max_count: int) -> None:
        self.now_s += seconds
        self._schedule(max_count)

    def _set(self, template: Json, name: str) -> None:
        pod = {**template, "metadata": {**template["metadata"], "name": name, "uid": name}}
        self.uids.append(name)
        for engine in self.engines:
            engine.set_pod(json.dumps(pod).encode())

    def _schedule(self, max_count: int) -> None:
        indexed, scanned = ([_told(d) for d in engine.schedule(self.now_s, max_count)] for engine in self.engines)
        assert indexed == scanned

    @invariant()
    def stand_alike(self) -> None:
        if hasattr(self, "engines"):
            indexed, scanned = (engine.counts() for engine in self.engines)
            assert indexed == scanned


def _told(decision: _core.Decision) -> tuple[Any, ...]:
    d = decision
    return d.uid, d.outcome, d.node_name, d.message, list(d.plugins), d.attempts, d.nominated_node_name, d.victims


TestIndexed = Indexed.TestCase
TestIndexed.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
