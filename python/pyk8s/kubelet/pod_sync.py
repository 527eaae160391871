"""Pods of all simulated nodes: what the shared watch says goes into workers, what workers want goes to the API.

Always true: one pod is worked on by one task at a time; a status is written only when it differs from the one written
before, in one patch; a deleted pod goes by DELETE with grace period 0 and its uid as precondition.
Not here: a pod's life itself (see `pod_worker`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pyk8s.api.clock import Clock
from pyk8s.api.status import StatusError
from pyk8s.client.interfaces import Client
from pyk8s.client.well_known import PODS
from pyk8s.kubelet.events import Events
from pyk8s.kubelet.node_agent import NodeAgent
from pyk8s.kubelet.object_keys import ObjectKeys
from pyk8s.kubelet.pod_status import is_same_condition
from pyk8s.kubelet.pod_worker import Note, PodWorker, Surroundings
from pyk8s.kubelet.references import Missing, first_missing

Json = dict[str, Any]

# A service account's ConfigMap comes a moment after its namespace: only what is missing for longer is worth an event.
MISSING_PATIENCE_S = 1.0
# As a kubelet retries a volume that cannot be mounted.
MISSING_RETRY_S = 60.0


class PodSync:
    """Holds the workers by uid. ``enqueue`` (uid, delay in seconds) asks for a call of `sync`."""

    def __init__(
        self,
        client: Client,
        *,
        clock: Clock,
        agents: dict[str, NodeAgent],
        events: Events,
        enqueue: Callable[[str, float], None],
    ) -> None:
        self._client, self._clock, self._agents, self._events = client, clock, agents, events
        self._enqueue = enqueue
        self.object_keys: ObjectKeys | None = None
        self._workers: dict[str, PodWorker] = {}
        self._by_node: dict[str, set[str]] = {}
        self._written: dict[str, Json] = {}

    # -- what the watch says -------------------------------------------------------------------------------

    def replace(self, items: list[Json]) -> None:
        listed = {pod["metadata"]["uid"] for pod in items}
        for uid in [uid for uid in self._workers if uid not in listed]:
            self._forget(uid)
        for pod in items:
            self._observe(pod)

    def apply(self, event_type: str, obj: Json) -> None:
        if event_type == "DELETED":
            self._forget(obj["metadata"]["uid"])
        else:
            self._observe(obj)

    def uids_on(self, node_name: str) -> list[str]:
        return list(self._by_node.get(node_name, ()))

    async def evict(self, uid: str) -> None:
        """Delete the pod at once: its node goes. Raises StatusError, OSError."""
        worker = self._workers.get(uid)
        if worker is None:
            return
        try:
            await self._delete(worker)
        except StatusError as error:
            if error.code not in (404, 409):
                raise

    def wake(self, uids: Iterable[str]) -> None:
        for uid in uids:
            self._enqueue(uid, 0.0)

    def _observe(self, pod: Json) -> None:
        uid, node_name = pod["metadata"]["uid"], pod["spec"].get("nodeName", "")
        worker = self._workers.get(uid)
        if worker is not None:
            if _is_older(pod, worker.pod):
                return
            is_news = _concerns(pod, worker.pod)
            worker.pod = pod
            if is_news:
                self._enqueue(uid, 0.0)
            return
        self._workers[uid] = worker = PodWorker.of(pod)
        self._by_node.setdefault(node_name, set()).add(uid)
        self._written[uid] = pod.get("status") or {}
        self._adopt(node_name, worker)
        if node_name in self._agents:
            self._enqueue(uid, 0.0)

    def _adopt(self, node_name: str, worker: PodWorker) -> None:
        agent = self._agents.get(node_name)
        if agent is not None and agent.addresses is not None and worker.address and not worker.is_over:
            agent.addresses.reserve(worker.address)

    def adopt_node(self, agent: NodeAgent) -> None:
        """The node has its network now: keep its pods' addresses, and let those go on that waited."""
        for uid in self.uids_on(agent.name):
            self._adopt(agent.name, self._workers[uid])
            self._enqueue(uid, 0.0)

    def _forget(self, uid: str) -> None:
        worker = self._workers.pop(uid, None)
        if worker is None:
            return
        self._written.pop(uid, None)
        node_name = worker.pod["spec"].get("nodeName", "")
        pods = self._by_node.get(node_name)
        if pods is not None:
            pods.discard(uid)
            if not pods:
                del self._by_node[node_name]
        self._free(node_name, worker)

    def _free(self, node_name: str, worker: PodWorker) -> None:
        agent = self._agents.get(node_name)
        if agent is not None and agent.addresses is not None and worker.address:
            agent.addresses.free(worker.address)

    # -- what the workers want -----------------------------------------------------------------------------

    async def sync(self, uid: str) -> None:
        """Step the pod and write what came of it. Raises StatusError, OSError: try again."""
        worker = self._workers.get(uid)
        agent = self._agents.get(worker.pod["spec"].get("nodeName", "")) if worker else None
        if worker is None or agent is None or not agent.is_registered:
            return
        now_s = self._clock.now_s()
        due_s = worker.step(Surroundings(now_s, agent.take_address, self._missing))
        if due_s is not None:
            self._enqueue(uid, due_s - now_s)
        if worker.missing is not None and not worker.is_over and self._must_wait(worker, now_s):
            return
        self._record(agent, worker)
        try:
            await self._write(agent, worker, now_s)
            if worker.is_deleted and worker.is_over:
                await self._delete(worker)
        except StatusError as error:
            # Gone, or another pod of this name by now: the watch says the rest.
            if error.code not in (404, 409):
                raise

    def _missing(self, pod: Json) -> Missing | None:
        assert self.object_keys is not None, "set before the watch of pods starts"
        return first_missing(pod, self.object_keys.keys_of)

    def _must_wait(self, worker: PodWorker, now_s: float) -> bool:
        """Come back when what is missing appears; True while it is too early to complain about it."""
        assert self.object_keys is not None and worker.missing is not None
        reference = worker.missing.reference
        namespace = worker.pod["metadata"]["namespace"]
        self.object_keys.wait_for(worker.uid, (reference.kind, namespace, reference.name))
        waited_s = now_s - worker.start_s
        if waited_s < MISSING_PATIENCE_S:
            self._enqueue(worker.uid, MISSING_PATIENCE_S - waited_s)
            return True
        worker.notes.append(_missing_note(worker.missing))
        self._enqueue(worker.uid, MISSING_RETRY_S)
        return False

    def _record(self, agent: NodeAgent, worker: PodWorker) -> None:
        for note in worker.notes:
            self._events.record(agent.name, worker.pod, note)
        worker.notes.clear()

    async def _write(self, agent: NodeAgent, worker: PodWorker, now_s: float) -> None:
        if not worker.start_s:
            return
        wanted = worker.status(host_ip=agent.host_ip, now_s=now_s)
        changes = _changes(wanted, self._written[worker.uid])
        if not changes:
            return
        metadata = worker.pod["metadata"]
        patch = {"metadata": {"uid": metadata["uid"]}, "status": changes}
        answer = await self._client.patch(
            PODS, metadata["name"], patch, metadata["namespace"], patch_type="strategic", subresource="status"
        )
        if worker.uid in self._workers:
            self._written[worker.uid] = wanted
            if not _is_older(answer, worker.pod):
                worker.pod = answer
            if worker.is_over:
                self._free(agent.name, worker)

    async def _delete(self, worker: PodWorker) -> None:
        metadata = worker.pod["metadata"]
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": metadata["uid"]}}
        await self._client.delete(PODS, metadata["name"], metadata["namespace"], options=options)


