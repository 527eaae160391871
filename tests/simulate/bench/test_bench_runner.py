"""Workloads run to their end in process, on the virtual clock."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from pyk8s import core
from pyk8s.api.clock import VirtualClock
from pyk8s.simulate.bench import results
from pyk8s.simulate.bench.in_process import InProcessCluster
from pyk8s.simulate.bench.kinds import NAMESPACES, NODES, PODS
from pyk8s.simulate.bench.ledger import Ledger
from pyk8s.simulate.bench.objects import NameSource
from pyk8s.simulate.bench.placement import values_under
from pyk8s.simulate.bench.progress import Silent
from pyk8s.simulate.bench.runner import Runner, WorkloadFailed
from pyk8s.simulate.bench.session import Options, measure, prepare

MIXED = Path(__file__).with_name("fixtures") / "mixed" / "performance.yaml"
VIRTUAL_S_MAX = 600


async def on_virtual_time(clock: VirtualClock, work: Any, step_s: float = 0.05) -> Any:
    """The outcome of ``work``, with time moving on whenever it waits."""
    task = asyncio.ensure_future(work)
    for _ in range(int(VIRTUAL_S_MAX / step_s)):
        if task.done():
            break
        await clock.advance(step_s)
    assert task.done(), f"not over after {VIRTUAL_S_MAX} s"
    return task.result()


class BusyClock(VirtualClock):
    """Time passes with every look at it: for work that never rests."""

    def monotonic_s(self) -> float:
        self._elapsed_s += 0.001
        return self._elapsed_s


class Finished:
    """A run of one workload, kept open to look into."""

    def __init__(self, file: Path, case: str, workload: str = "", clock: VirtualClock | None = None) -> None:
        (ready,) = prepare(file, lambda path, gates: b"", case=case, workload=workload)
        self.clock, self.ledger = clock or VirtualClock(), Ledger()

        def make_engine(*, is_indexed: bool) -> Any:
            return core.SchedulerEngine(is_indexed=is_indexed)

        numbers = iter(range(1_000_000))
        self.cluster = InProcessCluster(self.clock, self.ledger, make_engine)
        names = NameSource(lambda: f"uid-{next(numbers)}", "2026-01-01T00:00:00Z")
        self.runner = Runner(ready.plan, self.cluster, self.ledger, names, Silent())

    async def run(self, step_s: float = 0.05) -> Finished:
        await on_virtual_time(self.clock, self.runner.run(self.clock), step_s)
        return self

    def objects(self, prefix: str) -> dict[str, Any]:
        found = [orjson.loads(value) for value in values_under(self.cluster.store, prefix)]
        return {one["metadata"]["name"]: one for one in found}


def one_case(folder: Path, *operations: dict[str, Any], **templates: dict[str, Any]) -> Path:
    for name, manifest in templates.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(manifest))
    file = folder / "performance.yaml"
    file.write_text(
        yaml.safe_dump([{"name": "Case", "workloadTemplate": list(operations), "workloads": [{"name": "w"}]}])
    )
    return file


def pod(cpu: str, **spec: Any) -> dict[str, Any]:
    container = {"name": "c", "image": "i", "resources": {"requests": {"cpu": cpu}}}
    metadata = {"generateName": f"{cpu}-"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container], **spec}}


NODE = {"opcode": "createNodes", "count": 1}


@pytest.mark.parametrize("case", ["AffinityInOneZone", "SpreadUnderChurn", "WaitAndRelease"])
async def test_the_mixed_workloads_run_from_their_format_alone(case: str) -> None:
    (ready,) = prepare(MIXED, lambda path, gates: b"", case=case, workload="tiny")
    clock = VirtualClock()

    result = await on_virtual_time(
        clock, measure(ready, clock=clock, options=Options(is_placement_wanted=True), progress=Silent())
    )

    expected = {"AffinityInOneZone": ("team-1", 8), "SpreadUnderChurn": ("web", 12), "WaitAndRelease": ("released", 2)}
    (measured,) = result.measured
    assert (measured.name, measured.pod_count) == expected[case]
    assert result.agreement is not None and result.agreement.share == 1.0 and result.agreement.sample_count > 0
    assert sum(row["pods"] for row in result.placements.values()) >= measured.pod_count


async def test_two_runs_of_one_seed_place_alike() -> None:
    runs = [await Finished(MIXED, "AffinityInOneZone", "small").run() for _ in range(2)]

    first, second = ({name: one["spec"]["nodeName"] for name, one in run.objects(PODS.prefix).items()} for run in runs)

    assert first == second and len(first) == 60


async def test_node_strategies_label_the_nodes(tmp_path: Path) -> None:
    strategy = {"labelKey": "zone", "labelValues": ["a", "b"]}
    file = one_case(
        tmp_path,
        {"opcode": "createNodes", "count": 3, "labelNodePrepareStrategy": strategy},
        {"opcode": "createNodes", "count": 2, "uniqueNodeLabelStrategy": {"labelKey": "own"}},
        {
            "opcode": "createNodes",
            "count": 1,
            "nodeAllocatableStrategy": {
                "nodeAllocatable": {"example.com/gpu": "2"},
                "csiNodeAllocatable": {"csi.example.com": {"count": 5}},
            },
        },
    )

    run = await Finished(file, "Case").run()

    nodes = run.objects(NODES.prefix)
    assert [nodes[f"node-{n}"]["metadata"]["labels"]["zone"] for n in range(3)] == ["a", "b", "a"]
    assert [nodes[f"node-{n}"]["metadata"]["labels"]["own"] for n in (3, 4)] == ["node-3", "node-4"]
    assert nodes["node-5"]["status"]["allocatable"]["example.com/gpu"] == "2"
    (driver,) = run.objects("/registry/csinodes/")["node-5"]["spec"]["drivers"]
    assert driver["name"] == "csi.example.com" and driver["allocatable"] == {"count": 5}


async def test_pod_sets_fill_their_namespaces(tmp_path: Path) -> None:
    pods = {"opcode": "createPods", "count": 2}
    file = one_case(
        tmp_path,
        NODE,
        {"opcode": "createNamespaces", "prefix": "set", "count": 3},
        {"opcode": "createPodSets", "count": 3, "namespacePrefix": "set", "createPodsOp": pods},
    )

    run = await Finished(file, "Case").run()

    bound = [one["metadata"]["namespace"] for one in run.objects(PODS.prefix).values() if one["spec"].get("nodeName")]
    assert sorted(bound) == ["set-0", "set-0", "set-1", "set-1", "set-2", "set-2"]
    assert set(run.objects(NAMESPACES.prefix)) == {"set-0", "set-1", "set-2"}


async def test_pods_without_a_namespace_get_the_operations_own(tmp_path: Path) -> None:
    run = await Finished(one_case(tmp_path, NODE, {"opcode": "createPods", "count": 1}), "Case").run()

    (only,) = run.objects(PODS.prefix).values()
    assert only["metadata"]["namespace"] == "namespace-1" and "namespace-1" in run.objects(NAMESPACES.prefix)


async def test_a_bound_pod_carries_its_condition_and_every_event_was_watched(tmp_path: Path) -> None:
    run = await Finished(one_case(tmp_path, NODE, {"opcode": "createPods", "count": 5}), "Case").run()

    for one in run.objects(PODS.prefix).values():
        assert one["spec"]["nodeName"] == "node-0"
        (condition,) = one["status"]["conditions"]
        assert (condition["type"], condition["status"]) == ("PodScheduled", "True")
    assert run.cluster.event_count == 10


async def test_churn_recreates_and_creates_up_to_its_number(tmp_path: Path) -> None:
    churn = {"opcode": "churn", "templatePaths": ["big.yaml"], "intervalMilliseconds": 100}
    file = one_case(
        tmp_path,
        NODE,
        {**churn, "mode": "create", "number": 3, "namespace": "created"},
        {**churn, "mode": "recreate", "number": 2, "namespace": "recreated"},
        {"opcode": "sleep", "duration": "450ms"},
        big=pod("900"),
    )

    run = await Finished(file, "Case").run()

    namespaces = [one["metadata"]["namespace"] for one in run.objects(PODS.prefix).values()]
    assert namespaces.count("created") == 3
    # Two beats create, the next two delete: after four nothing is left.
    assert namespaces.count("recreated") == 0


async def test_pods_that_can_never_be_scheduled_end_the_run_with_the_schedulers_words(tmp_path: Path) -> None:
    file = one_case(tmp_path, NODE, {"opcode": "createPods", "count": 2, "podTemplatePath": "big.yaml"}, big=pod("900"))

    with pytest.raises(WorkloadFailed, match=r"2 pods in namespace-1 were not scheduled for 90 s.*Insufficient cpu"):
        await Finished(file, "Case").run(step_s=1.0)


async def test_a_barrier_for_attempts_lets_gated_and_refused_pods_pass(tmp_path: Path) -> None:
    skip = {"opcode": "createPods", "count": 2, "skipWaitToCompletion": True}
    file = one_case(
        tmp_path,
        NODE,
        {**skip, "podTemplatePath": "big.yaml"},
        {**skip, "podTemplatePath": "gated.yaml"},
        {"opcode": "barrier", "stageRequirement": "Attempted"},
        big=pod("900"),
        gated=pod("1", schedulingGates=[{"name": "example.com/wait"}]),
    )

    run = await Finished(file, "Case").run()

    assert [one["spec"].get("nodeName") for one in run.objects(PODS.prefix).values()] == [None] * 4


async def test_updates_keep_the_node_and_release_what_waits(tmp_path: Path) -> None:
    waiting = pod("1", schedulingGates=[{"name": "example.com/wait"}])
    waiting["metadata"] = {"name": "pod-{{.Index}}"}
    waiting_pods = {"opcode": "createPods", "count": 3, "namespace": "n", "podTemplatePath": "waiting.yaml"}
    released = {**pod("1"), "metadata": {"name": "pod-{{.Index}}", "labels": {"released": "yes"}}}
    file = one_case(
        tmp_path,
        NODE,
        {**waiting_pods, "skipWaitToCompletion": True},
        {"opcode": "updateAny", "count": 3, "namespace": "n", "templatePath": "released.yaml", "updatePerSecond": 50},
        {"opcode": "barrier"},
        {"opcode": "updateAny", "count": 3, "namespace": "n", "templatePath": "released.yaml"},
        waiting=waiting,
        released=released,
    )

    run = await Finished(file, "Case").run()

    for one in run.objects(PODS.prefix).values():
        assert one["spec"]["nodeName"] == "node-0" and one["metadata"]["labels"] == {"released": "yes"}


async def test_a_steady_state_replaces_what_is_bound_until_the_time_is_over(tmp_path: Path) -> None:
    steady = {"steadyState": True, "duration": "1s", "collectMetrics": True, "namespace": "steady"}
    file = one_case(tmp_path, NODE, {"opcode": "createPods", "count": 4, **steady})

    run = await Finished(file, "Case", clock=BusyClock()).run()

    (measured,) = run.runner.measured
    assert measured.pod_count > 8
    assert len(run.objects(PODS.prefix)) == 4


async def test_volumes_are_made_bound_to_their_pods_claims(tmp_path: Path) -> None:
    volume = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"generateName": "x-"}}
    volume["spec"] = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"],
                      "csi": {"driver": "csi.example.com", "volumeHandle": "v-{{.Index}}"}}  # fmt: skip
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"generateName": "x-"}}
    claim["spec"] = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    paths = {"persistentVolumeTemplatePath": "volume.yaml", "persistentVolumeClaimTemplatePath": "claim.yaml"}
    file = one_case(
        tmp_path, NODE, {"opcode": "createPods", "count": 2, "namespace": "n", **paths}, volume=volume, claim=claim
    )

    run = await Finished(file, "Case").run()

    pods, claims = run.objects(PODS.prefix), run.objects("/registry/persistentvolumeclaims/")
    volumes = run.objects("/registry/persistentvolumes/")
    for number in range(2):
        name = pods[f"pod-{number}"]["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"]
        bound = volumes[claims[name]["spec"]["volumeName"]]
        assert bound["spec"]["claimRef"]["name"] == name and bound["spec"]["csi"]["volumeHandle"] == f"v-{number}"


async def test_results_are_scheduler_perfs_json_and_a_table() -> None:
    (ready,) = prepare(MIXED, lambda path, gates: b"", case="AffinityInOneZone", workload="tiny")
    clock = VirtualClock()
    result = await on_virtual_time(clock, measure(ready, clock=clock, options=Options(), progress=Silent()))

    document = results.as_json([result])

    assert document["version"] == "v1"
    by_metric = {item["labels"]["Metric"]: item for item in document["dataItems"]}
    throughput = by_metric["SchedulingThroughput"]
    assert throughput["unit"] == "pods/s" and throughput["labels"]["Name"] == "AffinityInOneZone/tiny/team-1"
    assert set(throughput["data"]) == {"Average", "Perc50", "Perc90", "Perc95", "Perc99"}
    assert by_metric["PlacementAgreement"]["data"]["Average"] == 100.0
    lines = results.table(results.rows(result)).splitlines()
    assert lines[0].startswith("workload") and lines[1].startswith("AffinityInOneZone/tiny/team-1")


async def test_preemptors_take_the_place_of_pods_of_lower_priority(tmp_path: Path) -> None:
    low = pod("900m", terminationGracePeriodSeconds=0)
    file = one_case(
        tmp_path,
        {"opcode": "createNodes", "count": 2},
        {"opcode": "createPods", "count": 8, "podTemplatePath": "low.yaml"},
        {"opcode": "createPods", "count": 2, "podTemplatePath": "high.yaml", "collectMetrics": True},
        low=low,
        high=pod("3", priority=10),
    )

    run = await Finished(file, "Case").run()

    left = run.objects(PODS.prefix)
    assert {left[f"3-{number}"]["spec"]["nodeName"] for number in range(2)} == {"node-0", "node-1"}
    # Three of four have to go on each node.
    assert len(left) == 4 and run.runner.measured[0].pod_count == 2


async def test_gangs_are_placed_as_a_whole(tmp_path: Path) -> None:
    group = {"apiVersion": "scheduling.k8s.io/v1alpha2", "kind": "PodGroup", "metadata": {"name": "gang-{{.Index}}"}}
    group["spec"] = {"schedulingPolicy": {"gang": {"minCount": 3}}}
    member = pod("1", schedulingGroup={"podGroupName": "gang-{{DivideInt .Index 3}}"})
    file = one_case(
        tmp_path,
        {"opcode": "createNodes", "count": 2},
        {"opcode": "createPodGroups", "count": 2, "namespace": "n", "templatePath": "group.yaml"},
        {"opcode": "createPods", "count": 6, "namespace": "n", "podTemplatePath": "member.yaml"},
        group=group,
        member=member,
    )

    run = await Finished(file, "Case").run()

    assert all(one["spec"].get("nodeName") for one in run.objects(PODS.prefix).values())
