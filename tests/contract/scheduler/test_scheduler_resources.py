"""Scores of resources, images and features by tables, with the arguments of their plugins; both twins."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pyk8s.core.scheduler_interface import SchedulerEngine
from pyk8s.errors import DecodeError

Json = dict[str, Any]
Engine = type[SchedulerEngine]

GPU = "example.com/gpu"
MIB = 2**20


def config(gates: dict[str, bool] | None = None, **plugin_config: Json) -> bytes:
    return json.dumps({"profiles": [{"pluginConfig": plugin_config}], "featureGates": gates or {}}).encode()


def fit(kind: str, *resources: tuple[str, int], shape: list[tuple[int, int]] | None = None) -> bytes:
    strategy: Json = {"type": kind, "resources": [{"name": name, "weight": weight} for name, weight in resources]}
    if shape is not None:
        points = [{"utilization": x, "score": y} for x, y in shape]
        strategy["requestedToCapacityRatio"] = {"shape": points}
    return config(NodeResourcesFit={"scoringStrategy": strategy})


def node(name: str, *, taint: tuple[str, str] | None = None, **more: Any) -> Json:
    """``more``: allocatable, labels, images (name → MiB), features."""
    images = [{"names": [image], "sizeBytes": size * MIB} for image, size in more.get("images", {}).items()]
    taints = [{"key": taint[0], "value": taint[1], "effect": "NoSchedule"}] if taint else []
    allocatable = more.get("allocatable", {"cpu": "10", "memory": "10Gi", "pods": "50"})
    return {
        "metadata": {"name": name, "labels": more.get("labels", {})},
        "spec": {"taints": taints},
        "status": {"allocatable": allocatable, "images": images, "declaredFeatures": more.get("features", [])},
    }


def pod(name: str = "p", *, images: tuple[str, ...] = (), requests: Json | None = None, **spec: Any) -> Json:
    containers: list[Json] = [{"name": f"c{i}", "image": image} for i, image in enumerate(images or ("",))]
    containers[0]["resources"] = {"requests": requests or {}}
    return {"metadata": {"name": name, "namespace": "default"}, "spec": {"containers": containers, **spec}}


def fed(engine: SchedulerEngine, *nodes: Json, pods: tuple[Json, ...] = ()) -> SchedulerEngine:
    for each in nodes:
        engine.set_node(json.dumps(each).encode())
    for each in pods:
        engine.set_pod(json.dumps(each).encode())
    return engine


def evaluated(engine: SchedulerEngine, incoming: Json) -> Json:
    answer: Json = json.loads(engine.evaluate(json.dumps(incoming).encode()))
    return answer


def scores(engine: SchedulerEngine, incoming: Json, plugin: str) -> dict[str, int] | None:
    answer = evaluated(engine, incoming)
    row = answer["raw"].get(plugin)
    return None if row is None else dict(zip(answer["feasible"], row, strict=True))


def reasons(engine: SchedulerEngine, incoming: Json) -> dict[str, list[str]]:
    return {row["node"]: row["reasons"] for row in evaluated(engine, incoming)["rejected"]}


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (fit("LeastAllocated", ("cpu", 1), ("memory", 1)), 65),
        (fit("LeastAllocated", ("cpu", 3), ("memory", 1)), 52),
        (fit("MostAllocated", ("cpu", 1), ("memory", 1)), 35),
        (fit("MostAllocated", ("cpu", 1), (GPU, 3)), 52),
        (fit("MostAllocated", ("cpu", 1), ("example.com/none", 9)), 60),
        (fit("MostAllocated", ("ephemeral-storage", 1)), 0),
        (fit("RequestedToCapacityRatio", ("cpu", 1), shape=[(0, 0), (100, 10)]), 60),
        (fit("RequestedToCapacityRatio", ("cpu", 1), shape=[(0, 10), (100, 0)]), 40),
        (fit("RequestedToCapacityRatio", ("cpu", 1), shape=[(70, 3), (90, 9)]), 30),
        (fit("RequestedToCapacityRatio", ("cpu", 1), shape=[(10, 3), (50, 9)]), 90),
        (fit("RequestedToCapacityRatio", ("cpu", 1), ("memory", 1), (GPU, 1), shape=[(0, 0), (100, 10)]), 40),
        (fit("RequestedToCapacityRatio", ("cpu", 1), ("memory", 1), shape=[(50, 0), (100, 10)]), 20),
        (fit("RequestedToCapacityRatio", ("cpu", 1), (GPU, 1), shape=[(0, 1), (100, 2)]), 16),
    ],
)
def test_strategies(scheduler_engine: Engine, args: bytes, expected: int) -> None:
    """60 % of cpu, 10 % of memory and half of the GPUs are in use with the pod."""
    allocatable = {"cpu": "10", "memory": "10Gi", "pods": "50", GPU: "4", "ephemeral-storage": "10Gi"}
    wanted = {"cpu": "6", "memory": "1Gi", GPU: "2"}
    engine = fed(scheduler_engine(config=args), node("a", allocatable=allocatable), node("b", allocatable=allocatable))

    found = scores(engine, pod(requests=wanted), "NodeResourcesFit")

    assert found == {"a": expected, "b": expected}


def test_what_is_on_the_node_counts_too(scheduler_engine: Engine) -> None:
    running = pod("run", requests={"cpu": "4", "memory": "2Gi"}, nodeName="a")
    engine = fed(scheduler_engine(config=fit("MostAllocated")), node("a"), node("b"), pods=(running,))

    assert scores(engine, pod(requests={"cpu": "2", "memory": "2Gi"}), "NodeResourcesFit") == {"a": 50, "b": 20}


def test_an_extended_resource_that_is_not_asked_for_is_left_out(scheduler_engine: Engine) -> None:
    allocatable = {"cpu": "10", "memory": "10Gi", "pods": "50", GPU: "4"}
    engine = scheduler_engine(config=fit("MostAllocated", ("cpu", 1), (GPU, 5)))
    fed(engine, node("a", allocatable=allocatable), node("b"))

    assert scores(engine, pod(requests={"cpu": "5"}), "NodeResourcesFit") == {"a": 50, "b": 50}


@pytest.mark.parametrize("kind", ["LeastAllocated", "MostAllocated", "RequestedToCapacityRatio"])
def test_huge_amounts_and_nodes_without_capacity_score_within_bounds(scheduler_engine: Engine, kind: str) -> None:
    args = fit(kind, ("cpu", 100), ("memory", 100), (GPU, 100), shape=[(0, 0), (100, 10)])
    most = str(2**63 - 1)
    huge = node("huge", allocatable={"cpu": "9e15", "memory": most, "pods": most, GPU: most})
    full = pod("run", requests={"memory": most, GPU: most}, nodeName="bare")
    engine = fed(scheduler_engine(config=args), huge, node("bare", allocatable={"pods": "5"}), pods=(full,))

    found = scores(engine, pod(), "NodeResourcesFit")
    assert found is not None and all(0 <= score <= 100 for score in found.values())
    greedy = evaluated(engine, pod(requests={"memory": most, GPU: most}))
    assert greedy["feasible"] == ["huge"]


@pytest.mark.parametrize(
    ("args", "fits"),
    [
        ({}, False),
        ({"ignoredResources": ["ignored.example/thing"]}, True),
        ({"ignoredResources": ["ignored.example/other"]}, False),
        ({"ignoredResourceGroups": ["ignored.example"]}, True),
        ({"ignoredResourceGroups": ["example"]}, False),
    ],
)
def test_ignored_resources(scheduler_engine: Engine, args: Json, fits: bool) -> None:
    engine = fed(scheduler_engine(config=config(NodeResourcesFit=args)), node("a"))

    refused = reasons(engine, pod(requests={"ignored.example/thing": "1"}))

    assert refused == ({} if fits else {"a": ["Insufficient ignored.example/thing"]})


def test_only_extended_resources_can_be_ignored(scheduler_engine: Engine) -> None:
    args = {"ignoredResources": ["cpu", "hugepages-2Mi"], "ignoredResourceGroups": ["cpu"]}
    engine = fed(scheduler_engine(config=config(NodeResourcesFit=args)), node("a"))

    assert reasons(engine, pod(requests={"cpu": "11"})) == {"a": ["Insufficient cpu"]}


def balanced(*names: str) -> bytes:
    return config(NodeResourcesBalancedAllocation={"resources": [{"name": name, "weight": 1} for name in names]})


@pytest.mark.parametrize(
    ("args", "requests", "expected"),
    [
        (balanced("cpu", "memory"), {"cpu": "5", "memory": "5Gi"}, 75),
        (balanced("cpu", "memory"), {"cpu": "10"}, 50),
        (balanced("memory"), {"cpu": "10", "memory": "10Gi"}, 75),
        (balanced("cpu", "memory", GPU), {"cpu": "5", "memory": "5Gi", GPU: "2"}, 75),
        (balanced("cpu", "memory", GPU), {"cpu": "10", GPU: "0"}, 50),
        (balanced("cpu", "memory", GPU), {"cpu": "10", GPU: "4"}, 51),
        (balanced("cpu", "memory", "ephemeral-storage", GPU), {"cpu": "10", "memory": "10Gi", GPU: "2"}, 54),
        (balanced("example.com/none"), {"cpu": "1"}, None),
        (balanced(GPU), {GPU: "4"}, 75),
    ],
)
def test_balanced_allocation(scheduler_engine: Engine, args: bytes, requests: Json, expected: int | None) -> None:
    allocatable = {"cpu": "10", "memory": "10Gi", "pods": "50", GPU: "4", "ephemeral-storage": "10Gi"}
    engine = fed(scheduler_engine(config=args), node("a", allocatable=allocatable), node("b", allocatable=allocatable))

    found = scores(engine, pod(requests=requests), "NodeResourcesBalancedAllocation")

    assert found == (None if expected is None else {"a": expected, "b": expected})


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (("registry.example/app:1",), 48),
        (("registry.example/app",), 0),
        (("small:1",), 0),
        (("plain",), 48),
        (("plain:latest",), 48),
        (("host.example:5000/plain",), 48),
        (("none:1",), 0),
        (("",), 0),
        (("registry.example/app:1", "small:1"), 24),
        (("registry.example/app:1", "plain"), 49),
        (("huge:1",), 100),
    ],
)
def test_images(scheduler_engine: Engine, images: tuple[str, ...], expected: int) -> None:
    """An image of 1000 MiB on one of two nodes is worth 500."""
    there = dict.fromkeys(("registry.example/app:1", "plain:latest", "host.example:5000/plain:latest"), 1000)
    engine = fed(scheduler_engine(), node("a", images={**there, "small:1": 20, "huge:1": 2_000_000}), node("b"))

    assert scores(engine, pod(images=images), "ImageLocality") == {"a": expected, "b": 0}


def test_init_containers_and_image_volumes_count(scheduler_engine: Engine) -> None:
    engine = fed(scheduler_engine(), node("a", images={"app:1": 1000, "data:1": 1000}), node("b"))
    init = [{"name": "i", "image": "app:1"}]
    volumes = [{"name": "v", "image": {"reference": "data:1"}}]

    assert scores(engine, pod(images=("none:1",), initContainers=init), "ImageLocality") == {"a": 24, "b": 0}
    assert scores(engine, pod(images=("none:1",), volumes=volumes), "ImageLocality") == {"a": 48, "b": 0}


def test_how_widespread_an_image_is_follows_the_nodes_that_change(scheduler_engine: Engine) -> None:
    """A node keeps what it knew when it last changed, as kube-scheduler's snapshot does."""
    engine = fed(scheduler_engine(), node("a", images={"app:1": 1000}), node("b"), node("c"), node("d"))
    incoming = pod(images=("app:1",))
    assert scores(engine, incoming, "ImageLocality") == {"a": 23, "b": 0, "c": 0, "d": 0}

    fed(engine, node("b", images={"app:1": 1000}))
    assert scores(engine, incoming, "ImageLocality") == {"a": 23, "b": 48, "c": 0, "d": 0}

    fed(engine, pods=(pod("run", nodeName="a"),))
    assert scores(engine, incoming, "ImageLocality") == {"a": 48, "b": 48, "c": 0, "d": 0}

    engine.remove_node("b")
    fed(engine, node("a", images={}), node("c", images={"app:1": 600}))
    assert scores(engine, incoming, "ImageLocality") == {"a": 0, "c": 18, "d": 0}


