"""Both twins, fed the same random claims, volumes and classes, decide and write alike."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from pyk8s import _core, reference
from volume_objects import (
    BOUND,
    ZONE,
    attachment,
    capacity,
    claim,
    csi_node,
    driver_of_limited_capacity,
    node,
    on,
    pod,
    storage_class,
    using,
    volume,
)

Json = dict[str, Any]

NODES = [f"n-{number}" for number in range(4)]
CLAIMS = st.sampled_from([f"claim-{number}" for number in range(5)])
VOLUMES = st.sampled_from([f"pv-{number}" for number in range(5)])
CLASSES = st.sampled_from(["static", "made", "now"])
DRIVERS = st.sampled_from(["d", "ebs.csi.aws.com"])
SIZES = st.sampled_from(["1Gi", "1.5Gi", "2Gi", "3G", "10Gi", "0"])
ZONES = st.sampled_from(["z-1", "z-2", "z-1__z-2"])
LABELS = st.dictionaries(st.sampled_from([ZONE, "failure-domain.beta.kubernetes.io/zone", "disk"]), ZONES, max_size=2)
MODES = st.sampled_from([["ReadWriteOnce"], ["ReadWriteOncePod"], ["ReadWriteOnce", "ReadOnlyMany"]])
NAMES = st.sampled_from(NODES)
PODS = st.sampled_from([f"p-{number}" for number in range(8)])


def sometimes(strategy: st.SearchStrategy[Any], otherwise: Any = None) -> st.SearchStrategy[Any]:
    return st.one_of(st.just(otherwise), strategy)


@st.composite
def claims(draw: st.DrawFn) -> Json:
    annotations = {}
    volume_name = draw(sometimes(VOLUMES, ""))
    if volume_name and draw(st.booleans()):
        annotations = dict(BOUND)
    if draw(st.integers(0, 3)) == 0:
        annotations["volume.kubernetes.io/selected-node"] = draw(NAMES)
    meta: Json = {"annotations": annotations}
    if draw(st.integers(0, 9)) == 0:
        meta["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    if draw(st.integers(0, 5)) == 0:
        meta["ownerReferences"] = [{"uid": f"uid-{draw(PODS)}", "controller": True}]
    selector = draw(sometimes(st.just({"matchLabels": {"disk": "z-1"}})))
    return claim(
        draw(CLAIMS),
        volume_name,
        class_name=draw(sometimes(CLASSES, "")),
        size=draw(SIZES),
        meta=meta,
        accessModes=draw(MODES),
        status=draw(st.sampled_from([{}, {"phase": "Bound"}, {"phase": "Lost"}])),
        **({"selector": selector} if selector else {}),
    )


@st.composite
def volumes(draw: st.DrawFn) -> Json:
    name = draw(VOLUMES)
    more: Json = {}
    if draw(st.booleans()):
        more["nodeAffinity"] = on(*draw(st.lists(NAMES, max_size=3)))
    if draw(st.integers(0, 2)) == 0:
        wanted = draw(CLAIMS)
        more["claimRef"] = {"namespace": "default", "name": wanted, "uid": draw(st.sampled_from(["", f"uid-{wanted}"]))}
    source = draw(st.sampled_from(["csi", "awsElasticBlockStore", "local"]))
    if source == "csi":
        more["csi"] = {"driver": draw(DRIVERS), "volumeHandle": name}
    elif source == "awsElasticBlockStore":
        more["awsElasticBlockStore"] = {"volumeID": name}
    return volume(name, draw(SIZES), class_name=draw(CLASSES), labels=draw(LABELS), accessModes=draw(MODES), **more)


@st.composite
def classes(draw: st.DrawFn) -> Json:
    name = draw(CLASSES)
    topologies = [{"matchLabelExpressions": [{"key": ZONE, "values": draw(st.lists(ZONES, max_size=2))}]}]
    mode = "Immediate" if name == "now" else draw(st.sampled_from(["WaitForFirstConsumer"] * 5 + [""]))
    provisioner = draw(DRIVERS) if name == "made" else "kubernetes.io/no-provisioner"
    return storage_class(name, mode, provisioner=provisioner, allowedTopologies=draw(sometimes(st.just(topologies))))


@st.composite
def others(draw: st.DrawFn) -> tuple[str, Json]:
    match draw(st.integers(0, 3)):
        case 0:
            limits = draw(st.dictionaries(DRIVERS, st.integers(0, 2), max_size=2))
            migrated = draw(st.sampled_from(["", "kubernetes.io/aws-ebs"]))
            return "CSINode", csi_node(draw(NAMES), migrated=migrated, **limits)
        case 1:
            return "CSIDriver", driver_of_limited_capacity(draw(DRIVERS), is_limited=draw(st.booleans()))
        case 2:
            topology = draw(sometimes(st.fixed_dictionaries({"matchLabels": LABELS})))
            name = draw(st.sampled_from(["k-1", "k-2"]))
            return "CSIStorageCapacity", capacity(name, draw(SIZES), class_name="made", nodeTopology=topology)
    name = draw(st.sampled_from(["a-1", "a-2"]))
    return "VolumeAttachment", attachment(name, draw(VOLUMES), draw(NAMES), draw(DRIVERS))


@st.composite
def pods(draw: st.DrawFn) -> Json:
    those = using(*draw(st.lists(CLAIMS, max_size=2)))
    if draw(st.integers(0, 4)) == 0:
        disk = {"volumeID": draw(st.sampled_from(["x", "y"])), "readOnly": draw(st.booleans())}
        those.append({"name": "disk", "awsElasticBlockStore": disk})
    if draw(st.integers(0, 9)) == 0:
        those.append({"name": "tmp", "ephemeral": {}})
    is_bound = draw(st.integers(0, 4)) == 0
    return pod(draw(PODS), *those, node_name=draw(NAMES) if is_bound else "", priority=draw(st.integers(0, 1)))


class VolumesMirror(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.twins = (_core.SchedulerEngine(), reference.SchedulerEngine())
        self.now_s = 100.0

    def _set(self, kind: str, obj: Json) -> None:
        for twin in self.twins:
            twin.set_object(kind, json.dumps(obj).encode())

    @initialize(labels=st.lists(LABELS, min_size=4, max_size=4))
    def begin(self, labels: list[dict[str, str]]) -> None:
        for name, those in zip(NODES, labels, strict=True):
            self.set_node(name, those)
        for name in ("static", "made"):
            self._set(
                "StorageClass",
                storage_class(name, provisioner="d" if name == "made" else "kubernetes.io/no-provisioner"),
            )
        for number in range(5):
            self._set("PersistentVolumeClaim", claim(f"claim-{number}", class_name=("static", "made")[number % 2]))
            self._set("PersistentVolume", volume(f"pv-{number}", class_name="static"))

    @rule(name=NAMES, labels=LABELS)
    def set_node(self, name: str, labels: dict[str, str]) -> None:
        for twin in self.twins:
            twin.set_node(json.dumps(node(name, **{"kubernetes.io/hostname": name}, **labels)).encode())

    @rule(obj=claims())
    def set_claim(self, obj: Json) -> None:
        self._set("PersistentVolumeClaim", obj)

    @rule(obj=volumes())
    def set_volume(self, obj: Json) -> None:
        self._set("PersistentVolume", obj)

    @rule(obj=classes())
    def set_class(self, obj: Json) -> None:
        self._set("StorageClass", obj)

    @rule(each=others())
    def set_other(self, each: tuple[str, Json]) -> None:
        self._set(*each)

    @rule(
        each=st.one_of(
            st.tuples(st.just("PersistentVolume"), VOLUMES),
            st.tuples(st.just("PersistentVolumeClaim"), CLAIMS.map(lambda name: f"default/{name}")),
            st.tuples(st.just("StorageClass"), CLASSES),
            st.tuples(st.just("CSINode"), NAMES),
            st.tuples(st.just("VolumeAttachment"), st.sampled_from(["a-1", "a-2"])),
        )
    )
    def remove_object(self, each: tuple[str, str]) -> None:
        for twin in self.twins:
            twin.remove_object(*each)

    @rule(made=pods())
    def set_pod(self, made: Json) -> None:
        for twin in self.twins:
            twin.set_pod(json.dumps(made).encode())

    @rule(name=PODS)
    def remove_pod(self, name: str) -> None:
        for twin in self.twins:
            twin.remove_pod(f"uid-{name}")

    @rule(name=PODS)
    def forget(self, name: str) -> None:
        rust, python = (twin.forget(f"uid-{name}") for twin in self.twins)
        assert rust == python

    @rule(seconds=st.sampled_from([0.0, 1.0, 20.0]), max_count=st.integers(1, 5))
    def schedule(self, seconds: float, max_count: int) -> None:
        self.now_s += seconds
        rust, python = (
            [
                (d.uid, d.outcome, d.node_name, d.message, list(d.plugins), d.writes, d.nominated_node_name)
                for d in twin.schedule(self.now_s, max_count)
            ]
            for twin in self.twins
        )
        assert rust == python

    @rule(made=pods())
    def evaluate(self, made: Json) -> None:
        rust, python = (twin.evaluate(json.dumps(made).encode()) for twin in self.twins)
        assert rust == python

    @invariant()
    def stand_alike(self) -> None:
        rust, python = self.twins
        assert rust.counts() == python.counts()


TestVolumesMirror = VolumesMirror.TestCase
TestVolumesMirror.settings = settings(max_examples=20, stateful_step_count=30, deadline=None)
