"""Volumes over time: what a decision writes and holds, what it gives back, which news wakes a pod that waits."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from pyk8s.core.scheduler_interface import Decision, SchedulerEngine
from volume_objects import (
    BOUND,
    ZONE,
    attachment,
    capacity,
    claim,
    csi,
    csi_node,
    driver_of_limited_capacity,
    fill,
    for_claim,
    node,
    on,
    pod,
    storage_class,
    using,
    volume,
)

Json = dict[str, Any]
Engine = type[SchedulerEngine]
News = Callable[[SchedulerEngine], None]

NOW_S = 1000.0
LATER_S = 1100.0
"""Every backoff has ended by then."""
SELECTED = "volume.kubernetes.io/selected-node"


def scheduled(engine: SchedulerEngine, incoming: Json, now_s: float = NOW_S) -> Decision:
    engine.set_pod(json.dumps(incoming).encode())
    decision = engine.schedule_one(now_s)
    assert decision is not None, "the pod was ready"
    return decision


def tell(kind: str, *objects: Json) -> News:
    return lambda engine: fill(engine, [], **{kind: list(objects)}) and None


def with_volume_on(engine: SchedulerEngine) -> SchedulerEngine:
    """Two nodes, a volume on each, two unbound claims."""
    return fill(
        engine,
        [node(name, **{"kubernetes.io/hostname": name}) for name in ("a", "b")],
        StorageClass=[storage_class()],
        PersistentVolume=[volume(f"on-{name}", nodeAffinity=on(name)) for name in ("a", "b")],
        PersistentVolumeClaim=[claim("one"), claim("two"), claim("three")],
    )


def test_a_decision_promises_the_volume_to_the_claim(scheduler_engine: Engine) -> None:
    decision = scheduled(with_volume_on(scheduler_engine()), pod("p", *using("one")))

    name = f"on-{decision.node_name}"
    reference = {"kind": "PersistentVolumeClaim", "namespace": "default", "name": "one", "uid": "uid-one"}
    reference |= {"apiVersion": "v1", "resourceVersion": "7"}
    meta = {"annotations": {"pv.kubernetes.io/bound-by-controller": "yes"}, "resourceVersion": "3"}
    patch = {"metadata": meta, "spec": {"claimRef": reference}}
    names = {"kind": "PersistentVolume", "namespace": "", "name": name, "uid": f"uid-{name}"}
    assert json.loads(decision.writes) == [{**names, "patch": patch}]


def test_a_volume_meant_for_the_claim_is_not_marked_as_chosen(scheduler_engine: Engine) -> None:
    engine = fill(
        scheduler_engine(),
        [node()],
        StorageClass=[storage_class()],
        PersistentVolume=[volume("pv", claimRef=for_claim("one"))],
        PersistentVolumeClaim=[claim("one")],
    )

    (write,) = json.loads(scheduled(engine, pod("p", *using("one"))).writes)

    assert "annotations" not in write["patch"]["metadata"]
    assert write["patch"]["spec"]["claimRef"]["uid"] == "uid-one"


def test_a_decision_names_the_node_where_a_volume_is_to_be_made(scheduler_engine: Engine) -> None:
    engine = fill(
        scheduler_engine(),
        [node()],
        StorageClass=[storage_class(provisioner="d")],
        PersistentVolumeClaim=[claim("one")],
    )

    decision = scheduled(engine, pod("p", *using("one")))

    names = {"kind": "PersistentVolumeClaim", "namespace": "default", "name": "one", "uid": "uid-one"}
    meta = {"annotations": {SELECTED: "n"}, "resourceVersion": "7"}
    assert json.loads(decision.writes) == [{**names, "patch": {"metadata": meta}}]


def test_pods_whose_volumes_are_bound_write_nothing(scheduler_engine: Engine) -> None:
    engine = fill(
        scheduler_engine(),
        [node()],
        PersistentVolume=[volume("pv", claimRef=for_claim("one"))],
        PersistentVolumeClaim=[claim("one", "pv")],
    )

    assert scheduled(engine, pod("p", *using("one"))).writes == b""


def test_a_promised_volume_is_gone_for_the_next_pod(scheduler_engine: Engine) -> None:
    engine = with_volume_on(scheduler_engine())

    first, second, third = (scheduled(engine, pod(f"p-{name}", *using(name))) for name in ("one", "two", "three"))

    assert {first.node_name, second.node_name} == {"a", "b"}
    assert (third.outcome, list(third.plugins)) == ("unschedulable", ["VolumeBinding"])


def test_pods_that_share_a_claim_stay_together(scheduler_engine: Engine) -> None:
    engine = with_volume_on(scheduler_engine())

    nodes = {scheduled(engine, pod(f"p-{number}", *using("one"))).node_name for number in range(5)}

    assert len(nodes) == 1


def test_a_binding_that_fails_gives_the_volume_back(scheduler_engine: Engine) -> None:
    engine = with_volume_on(scheduler_engine())
    for name in ("one", "two"):
        scheduled(engine, pod(f"p-{name}", *using(name)))

    assert engine.forget("uid-p-one")

    assert scheduled(engine, pod("p-three", *using("three"))).outcome == "scheduled"


def test_what_the_api_says_later_counts(scheduler_engine: Engine) -> None:
    engine = with_volume_on(scheduler_engine())
    decision = scheduled(engine, pod("p-one", *using("one")))
    name = f"on-{decision.node_name}"

    # The promise was never written: someone else has changed the volume meanwhile.
    tell("PersistentVolume", volume(name, "2Gi", nodeAffinity=on(decision.node_name)))(engine)

    nodes = [scheduled(engine, pod(f"p-{other}", *using(other))).node_name for other in ("two", "three")]
    assert sorted(nodes) == ["a", "b"]


def test_preempting_the_user_of_a_claim_for_one_pod_frees_it(scheduler_engine: Engine) -> None:
    engine = fill(
        scheduler_engine(),
        [node()],
        PersistentVolume=[volume("pv", claimRef=for_claim("one"))],
        PersistentVolumeClaim=[claim("one", "pv", accessModes=["ReadWriteOncePod"])],
    )
    engine.set_pod(json.dumps(pod("low", *using("one"), node_name="n")).encode())

    decision = scheduled(engine, pod("high", *using("one"), priority=1000))

    assert decision.nominated_node_name == "n"
    assert list(decision.victims) == [("default", "low", "uid-low")]


SINGLE = claim("one", "pv", accessModes=["ReadWriteOncePod"])
PV = volume("pv", claimRef=for_claim("one"))
DISK = {"name": "disk", "awsElasticBlockStore": {"volumeID": "v"}}


def remove_pod(uid: str) -> News:
    return lambda engine: engine.remove_pod(uid)


def remove_object(kind: str, key: str) -> News:
    return lambda engine: engine.remove_object(kind, key)


def set_node(made: Json) -> News:
    return lambda engine: engine.set_node(json.dumps(made).encode())


def waiting_for_single(engine: SchedulerEngine) -> None:
    """Two pods want a claim for one pod; another uses a disk, a third something else."""
    fill(engine, [node()], PersistentVolume=[PV], PersistentVolumeClaim=[SINGLE])
    for name, those in (("user", using("one")), ("disk", [DISK]), ("idle", [])):
        engine.set_pod(json.dumps(pod(name, *those, node_name="n")).encode())


def waiting_for_disk(engine: SchedulerEngine) -> None:
    waiting_for_single(engine)


def waiting_for_place(engine: SchedulerEngine) -> None:
    """One driver, one place, taken."""
    fill(
        engine,
        [node()],
        CSINode=[csi_node(d=1)],
        PersistentVolume=[volume(name, csi=csi("d", name)) for name in ("v-0", "v-1", "v-2")],
        PersistentVolumeClaim=[claim(name, volume_name) for name, volume_name in (("held", "v-0"), ("one", "v-1"))],
        VolumeAttachment=[attachment("x", "v-2")],
    )
    engine.set_pod(json.dumps(pod("user", *using("held"), node_name="n")).encode())
    engine.set_pod(json.dumps(pod("idle", node_name="n")).encode())


def waiting_for_volume(engine: SchedulerEngine) -> None:
    """Nothing to bind to; a driver whose capacity is used up for another class."""
    fill(
        engine,
        [node()],
        StorageClass=[storage_class(), storage_class("made", provisioner="d")],
        CSINode=[csi_node()],
        CSIDriver=[driver_of_limited_capacity()],
        CSIStorageCapacity=[capacity("k", "1Mi", class_name="made")],
        PersistentVolumeClaim=[claim("one"), claim("other")],
    )


def waiting_for_zone(engine: SchedulerEngine) -> None:
    fill(
        engine,
        [node("n", **{ZONE: "z-1"})],
        PersistentVolume=[volume("pv", labels={ZONE: "z-2"}, claimRef=for_claim("one"))],
        PersistentVolumeClaim=[claim("one", "pv"), claim("other")],
    )


@pytest.mark.parametrize(
    ("situation", "incoming", "news", "is_woken"),
    [
        pytest.param(waiting_for_single, using("one"), remove_pod("uid-user"), True, id="its user ends"),
        pytest.param(waiting_for_single, using("one"), remove_pod("uid-disk"), False, id="another pod ends"),
        pytest.param(waiting_for_single, using("one"), set_node(node("m")), True, id="a node comes"),
        pytest.param(waiting_for_disk, [DISK], remove_pod("uid-disk"), True, id="the disk's user ends"),
        pytest.param(waiting_for_disk, [DISK], remove_pod("uid-user"), False, id="a claim's user ends"),
        pytest.param(waiting_for_place, using("one"), remove_pod("uid-user"), True, id="a pod with volumes ends"),
        pytest.param(waiting_for_place, using("one"), remove_pod("uid-idle"), False, id="a pod without ends"),
        pytest.param(waiting_for_place, using("one"), tell("CSINode", csi_node(d=2)), True, id="a limit is raised"),
        pytest.param(waiting_for_place, using("one"), tell("CSINode", csi_node(d=0)), False, id="a limit is lowered"),
        pytest.param(waiting_for_place, using("one"), tell("CSINode", csi_node("m")), True, id="another CSINode"),
        pytest.param(
            waiting_for_place, using("one"), remove_object("VolumeAttachment", "x"), True, id="a volume is detached"
        ),
        pytest.param(waiting_for_volume, using("one"), tell("PersistentVolume", volume("pv")), True, id="a volume"),
        pytest.param(
            waiting_for_volume, using("one"), tell("PersistentVolumeClaim", claim("one", "pv")), True, id="its claim"
        ),
        pytest.param(
            waiting_for_volume,
            using("one"),
            tell("PersistentVolumeClaim", claim("other", "pv")),
            False,
            id="no claim of it",
        ),
        pytest.param(waiting_for_volume, using("one"), tell("StorageClass", storage_class("new")), True, id="a class"),
        pytest.param(
            waiting_for_volume,
            using("one"),
            tell("StorageClass", storage_class(allowedTopologies=[{}])),
            True,
            id="other topologies",
        ),
        pytest.param(
            waiting_for_volume,
            using("one"),
            tell("StorageClass", storage_class(reclaimPolicy="Retain")),
            False,
            id="other policy",
        ),
        pytest.param(
            waiting_for_volume,
            using("one"),
            tell("CSIStorageCapacity", capacity("k", "2Mi", class_name="made")),
            True,
            id="more room",
        ),
        pytest.param(
            waiting_for_volume,
            using("one"),
            tell("CSIStorageCapacity", capacity("k", "1Ki", class_name="made")),
            False,
            id="less room",
        ),
        pytest.param(
            waiting_for_volume,
            using("one"),
            tell("CSIDriver", driver_of_limited_capacity(is_limited=False)),
            True,
            id="no more limits",
        ),
        pytest.param(
            waiting_for_volume,
            using("one"),
            tell("CSIDriver", driver_of_limited_capacity("e")),
            False,
            id="another driver",
        ),
        pytest.param(
            waiting_for_volume,
            using("one"),
            tell("CSINode", csi_node(migrated="kubernetes.io/cinder")),
            True,
            id="migrated",
        ),
        pytest.param(waiting_for_volume, using("one"), set_node(node("n", size="l")), True, id="its labels change"),
        pytest.param(
            waiting_for_volume, using("one"), tell("Namespace", {"metadata": {"name": "x"}}), False, id="a namespace"
        ),
        pytest.param(waiting_for_zone, using("one"), set_node(node("m")), True, id="a node without zones"),
        pytest.param(
            waiting_for_zone,
            using("one"),
            tell("PersistentVolume", volume("pv", labels={ZONE: "z-1"}, claimRef=for_claim("one"))),
            True,
            id="another zone",
        ),
        pytest.param(
            waiting_for_zone,
            using("one"),
            tell("PersistentVolume", volume("pv", labels={ZONE: "z-2", "size": "l"}, claimRef=for_claim("one"))),
            False,
            id="the zone stays",
        ),
        pytest.param(
            waiting_for_zone, using("one"), tell("StorageClass", storage_class()), True, id="a class that waits"
        ),
        pytest.param(
            waiting_for_zone,
            using("one"),
            tell("StorageClass", storage_class(mode="Immediate")),
            False,
            id="a class that does not",
        ),
    ],
)
def test_which_news_wakes_a_pod(
    scheduler_engine: Engine, situation: News, incoming: list[Json], news: News, is_woken: bool
) -> None:
    engine = scheduler_engine()
    situation(engine)
    assert scheduled(engine, pod("p", *incoming)).outcome == "unschedulable"

    news(engine)

    assert engine.counts()["unschedulable"] == (0 if is_woken else 1)
    assert (engine.schedule_one(LATER_S) is not None) is is_woken


def test_a_claim_that_comes_wakes_the_pod_that_names_it(scheduler_engine: Engine) -> None:
    engine = fill(scheduler_engine(), [node()], PersistentVolume=[PV])
    assert scheduled(engine, pod("p", *using("one"))).outcome == "unschedulable"

    tell("PersistentVolumeClaim", claim("two"))(engine)
    assert engine.counts()["unschedulable"] == 1
    tell("PersistentVolumeClaim", claim("one", "pv", meta={"annotations": BOUND}))(engine)

    decision = engine.schedule_one(LATER_S)
    assert decision is not None and decision.node_name == "n"