def restarting(action: str) -> Json:
    rules = [{"action": action, "exitCodes": {"operator": "In", "values": [42]}}]
    return {"name": "i", "restartPolicy": "Never", "restartPolicyRules": rules}


def test_declared_features(scheduler_engine: Engine) -> None:
    engine = fed(scheduler_engine(), node("a", features=["RestartAllContainersOnContainerExits"]), node("b"))
    refused = {"b": ["node(s) didn't match Pod's required features"]}

    assert reasons(engine, pod(initContainers=[restarting("RestartAllContainers")])) == refused
    assert reasons(engine, pod(initContainers=[restarting("Restart")])) == {}
    assert "NodeDeclaredFeatures" in evaluated(engine, pod())["skippedFilters"]


def test_a_node_that_comes_to_declare_a_feature_wakes_the_pod(scheduler_engine: Engine) -> None:
    waiting = pod(initContainers=[restarting("RestartAllContainers")])
    engine = fed(scheduler_engine(), node("a"), pods=(waiting,))
    decision = engine.schedule_one(1.0)
    assert decision is not None and list(decision.plugins) == ["NodeDeclaredFeatures"]

    fed(engine, node("a", labels={"disk": "ssd"}))
    assert engine.counts()["unschedulable"] == 1
    fed(engine, node("a", features=["RestartAllContainersOnContainerExits"]))
    decision = engine.schedule_one(60.0)

    assert decision is not None and decision.node_name == "a"


