"""A scenario may begin with a cluster as kubectl exported it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.simulate.scenarios import scenario, simulated
from tests.simulate.test_capacity import node, workload
from tests.simulate.test_drain import pod

Json = dict[str, Any]


def run(folder: Path, items: list[Json], **changes: Any) -> Any:
    (folder / "cluster.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    document = scenario(cluster={"export": "cluster.json"}, workloads=[], duration="1d", **changes)
    return simulated(document, folder)


def test_what_was_exported_is_there_and_its_workloads_make_no_pods_again(tmp_path: Path) -> None:
    ended = {**pod("ended", "n1"), "status": {"phase": "Succeeded"}}
    waiting = pod("waiting", "")
    items = [node("n1"), node("n2"), pod("a", "n1"), ended, waiting, workload("Deployment", "web", {}, replicas=9)]

    simulation = run(tmp_path, items)

    assert sorted(simulation.state.pods) == ["default/a", "default/waiting"]
    assert simulation.state.pods["default/a"].node.name == "n1"
    assert simulation.state.pods["default/waiting"].node is not None


def test_exported_pods_come_again_as_their_owners_would_make_them(tmp_path: Path) -> None:
    items = [node("n1"), node("n2"), pod("web-1", "n1"), pod("db-0", "n1", owner="StatefulSet", app="db")]
    items += [pod("alone", "n1", owner=""), pod("agent", "n1", owner="DaemonSet", app="agent")]

    simulation = run(tmp_path, items, events=[{"at": "1h", "removeNodes": {"names": ["n1"]}}])

    # The one that nobody owns is lost, and the daemon belonged to its node.
    assert sorted(simulation.state.pods) == ["default/db-0", "default/web-1"]
    assert all(one.is_resubmission for one in simulation.state.pods.values())
    assert {one.node.name for one in simulation.state.pods.values()} == {"n2"}


def test_a_cordoned_node_stays_cordoned(tmp_path: Path) -> None:
    cordoned = {**node("n1"), "spec": {"unschedulable": True}}

    simulation = run(tmp_path, [cordoned, pod("waiting", "")])

    assert simulation.measure.reasons_now == {"node(s) were unschedulable": 1}
