"""How many nodes of which pool until everything fits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pyk8s.simulate.capacity import Capacity
from pyk8s.simulate.manifests import Manifests, read_manifests
from pyk8s.simulate.problems import ScenarioError
from pyk8s.simulate.question import parse_pool, pools_like, question_plan
from pyk8s.simulate.result import Contender

Json = dict[str, Any]


def workload(kind: str, name: str, requests: Json, **spec: Any) -> Json:
    container = {"name": "main", "image": "main", "resources": {"requests": requests}}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container], **spec.pop("pod", {})}}
    group = "batch/v1" if kind == "Job" else "apps/v1"
    selector = {} if kind == "Job" else {"selector": {"matchLabels": {"app": name}}}
    if kind == "Job":
        template["spec"]["restartPolicy"] = "Never"
    return {
        "apiVersion": group,
        "kind": kind,
        "metadata": {"name": name},
        "spec": {**selector, "template": template, **spec},
    }


def node(name: str, **labels: str) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, **labels}},
        "status": {"allocatable": {"cpu": "4", "memory": "16Gi", "pods": "110"}},
    }


def answer(folder: Path, objects: list[Json], *pools: str, existing: Manifests | None = None) -> Json:
    path = folder / "app.yaml"
    path.write_text(yaml.safe_dump_all(objects))
    given = [parse_pool(text, number) for number, text in enumerate(pools, start=1)]
    plan = question_plan(existing or Manifests(), given, app=[path])
    return Capacity(plan, Contender("spread")).answer()


def test_the_fewest_nodes_are_found_that_hold_everything(tmp_path: Path) -> None:
    web = workload("Deployment", "web", {"cpu": "1500m"}, replicas=7)

    found = answer(tmp_path, [web], "small:cpu=4,memory=16Gi", "big:cpu=16,memory=64Gi")

    # Two of them on a node of 4 cores, ten on one of 16.
    assert [(entry["pool"], entry["nodes"][entry["pool"]], entry["pending"]) for entry in found["pools"]] == [
        ("small", 4, 0),
        ("big", 1, 0),
    ]
    assert found["fits"] and found["mix"] is None


@pytest.mark.parametrize(("cpu", "replicas"), [("300m", 100), ("1", 37), ("3", 9), ("900m", 23)])
def test_one_node_less_than_the_answer_is_too_few(tmp_path: Path, cpu: str, replicas: int) -> None:
    path = tmp_path / "app.yaml"
    path.write_text(yaml.safe_dump(workload("Deployment", "web", {"cpu": cpu}, replicas=replicas)))
    plan = question_plan(Manifests(), [parse_pool("small:cpu=4,memory=16Gi", 1)], app=[path])
    capacity = Capacity(plan, Contender("spread"))

    count = capacity.answer()["pools"][0]["nodes"]["small"]

    assert capacity.trial({"small": count}).pending == 0
    assert capacity.trial({"small": count - 1}).pending > 0


def test_daemons_take_their_share_of_every_node(tmp_path: Path) -> None:
    agent = workload("DaemonSet", "agent", {"cpu": "2"})
    web = workload("Deployment", "web", {"cpu": "1500m"}, replicas=7)

    found = answer(tmp_path, [agent, web], "small:cpu=4,memory=16Gi")

    assert found["pools"][0]["nodes"] == {"small": 7}
    assert found["pods"] == 7


def test_pods_that_fit_on_no_node_of_a_pool_are_told_with_the_reason(tmp_path: Path) -> None:
    web = workload("Deployment", "web", {"cpu": "1"}, replicas=4)
    giant = workload("Job", "giant", {"cpu": "8"}, parallelism=2)

    found = answer(tmp_path, [web, giant], "small:cpu=4,memory=16Gi")

    assert not found["fits"]
    assert found["pools"][0]["nodes"] == {"small": 1}
    assert found["pools"][0]["pending"] == 2
    assert found["pools"][0]["messages"][0]["message"].startswith("0/1 nodes are available: 1 Insufficient cpu.")


def test_two_pools_are_mixed_when_neither_suffices_alone(tmp_path: Path) -> None:
    wide = workload("Deployment", "wide", {"cpu": "8"}, replicas=2)
    train = workload("Job", "train", {"example.com/gpu": "1", "cpu": "1"}, parallelism=3)

    found = answer(tmp_path, [wide, train], "gpu:cpu=4,memory=16Gi,example.com/gpu=1", "big:cpu=16,memory=64Gi")

    assert all(entry["pending"] for entry in found["pools"])
    assert found["mix"]["nodes"] == {"gpu": 3, "big": 1}
    assert found["fits"]


def test_what_is_there_already_is_used_first(tmp_path: Path) -> None:
    existing = Manifests(nodes=[node("a"), node("b")])
    web = workload("StatefulSet", "web", {"cpu": "2"}, replicas=4)

    assert answer(tmp_path, [web], "more:cpu=4,memory=16Gi", existing=existing)["present"]["pending"] == 0

    more = workload("StatefulSet", "web", {"cpu": "2"}, replicas=7)
    found = answer(tmp_path, [more], "more:cpu=4,memory=16Gi", existing=existing)
    assert found["present"]["pending"] == 3
    assert found["pools"][0]["nodes"] == {"more": 2}


def test_jobs_need_their_room_at_once_however_short_they_are(tmp_path: Path) -> None:
    short = workload("Job", "short", {"cpu": "2"}, parallelism=6)
    short["spec"]["template"]["metadata"]["annotations"] = {"pyk8s.io/run-seconds": "10"}

    assert answer(tmp_path, [short], "small:cpu=4,memory=16Gi")["pools"][0]["nodes"] == {"small": 3}


def test_limits_stand_for_requests_that_are_missing(tmp_path: Path) -> None:
    web = workload("Deployment", "web", {}, replicas=2)
    web["spec"]["template"]["spec"]["containers"][0]["resources"] = {"limits": {"cpu": "3"}}

    assert answer(tmp_path, [web], "small:cpu=4,memory=16Gi")["pools"][0]["nodes"] == {"small": 2}


def test_pools_like_the_nodes_of_a_cluster_are_found() -> None:
    zone = "topology.kubernetes.io/zone"
    nodes = [node("a", **{zone: "x"}), node("b", **{zone: "y"}), node("c", **{"disk": "ssd", zone: "x"})]

    pools = pools_like(nodes)

    assert [(pool.name, pool.zones, pool.labels) for pool in pools] == [
        ("like-1", ["x", "y"], {}),
        ("like-2", ["x"], {"disk": "ssd"}),
    ]


def test_manifests_with_unknown_fields_are_refused_by_place(tmp_path: Path) -> None:
    path = tmp_path / "app.yaml"
    path.write_text(yaml.safe_dump_all([node("a"), workload("Deployment", "web", {}, replica=3)]))

    with pytest.raises(ScenarioError, match=r'app.yaml: document 2: unknown field "spec.replica"'):
        read_manifests(path)


@pytest.mark.parametrize("text", ["small", "small:", "a:cpu", "a:cpu=x", "A:cpu=1"])
def test_a_pool_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ScenarioError, match="allowed: "):
        parse_pool(text, 1)
