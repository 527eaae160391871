"""A pod's life on a simulated node, stepped by hand."""

from __future__ import annotations

from typing import Any

import pytest
from pyk8s.kubelet.pod_worker import PodWorker, Surroundings
from pyk8s.kubelet.references import first_missing

Json = dict[str, Any]
HOST_IP = "172.18.0.2"


def pod(*, annotations: Json | None = None, containers: int | list[Json] = 1, **spec: Any) -> Json:
    metadata = {"name": "p", "namespace": "default", "uid": "u", "generation": 1, "annotations": annotations or {}}
    if isinstance(containers, int):
        containers = [{"name": f"c{number}", "image": "nginx:1.27"} for number in range(containers)]
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": metadata,
        "spec": {"containers": containers, "restartPolicy": "Always", "nodeName": "node-1", **spec},
        "status": {},
    }


class Stage:
    """A worker, a time, and addresses."""

    def __init__(self, manifest: Json, keys: dict[tuple[str, str], frozenset[str]] | None = None) -> None:
        self.worker = PodWorker.of(manifest)
        self.now_s = 1_000_000.0
        self.keys = keys or {}
        self.has_network = True

    def step(self, seconds: float = 0.0) -> float | None:
        """Step after ``seconds``; returns how long until the next change."""
        self.now_s += seconds
        around = Surroundings(self.now_s, self.take_address, self.missing)
        due_s = self.worker.step(around)
        status = self.status()
        assert self.worker.step(around) == due_s and self.status() == status, "a second step changes nothing"
        return None if due_s is None else due_s - self.now_s

    def take_address(self) -> str | None:
        return "10.244.0.2" if self.has_network else None

    def missing(self, manifest: Json) -> Any:
        return first_missing(manifest, lambda kind, _, name: self.keys.get((kind, name)))

    def status(self) -> Json:
        return self.worker.status(host_ip=HOST_IP, now_s=self.now_s)

    def conditions(self) -> dict[str, str]:
        return {c["type"]: c["status"] for c in self.status()["conditions"]}

    def state(self, container: int = 0) -> Json:
        state: Json = self.status()["containerStatuses"][container]["state"]
        return state

    def reasons(self) -> list[str]:
        reasons = [note.reason for note in self.worker.notes]
        self.worker.notes.clear()
        return reasons


def test_a_pod_runs_and_is_ready_after_one_step() -> None:
    stage = Stage(pod(containers=2))

    assert stage.step() is None

    status = stage.status()
    assert status["phase"] == "Running"
    assert set(stage.conditions().values()) == {"True"}
    assert (status["podIP"], status["podIPs"], status["hostIP"]) == ("10.244.0.2", [{"ip": "10.244.0.2"}], HOST_IP)
    assert status["observedGeneration"] == 1
    assert [s["ready"] and s["started"] and s["restartCount"] == 0 for s in status["containerStatuses"]] == [True] * 2
    assert stage.reasons() == ["Pulled", "Created", "Started"] * 2


def test_a_ready_delay_holds_back_readiness_alone() -> None:
    stage = Stage(pod(annotations={"pyk8s.io/ready-delay-seconds": "5"}))

    assert stage.step() == 5.0
    unready = next(c for c in stage.status()["conditions"] if c["type"] == "Ready")
    assert stage.status()["phase"] == "Running"
    assert (unready["status"], unready["reason"]) == ("False", "ContainersNotReady")
    assert unready["message"] == "containers with unready status: [c0]"

    assert stage.step(5.0) is None
    assert stage.conditions()["Ready"] == "True"


def test_a_pod_on_the_host_network_has_the_hosts_address() -> None:
    stage = Stage(pod(hostNetwork=True))
    stage.has_network = False

    stage.step()

    assert stage.status()["podIP"] == HOST_IP


def test_without_network_the_containers_wait() -> None:
    stage = Stage(pod())
    stage.has_network = False

    stage.step()
    assert stage.status()["phase"] == "Pending"
    assert stage.state() == {"waiting": {"reason": "ContainerCreating"}}

    stage.has_network = True
    stage.step(3.0)
    assert stage.status()["phase"] == "Running"


@pytest.mark.parametrize(
    ("policy", "code", "phase", "reason"),
    [
        ("Never", "0", "Succeeded", "Completed"),
        ("Never", "3", "Failed", "Error"),
        ("OnFailure", "0", "Succeeded", "Completed"),
    ],
)
def test_containers_that_end_for_good_end_the_pod(policy: str, code: str, phase: str, reason: str) -> None:
    annotations = {"pyk8s.io/exit-code": code, "pyk8s.io/run-seconds": "10"}
    stage = Stage(pod(annotations=annotations, restartPolicy=policy))

    assert stage.step() == 10.0
    assert stage.step(10.0) is None

    assert stage.status()["phase"] == phase
    terminated = stage.state()["terminated"]
    assert (terminated["exitCode"], terminated["reason"]) == (int(code), reason)
    ready = next(c for c in stage.status()["conditions"] if c["type"] == "Ready")
    assert ready["reason"] == {"Succeeded": "PodCompleted", "Failed": "PodFailed"}[phase]
    assert stage.worker.is_over


