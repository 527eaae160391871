"""Each plugin by a table: what it refuses and how it scores."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pyk8s.core.scheduler_interface import SchedulerEngine
from pyk8s.errors import DecodeError

Json = dict[str, Any]
ALLOCATABLE = {"cpu": "4", "memory": "8Gi", "pods": "10", "ephemeral-storage": "10Gi"}


def node(name: str = "n", *, labels: Json | None = None, taints: Any = (), allocatable: Json | None = None) -> Json:
    return {
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {"taints": list(taints)},
        "status": {"allocatable": ALLOCATABLE if allocatable is None else allocatable},
    }


def pod(name: str = "p", **spec: Any) -> Json:
    return {"metadata": {"name": name, "namespace": "default"}, "spec": {"containers": [{"name": "c"}], **spec}}


def asking(**requests: str) -> Json:
    return {"name": "c", "resources": {"requests": {name.replace("_", "-"): text for name, text in requests.items()}}}


def evaluated(engine: SchedulerEngine, nodes: list[Json], incoming: Json) -> Json:
    for each in nodes:
        engine.set_node(json.dumps(each).encode())
    answer: Json = json.loads(engine.evaluate(json.dumps(incoming).encode()))
    return answer


def required(*requirements: Json, fields: tuple[Json, ...] = ()) -> Json:
    term = {"matchExpressions": list(requirements), "matchFields": list(fields)}
    selector = {"nodeSelectorTerms": [term]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": selector}}


def requirement(operator: str, *values: str, key: str = "size") -> Json:
    return {"key": key, "operator": operator, "values": list(values)}


@pytest.mark.parametrize(
    ("label", "operator", "values", "fits"),
    [
        ("5", "In", ["5", "6"], True),
        ("7", "In", ["5", "6"], False),
        (None, "In", ["5"], False),
        ("7", "NotIn", ["5"], True),
        (None, "NotIn", ["5"], True),
        ("5", "NotIn", ["5"], False),
        ("", "Exists", [], True),
        (None, "Exists", [], False),
        (None, "DoesNotExist", [], True),
        ("5", "DoesNotExist", [], False),
        ("6", "Gt", ["5"], True),
        ("5", "Gt", ["5"], False),
        ("-1", "Lt", ["0"], True),
        ("x", "Gt", ["5"], False),
        (None, "Lt", ["5"], False),
        ("6", "Gt", ["five"], False),
        ("99999999999999999999", "Gt", ["5"], False),
        ("5", "Like", ["5"], False),
    ],
)
def test_node_affinity_operators(
    scheduler_engine: type[SchedulerEngine], label: str | None, operator: str, values: list[str], fits: bool
) -> None:
    labels = {} if label is None else {"size": label}

    answer = evaluated(
        scheduler_engine(), [node(labels=labels)], pod(affinity=required(requirement(operator, *values)))
    )

    assert (answer["chosen"] == "n") is fits


def test_an_empty_affinity_term_matches_nothing(scheduler_engine: type[SchedulerEngine]) -> None:
    answer = evaluated(scheduler_engine(), [node()], pod(affinity=required()))

    assert answer["message"].startswith(
        "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. "
    )


def test_names_narrow_the_nodes_before_any_filter(scheduler_engine: type[SchedulerEngine]) -> None:
    wanted = required(fields=(requirement("In", "b", key="metadata.name"),))

    answer = evaluated(scheduler_engine(), [node("a"), node("b"), node("c")], pod(affinity=wanted))

    assert (answer["chosen"], {row.get("stage") for row in answer["rejected"]}) == ("b", {"PreFilter"})


def test_names_that_do_not_exist_leave_nothing(scheduler_engine: type[SchedulerEngine]) -> None:
    wanted = required(fields=(requirement("In", "x", key="metadata.name"),))

    answer = evaluated(scheduler_engine(), [node("a"), node("b")], pod(affinity=wanted))

    assert answer["message"].startswith("0/2 nodes are available: 2 node(s) didn't satisfy plugin(s) [NodeAffinity]. ")


def test_names_that_exclude_each_other_conflict(scheduler_engine: type[SchedulerEngine]) -> None:
    names = (requirement("In", "a", key="metadata.name"), requirement("In", "b", key="metadata.name"))

    answer = evaluated(scheduler_engine(), [node("a"), node("b")], pod(affinity=required(fields=names)))

    assert answer["message"] == "0/2 nodes are available: pod affinity terms conflict. not found"


@pytest.mark.parametrize(
    ("taint", "toleration", "fits"),
    [
        (("k", "v", "NoSchedule"), {}, False),
        (("k", "v", "NoExecute"), {}, False),
        (("k", "v", "PreferNoSchedule"), {}, True),
        (("k", "v", "NoSchedule"), {"operator": "Exists"}, True),
        (("k", "v", "NoSchedule"), {"key": "k", "operator": "Exists"}, True),
        (("k", "v", "NoSchedule"), {"key": "k", "value": "v"}, True),
        (("k", "v", "NoSchedule"), {"key": "k", "operator": "Equal", "value": "w"}, False),
        (("k", "", "NoSchedule"), {"key": "k"}, True),
        (("k", "v", "NoSchedule"), {"key": "k", "operator": "Exists", "effect": "NoExecute"}, False),
        (("k", "v", "NoExecute"), {"key": "k", "operator": "Exists", "effect": "NoExecute"}, True),
        (("k", "5", "NoSchedule"), {"key": "k", "operator": "Gt", "value": "1"}, False),
    ],
)
def test_tolerations(
    scheduler_engine: type[SchedulerEngine], taint: tuple[str, str, str], toleration: Json, fits: bool
) -> None:
    tainted = node(taints=[dict(zip(("key", "value", "effect"), taint, strict=True))])

    answer = evaluated(scheduler_engine(), [tainted], pod(tolerations=[toleration] if toleration else []))

    assert (answer["chosen"] == "n") is fits


def test_untolerated_soft_taints_cost_score(scheduler_engine: type[SchedulerEngine]) -> None:
    soft = [{"key": key, "value": "", "effect": "PreferNoSchedule"} for key in ("x", "y")]

    answer = evaluated(scheduler_engine(), [node("a", taints=soft), node("b", taints=soft[:1]), node("c")], pod())

    assert answer["raw"]["TaintToleration"] == [2, 1, 0]
    assert answer["weighted"]["TaintToleration"] == [0, 150, 300]


@pytest.mark.parametrize(
    ("used", "wanted", "fits"),
    [
        ({"hostPort": 80}, {"hostPort": 80}, False),
        ({"hostPort": 80}, {"hostPort": 81}, True),
        ({"hostPort": 80}, {"hostPort": 80, "protocol": "UDP"}, True),
        ({"hostPort": 80, "hostIP": "10.0.0.1"}, {"hostPort": 80, "hostIP": "10.0.0.2"}, True),
        ({"hostPort": 80, "hostIP": "10.0.0.1"}, {"hostPort": 80, "hostIP": "10.0.0.1"}, False),
        ({"hostPort": 80, "hostIP": "0.0.0.0"}, {"hostPort": 80, "hostIP": "10.0.0.1"}, False),
        ({"hostPort": 80, "hostIP": "10.0.0.1"}, {"hostPort": 80}, False),
        ({"containerPort": 80}, {"containerPort": 80}, True),
    ],
)
def test_host_ports(scheduler_engine: type[SchedulerEngine], used: Json, wanted: Json, fits: bool) -> None:
    engine = scheduler_engine()
    there = pod("there", nodeName="n", containers=[{"name": "c", "ports": [used]}])
    engine.set_pod(json.dumps(there).encode())

    answer = evaluated(engine, [node()], pod(containers=[{"name": "c", "ports": [wanted]}]))

    assert (answer["chosen"] == "n") is fits


@pytest.mark.parametrize(
    ("spec", "reasons", "code"),
    [
        ({"containers": [asking(cpu="4")]}, [], ""),
        ({"containers": [asking(cpu="4001m")]}, ["Insufficient cpu"], "UnschedulableAndUnresolvable"),
        ({"containers": [asking(cpu="3"), asking(cpu="1001m")]}, ["Insufficient cpu"], "UnschedulableAndUnresolvable"),
        ({"containers": [asking(cpu="2")], "initContainers": [asking(cpu="4")]}, [], ""),
        (
            {"containers": [asking(cpu="2")], "initContainers": [asking(cpu="3") | {"restartPolicy": "Always"}]},
            ["Insufficient cpu"],
            "UnschedulableAndUnresolvable",
        ),
        (
            {
                "containers": [asking(cpu="1")],
                "initContainers": [asking(cpu="2") | {"restartPolicy": "Always"}, asking(cpu="3")],
            },
            ["Insufficient cpu"],
            "UnschedulableAndUnresolvable",
        ),
        ({"containers": [asking(cpu="3")], "overhead": {"cpu": "1"}}, [], ""),
        (
            {"containers": [asking(cpu="3")], "overhead": {"cpu": "1001m"}},
            ["Insufficient cpu"],
            "UnschedulableAndUnresolvable",
        ),
        ({"containers": [asking(cpu="9")], "resources": {"requests": {"cpu": "1"}}}, [], ""),
        ({"containers": [asking(ephemeral_storage="11Gi")]}, ["Insufficient ephemeral-storage"], None),
        ({"containers": [asking(memory="8Gi", cpu="5")]}, ["Insufficient cpu"], None),
        (
            {"containers": [{"name": "c", "resources": {"requests": {"hugepages-2Mi": "2Mi"}}}]},
            ["Insufficient hugepages-2Mi"],
            None,
        ),
    ],
)
def test_requests(scheduler_engine: type[SchedulerEngine], spec: Json, reasons: list[str], code: str | None) -> None:
    answer = evaluated(scheduler_engine(), [node()], pod(**spec))

    assert [r["reasons"] for r in answer["rejected"]] == ([reasons] if reasons else [])
    assert all(code in (None, r["code"]) for r in answer["rejected"])


def test_what_is_only_in_use_can_be_preempted(scheduler_engine: type[SchedulerEngine]) -> None:
    engine = scheduler_engine()
    engine.set_pod(json.dumps(pod("there", nodeName="n", containers=[asking(cpu="3")])).encode())

    answer = evaluated(engine, [node()], pod(containers=[asking(cpu="2")]))

    assert answer["rejected"] == [
        {"node": "n", "plugin": "NodeResourcesFit", "code": "Unschedulable", "reasons": ["Insufficient cpu"]}
    ]


def test_containers_without_requests_count_in_least_allocated_only(scheduler_engine: type[SchedulerEngine]) -> None:
    engine = scheduler_engine()
    for number in range(5):
        engine.set_pod(json.dumps(pod(f"there-{number}", nodeName="a")).encode())

    answer = evaluated(engine, [node("a"), node("b")], pod())

    # a: (4000-600)/4000 = 85, (8192-1200)/8192 = 85; b: 97 and 97.
    assert answer["weighted"]["NodeResourcesFit"] == [85, 97]
    assert "NodeResourcesBalancedAllocation" not in answer["weighted"]


def test_balanced_allocation_prefers_what_evens_out(scheduler_engine: type[SchedulerEngine]) -> None:
    engine = scheduler_engine()
    engine.set_pod(json.dumps(pod("there", nodeName="a", containers=[asking(cpu="2")])).encode())

    answer = evaluated(engine, [node("a"), node("b")], pod(containers=[asking(memory="4Gi")]))

    # a: from 1/2 and 0 to 1/2 and 1/2: 75 -> 100; b: from even to 0 and 1/2: 100 -> 75.
    assert answer["weighted"]["NodeResourcesBalancedAllocation"] == [87, 62]


def test_a_nominated_node_that_fits_is_taken_without_scoring(scheduler_engine: type[SchedulerEngine]) -> None:
    nominated = {**pod(), "status": {"nominatedNodeName": "b"}}

    answer = evaluated(scheduler_engine(), [node("a"), node("b")], nominated)

    assert (answer["chosen"], answer["final"]) == ("b", [])


def test_enough_feasible_nodes_end_the_search(scheduler_engine: type[SchedulerEngine]) -> None:
    engine = scheduler_engine(config=b'{"profiles":[{"percentageOfNodesToScore":0}]}')
    nodes = [node(f"n-{number:03}") for number in range(250)]

    first = evaluated(engine, nodes, pod())
    engine.set_pod(json.dumps(pod("q")).encode())
    decision = engine.schedule_one(1.0)
    second = evaluated(engine, [], pod())

    # 250 nodes: 48 %, 120 of them; the next search goes on behind them.
    assert len(first["feasible"]) == 120
    assert decision is not None and decision.node_name in first["feasible"]
    assert second["feasible"][0] == "n-120"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[",
        b"\xff",
        b'"pod"',
        b'{"metadata":{"name":"p"},"spec":{"containers":[{"resources":{"requests":{"cpu":"much"}}}]}}',
        b'{"metadata":{"name":"p"},"spec":{"containers":5}}',
        b'{"spec":{}}',
        b"[" * 20_000,
    ],
)
def test_what_is_no_pod_is_refused_and_changes_nothing(scheduler_engine: type[SchedulerEngine], text: bytes) -> None:
    engine = scheduler_engine()
    before = engine.counts()

    with pytest.raises(DecodeError):
        engine.set_pod(text)

    assert engine.counts() == before


def test_absurd_quantities_saturate(scheduler_engine: type[SchedulerEngine]) -> None:
    huge = {"cpu": "9e99", "memory": "9e99", "pods": "9e99"}

    answer = evaluated(scheduler_engine(), [node(allocatable=huge)], pod(containers=[asking(cpu="1e60", memory="1")]))

    assert answer["chosen"] == "n"


def test_the_binding_names_pod_and_node(scheduler_engine: type[SchedulerEngine]) -> None:
    engine = scheduler_engine()
    engine.set_node(json.dumps(node()).encode())
    engine.set_pod(json.dumps({**pod(), "metadata": {"name": "p", "namespace": "default", "uid": "u-1"}}).encode())

    decision = engine.schedule_one(1.0)

    assert decision is not None
    assert json.loads(decision.binding) == {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": "p", "namespace": "default", "uid": "u-1"},
        "target": {"kind": "Node", "name": "n"},
    }


@pytest.mark.parametrize("text", ["", "1.2.3", "1x", "1 Ki", "0x10", "١", "1" * 2000])
def test_what_is_no_quantity_is_refused_by_name(scheduler_engine: type[SchedulerEngine], text: str) -> None:
    with pytest.raises(DecodeError) as caught:
        scheduler_engine().set_node(json.dumps(node(allocatable={"cpu": text})).encode())

    assert str(caught.value) == f'node n: cpu: "{text}" is not a quantity'