def test_affinity_that_the_configuration_adds(scheduler_engine: Engine) -> None:
    def terms(value: str) -> Json:
        return {"matchExpressions": [{"key": "disk", "operator": "In", "values": [value]}]}

    added = {
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [terms("ssd"), terms("hdd")]},
        "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 7, "preference": terms("ssd")}],
    }
    engine = scheduler_engine(config=config(NodeAffinity={"addedAffinity": added}))
    fed(engine, *(node(disk, labels={"disk": disk}) for disk in ("ssd", "hdd", "tape")))

    assert reasons(engine, pod()) == {"tape": ["node(s) didn't match scheduler-enforced node affinity"]}
    assert scores(engine, pod(), "NodeAffinity") == {"ssd": 7, "hdd": 0}
    assert reasons(engine, pod(nodeSelector={"disk": "hdd"})) == {
        "ssd": ["node(s) didn't match Pod's node affinity/selector"],
        "tape": ["node(s) didn't match scheduler-enforced node affinity"],
    }


@pytest.mark.parametrize(
    ("operator", "value", "taint", "fits"),
    [
        ("Gt", "5", "6", True),
        ("Gt", "5", "5", False),
        ("Lt", "5", "4", True),
        ("Lt", "5", "-4", True),
        ("Lt", "-5", "-4", False),
        ("Gt", "5", "06", False),
        ("Gt", "05", "6", False),
        ("Gt", "five", "6", False),
        ("Gt", "5", "", False),
        ("Gt", "5", "99999999999999999999", False),
    ],
)
def test_tolerations_that_compare(scheduler_engine: Engine, operator: str, value: str, taint: str, fits: bool) -> None:
    gates = {"TaintTolerationComparisonOperators": True}
    tolerations = [{"key": "level", "operator": operator, "value": value, "effect": "NoSchedule"}]
    engines = [scheduler_engine(config=config(gates)), scheduler_engine()]
    compared, plain = (fed(engine, node("a", taint=("level", taint))) for engine in engines)

    assert (evaluated(compared, pod(tolerations=tolerations))["chosen"] == "a") == fits
    assert evaluated(plain, pod(tolerations=tolerations))["chosen"] is None


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ({"NodeResourcesFit": {"scoringStrategy": {"type": "Best"}}}, "scoringStrategy.type: LeastAllocated, Most"),
        ({"NodeResourcesFit": {"scoringStrategy": {"resources": [{}]}}}, "resources[0].name: a resource is needed"),
        (
            {"NodeResourcesFit": {"scoringStrategy": {"resources": [{"name": "cpu", "weight": 101}]}}},
            "resources[0].weight: must be 1 to 100",
        ),
        ({"NodeResourcesFit": {"scoringStrategy": {"type": "RequestedToCapacityRatio"}}}, "at least one point"),
        ({"NodeResourcesBalancedAllocation": {"resources": [{"name": "cpu", "weight": "x"}]}}, "has the wrong shape"),
        ({"NodeAffinity": {"addedAffinity": "ssd"}}, "pluginConfig.NodeAffinity: has the wrong shape"),
    ],
)
def test_wrong_arguments_are_named(scheduler_engine: Engine, args: Json, text: str) -> None:
    with pytest.raises(DecodeError) as caught:
        scheduler_engine(config=config(**args))

    assert text in str(caught.value)


@pytest.mark.parametrize("shape", [[(50, 1), (50, 2)], [(50, 1), (40, 2)], [(101, 1)], [(-1, 1)], [(0, 11)]])
def test_wrong_shapes_are_named(scheduler_engine: Engine, shape: list[tuple[int, int]]) -> None:
    with pytest.raises(DecodeError, match=r"requestedToCapacityRatio.shape\[\d\]\.(utilization|score): must be 0 to"):
        scheduler_engine(config=fit("RequestedToCapacityRatio", shape=shape))
