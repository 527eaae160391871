"""StatefulSets keep their names and claims; volumes are made where the first pod goes, and hold it there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.simulate.scenarios import scenario, simulated
from tests.simulate.test_capacity import workload

Json = dict[str, Any]

FAST: Json = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "fast"},
    "provisioner": "example.com/disks",
    "volumeBindingMode": "WaitForFirstConsumer",
}
TWO_ZONES: Json = {"name": "db", "count": 4, "allocatable": {"cpu": 4, "memory": "16Gi"}, "zones": ["a", "b"]}


def database(**claim: Any) -> Json:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Gi"}}, **claim}
    templates = [{"metadata": {"name": "data"}, "spec": spec}]
    return workload("StatefulSet", "db", {"cpu": "2"}, replicas=3, serviceName="db", volumeClaimTemplates=templates)


def run(folder: Path, objects: list[Json], **changes: Any) -> Any:
    (folder / "app.yaml").write_text(yaml.safe_dump_all(objects))
    cluster = {"pools": [TWO_ZONES], "manifests": ["app.yaml"]}
    return simulated(scenario(cluster=cluster, workloads=[], **changes), folder)


def test_each_pod_of_a_stateful_set_gets_a_volume_in_the_zone_of_its_node(tmp_path: Path) -> None:
    simulation = run(tmp_path, [FAST, database(storageClassName="fast")])

    assert list(simulation.state.pods) == ["default/db-0", "default/db-1", "default/db-2"]
    for name in ("db-0", "db-1", "db-2"):
        volume = simulation.claims.find("PersistentVolume", f"pvc-default-data-{name}")
        term = volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"][0]["matchExpressions"][0]
        assert term["values"] == [simulation.state.pods[f"default/{name}"].node.shape.zone]


def test_a_pod_cannot_leave_the_zone_of_its_volume(tmp_path: Path) -> None:
    # Its zone has one more node, which is gone as well.
    events = [{"at": "1h", "removeNodes": {"zone": "a"}}]

    simulation = run(tmp_path, [FAST, database(storageClassName="fast")], events=events)

    waiting = list(simulation.state.pending.values())
    assert waiting and {pod.name for pod in waiting} <= {"db-0", "db-1", "db-2"}
    assert {pod.reason for pod in waiting} == {"node(s) didn't match PersistentVolume's node affinity"}


def test_a_pod_that_was_lost_comes_again_under_its_name(tmp_path: Path) -> None:
    events = [{"at": "1h", "drainNodes": {"names": ["db-1"]}}, {"at": "2h", "drainNodes": {"names": ["db-2"]}}]

    simulation = run(tmp_path, [FAST, database(storageClassName="fast")], events=events)

    assert sorted(simulation.state.pods) == ["default/db-0", "default/db-1", "default/db-2"]
    assert simulation.measure.counts["evicted"] > 0


def test_a_class_that_nobody_knows_is_taken_as_disks_and_told(tmp_path: Path) -> None:
    simulation = run(tmp_path, [database()])

    assert simulation.state.bound_count == 3
    assert simulation.plan.warnings == [
        "StorageClass 'standard' is unknown; it is taken as one that makes volumes where pods go"
    ]


def test_the_default_class_is_given_as_admission_does(tmp_path: Path) -> None:
    annotations = {"storageclass.kubernetes.io/is-default-class": "true"}
    default = {**FAST, "metadata": {"name": "usual", "annotations": annotations}, "volumeBindingMode": "Immediate"}

    simulation = run(tmp_path, [default, database()])

    claim = simulation.claims.find("PersistentVolumeClaim", "default/data-db-1")
    assert claim["spec"]["storageClassName"] == "usual"
    assert claim["status"]["phase"] == "Bound"
    assert simulation.state.bound_count == 3
