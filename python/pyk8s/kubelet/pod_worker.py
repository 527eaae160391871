"""The life of one pod on one simulated node: a state machine that is stepped, and tells what it wants written.

Always true: `step` does no I/O; stepping twice at one time changes nothing the second time.
Not here: reading and writing the API (see `pod_sync`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pyk8s.api.clock import parse_rfc3339, rfc3339
from pyk8s.kubelet import pod_status
from pyk8s.kubelet.behavior import Behavior
from pyk8s.kubelet.container import Container
from pyk8s.kubelet.references import Missing

Json = dict[str, Any]

TERMINAL = ("Succeeded", "Failed")
DEADLINE_MESSAGE = "Pod was active on the node longer than the specified deadline"


@dataclass(frozen=True, slots=True)
class Note:
    """An event to record about the pod."""

    level: str
    reason: str
    message: str
    container: str = ""
    is_init: bool = False

    @property
    def field_path(self) -> str:
        if not self.container:
            return ""
        return f"spec.{'initContainers' if self.is_init else 'containers'}{{{self.container}}}"


@dataclass(slots=True)
class Surroundings:
    """What a step looks at beside the pod."""

    now_s: float
    address: Callable[[], str | None]
    """Takes an address for the pod; None while the node has no network, or no address left."""
    missing: Callable[[Json], Missing | None]


@dataclass(slots=True)
class PodWorker:
    pod: Json
    containers: list[Container] = field(default_factory=list)
    init_containers: list[Container] = field(default_factory=list)
    address: str = ""
    start_s: float = 0.0
    is_over: bool = False
    """Nothing runs and nothing is started any more: the pod was deleted, failed by its deadline, or has ended."""
    reason: str = ""
    message: str = ""
    missing: Missing | None = None
    notes: list[Note] = field(default_factory=list)

    @classmethod
    def of(cls, pod: Json) -> PodWorker:
        """A worker for a pod as the API shows it, going on where its status says it is."""
        spec, status = pod["spec"], pod.get("status") or {}
        worker = cls(pod)
        worker.containers = [Container(c["name"], c.get("image") or "") for c in spec["containers"]]
        for manifest in spec.get("initContainers") or ():
            is_sidecar = manifest.get("restartPolicy") == "Always"
            worker.init_containers.append(Container(manifest["name"], manifest.get("image") or "", is_sidecar))
        statuses = {
            s["name"]: s
            for s in [*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())]
        }
        for container in (*worker.containers, *worker.init_containers):
            if container.name in statuses:
                container.restore(statuses[container.name])
        worker.address = "" if spec.get("hostNetwork") else status.get("podIP") or ""
        if status.get("startTime"):
            worker.start_s = parse_rfc3339(status["startTime"])
        worker.is_over = status.get("phase") in TERMINAL
        worker.reason = (status.get("reason") or "") if worker.is_over else ""
        worker.message = (status.get("message") or "") if worker.is_over else ""
        return worker

    @property
    def uid(self) -> str:
        return str(self.pod["metadata"]["uid"])

    @property
    def is_deleted(self) -> bool:
        return bool(self.pod["metadata"].get("deletionTimestamp"))

    def step(self, around: Surroundings) -> float | None:
        """Bring the pod as far as it can be at ``around.now_s``; returns when it next changes by itself."""
        if self.is_over:
            return None
        now_s = around.now_s
        if self.is_deleted:
            self._end(now_s, exit_code=0)
            return None
        if not self.start_s:
            self.start_s = now_s
        if (deadline_s := self._deadline_s()) is not None and now_s >= deadline_s:
            self._fail("DeadlineExceeded", DEADLINE_MESSAGE, now_s)
            return None
        if not self._is_prepared(around):
            return deadline_s
        due = [due_s for due_s in self._run(now_s) if due_s is not None]
        if self.phase in TERMINAL:
            self._finish_sidecars(now_s)
            self.is_over = True
            return None
        return min([*due, *([deadline_s] if deadline_s is not None else [])], default=None)

    @property
    def phase(self) -> str:
        if self.reason:
            return "Failed"
        policy = self.pod["spec"].get("restartPolicy") or "Always"
        return pod_status.phase(self.containers, self.init_containers, policy=policy, is_over=self.is_over)

    def status(self, *, host_ip: str, now_s: float) -> Json:
        """The pod's status as it should be; what others write in it is left out."""
        known = self.pod.get("status") or {}
        generation = self.pod["metadata"].get("generation") or 0
        wanted = pod_status.wanted_conditions(
            self.pod,
            self.containers,
            self.init_containers,
            phase=self.phase,
            has_network=bool(self.address or self._is_on_host) and not self.is_over,
        )
        status: Json = {
            "phase": self.phase,
            "conditions": pod_status.timed(wanted, known.get("conditions") or (), generation=generation, now_s=now_s),
            "hostIP": host_ip,
            "hostIPs": [{"ip": host_ip}],
            "containerStatuses": [c.status() for c in self.containers],
        }
        if generation:
            status["observedGeneration"] = generation
        if self.start_s:
            status["startTime"] = rfc3339(self.start_s)
        if self.init_containers:
            status["initContainerStatuses"] = [c.status() for c in self.init_containers]
        if self.reason:
            status |= {"reason": self.reason, "message": self.message}
        address = host_ip if self._is_on_host and self.start_s else self.address
        if address:
            status |= {"podIP": address, "podIPs": [{"ip": address}]}
        return status

    # -- the parts of a step -------------------------------------------------------------------------------

    @property
    def _is_on_host(self) -> bool:
        return bool(self.pod["spec"].get("hostNetwork"))

    def _deadline_s(self) -> float | None:
        seconds = self.pod["spec"].get("activeDeadlineSeconds")
        return self.start_s + seconds if seconds is not None else None

    def _is_prepared(self, around: Surroundings) -> bool:
        """Network, volumes and environment are there; else the containers say what they wait for."""
        if any(c.container_id for c in (*self.containers, *self.init_containers)):
            return True
        if not self._is_on_host and not self.address:
            self.address = around.address() or ""
            if not self.address:
                return False
        self.missing = around.missing(self.pod)
        for container in (*self.init_containers, *self.containers):
            is_concerned = self.missing is not None and container.name == self.missing.reference.container
            if self.missing is not None and is_concerned:
                container.wait("CreateContainerConfigError", self.missing.message)
            else:
                container.wait("PodInitializing" if self._waits_for_init(container) else "ContainerCreating")
        return self.missing is None

    def _waits_for_init(self, container: Container) -> bool:
        return bool(self.init_containers) and container is not self.init_containers[0]

    def _run(self, now_s: float) -> list[float | None]:
        """Start, end, restart and make ready; the times at which each container next changes."""
        behavior = Behavior.of(self.pod)
        for container in self.init_containers:
            if container.phase == "waiting":
                self._start(container, now_s, is_init=True)
                if container.is_sidecar:
                    container.is_ready = True
                else:
                    container.stop(0, now_s)
                    container.is_ready = True
        return [self._advance(container, behavior, now_s) for container in self.containers]

    def _advance(self, container: Container, behavior: Behavior, now_s: float) -> float | None:
        due_s = self._advance_once(container, behavior, now_s)
        while due_s is not None and due_s <= now_s:
            # Only the first restart comes at once; the next one waits, so this ends.
            due_s = self._advance_once(container, behavior, now_s)
        return due_s

    def _advance_once(self, container: Container, behavior: Behavior, now_s: float) -> float | None:
        if container.phase == "terminated" and container.restart_s == 0.0:
            return None
        if container.phase != "running":
            if now_s < container.restart_s:
                return container.restart_s
            container.restart_s = 0.0
            self._start(container, now_s)
        if behavior.run_s is not None and now_s >= container.started_s + behavior.run_s:
            container.stop(behavior.exit_code, now_s)
            return self._restart(container, now_s)
        ready_s = container.started_s + behavior.ready_delay_s
        container.is_ready = now_s >= ready_s
        ends_s = None if behavior.run_s is None else container.started_s + behavior.run_s
        if not container.is_ready:
            return ready_s if ends_s is None else min(ready_s, ends_s)
        return ends_s

    def _restart(self, container: Container, now_s: float) -> float | None:
        """What follows the end of a run: nothing, a new run at once, or the wait for one."""
        policy = self.pod["spec"].get("restartPolicy") or "Always"
        if policy == "Never" or (policy == "OnFailure" and container.exit_code == 0):
            return None
        delay_s = container.crash(now_s)
        if delay_s > 0:
            back_off = f"Back-off restarting failed container {container.name} in pod {self._full_name}"
            self.notes.append(Note("Warning", "BackOff", back_off, container.name))
            which = f"container={container.name} pod={self._full_name}"
            container.wait("CrashLoopBackOff", f"back-off {_duration(delay_s)} restarting failed {which}")
        return container.restart_s

    @property
    def _full_name(self) -> str:
        metadata = self.pod["metadata"]
        return f"{metadata['name']}_{metadata['namespace']}({metadata['uid']})"

    def _start(self, container: Container, now_s: float, *, is_init: bool = False) -> None:
        container.start(self.uid, now_s)
        pulled = f'Container image "{container.image}" already present on machine and can be accessed by the pod'
        for reason, message in (
            ("Pulled", pulled),
            ("Created", "Container created"),
            ("Started", "Container started"),
        ):
            self.notes.append(Note("Normal", reason, message, container.name, is_init))

    def _end(self, now_s: float, *, exit_code: int) -> None:
        """Stop what runs; nothing is started any more."""
        for container in (*self.containers, *self.init_containers):
            if container.phase == "running":
                self.notes.append(
                    Note(
                        "Normal",
                        "Killing",
                        f"Stopping container {container.name}",
                        container.name,
                        container in self.init_containers,
                    )
                )
                container.stop(exit_code, now_s)
            elif container.phase == "waiting":
                container.give_up()
        self.is_over = True

    def _fail(self, reason: str, message: str, now_s: float) -> None:
        self._end(now_s, exit_code=137)
        self.reason, self.message = reason, message

    def _finish_sidecars(self, now_s: float) -> None:
        for container in self.init_containers:
            if container.is_sidecar and container.phase == "running":
                container.stop(0, now_s)


def _duration(seconds: float) -> str:
    """As Go prints it: 10s, 1m20s, 5m0s."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