def _missing_note(missing: Missing) -> Note:
    reference = missing.reference
    if reference.volume:
        message = f'MountVolume.SetUp failed for volume "{reference.volume}" : {missing.message}'
        return Note("Warning", "FailedMount", message)
    return Note("Warning", "Failed", f"Error: {missing.message}", reference.container)


def _changes(wanted: Json, written: Json) -> Json:
    """The fields that differ; of conditions those that differ in more than their times."""
    changes = {name: value for name, value in wanted.items() if name != "conditions" and written.get(name) != value}
    before = {condition["type"]: condition for condition in written.get("conditions") or ()}
    conditions = [c for c in wanted["conditions"] if not is_same_condition(c, before.get(c["type"], {}))]
    return {**changes, "conditions": conditions} if conditions else changes


def _concerns(pod: Json, known: Json) -> bool:
    """True when something changed that a worker looks at; its own status writes are not among that."""
    new, old = pod["metadata"], known["metadata"]
    if any(new.get(name) != old.get(name) for name in ("deletionTimestamp", "generation", "annotations")):
        return True
    return bool(pod["spec"].get("readinessGates")) and pod.get("status") != known.get("status")


def _is_older(pod: Json, known: Json) -> bool:
    """True when ``pod`` is an earlier version: our own writes come back late through the watch."""
    new, old = pod["metadata"].get("resourceVersion", ""), known["metadata"].get("resourceVersion", "")
    return new.isdigit() and old.isdigit() and int(new) < int(old)
