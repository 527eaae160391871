"""The cluster commands, run as a user runs them."""

from __future__ import annotations

import json
import os
import signal
import socket
from pathlib import Path

import yaml

from tests.cluster.conftest import COMMAND_TIMEOUT_S, Home


def test_up_makes_a_cluster_that_kubectl_reaches(home: Home) -> None:
    done = home.pyk8s("up", "--name", "one", "--nodes", "2")

    assert len(done.stderr.splitlines()) <= 6
    assert yaml.safe_load(home.kubeconfig.read_text())["current-context"] == "pyk8s-one"
    home.kubectl("wait", "--for=condition=Ready", "nodes", "--all", "--timeout=60s")
    assert home.kubectl("get", "--raw", "/readyz") == "ok"


def test_down_removes_everything_and_a_missing_cluster_is_fine(home: Home) -> None:
    home.pyk8s("up", "--name", "one")
    pid = json.loads(home.pyk8s("status", "--name", "one", "-o", "json").stdout)[0]["pid"]

    home.pyk8s("down", "--name", "one")

    assert not _is_running(pid)
    assert yaml.safe_load(home.kubeconfig.read_text())["contexts"] == []
    assert json.loads(home.pyk8s("list", "-o", "json").stdout) == []
    home.pyk8s("down", "--name", "one")


def test_the_state_is_kept_from_stop_to_start(home: Home, tmp_path: Path) -> None:
    data = tmp_path / "data"
    home.pyk8s("up", "--name", "one", "--data-dir", str(data))
    home.kubectl("create", "configmap", "kept", "--from-literal=a=b")
    home.pyk8s("stop", "--name", "one")
    home.pyk8s("status", "--name", "one", code=1)

    home.pyk8s("start", "--name", "one")

    assert home.get("configmap", "kept")["data"] == {"a": "b"}
    home.pyk8s("down", "--name", "one")
    assert data.exists()


def test_a_killed_cluster_starts_again_with_what_was_acknowledged(home: Home) -> None:
    home.pyk8s("up", "--name", "one")
    home.kubectl("create", "configmap", "kept", "--from-literal=a=b")
    pid = json.loads(home.pyk8s("status", "--name", "one", "-o", "json").stdout)[0]["pid"]

    os.kill(pid, signal.SIGKILL)
    while Path(f"/proc/{pid}/fd").exists() and json.loads(home.pyk8s("list", "-o", "json").stdout)[0]["pid"]:
        pass
    home.pyk8s("start", "--name", "one")

    assert home.get("configmap", "kept")["data"] == {"a": "b"}


def test_clusters_live_side_by_side(home: Home) -> None:
    home.pyk8s("up", "--name", "one")
    home.pyk8s("up", "--name", "two")

    home.kubectl("--context", "pyk8s-one", "create", "configmap", "here", "--from-literal=a=b")

    found = {row["name"]: row for row in json.loads(home.pyk8s("list", "-o", "json").stdout)}
    assert {row["status"] for row in found.values()} == {"Running"}
    assert found["one"]["server"] != found["two"]["server"]
    home.run(["kubectl", "--context", "pyk8s-two", "get", "configmap", "here"], code=1)


def test_up_twice_is_a_conflict(home: Home) -> None:
    home.pyk8s("up", "--name", "one")

    again = home.pyk8s("up", "--name", "one", code=4)

    assert "already running" in again.stderr


def test_clusters_made_at_one_moment_get_ports_of_their_own(home: Home) -> None:
    started = [home.start("up", "--name", name) for name in ("one", "two")]

    assert [process.wait(COMMAND_TIMEOUT_S) for process in started] == [0, 0]
    assert len({row["server"] for row in json.loads(home.pyk8s("list", "-o", "json").stdout)}) == 2


def test_a_cluster_whose_port_was_taken_while_it_was_stopped_starts_on_another(home: Home) -> None:
    home.pyk8s("up", "--name", "one")
    before = json.loads(home.pyk8s("list", "-o", "json").stdout)[0]["server"]
    home.pyk8s("stop", "--name", "one")

    with socket.create_server(("127.0.0.1", int(before.rpartition(":")[2]))):
        home.pyk8s("start", "--name", "one")

        now = json.loads(home.pyk8s("list", "-o", "json").stdout)[0]["server"]
        assert now != before
        target = home.get("service", "kubernetes")["spec"]["ports"][0]["targetPort"]
        assert str(target) == now.rpartition(":")[2]


def test_a_port_in_use_is_told_in_one_line(home: Home) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()

        done = home.pyk8s("up", "--name", "one", "--port", str(taken.getsockname()[1]), code=4)

    assert len(done.stderr.splitlines()) == 1
    assert "choose another with --port" in done.stderr
    assert json.loads(home.pyk8s("list", "-o", "json").stdout) == []