def test_a_crashing_container_backs_off_from_10_s_to_5_min() -> None:
    stage = Stage(pod(annotations={"pyk8s.io/exit-code": "1"}))

    waits = [stage.step()]
    status = stage.status()["containerStatuses"][0]
    # The first restart comes at once, so the container has ended twice by now.
    assert status["restartCount"] == 1
    assert status["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert status["state"]["waiting"]["message"] == "back-off 10s restarting failed container=c0 pod=p_default(u)"
    assert status["lastState"]["terminated"]["exitCode"] == 1
    assert stage.status()["phase"] == "Running"

    while len(waits) < 8:
        waits.append(stage.step(waits[-1] or 0.0))

    assert waits == [10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0, 300.0]
    assert stage.status()["containerStatuses"][0]["restartCount"] == 8


def test_a_long_run_forgives_earlier_crashes() -> None:
    stage = Stage(pod(annotations={"pyk8s.io/exit-code": "1", "pyk8s.io/run-seconds": "700"}))

    waits = [stage.step(), stage.step(700.0), stage.step(700.0)]

    assert waits == [700.0, 700.0, 700.0]
    assert stage.status()["containerStatuses"][0]["restartCount"] == 2


def test_init_containers_complete_and_sidecars_run() -> None:
    inits = [{"name": "setup", "image": "busybox"}, {"name": "proxy", "image": "envoy", "restartPolicy": "Always"}]
    stage = Stage(pod(initContainers=inits))

    stage.step()

    setup, proxy = stage.status()["initContainerStatuses"]
    assert setup["state"]["terminated"]["reason"] == "Completed" and setup["ready"]
    assert "running" in proxy["state"] and proxy["ready"]
    assert stage.status()["phase"] == "Running"


def test_deletion_stops_everything() -> None:
    stage = Stage(pod(containers=2))
    stage.step()
    stage.reasons()

    stage.worker.pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    stage.step(1.0)

    assert stage.worker.is_over
    assert stage.reasons() == ["Killing", "Killing"]
    assert stage.conditions()["Ready"] == "False"
    assert stage.state()["terminated"]["exitCode"] == 0


def test_a_deadline_fails_the_pod() -> None:
    stage = Stage(pod(activeDeadlineSeconds=30))

    assert stage.step() == 30.0
    stage.step(30.0)

    status = stage.status()
    assert (status["phase"], status["reason"]) == ("Failed", "DeadlineExceeded")
    assert status["message"] == "Pod was active on the node longer than the specified deadline"


def test_a_closed_readiness_gate_holds_back_readiness() -> None:
    stage = Stage(pod(readinessGates=[{"conditionType": "example.com/ok"}]))
    stage.step()
    ready = next(c for c in stage.status()["conditions"] if c["type"] == "Ready")
    assert ready["reason"] == "ReadinessGatesNotReady"
    assert ready["message"] == 'corresponding condition of pod readiness gate "example.com/ok" does not exist.'

    stage.worker.pod["status"] = {"conditions": [{"type": "example.com/ok", "status": "True"}]}

    assert stage.conditions()["Ready"] == "True"


def test_a_running_pod_is_taken_over_as_it_is() -> None:
    first = Stage(pod(containers=2))
    first.step()
    seen = {**first.worker.pod, "status": first.status()}

    second = Stage(seen)
    second.step(60.0)

    assert second.status() == first.status()
    assert second.reasons() == []


def environment(*entries: Json) -> Json:
    return {"name": "c0", "image": "nginx", "env": list(entries)}


@pytest.mark.parametrize(
    ("spec", "reason", "message"),
    [
        (
            {"containers": [environment({"name": "A", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "k"}}})]},
            "CreateContainerConfigError",
            'configmap "m" not found',
        ),
        (
            {"containers": [environment({"name": "A", "valueFrom": {"secretKeyRef": {"name": "have", "key": "z"}}})]},
            "CreateContainerConfigError",
            "couldn't find key z in Secret default/have",
        ),
        (
            {"containers": [{"name": "c0", "image": "n", "envFrom": [{"secretRef": {"name": "s"}}]}]},
            "CreateContainerConfigError",
            'secret "s" not found',
        ),
        ({"volumes": [{"name": "v", "configMap": {"name": "m"}}]}, "ContainerCreating", 'configmap "m" not found'),
        (
            {"volumes": [{"name": "v", "projected": {"sources": [{"secret": {"name": "s"}}]}}]},
            "ContainerCreating",
            'secret "s" not found',
        ),
    ],
)
def test_a_pod_waits_for_what_it_refers_to(spec: Json, reason: str, message: str) -> None:
    stage = Stage(pod(**spec), {("Secret", "have"): frozenset({"k"})})

    stage.step()
    assert stage.state()["waiting"]["reason"] == reason
    assert stage.worker.missing is not None and stage.worker.missing.message == message

    stage.keys = {
        (kind, name): frozenset({"k", "z"}) for kind in ("ConfigMap", "Secret") for name in ("m", "s", "have")
    }
    stage.step(5.0)
    assert stage.status()["phase"] == "Running"


@pytest.mark.parametrize(
    "spec",
    [
        {"volumes": [{"name": "v", "configMap": {"name": "m", "optional": True}}]},
        {"volumes": [{"name": "v", "secret": {"secretName": "s", "optional": True}}]},
        {"containers": [{"name": "c0", "image": "n", "envFrom": [{"configMapRef": {"name": "m", "optional": True}}]}]},
        {"volumes": [{"name": "v", "emptyDir": {}}]},
    ],
)
def test_optional_references_do_not_hold_a_pod_back(spec: Json) -> None:
    stage = Stage(pod(**spec))

    stage.step()

    assert stage.status()["phase"] == "Running"
