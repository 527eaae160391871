"""One container of a simulated pod: waiting, running, terminated, and back.

Always true: times are seconds since the epoch; a restart keeps the end of the run before it.
Not here: when to start or restart (see `pod_worker`).
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

from pyk8s.api.clock import parse_rfc3339, rfc3339

Json = dict[str, Any]
Phase = Literal["waiting", "running", "terminated"]

BACKOFF_BASE_S = 10.0
BACKOFF_S_MAX = 300.0
# A run of twice the longest backoff counts as sound: the next failure starts from the shortest again.
BACKOFF_RESET_S = 2 * BACKOFF_S_MAX


@dataclass(slots=True)
class Container:
    name: str
    image: str
    is_sidecar: bool = False
    phase: Phase = "waiting"
    reason: str = "ContainerCreating"
    message: str = ""
    started_s: float = 0.0
    finished_s: float = 0.0
    exit_code: int = 0
    restart_count: int = 0
    container_id: str = ""
    is_ready: bool = False
    ended: Json | None = None
    """The state in which the last run ended."""
    last_state: Json | None = None
    """The end of the run before the present one."""
    backoff_s: float = 0.0
    """What the next restart must wait for; 0: the first restart comes at once."""
    restart_s: float = 0.0
    """When a waiting container is started again."""

    def start(self, pod_uid: str, now_s: float) -> None:
        if self.container_id:
            self.last_state = self.ended
            self.restart_count += 1
        seed = f"{pod_uid}/{self.name}/{self.restart_count}"
        self.container_id = f"pyk8s://{sha256(seed.encode()).hexdigest()}"
        self.phase, self.reason, self.message = "running", "", ""
        self.started_s, self.is_ready = now_s, False

    def stop(self, exit_code: int, now_s: float) -> None:
        self.phase = "terminated"
        self.reason = "Completed" if exit_code == 0 else "Error"
        self.exit_code, self.finished_s, self.is_ready = exit_code, now_s, False
        self.ended = self.state()

    def give_up(self) -> None:
        """Stop waiting for another run: the last one's end is the container's end."""
        if self.ended is not None:
            self.phase, self.reason, self.message = "terminated", self.ended["terminated"]["reason"], ""

    def wait(self, reason: str, message: str = "") -> None:
        self.phase, self.reason, self.message = "waiting", reason, message

    def crash(self, now_s: float) -> float:
        """Note the end of a run that will be followed by another; returns the wait before it, in seconds."""
        if self.finished_s - self.started_s >= BACKOFF_RESET_S:
            self.backoff_s = 0.0
        delay_s = self.backoff_s
        self.backoff_s = min(max(2 * self.backoff_s, BACKOFF_BASE_S), BACKOFF_S_MAX)
        self.restart_s = now_s + delay_s
        return delay_s

    def state(self) -> Json:
        """The status' state."""
        if self.phase == "running":
            return {"running": {"startedAt": rfc3339(self.started_s)}}
        if self.phase == "waiting":
            return {"waiting": {"reason": self.reason, **({"message": self.message} if self.message else {})}}
        terminated: Json = {
            "exitCode": self.exit_code,
            "reason": self.reason,
            "startedAt": rfc3339(self.started_s),
            "finishedAt": rfc3339(self.finished_s),
            "containerID": self.container_id,
        }
        return {"terminated": terminated}

    def status(self) -> Json:
        is_running = self.phase == "running"
        is_made = bool(self.container_id)
        return {
            "name": self.name,
            "state": self.state(),
            "lastState": (self.ended if self.phase == "waiting" else self.last_state) or {},
            "ready": self.is_ready,
            "restartCount": self.restart_count,
            "image": canonical_image(self.image) if is_made else self.image,
            "imageID": image_id(self.image) if is_made else "",
            **({"containerID": self.container_id} if is_made else {}),
            "started": is_running,
        }

    def restore(self, status: Json) -> None:
        """Take over a container that ran before this process did."""
        state = status.get("state") or {}
        self.restart_count = status.get("restartCount") or 0
        self.container_id = status.get("containerID") or ""
        self.last_state = self.ended = status.get("lastState") or None
        self.is_ready = bool(status.get("ready"))
        if running := state.get("running"):
            self.phase, self.reason = "running", ""
            self.started_s = parse_rfc3339(running["startedAt"])
        elif terminated := state.get("terminated"):
            self.phase, self.reason = "terminated", terminated.get("reason") or ""
            self.exit_code = terminated.get("exitCode") or 0
            self.started_s, self.finished_s = _time(terminated, "startedAt"), _time(terminated, "finishedAt")
            self.ended = self.state()


def _time(state: Json, name: str) -> float:
    return parse_rfc3339(state[name]) if state.get(name) else 0.0


def canonical_image(image: str) -> str:
    """The image as containerd names it: with registry, library and tag."""
    name = image if ":" in image.rsplit("/", 1)[-1] or "@" in image else f"{image}:latest"
    first, slash, _ = name.partition("/")
    if not slash:
        return f"docker.io/library/{name}"
    has_registry = "." in first or ":" in first or first == "localhost"
    return name if has_registry else f"docker.io/{name}"


def image_id(image: str) -> str:
    """Repository and a digest that depends on the name alone."""
    name = canonical_image(image)
    if "@" in name:
        return name
    repository = name.rsplit(":", 1)[0]
    return f"{repository}@sha256:{sha256(name.encode()).hexdigest()}"