def test_a_kubeconfig_that_does_not_parse_stops_up_early(home: Home) -> None:
    home.kubeconfig.write_text("clusters: [")

    done = home.pyk8s("up", "--name", "one", code=1)

    assert len(done.stderr.splitlines()) == 1
    assert home.kubeconfig.read_text() == "clusters: ["
    assert json.loads(home.pyk8s("list", "-o", "json").stdout) == []


def test_nodes_are_scaled_while_the_cluster_runs(home: Home) -> None:
    home.pyk8s("up", "--name", "one", "--nodes", "1")

    home.pyk8s("scale", "nodes", "3", "--name", "one")
    home.kubectl("wait", "--for=create", "node/node-3", "--timeout=60s")
    home.kubectl("wait", "--for=condition=Ready", "node/node-3", "--timeout=60s")
    home.pyk8s("scale", "nodes", "1", "--name", "one")
    home.kubectl("wait", "--for=delete", "node/node-3", "--timeout=60s")

    assert [node["metadata"]["name"] for node in home.get("nodes")["items"]] == ["node-1"]


def test_a_snapshot_makes_a_second_cluster(home: Home, tmp_path: Path) -> None:
    home.pyk8s("up", "--name", "one")
    home.kubectl("create", "configmap", "kept", "--from-literal=a=b")
    home.pyk8s("stop", "--name", "one")

    home.pyk8s("snapshot", "save", str(tmp_path / "file"), "--name", "one")
    home.pyk8s("snapshot", "restore", str(tmp_path / "file"), "--name", "copy")
    home.pyk8s("start", "--name", "copy")

    assert home.get("configmap", "kept", "--context", "pyk8s-copy")["data"] == {"a": "b"}


def test_usage_errors_exit_with_two(home: Home) -> None:
    home.pyk8s("up", "--nodes", "many", code=2)
    home.pyk8s("up", "--name", "No Such Name", code=2)
    home.pyk8s("nonsense", code=2)


def test_a_wrong_scheduler_configuration_is_told_and_nothing_is_started(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "scheduler.yaml"
    file.write_text(
        "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\npodMaxBackoffSeconds: 0\n"
    )

    done = home.pyk8s("up", "--name", "one", "--scheduler-config", str(file), code=2)

    assert f"{file}: podMaxBackoffSeconds: Invalid value: 0: must be greater than or equal to" in done.stderr
    home.pyk8s("up", "--name", "one", "--feature-gates", "GangScheduling=maybe", code=2)
    home.pyk8s("up", "--name", "one", "--scheduler-config", "unheard-of", code=2)
    home.pyk8s("status", "--name", "one", code=3)


def test_a_cluster_keeps_its_scheduler_configuration_from_stop_to_start(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "scheduler.yaml"
    file.write_text(
        "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\nparallelism: 4\n"
        "profiles: [{schedulerName: mine}]\nleaderElection: {leaderElect: true}\n"
    )
    done = home.pyk8s("up", "--name", "one", "--scheduler-config", str(file))
    home.pyk8s("stop", "--name", "one")
    file.unlink()
    home.pyk8s("start", "--name", "one")

    spec = {"schedulerName": "mine", "containers": [{"name": "c", "image": "nginx"}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec}
    home.kubectl("apply", "-f", "-", stdin=json.dumps(pod))
    home.kubectl("wait", "--for=condition=PodScheduled", "pod/p", "--timeout=60s")

    assert "warning:" in done.stderr
    assert "parallelism is not honoured" in done.stderr
    assert "leaderElection is not honoured" in done.stderr


def test_a_pod_is_explained_and_a_missing_one_exits_with_three(home: Home) -> None:
    home.pyk8s("up", "--name", "one", "--nodes", "2")
    home.kubectl("wait", "--for=condition=Ready", "node", "--all", "--timeout=60s")
    home.kubectl("run", "p", "--image=nginx")
    home.kubectl("wait", "--for=condition=PodScheduled", "pod/p", "--timeout=60s")

    table = home.pyk8s("explain", "pod/p").stdout
    answer = json.loads(home.pyk8s("explain", "p", "-n", "default", "-o", "json").stdout)

    assert "2 of 2 nodes would do" in table
    assert answer["attempts"][0]["details"]["candidates"][0]["node"] == answer["pod"]["node"]
    assert "is not found" in home.pyk8s("explain", "pod/none", code=3).stderr


def test_unknown_clusters_exit_with_three(home: Home) -> None:
    for words in (("start",), ("stop",), ("status",), ("logs",), ("get", "kubeconfig"), ("scale", "nodes", "3")):
        home.pyk8s(*words, "--name", "none", code=3)


def test_doctor_finds_what_it_needs(home: Home) -> None:
    assert "missing" not in home.pyk8s("doctor").stdout


def test_version_names_the_api_level(home: Home) -> None:
    assert json.loads(home.pyk8s("version", "-o", "json").stdout)["kubernetes"] == "v1.36.2"


def _is_running(pid: int) -> bool:
    """Whether the process runs; one that has ended and that nobody collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
