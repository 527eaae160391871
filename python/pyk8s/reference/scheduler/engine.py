"""`SchedulerEngine`: nodes and pods in, decisions out.

Always true: a pod is pending in the queue, in flight (assumed, its binding under way), bound in the cache, or unknown.
Time moves only by `advance` and `schedule`, and never backwards.
Not here: who feeds the engine and writes what it decides (see `pyk8s.scheduler`).
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pyk8s.reference.scheduler.cache import Cache
from pyk8s.reference.scheduler.config import Config
from pyk8s.reference.scheduler.cycle import Attempt, Cycle
from pyk8s.reference.scheduler.decision import Decision, PodReference
from pyk8s.reference.scheduler.evaluate import dumped, evaluate, told
from pyk8s.reference.scheduler.event import (
    AssignedPodAdded,
    AssignedPodDeleted,
    AssignedPodUpdated,
    ClusterEvent,
    NodeAdded,
    NodeRemoved,
    NodeUpdated,
    ObjectChanged,
    PodUpdated,
)
from pyk8s.reference.scheduler.foreign import ForeignPlugin
from pyk8s.reference.scheduler.framework import Framework, Json, Plugin, Refuse, World
from pyk8s.reference.scheduler.groups import INCOMPLETE, key_of, needed_count
from pyk8s.reference.scheduler.node import NodeFacts, NodeInfo
from pyk8s.reference.scheduler.node_table import Texts
from pyk8s.reference.scheduler.objects import KINDS, Objects, parse
from pyk8s.reference.scheduler.pod import PodInfo
from pyk8s.reference.scheduler.preemption import post_filter
from pyk8s.reference.scheduler.queue import Queue, QueuedPod
from pyk8s.reference.scheduler.random import SplitMix64

TOPOLOGY_LABELS = ("topology.kubernetes.io/region", "topology.kubernetes.io/zone")


@dataclass(slots=True)
class Program:
    """One profile at work."""

    framework: Framework
    cycle: Cycle


class SchedulerEngine:
    def __init__(
        self,
        *,
        config: bytes = b"",
        seed: int = 0,
        is_indexed: bool = True,
        plugins: Mapping[str, ForeignPlugin] | None = None,
    ) -> None:
        parsed = Config.parse(config)
        self._texts = Texts() if plugins else None
        self._programs: dict[str, Program] = {}
        for profile in parsed.profiles:
            framework = Framework(profile, plugins or {}, self._texts)
            self._programs[profile.scheduler_name] = Program(framework, Cycle(framework))
        self._cache = Cache()
        self._objects = Objects()
        self._queue = Queue(parsed.initial_backoff_s, parsed.max_backoff_s)
        self._in_flight: dict[str, QueuedPod] = {}
        self._decided: deque[Decision] = deque()
        self._failed_groups: set[str] = set()
        self._random = SplitMix64(seed)
        self._start = 0
        self._now_s = 0.0

    def set_node(self, node: bytes) -> None:
        facts = NodeFacts.parse(node)
        if self._texts is not None:
            self._texts.nodes[facts.name] = node
        old = self._cache.set_node(facts)
        if old != facts:
            self._wake(NodeAdded(facts) if old is None else NodeUpdated(old, facts))

    def remove_node(self, name: str) -> None:
        facts = self._cache.remove_node(name)
        if self._texts is not None:
            self._texts.nodes.pop(name, None)
        if facts is not None:
            self._wake(NodeRemoved(facts))

    def set_object(self, kind: str, obj: bytes) -> None:
        if kind not in KINDS:
            return
        parsed = parse(kind, obj)
        old = self._objects.set(kind, parsed)
        if old != parsed:
            self._wake(ObjectChanged(kind, old, parsed))

    def remove_object(self, kind: str, key: str) -> None:
        old = self._objects.remove(kind, key) if kind in KINDS else None
        if old is not None:
            self._wake(ObjectChanged(kind, old, None))

    def set_pod(self, pod: bytes) -> None:
        info = PodInfo.parse(pod)
        if self._texts is not None:
            self._texts.set_pod(info, pod)
        if info.is_terminal:
            self.remove_pod(info.uid)
        elif info.node_name:
            self._set_bound(info)
        elif info.scheduler_name in self._programs:
            self._set_pending(info)

    def _set_bound(self, pod: PodInfo) -> None:
        self._queue.remove(pod.uid)
        self._cache.groups.add(pod)
        was_assumed = self._in_flight.pop(pod.uid, None) is not None
        old = self._cache.set_pod(pod, pod.node_name)
        self._settle(pod, pod.node_name)
        if pod.is_deleted:
            self._cache.evictions.seen(pod.uid)
        if old is None or was_assumed:
            self._wake(AssignedPodAdded(pod))
        elif old.shape != pod.shape:
            self._wake(AssignedPodUpdated(old, pod))

    def _set_pending(self, pod: PodInfo) -> None:
        if pod.uid in self._in_flight:
            self._in_flight[pod.uid].info = pod
            return
        queued = self._queue.get(pod.uid)
        told = pod.nominated_node_name
        if queued is not None and told == queued.told_node_name:
            # The API has nothing new to say about it: what was decided here since then stands.
            pod.nominated_node_name = queued.info.nominated_node_name
        self._nominate(pod, pod.nominated_node_name)
        if queued is None or queued.info.priority != pod.priority:
            self._queue.remove(pod.uid)
            self._cache.groups.add(pod)
            self._queue.add(pod, self._now_s, self._framework_of(pod).pre_enqueue(pod, self._world()))
            self._gather(key_of(pod))
            return
        known, queued.told_node_name = queued.info, told
        self._queue.replace(pod)
        is_changed = known.shape != pod.shape or known.gates != pod.gates
        is_hopeful = is_changed and self._hopes(queued, PodUpdated(known, pod), self._world())
        if is_hopeful or (pod.is_deleted and not known.is_deleted):
            self._move_on(queued, self._world())

    def remove_pod(self, uid: str) -> None:
        if self._texts is not None:
            self._texts.pods.pop(uid, None)
        self._cache.evictions.seen(uid)
        self._cache.groups.remove(uid)
        queued = self._queue.remove(uid) or self._in_flight.pop(uid, None)
        if queued is not None:
            self._settle(queued.info, "")
        self._release(uid)

    def _release(self, uid: str) -> None:
        """Free what the pod holds, and tell those who wait for it."""
        pod = self._cache.remove_pod(uid)
        if pod is not None:
            self._wake(AssignedPodDeleted(pod))

    def _nominate(self, pod: PodInfo, node_name: str) -> None:
        """Make room for the pod on the node, "" for none; what it held elsewhere is free for those who wait."""
        before = self._cache.nominate(pod, node_name)
        if before is not None and before[1] != node_name:
            self._wake(AssignedPodDeleted(before[0]))

    def _settle(self, pod: PodInfo, node_name: str) -> None:
        """The pod needs no room made for it any more: it is on this node, or nowhere."""
        self._cache.evictions.end(pod.uid)
        before = self._cache.nominate(pod, "")
        if before is not None and before[1] != node_name:
            self._wake(AssignedPodDeleted(before[0]))

    def schedule_one(self, now_s: float) -> Decision | None:
        self.advance(now_s)
        if not self._decided:
            queued = self._queue.pop()
            if queued is None:
                return None
            if self._is_grouped(queued.info):
                self._decided.extend(self._schedule_group(queued))
            else:
                self._decided.append(self._schedule_pod(queued))
        return self._decided.popleft()

    def _schedule_pod(self, queued: QueuedPod) -> Decision:
        if queued.info.is_deleted:
            return self._skipped(queued)
        attempt = self._try(queued.info)
        if attempt.chosen is None:
            return self._refused(queued, attempt, attempt.rejectors)
        return self._assume(queued, attempt, attempt.chosen)

    def _try(self, pod: PodInfo) -> Attempt:
        attempt = self._attempt(pod)
        if attempt.is_drawn:
            self._random.next()
        self._start = (self._start + attempt.examined_count) % max(1, self._cache.node_count)
        return attempt

    def _skipped(self, queued: QueuedPod) -> Decision:
        pod = queued.info
        self._settle(pod, "")
        message = f"skip schedule deleting pod: {pod.namespace}/{pod.name}"
        return Decision(pod, "skipped", message=message, attempts=queued.attempts)

    def _is_grouped(self, pod: PodInfo) -> bool:
        return bool(pod.group) and self._framework_of(pod).has("permit", "GangScheduling")

    def _gather(self, key: str) -> None:
        """A pod has joined the group: let the others go on when it is complete now, or has failed since."""
        groups, needed = self._cache.groups, needed_count(self._objects, key) if key else None
        if needed is None or (groups.count(key) != needed and key not in self._failed_groups):
            return
        self._failed_groups.discard(key)
        for uid in groups.members(key):
            queued = self._queue.get(uid)
            if queued is not None:
                self._move_on(queued, self._world())

    def _schedule_group(self, first: QueuedPod) -> list[Decision]:
        """Place the group's pods one after another; all go back when fewer than needed find a node."""
        key = key_of(first.info)
        uids = self._cache.groups.members(key)
        members = sorted([first, *self._queue.take(uids)], key=lambda queued: queued.key)
        placed_count = sum(self._cache.pod(uid) is not None for uid in uids)
        decisions, tried = list[Decision](), list[tuple[QueuedPod, Attempt]]()
        for queued in members:
            if queued.info.is_deleted:
                decisions.append(self._skipped(queued))
                continue
            attempt = self._try(queued.info)
            tried.append((queued, attempt))
            if attempt.chosen is not None:
                decisions.append(self._assume(queued, attempt, attempt.chosen))
                placed_count += decisions[-1].outcome == "scheduled"
            elif attempt.preemption is not None and attempt.preemption.best is not None:
                self._cache.nominate(queued.info, attempt.preemption.best.node.facts.name)
        needed = needed_count(self._objects, key) or 1
        if placed_count < needed:
            self._failed_groups.add(key)
            roomy_count = sum(a.preemption is not None and a.preemption.best is not None for _, a in tried)
            return self._roll_back(decisions, tried, is_making_room=placed_count + roomy_count >= needed)
        left = [(queued, attempt) for queued, attempt in tried if attempt.chosen is None]
        return decisions + [self._refused(queued, attempt, attempt.rejectors) for queued, attempt in left]

    def _roll_back(
        self, decisions: list[Decision], tried: list[tuple[QueuedPod, Attempt]], *, is_making_room: bool
    ) -> list[Decision]:
        """The group stays together: what some of its pods had got is free again."""
        for queued, attempt in reversed(tried):
            if self._in_flight.pop(queued.info.uid, None) is not None:
                self._unreserve(queued.info)
                self._cache.remove_pod(queued.info.uid)
                attempt.rejectors = {self._framework_of(queued.info).plugins["GangScheduling"]}
                attempt.chosen, attempt.message = None, INCOMPLETE
            elif is_making_room:
                continue
            attempt.preemption = None
            self._cache.nominate(queued.info, queued.info.nominated_node_name)
        kept = [decision for decision in decisions if decision.outcome != "scheduled"]
        done = {decision.uid for decision in kept}
        left = [(queued, attempt) for queued, attempt in tried if queued.info.uid not in done]
        rejectors = set[Plugin]().union(*(attempt.rejectors for _, attempt in left))
        return kept + [self._refused(queued, attempt, rejectors) for queued, attempt in left]

    def _refused(self, queued: QueuedPod, attempt: Attempt, rejectors: set[Plugin]) -> Decision:
        """``rejectors``: the plugins whose hopes may bring the pod back."""
        pod, found = queued.info, attempt.preemption
        plugins = self._framework_of(pod).plugins.values()
        names = [plugin.name for plugin in plugins if plugin in attempt.rejectors]
        if attempt.is_error:
            cleared = self._end_nomination(pod)
            self._queue.add_error(queued, self._now_s)
            return Decision(pod, "error", message=attempt.message, attempts=queued.attempts, cleared=cleared)
        victims, cleared = list[PodInfo](), list[PodReference]()
        if found is not None and found.best is not None:
            victims = found.best.victims
            cleared = self._make_room(pod, found.best.node.facts.name, victims)
        elif _ends_nomination(attempt):
            cleared = self._end_nomination(pod)
        self._queue.add_unschedulable(queued, rejectors, self._now_s)
        return Decision(
            pod,
            "unschedulable",
            message=attempt.message,
            plugins=names,
            attempts=queued.attempts,
            writes=_text(self._post_filter_writes(pod, attempt)),
            nominated_node_name=pod.nominated_node_name,
            victims=[reference(victim) for victim in victims],
            cleared=cleared,
        )

    def _post_filter_writes(self, pod: PodInfo, attempt: Attempt) -> list[Json]:
        """What plugins want written so that a pod that fits nowhere may fit later."""
        if attempt.plan is None or attempt.chosen is not None:
            return []
        plugins, states, world = self._framework_of(pod).at("postFilter"), attempt.plan.states, self._world()
        return [write for p in plugins for write in p.post_filter_writes(pod, states.get(p), world)]

    def _end_nomination(self, pod: PodInfo) -> list[PodReference]:
        """No room is being made for the pod any more. Returns the pod, if room was being made."""
        if not pod.nominated_node_name:
            return []
        pod.nominated_node_name = ""
        self._nominate(pod, "")
        return [reference(pod)]

    def _make_room(self, pod: PodInfo, node_name: str, victims: list[PodInfo]) -> list[PodReference]:
        """Nominate the pod to the node until its victims have left. Returns the rivals that lose their nomination."""
        rivals = self._cache.nominated_below(node_name, pod)
        for rival in rivals:
            rival.nominated_node_name = ""
            self._cache.nominate(rival, "")
        pod.nominated_node_name = node_name
        self._nominate(pod, node_name)
        self._cache.evictions.begin(pod.uid, [victim.uid for victim in victims if not victim.is_deleted])
        return [reference(rival) for rival in rivals]

    def _assume(self, queued: QueuedPod, attempt: Attempt, node: NodeInfo) -> Decision:
        pod, writes = queued.info, []
        for plugin in self._framework_of(pod).at("reserve"):
            reserved = plugin.reserve(pod, node, attempt.states.get(plugin), self._world())
            if isinstance(reserved, Refuse):
                self._unreserve(pod)
                attempt.message, attempt.rejectors = reserved.message, {plugin}
                attempt.is_error = reserved.code == "Error"
                return self._refused(queued, attempt, attempt.rejectors)
            writes += reserved
        self._cache.set_pod(replace(pod, node_name=node.facts.name), node.facts.name)
        self._settle(pod, node.facts.name)
        self._in_flight[pod.uid] = queued
        return Decision(pod, "scheduled", node.facts.name, attempts=queued.attempts, writes=_text(writes))

    def _unreserve(self, pod: PodInfo) -> None:
        for plugin in reversed(self._framework_of(pod).at("reserve")):
            plugin.unreserve(pod, self._world())

    def schedule(self, now_s: float, max_count: int = 100) -> list[Decision]:
        decisions: list[Decision] = []
        while len(decisions) < max_count and (decision := self.schedule_one(now_s)) is not None:
            decisions.append(decision)
        return decisions

    def confirm(self, uid: str) -> None:
        """The binding has been committed: the pod is on its node, with the node's topology labels."""
        pod = self._cache.pod(uid)
        if self._in_flight.pop(uid, None) is None or pod is None:
            return
        labels = self.topology_labels(pod.node_name)
        if labels:
            pod = replace(pod, shape=replace(pod.shape, labels={**pod.shape.labels, **labels}))
            self._cache.set_pod(pod, pod.node_name)
        self._wake(AssignedPodAdded(pod))

    def topology_labels(self, node_name: str) -> dict[str, str]:
        """The labels of the node that its pods get, as the admission plugin PodTopologyLabels gives them."""
        node = self._cache.node(node_name)
        labels = node.facts.labels if node is not None else {}
        return {key: labels[key] for key in TOPOLOGY_LABELS if key in labels}

    def forget(self, uid: str) -> bool:
        queued = self._in_flight.pop(uid, None)
        if queued is None:
            return self._stop_evicting(uid)
        self._unreserve(queued.info)
        self._release(uid)
        self._queue.add_error(queued, self._now_s)
        return True

    def _stop_evicting(self, uid: str) -> bool:
        """Victims could not be evicted: the pod waits for them no more. False when it did not."""
        queued = self._queue.get(uid)
        was_waiting = self._cache.evictions.end(uid)
        if was_waiting and queued is not None:
            self._move_on(queued, self._world())
        return was_waiting

    def advance(self, now_s: float) -> None:
        if now_s > self._now_s:
            self._now_s = now_s
            self._queue.advance(now_s)

    def next_deadline_s(self) -> float | None:
        return self._now_s if self._decided else self._queue.next_deadline_s(self._now_s)

    def evaluate(self, pod: bytes) -> bytes:
        info = PodInfo.parse(pod)
        if self._texts is None:
            return evaluate(self._attempt(info))
        known = self._texts.pods.get(info.uid)
        self._texts.pods[info.uid] = pod
        try:
            return evaluate(self._attempt(info))
        finally:
            self._texts.pods.pop(info.uid)
            if known is not None:
                self._texts.pods[info.uid] = known

    def evaluate_group(self, pods: Sequence[bytes]) -> bytes:
        infos = [PodInfo.parse(pod) for pod in pods]
        key = key_of(infos[0]) if infos else ""
        needed = needed_count(self._objects, key) if key else 1
        placed_count = sum(self._cache.pod(uid) is not None for uid in self._cache.groups.members(key))
        if needed is None or placed_count + len(infos) < needed:
            return dumped({"result": "waiting", "pods": []})
        state, start = self._random.state, self._start
        tried = [self._place_for_now(info) for info in infos]
        for info, attempt in zip(infos, tried, strict=True):
            if attempt.chosen is not None:
                self._unreserve(info)
                self._cache.remove_pod(info.uid)
        self._random.state, self._start = state, start
        is_bound = placed_count + sum(attempt.chosen is not None for attempt in tried) >= needed
        for attempt in tried:
            if attempt.chosen is not None and not is_bound:
                attempt.chosen, attempt.message = None, INCOMPLETE
        result = "bound" if is_bound else "unschedulable"
        return dumped({"result": result, "pods": [told(attempt) for attempt in tried]})

    def _place_for_now(self, pod: PodInfo) -> Attempt:
        attempt = self._try(pod)
        if attempt.chosen is None:
            return attempt
        for plugin in self._framework_of(pod).at("reserve"):
            reserved = plugin.reserve(pod, attempt.chosen, attempt.states.get(plugin), self._world())
            if isinstance(reserved, Refuse):
                self._unreserve(pod)
                attempt.chosen, attempt.message = None, reserved.message
                return attempt
        node_name = attempt.chosen.facts.name
        self._cache.set_pod(replace(pod, node_name=node_name), node_name)
        return attempt

    def counts(self) -> dict[str, int]:
        return {
            **self._queue.counts(),
            "nodes": self._cache.node_count,
            "bound": self._cache.pod_count,
            "assumed": len(self._in_flight),
        }

    def _attempt(self, pod: PodInfo) -> Attempt:
        self._cache.look()
        program, world, draw = self._program(pod), self._world(), self._random.peek()
        attempt = program.cycle.run(pod, world, start=self._start, draw=draw)
        post_filter(program.framework, attempt, pod, world, draw=draw)
        return attempt

    def _world(self) -> World:
        return World(self._cache, self._objects, self._cache.nodes(), self._now_s)

    def _program(self, pod: PodInfo) -> Program:
        """The profile that the pod asks for; the first for one that asks for another scheduler (dry runs only)."""
        return self._programs.get(pod.scheduler_name) or next(iter(self._programs.values()))

    def _framework_of(self, pod: PodInfo) -> Framework:
        return self._program(pod).framework

    def _wake(self, event: ClusterEvent) -> None:
        """Move the waiting pods for which a plugin that refused them hopes for this event."""
        world = self._world()
        for queued in self._queue.waiting():
            if self._hopes(queued, event, world):
                self._move_on(queued, world)

    def _hopes(self, queued: QueuedPod, event: ClusterEvent, world: World) -> bool:
        return any(plugin.hint(queued.info, event, world) for plugin in queued.rejectors)

    def _move_on(self, queued: QueuedPod, world: World) -> None:
        """Let a waiting pod be tried again, unless a PreEnqueue plugin holds it back."""
        gate = self._framework_of(queued.info).pre_enqueue(queued.info, world)
        if gate is None:
            self._queue.move_on(queued.info.uid, self._now_s)
        else:
            self._queue.hold(queued.info.uid, gate)


def _text(writes: list[Json]) -> bytes:
    return json.dumps(writes, separators=(",", ":"), ensure_ascii=False).encode() if writes else b""


def reference(pod: PodInfo) -> PodReference:
    return pod.namespace, pod.name, pod.uid


def _ends_nomination(attempt: Attempt) -> bool:
    """True unless the attempt leaves the question open: preemption was not looked at, or must wait."""
    if attempt.preemption is not None:
        return not attempt.preemption.not_eligible
    return attempt.is_error or attempt.plan is None or attempt.chosen is not None
