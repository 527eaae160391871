"""The volume plugins by tables: which nodes a pod with claims and disks can have, and why not the others."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pyk8s.core.scheduler_interface import SchedulerEngine
from volume_objects import (
    ZONE,
    attachment,
    capacity,
    claim,
    csi,
    csi_node,
    driver_of_limited_capacity,
    evaluated,
    fill,
    for_claim,
    node,
    on,
    pod,
    refusals,
    storage_class,
    using,
    volume,
)

Json = dict[str, Any]
Engine = type[SchedulerEngine]

AFFINITY = "node(s) didn't match PersistentVolume's node affinity"
NO_VOLUME = "node(s) didn't find available persistent volumes to bind"
NO_ROOM = "node(s) did not have enough free storage"
NO_SUCH_VOLUME = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"
NO_DISK = "node(s) had no available disk"
IN_USE = (
    "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod"
)
TOO_MANY = "node(s) exceed max volume count"
NO_ZONE = "node(s) had no available volume zone"
UU = "UnschedulableAndUnresolvable"

HOSTS = [node(name, **{"kubernetes.io/hostname": name}) for name in ("a", "b", "c")]


def disk(source: str, **fields: Any) -> Json:
    return {"name": "disk", source: fields}


@pytest.mark.parametrize(
    ("mine", "its", "fits"),
    [
        pytest.param(disk("awsElasticBlockStore", volumeID="v"), disk("awsElasticBlockStore", volumeID="v"), False),
        pytest.param(disk("awsElasticBlockStore", volumeID="v"), disk("awsElasticBlockStore", volumeID="w"), True),
        pytest.param(disk("gcePersistentDisk", pdName="v"), disk("gcePersistentDisk", pdName="v"), False),
        pytest.param(
            disk("gcePersistentDisk", pdName="v", readOnly=True), disk("gcePersistentDisk", pdName="v"), False
        ),
        pytest.param(
            disk("gcePersistentDisk", pdName="v", readOnly=True),
            disk("gcePersistentDisk", pdName="v", readOnly=True),
            True,
        ),
        pytest.param(
            disk("awsElasticBlockStore", volumeID="v", readOnly=True),
            disk("awsElasticBlockStore", volumeID="v", readOnly=True),
            False,
        ),
        pytest.param(disk("gcePersistentDisk", pdName="v"), disk("awsElasticBlockStore", volumeID="v"), True),
        pytest.param(disk("iscsi", iqn="q", lun=0), disk("iscsi", iqn="q", lun=1), False),
        pytest.param(disk("iscsi", iqn="q", readOnly=True), disk("iscsi", iqn="q", readOnly=True), True),
        pytest.param(
            disk("rbd", monitors=["m", "n"], pool="p", image="i"),
            disk("rbd", monitors=["n"], pool="p", image="i"),
            False,
        ),
        pytest.param(
            disk("rbd", monitors=["m"], pool="p", image="i"), disk("rbd", monitors=["n"], pool="p", image="i"), True
        ),
        pytest.param(
            disk("rbd", monitors=["m"], pool="p", image="i"), disk("rbd", monitors=["m"], pool="q", image="i"), True
        ),
    ],
)
def test_disks_that_two_pods_of_a_node_cannot_share(
    scheduler_engine: Engine, mine: Json, its: Json, fits: bool
) -> None:
    engine = fill(scheduler_engine(), [node("a"), node("b")])
    engine.set_pod(_bytes(pod("other", its, node_name="a")))

    answer = evaluated(engine, pod("p", mine))

    refused = {} if fits else {"a": ("VolumeRestrictions", "Unschedulable", [NO_DISK])}
    assert refusals(answer) == refused


def test_a_claim_for_one_pod_is_refused_to_a_second_on_every_node(scheduler_engine: Engine) -> None:
    single = claim("data", "pv", accessModes=["ReadWriteOncePod"])
    engine = fill(scheduler_engine(), HOSTS, PersistentVolumeClaim=[single], PersistentVolume=[volume("pv")])
    engine.set_pod(_bytes(pod("other", *using("data"), node_name="a")))

    answer = evaluated(engine, pod("p", *using("data")))

    expected = ("VolumeRestrictions", "Unschedulable", [IN_USE])
    assert refusals(answer) == dict.fromkeys("abc", expected)


def test_a_claim_of_that_name_elsewhere_is_another(scheduler_engine: Engine) -> None:
    single = claim("data", "pv", accessModes=["ReadWriteOncePod"])
    engine = fill(scheduler_engine(), HOSTS, PersistentVolumeClaim=[single], PersistentVolume=[volume("pv")])
    other = pod("other", *using("data"), node_name="a")
    other["metadata"]["namespace"] = "elsewhere"
    engine.set_pod(_bytes(other))

    assert evaluated(engine, pod("p", *using("data")))["feasible"] == ["a", "b", "c"]


LOST = claim("data", "pv", status={"phase": "Lost"})
DELETED = claim("data", "pv", meta={"deletionTimestamp": "2026-01-01T00:00:00Z"})


@pytest.mark.parametrize(
    ("claims", "classes", "plugin", "message"),
    [
        pytest.param([], [], "VolumeRestrictions", 'persistentvolumeclaim "data" not found', id="missing"),
        pytest.param(
            [LOST],
            [],
            "VolumeBinding",
            'persistentvolumeclaim "data" bound to non-existent persistentvolume "pv"',
            id="lost",
        ),
        pytest.param([DELETED], [], "VolumeBinding", 'persistentvolumeclaim "data" is being deleted', id="deleted"),
        pytest.param(
            [claim("data")],
            [storage_class(mode="Immediate")],
            "VolumeBinding",
            "pod has unbound immediate PersistentVolumeClaims",
            id="bound at once",
        ),
        pytest.param(
            [claim("data")], [], "VolumeBinding", "pod has unbound immediate PersistentVolumeClaims", id="no class"
        ),
        pytest.param(
            [claim("data", "pv", meta={"annotations": {}})],
            [storage_class()],
            "VolumeBinding",
            "pod has unbound immediate PersistentVolumeClaims",
            id="binding under way",
        ),
    ],
)
def test_claims_that_no_node_can_help(
    scheduler_engine: Engine, claims: list[Json], classes: list[Json], plugin: str, message: str
) -> None:
    engine = fill(scheduler_engine(), [node()], PersistentVolumeClaim=claims, StorageClass=classes)

    answer = evaluated(engine, pod("p", *using("data")))

    assert refusals(answer) == {"n": (plugin, UU, [message])}
    assert answer["message"].startswith(f"0/1 nodes are available: {message}.")


def test_an_ephemeral_volume_needs_a_claim_of_its_own(scheduler_engine: Engine) -> None:
    engine = fill(scheduler_engine(), [node()], PersistentVolume=[volume("pv")])
    incoming = pod("p", {"name": "tmp", "ephemeral": {"volumeClaimTemplate": {}}})
    waiting = 'waiting for ephemeral volume controller to create the persistentvolumeclaim "p-tmp"'
    assert refusals(evaluated(engine, incoming))["n"][2] == [waiting]

    fill(engine, [], PersistentVolumeClaim=[claim("p-tmp", "pv")])
    foreign = "PVC default/p-tmp was not created for pod default/p (pod is not owner)"
    assert refusals(evaluated(engine, incoming))["n"][2] == [foreign]

    owners = [{"kind": "Pod", "name": "p", "uid": "uid-p", "controller": True}]
    fill(engine, [], PersistentVolumeClaim=[claim("p-tmp", "pv", meta={"ownerReferences": owners})])
    assert evaluated(engine, incoming)["chosen"] == "n"


def test_a_bound_volume_says_where_the_pod_can_be(scheduler_engine: Engine) -> None:
    volumes = [volume("pv", nodeAffinity=on("a", "b")), volume("anywhere")]
    claims = [claim("data", "pv"), claim("more", "anywhere"), claim("orphan", "gone")]
    engine = fill(scheduler_engine(), HOSTS, PersistentVolumeClaim=claims, PersistentVolume=volumes)

    first = evaluated(engine, pod("p", *using("data", "more")))
    second = evaluated(engine, pod("p", *using("orphan")))

    assert refusals(first) == {"c": ("VolumeBinding", UU, [AFFINITY])}
    # VolumeZone comes later in the profile, but finds out before any node is looked at.
    assert second["message"].startswith('0/3 nodes are available: persistentvolume "gone" not found.')


@pytest.mark.parametrize(
    ("offered", "asked", "fits"),
    [
        pytest.param({}, {}, True, id="alike"),
        pytest.param({"capacity": {"storage": "512Mi"}}, {}, False, id="too small"),
        pytest.param({"accessModes": ["ReadWriteOnce", "ReadOnlyMany"]}, {}, True, id="more modes than asked for"),
        pytest.param({}, {"accessModes": ["ReadWriteMany"]}, False, id="a mode it has not"),
        pytest.param({"volumeMode": "Block"}, {}, False, id="a block device for a file system"),
        pytest.param({"volumeMode": "Filesystem"}, {}, True, id="the default mode, said"),
        pytest.param({"storageClassName": "other"}, {}, False, id="another class"),
        pytest.param({"volumeAttributesClassName": "fast"}, {}, False, id="other attributes"),
        pytest.param({}, {"selector": {"matchLabels": {"disk": "ssd"}}}, True, id="selected"),
        pytest.param({}, {"selector": {"matchLabels": {"disk": "hdd"}}}, False, id="not selected"),
        pytest.param({"claimRef": for_claim("other")}, {}, False, id="meant for another"),
        pytest.param({"claimRef": for_claim("data")}, {}, True, id="meant for it"),
        pytest.param({"claimRef": for_claim("data", "uid-data")}, {}, True, id="promised to it"),
        pytest.param({"claimRef": for_claim("data", "uid-before")}, {}, False, id="promised to one before it"),
        pytest.param(
            {"claimRef": for_claim("data")},
            {"selector": {"matchLabels": {"disk": "hdd"}}},
            True,
            id="meant, unselected",
        ),
        pytest.param({"nodeAffinity": on("elsewhere")}, {}, False, id="out of reach"),
    ],
)
def test_which_volume_an_unbound_claim_could_get(
    scheduler_engine: Engine, offered: Json, asked: Json, fits: bool
) -> None:
    engine = fill(
        scheduler_engine(),
        [HOSTS[0]],
        StorageClass=[storage_class()],
        PersistentVolume=[volume("pv", labels={"disk": "ssd"}, **offered)],
        PersistentVolumeClaim=[claim("data", **asked)],
    )

    answer = evaluated(engine, pod("p", *using("data")))

    assert refusals(answer) == ({} if fits else {"a": ("VolumeBinding", UU, [NO_VOLUME])})


def test_each_claim_of_a_pod_needs_a_volume_of_its_own(scheduler_engine: Engine) -> None:
    volumes = [
        volume(f"on-{host}-{i}", nodeAffinity=on(host)) for host, count in (("a", 1), ("b", 2)) for i in range(count)
    ]
    claims = [claim("one"), claim("two")]
    engine = fill(
        scheduler_engine(),
        HOSTS,
        StorageClass=[storage_class()],
        PersistentVolume=volumes,
        PersistentVolumeClaim=claims,
    )

    answer = evaluated(engine, pod("p", *using("one", "two")))

    assert answer["feasible"] == ["b"]


def test_the_smaller_claim_leaves_the_larger_volume(scheduler_engine: Engine) -> None:
    engine = fill(
        scheduler_engine(),
        [node()],
        StorageClass=[storage_class()],
        PersistentVolume=[volume("large", "10Gi"), volume("small", "2Gi")],
        PersistentVolumeClaim=[claim("much", size="8Gi"), claim("little", size="1Gi")],
    )

    assert evaluated(engine, pod("p", *using("much", "little")))["chosen"] == "n"


ALLOWED = [{"matchLabelExpressions": [{"key": ZONE, "values": ["z-1", "z-2"]}]}]


@pytest.mark.parametrize(
    ("labels", "topologies", "fits"),
    [
        pytest.param({ZONE: "z-1"}, None, True, id="anywhere"),
        pytest.param({ZONE: "z-1"}, [], True, id="no terms"),
        pytest.param({ZONE: "z-1"}, ALLOWED, True, id="an allowed zone"),
        pytest.param({ZONE: "z-3"}, ALLOWED, False, id="another zone"),
        pytest.param({}, ALLOWED, False, id="no zone"),
        pytest.param({ZONE: "z-3"}, [{"matchLabelExpressions": []}, *ALLOWED], False, id="an empty term"),
    ],
)
def test_where_a_class_can_have_volumes_made(
    scheduler_engine: Engine, labels: dict[str, str], topologies: Any, fits: bool
) -> None:
    made = storage_class(provisioner="d", allowedTopologies=topologies)
    engine = fill(scheduler_engine(), [node("n", **labels)], StorageClass=[made], PersistentVolumeClaim=[claim("data")])

    answer = evaluated(engine, pod("p", *using("data")))

    assert refusals(answer) == ({} if fits else {"n": ("VolumeBinding", UU, [NO_VOLUME])})


@pytest.mark.parametrize(
    ("published", "is_limited", "fits"),
    [
        pytest.param([], True, False, id="nothing published"),
        pytest.param([], False, True, id="a driver that does not publish"),
        pytest.param([capacity("c", "1Gi")], True, True, id="just enough"),
        pytest.param([capacity("c", "1023Mi")], True, False, id="too little"),
        pytest.param([capacity("c", "9Gi", maximumVolumeSize="512Mi")], True, False, id="not in one piece"),
        pytest.param([capacity("c", "0", maximumVolumeSize="2Gi")], True, True, id="the largest piece counts"),
        pytest.param([capacity("c", "9Gi", class_name="other")], True, False, id="of another class"),
        pytest.param([capacity("c", "9Gi", nodeTopology=None)], True, False, id="of no node"),
        pytest.param([capacity("c", "9Gi", nodeTopology={"matchLabels": {ZONE: "z-1"}})], True, True, id="of its zone"),
        pytest.param([capacity("c", "9Gi", nodeTopology={"matchLabels": {ZONE: "z-2"}})], True, False, id="elsewhere"),
        pytest.param([capacity("b", "1Mi"), capacity("c", "9Gi")], True, True, id="one of two"),
    ],
)
def test_a_driver_has_room_as_it_has_published(
    scheduler_engine: Engine, published: list[Json], is_limited: bool, fits: bool
) -> None:
    engine = fill(
        scheduler_engine(),
        [node("n", **{ZONE: "z-1"})],
        StorageClass=[storage_class(provisioner="d")],
        CSIDriver=[driver_of_limited_capacity(is_limited=is_limited)],
        CSIStorageCapacity=published,
        PersistentVolumeClaim=[claim("data")],
    )

    answer = evaluated(engine, pod("p", *using("data")))

    assert refusals(answer) == ({} if fits else {"n": ("VolumeBinding", UU, [NO_ROOM])})


def test_a_claim_being_provisioned_ties_its_pods_to_that_node(scheduler_engine: Engine) -> None:
    selected = claim("data", meta={"annotations": {"volume.kubernetes.io/selected-node": "b"}})
    engine = fill(
        scheduler_engine(), HOSTS, StorageClass=[storage_class(provisioner="d")], PersistentVolumeClaim=[selected]
    )

    answer = evaluated(engine, pod("p", *using("data")))

    assert answer["feasible"] == ["b"]
    assert refusals(answer)["a"] == ("VolumeBinding", UU, [NO_VOLUME])


@pytest.mark.parametrize(
    ("limit", "held", "asked", "fits"),
    [
        pytest.param(2, ["x-1"], ["x-2"], True, id="the last place"),
        pytest.param(1, ["x-1"], ["x-2"], False, id="no place"),
        pytest.param(1, ["x-1"], ["x-1"], True, id="the same volume"),
        pytest.param(2, ["x-1"], ["x-1", "x-2"], True, id="one of them the same"),
        pytest.param(2, ["x-1"], ["x-2", "x-3"], False, id="one place for two"),
        pytest.param(0, [], ["x-1"], False, id="none at all"),
        pytest.param(1, ["y-1"], ["x-1"], True, id="another driver's"),
        pytest.param(1, ["x-1"], ["plain"], True, id="not a driver's"),
        pytest.param(1, ["x-1"], ["unbound"], False, id="yet to be made"),
    ],
)
def test_a_driver_attaches_only_so_many_volumes(
    scheduler_engine: Engine, limit: int, held: list[str], asked: list[str], fits: bool
) -> None:
    names = ["x-1", "x-2", "x-3", "y-1"]
    engine = fill(
        scheduler_engine(),
        [node()],
        CSINode=[csi_node(x=limit)],
        StorageClass=[storage_class(provisioner="x")],
        PersistentVolume=[volume("plain"), *(volume(name, csi=csi(name[0], name)) for name in names)],
        PersistentVolumeClaim=[claim("unbound"), *(claim(name, name) for name in (*names, "plain"))],
    )
    engine.set_pod(_bytes(pod("other", *using(*held), node_name="n")))

    answer = evaluated(engine, pod("p", *using(*asked)))

    assert refusals(answer) == ({} if fits else {"n": ("NodeVolumeLimits", "Unschedulable", [TOO_MANY])})


def test_what_is_still_attached_counts_until_it_is_detached(scheduler_engine: Engine) -> None:
    names = ["d-1", "d-2"]
    engine = fill(
        scheduler_engine(),
        [node()],
        CSINode=[csi_node(d=1)],
        PersistentVolume=[volume(name, csi=csi("d", name)) for name in names],
        PersistentVolumeClaim=[claim(name, name) for name in names],
        VolumeAttachment=[attachment("a", "d-1"), attachment("b", "d-2", node_name="elsewhere")],
    )

    assert refusals(evaluated(engine, pod("p", *using("d-2"))))["n"][2] == [TOO_MANY]
    assert evaluated(engine, pod("p", *using("d-1")))["chosen"] == "n"

    engine.remove_object("VolumeAttachment", "a")
    assert evaluated(engine, pod("p", *using("d-2")))["chosen"] == "n"


@pytest.mark.parametrize(("migrated", "fits"), [("kubernetes.io/aws-ebs", False), ("kubernetes.io/gce-pd", True)])
def test_an_in_tree_volume_counts_where_its_driver_has_taken_over(
    scheduler_engine: Engine, migrated: str, fits: bool
) -> None:
    limits = csi_node(migrated=migrated, **{"ebs.csi.aws.com": 1})
    engine = fill(scheduler_engine(), [node()], CSINode=[limits])
    engine.set_pod(_bytes(pod("other", disk("awsElasticBlockStore", volumeID="v"), node_name="n")))

    answer = evaluated(engine, pod("p", disk("awsElasticBlockStore", volumeID="w")))

    assert (answer["chosen"] == "n") is fits


BETA_ZONE = "failure-domain.beta.kubernetes.io/zone"


@pytest.mark.parametrize(
    ("of_volume", "of_node", "fits"),
    [
        pytest.param({ZONE: "z-1"}, {ZONE: "z-1"}, True, id="the same"),
        pytest.param({ZONE: "z-1"}, {ZONE: "z-2"}, False, id="another"),
        pytest.param({ZONE: "z-1__z-2"}, {ZONE: "z-2"}, True, id="one of several"),
        pytest.param({ZONE: "z-1"}, {}, True, id="a node without any"),
        pytest.param({ZONE: "z-1"}, {"topology.kubernetes.io/region": "r"}, False, id="a node without this one"),
        pytest.param({BETA_ZONE: "z-1"}, {ZONE: "z-1"}, True, id="the old name, the new name"),
        pytest.param({ZONE: "z-1"}, {BETA_ZONE: "z-1"}, False, id="the new name, the old name"),
        pytest.param({ZONE: "z-1__"}, {ZONE: "z-2"}, True, id="a list with a hole says nothing"),
        pytest.param({"size": "l"}, {ZONE: "z-2"}, True, id="other labels"),
    ],
)
def test_a_volume_keeps_its_pods_in_its_zone(
    scheduler_engine: Engine, of_volume: dict[str, str], of_node: dict[str, str], fits: bool
) -> None:
    engine = fill(
        scheduler_engine(),
        [node("n", **of_node)],
        PersistentVolume=[volume("pv", labels=of_volume)],
        PersistentVolumeClaim=[claim("data", "pv")],
    )

    answer = evaluated(engine, pod("p", *using("data")))

    assert refusals(answer) == ({} if fits else {"n": ("VolumeZone", UU, [NO_ZONE])})


def test_pods_without_volumes_skip_all_of_it(scheduler_engine: Engine) -> None:
    answer = evaluated(fill(scheduler_engine(), [node("a"), node("b")]), pod("p", {"name": "tmp", "emptyDir": {}}))

    skipped = {"VolumeRestrictions", "NodeVolumeLimits", "VolumeBinding", "VolumeZone"}
    assert skipped <= set(answer["skippedFilters"])
    assert "VolumeBinding" not in answer["weighted"]


def test_a_class_that_does_not_say_when_it_binds_fails_the_attempt(scheduler_engine: Engine) -> None:
    engine = fill(
        scheduler_engine(), [node()], StorageClass=[storage_class(mode="")], PersistentVolumeClaim=[claim("data")]
    )

    answer = evaluated(engine, pod("p", *using("data")))

    cause = 'VolumeBindingMode not set for StorageClass "c"'
    assert answer["message"] == f'running PreFilter plugin "VolumeBinding": {cause}'
    assert answer["rejected"] == []


def test_the_old_annotation_names_the_class(scheduler_engine: Engine) -> None:
    annotations = {"volume.beta.kubernetes.io/storage-class": "c"}
    engine = fill(
        scheduler_engine(),
        [node()],
        StorageClass=[storage_class()],
        PersistentVolume=[volume("pv")],
        PersistentVolumeClaim=[claim("data", class_name="", meta={"annotations": annotations})],
    )

    assert evaluated(engine, pod("p", *using("data")))["chosen"] == "n"


def _bytes(obj: Json) -> bytes:
    return json.dumps(obj).encode()
