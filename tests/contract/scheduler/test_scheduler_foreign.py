"""Plugins in Python: what each method is given and what its answer does, on both twins."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

import pytest
from pyk8s import _core, reference
from pyk8s.core.scheduler_interface import SchedulerEngine
from pyk8s.errors import DecodeError
from pyk8s.scheduler.foreign import Adapter
from pyk8s.scheduler.plugins import Node, Nodes, Plugin, name_of, points_of

Json = dict[str, Any]
Kind = type[SchedulerEngine]
ALLOCATABLE = {"cpu": "4", "memory": "8Gi", "pods": "10", "ephemeral-storage": "10Gi"}


def node(name: str, *, labels: Json | None = None, **allocatable: str) -> bytes:
    amounts = {**ALLOCATABLE, **{key.replace("__", "/").replace("_", "."): text for key, text in allocatable.items()}}
    return json.dumps({"metadata": {"name": name, "labels": labels or {}}, "status": {"allocatable": amounts}}).encode()


def pod(name: str = "p", *, labels: Json | None = None, status: Json | None = None, **spec: Any) -> bytes:
    container = {"name": "c", "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}
    metadata = {"name": name, "namespace": "default", "uid": f"uid-{name}", "labels": labels or {}}
    return json.dumps(
        {"metadata": metadata, "spec": {"containers": [container], **spec}, "status": status or {}}
    ).encode()


def engine_with(kind: Kind, *plugins: type, args: Json | None = None) -> SchedulerEngine:
    """An engine whose only profile has NodeResourcesFit, and the plugins with weight 2."""
    points: dict[str, list[Any]] = {
        "preFilter": ["NodeResourcesFit"],
        "filter": ["NodeResourcesFit"],
        "postFilter": [],
        "preScore": [],
        "score": [],
    }
    for plugin in plugins:
        for point in points_of(plugin):
            entry = {"name": name_of(plugin), "weight": 2} if point == "score" else name_of(plugin)
            points.setdefault(point, []).append(entry)
    config = json.dumps({"profiles": [{"plugins": points}]}).encode()
    adapters = {name_of(plugin): Adapter(plugin, args or {}) for plugin in plugins}
    return kind(config=config, plugins=adapters)


def evaluated(engine: SchedulerEngine, incoming: bytes) -> Json:
    answer: Json = json.loads(engine.evaluate(incoming))
    return answer


class OnlyEven(Plugin):
    def filter(self, pod: Json, node: Node) -> str | None:
        return "node(s) are odd" if int(node.name[1:]) % 2 else None


def test_a_filter_refuses_nodes_with_its_reason(scheduler_engine: Kind) -> None:
    engine = engine_with(scheduler_engine, OnlyEven)
    for number in (1, 2, 3):
        engine.set_node(node(f"n{number}"))

    answer = evaluated(engine, pod())
    engine.remove_node("n2")
    refused = evaluated(engine, pod())

    assert answer["chosen"] == "n2"
    assert answer["rejected"][0] == {
        "node": "n1",
        "plugin": "OnlyEven",
        "code": "Unschedulable",
        "reasons": ["node(s) are odd"],
    }
    assert refused["message"] == "0/2 nodes are available: 2 node(s) are odd."


def test_a_refused_pod_names_the_plugin_and_is_tried_again_after_any_event(scheduler_engine: Kind) -> None:
    engine = engine_with(scheduler_engine, OnlyEven)
    engine.set_node(node("n1"))
    engine.set_pod(pod())

    (refused,) = engine.schedule(0.0)
    engine.set_node(node("n3"))

    assert (refused.outcome, refused.plugins) == ("unschedulable", ["OnlyEven"])
    assert engine.counts()["backoff"] == 1


def test_one_node_at_a_time_is_asked_only_about_nodes_that_others_admit(scheduler_engine: Kind) -> None:
    asked: list[str] = []

    class Listening(Plugin):
        def filter(self, pod: Json, node: Node) -> None:
            asked.append(node.name)

    engine = engine_with(scheduler_engine, Listening)
    engine.set_node(node("small", cpu="100m"))
    engine.set_node(node("large"))

    evaluated(engine, pod())

    assert asked == ["large"]


class Emptiest(Plugin):
    reason = "node(s) hold pods"

    def filter_nodes(self, pod: Json, nodes: Nodes) -> list[bool]:
        return [count == 0 for count in nodes.pod_count]

    def score_nodes(self, pod: Json, nodes: Nodes) -> list[int]:
        pairs = zip(nodes.allocatable_milli_cpu, nodes.requested_milli_cpu, strict=True)
        return [has - used for has, used in pairs]

    def normalize(self, pod: Json, scores: Sequence[int]) -> list[int]:
        return [100 * score // max(scores) for score in scores]


def test_all_nodes_at_once_answer_with_a_mask_and_with_scores(scheduler_engine: Kind) -> None:
    engine = engine_with(scheduler_engine, Emptiest)
    for name, cpu in (("n1", "4"), ("n2", "8"), ("n3", "2")):
        engine.set_node(node(name, cpu=cpu))
    engine.set_pod(pod("sits", nodeName="n3"))

    answer = evaluated(engine, pod())

    assert answer["feasible"] == ["n1", "n2"]
    assert [(row["node"], row["reasons"]) for row in answer["rejected"]] == [("n3", ["node(s) hold pods"])]
    assert answer["raw"] == {"Emptiest": [4000, 8000]}
    assert answer["weighted"] == {"Emptiest": [100, 200]}
    assert (answer["final"], answer["chosen"]) == ([100, 200], "n2")


def test_a_mask_is_asked_for_again_with_the_pods_for_which_room_is_being_made(scheduler_engine: Kind) -> None:
    engine = engine_with(scheduler_engine, Emptiest)
    engine.set_node(node("n1"))
    engine.set_pod(pod("first", status={"nominatedNodeName": "n1"}, schedulingGates=[{"name": "wait"}]))

    answer = evaluated(engine, pod())

    assert [row["reasons"] for row in answer["rejected"]] == [["node(s) hold pods"]]


def test_columns_are_buffers_of_64_bit_integers_that_may_be_kept_but_not_written(scheduler_engine: Kind) -> None:
    kept: list[memoryview] = []

    class Keeping(Plugin):
        def filter_nodes(self, pod: Json, nodes: Nodes) -> list[bool]:
            kept.extend((nodes.allocatable_memory_bytes, nodes.allocatable("example.com/gpu")))
            return [True] * len(nodes)

    engine = engine_with(scheduler_engine, Keeping)
    engine.set_node(node("n1"))
    engine.set_node(node("n2", example_com__gpu="3"))
    evaluated(engine, pod())
    engine.set_node(node("n1", memory="1"))
    del engine

    memory, gpus = kept
    assert (memory.format, memory.itemsize, memory.readonly, memory.shape) == ("q", 8, True, (2,))
    assert (memory.tolist(), gpus.tolist()) == ([8 << 30, 8 << 30], [0, 3])


def test_nodes_show_their_object_labels_and_pods(scheduler_engine: Kind) -> None:
    seen: list[Any] = []

    class Looking(Plugin):
        reads_pods = True

        def filter(self, pod: Json, node: Node) -> None:
            numbers = (node.allocatable_pods, node.requested("cpu"), node.requested("example.com/gpu"), node.pod_count)
            seen.extend((node.labels, node.object["metadata"]["name"], numbers, node.nodes.label("zone")))
            seen.extend((other.name, other.uid, other.labels) for other in node.pods)

    engine = engine_with(scheduler_engine, Looking)
    engine.set_node(node("n1", labels={"zone": "a"}))
    engine.set_pod(pod("sits", nodeName="n1", labels={"app": "web"}))

    evaluated(engine, pod())

    assert seen == [{"zone": "a"}, "n1", (10, 1000, 0, 1), ["a"], ("sits", "uid-sits", {"app": "web"})]


def test_pods_are_shown_to_plugins_that_say_that_they_read_them(scheduler_engine: Kind) -> None:
    class Curious(Plugin):
        def filter(self, pod: Json, node: Node) -> bool:
            return not node.pods

    engine = engine_with(scheduler_engine, Curious)
    engine.set_node(node("n1"))

    assert "reads_pods = True" in evaluated(engine, pod())["message"]


@pytest.mark.parametrize(
    ("answer", "chosen", "message"),
    [
        (None, "n2", ""),
        (["n1", "n3"], "n1", ""),
        ([], None, "0/2 nodes are available: node(s) didn't satisfy plugin Asking."),
        ("not today", None, "0/2 nodes are available: not today."),
        (False, None, ""),
    ],
)
def test_before_any_node_a_plugin_may_narrow_refuse_or_stand_aside(
    scheduler_engine: Kind, answer: Any, chosen: str | None, message: str
) -> None:
    class Asking(Plugin):
        def pre_filter(self, pod: Json) -> Any:
            return answer

        def filter(self, pod: Json, node: Node) -> bool:
            return node.name != "n1" or answer is not None

    engine = engine_with(scheduler_engine, Asking)
    for name in ("n1", "n2"):
        engine.set_node(node(name))

    found = evaluated(engine, pod())

    if answer is False:
        assert found["skippedFilters"][-1] == "Asking"
        assert found["chosen"] == "n1"
    else:
        assert (found["chosen"], found["message"]) == (chosen, message)


def test_a_plugin_that_raises_fails_that_attempt_with_its_traceback_and_nothing_else(scheduler_engine: Kind) -> None:
    class Stumbling(Plugin):
        def filter(self, pod: Json, node: Node) -> bool:
            if pod["metadata"]["name"] == "unlucky":
                raise ValueError("stumbled over a pod")
            return True

    engine = engine_with(scheduler_engine, Stumbling)
    engine.set_node(node("n1"))
    engine.set_pod(pod("unlucky", priority=1))
    engine.set_pod(pod("lucky"))

    first, second = engine.schedule(0.0)

    assert (first.outcome, first.plugins, second.outcome) == ("error", [], "scheduled")
    assert first.message.startswith('running "Stumbling" filter plugin: ValueError: stumbled over a pod\nTraceback')
    assert 'raise ValueError("stumbled over a pod")' in first.message
    assert engine.counts()["backoff"] == 1


@pytest.mark.parametrize("method", ["pre_filter", "filter_nodes", "score", "normalize", "reserve"])
def test_every_method_may_raise(scheduler_engine: Kind, method: str) -> None:
    def stumble(self: Plugin, *arguments: Any) -> None:
        raise ValueError("stumbled")

    kind = type("Stumbling", (Plugin,), {"score": lambda self, pod, node: 1, method: stumble})
    engine = engine_with(scheduler_engine, kind)
    engine.set_node(node("n1"))
    engine.set_node(node("n2"))
    engine.set_pod(pod())

    (decision,) = engine.schedule(0.0)

    assert decision.outcome == "error"
    assert "ValueError: stumbled\nTraceback" in decision.message
    assert (engine.counts()["assumed"], engine.counts()["bound"]) == (0, 0)


@pytest.mark.parametrize(
    ("scores", "text"),
    [
        ([1, 101], "returns an invalid score 101, it should in the range of [0, 100] after normalizing"),
        ([1], "1 values were returned for 2 nodes"),
        ([1, "x"], "ValueError: invalid literal"),
        (None, "TypeError"),
    ],
)
def test_wrong_scores_fail_the_attempt(scheduler_engine: Kind, scores: Any, text: str) -> None:
    class Scoring(Plugin):
        def score_nodes(self, pod: Json, nodes: Nodes) -> Any:
            return scores

    engine = engine_with(scheduler_engine, Scoring)
    engine.set_node(node("n1"))
    engine.set_node(node("n2"))
    engine.set_pod(pod())

    (decision,) = engine.schedule(0.0)

    assert decision.outcome == "error"
    assert text in decision.message


class Reserving(Plugin):
    def __init__(self, args: Json) -> None:
        super().__init__(args)
        self.places: int = args["places"]
        self.holders: list[str] = []

    def reserve(self, pod: Json, node_name: str) -> str | None:
        if len(self.holders) == self.places:
            return f"no place is left on {node_name}"
        self.holders.append(pod["metadata"]["name"])
        return None

    def unreserve(self, pod: Json) -> None:
        if pod["metadata"]["name"] in self.holders:
            self.holders.remove(pod["metadata"]["name"])


def test_what_is_reserved_is_given_back_when_the_binding_fails(scheduler_engine: Kind) -> None:
    engine = engine_with(scheduler_engine, Reserving, args={"places": 1})
    engine.set_node(node("n1"))
    engine.set_pod(pod("a"))
    engine.set_pod(pod("b"))

    first, second = engine.schedule(0.0)
    engine.forget("uid-a")
    third = engine.schedule(10.0)

    assert (first.outcome, second.outcome) == ("scheduled", "unschedulable")
    assert second.message == "0/1 nodes are available: 1 no place is left on n1."
    assert {decision.outcome for decision in third} == {"scheduled", "unschedulable"}


def test_an_unknown_plugin_is_refused_with_its_place(scheduler_engine: Kind) -> None:
    config = json.dumps({"profiles": [{"plugins": {"filter": ["NodeName", "Unheard"]}}]}).encode()

    with pytest.raises(DecodeError, match=r'plugins\.filter\[1\]: plugin "Unheard" does not exist'):
        scheduler_engine(config=config)


def test_both_profiles_share_a_plugin_and_one_may_go_without(scheduler_engine: Kind) -> None:
    with_plugin = {"schedulerName": "even", "plugins": {"filter": ["OnlyEven"]}}
    config = json.dumps({"profiles": [{"schedulerName": "any", "plugins": {"filter": []}}, with_plugin]}).encode()
    engine = scheduler_engine(config=config, plugins={"OnlyEven": Adapter(OnlyEven, {})})
    engine.set_node(node("n1"))

    assert evaluated(engine, pod(schedulerName="any"))["chosen"] == "n1"
    assert evaluated(engine, pod(schedulerName="even"))["chosen"] is None


class Mixed(Plugin):
    """Looks at everything a plugin may look at."""

    reads_pods = True

    def pre_filter(self, pod: Json) -> str | None:
        return "unlucky" if pod["metadata"]["name"].endswith("13") else None

    def filter(self, pod: Json, node: Node) -> str | None:
        return "node(s) are crowded" if sum("app" in other.labels for other in node.pods) > 3 else None

    def score(self, pod: Json, node: Node) -> int:
        free = node.allocatable("cpu") - node.requested("cpu")
        return free // 100 + (7 if node.labels.get("zone") == "a" else 0)

    def normalize(self, pod: Json, scores: Sequence[int]) -> list[int]:
        return [score * 100 // max(1, max(scores)) for score in scores]


@pytest.mark.parametrize("seed", range(5))
def test_both_twins_decide_alike(seed: int) -> None:
    chance = random.Random(seed)
    nodes = [
        node(f"n{i}", labels={"zone": chance.choice("ab")}, cpu=str(chance.randint(1, 6)), example_com__gpu="1")
        for i in range(20)
    ]
    pods = [pod(f"p{i}", labels={"app": "x"} if chance.random() < 0.7 else {}) for i in range(60)]

    def decisions(kind: Any) -> list[tuple[str, str, str, str]]:
        engine = engine_with(kind, Mixed, Emptiest) if seed % 2 else engine_with(kind, Mixed)
        for text in nodes:
            engine.set_node(text)
        for text in pods:
            engine.set_pod(text)
        return [(d.name, d.outcome, d.node_name, d.message) for d in engine.schedule(0.0, 200)]

    rust, twin = decisions(_core.SchedulerEngine), decisions(reference.SchedulerEngine)

    assert rust == twin
    assert {outcome for _, outcome, _, _ in rust} == {"scheduled", "unschedulable"}
