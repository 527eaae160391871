"""The event loop: virtual time over the scheduler's engine. One `Simulation` is one run of a plan with one scheduler.

Always true: time jumps from event to event; events of one moment run in the order in which they were planned, then the
scheduler decides until nothing is ready. Nothing depends on the machine's clock or on hash order.
Not here: what happens to nodes (see `node_events`), figures (see `measure`).
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Container, Iterator
from functools import partial

import orjson

from pyk8s.core.scheduler_interface import Decision, SchedulerEngine
from pyk8s.simulate.claims import Claims
from pyk8s.simulate.cluster_state import ClusterState, SimulatedNode, SimulatedPod
from pyk8s.simulate.daemons import wants_node
from pyk8s.simulate.measure import SAMPLES_DEFAULT, SAMPLES_MAX, Measurement
from pyk8s.simulate.nodes import NodeShape
from pyk8s.simulate.plan import Plan
from pyk8s.simulate.pod_shape import PodShape
from pyk8s.simulate.reasons import main_reason
from pyk8s.simulate.shapes import GROUP, OWN_NAME, PINNED, personal, pod_group
from pyk8s.simulate.workload import Batch, WorkloadPlan

EVENTS_MAX = 1_000_000_000
"""Steps of one run: a scenario that never ends is stopped here."""
PROGRESS_STEPS = 512
QUIET_S = 60.0
"""Without a duration, time after the last event in which pods that back off (10 s at most) are tried once more."""
SAMPLE_DEFAULT_S = 5.0

Progress = Callable[[float, float], None]
"""Called now and then with the present and the end, in seconds."""


class Run:
    """One workload in one run: its pods that live, and the number of the next one."""

    __slots__ = ("batches", "freed", "made_count", "plan", "pods")

    def __init__(self, plan: WorkloadPlan, batches: Iterator[Batch]) -> None:
        self.plan, self.batches = plan, batches
        self.pods: dict[str, SimulatedPod] = {}
        self.made_count = 0
        self.freed: list[int] = []

    def next_name(self, taken: Container[str]) -> str:
        """Numbers rise from 1; those of a StatefulSet from 0, the lowest that is free. ``taken``: uids of pods."""
        if self.freed:
            return f"{self.plan.name}-{heapq.heappop(self.freed)}"
        while True:
            self.made_count += 1
            name = f"{self.plan.name}-{self.made_count - self.plan.has_ordinals}"
            # An export may have pods of any name.
            if f"{self.plan.namespace}/{name}" not in taken:
                return name

    def remove(self, pod: SimulatedPod, *, frees_name: bool = True) -> None:
        del self.pods[pod.uid]
        if frees_name and self.plan.has_ordinals:
            heapq.heappush(self.freed, int(pod.name.rpartition("-")[2]))


class Simulation:
    """One run of ``plan``. The engine is fresh; it decides, and nothing else is asked of it."""

    def __init__(self, plan: Plan, engine: SchedulerEngine) -> None:
        scenario = plan.scenario
        self.plan, self.engine, self.seed = plan, engine, scenario.seed
        self.end_s = math.inf if scenario.duration is None else scenario.duration
        self.now_s = 0.0
        self.state = ClusterState(engine, plan.resources, start_s=plan.start_s)
        self.claims = Claims(engine, plan.objects)
        self.pools = plan.node_pools()
        keys = list(dict.fromkeys(workload.key for workload in plan.workloads))
        self.measure = Measurement(self.state, plan.probe, workloads=keys, slots_expected=plan.node_count)
        self.runs = [Run(workload, workload.batches(self.seed, self.end_s)) for workload in plan.workloads]
        self._sample_s = scenario.sample or (self.end_s / SAMPLES_DEFAULT if scenario.duration else SAMPLE_DEFAULT_S)
        self._next_sample_s = self._last_event_s = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = 0

    def at(self, moment_s: float, action: Callable[[], None]) -> None:
        """Plan an action; one of the past happens now."""
        if moment_s <= self.end_s:
            self._order += 1
            heapq.heappush(self._events, (max(moment_s, self.now_s), self._order, action))

    def run(self, progress: Progress | None = None) -> Measurement:
        """Run to the end; once, after `begin`."""
        self.settle(progress)
        self._finish()
        return self.measure

    def settle(self, progress: Progress | None = None) -> None:
        """Run until the end, or until nothing happens any more."""
        self._decide()
        for step in range(EVENTS_MAX):
            moment_s = self._next_moment_s()
            if moment_s is None or moment_s > self.end_s:
                return
            self._move_to(moment_s)
            while self._events and self._events[0][0] <= moment_s:
                heapq.heappop(self._events)[2]()
            self._decide()
            if progress is not None and step % PROGRESS_STEPS == 0:
                progress(self.now_s, self.end_s)

    def begin(self) -> None:
        """Set up the cluster as it is at the start, and plan the first event of everything."""
        self.engine.advance(0.0)
        for kind, obj in self.plan.objects:
            self.engine.set_object(kind, obj)
        self.claims.begin()
        for name, shape, is_cordoned in self.plan.nodes:
            self.add_node(name, shape, is_cordoned=is_cordoned)
        for pool in self.pools.values():
            for _ in range(pool.pool.count):
                self.add_node(*pool.take())
        self._place_initial_pods()
        for run in self.runs:
            self._plan_next_batch(run)
            for scale in run.plan.scale:
                self.at(scale.at, partial(self._scale, run, scale.replicas))

    def _place_initial_pods(self) -> None:
        by_plan = {id(run.plan): run for run in self.runs}
        for initial in self.plan.pods:
            run = by_plan[id(initial.workload)]
            pod = SimulatedPod(initial.name, initial.shape, run=run)
            node = self.state.nodes.get(initial.node_name)
            if node is not None:
                run.pods[pod.uid] = pod
                self.state.add_bound_pod(pod, node, 0.0)
                self.measure.running_now[run.plan.key] += 1
            elif not initial.node_name:
                self._enter(run, pod)

    def _next_moment_s(self) -> float | None:
        """When something happens next: an event, or a retry that the scheduler is due."""
        event_s = self._events[0][0] if self._events else None
        retry_s = self.engine.next_deadline_s() if self.state.pending else None
        if (
            event_s is None
            and retry_s is not None
            and math.isinf(self.end_s)
            and retry_s > self._last_event_s + QUIET_S
        ):
            return None
        moments = [moment for moment in (event_s, retry_s) if moment is not None]
        return max(self.now_s, min(moments)) if moments else None

    def _move_to(self, moment_s: float) -> None:
        while self._next_sample_s < moment_s and self._next_sample_s <= self.end_s:
            self._sample()
        self.measure.integrate(moment_s - self.now_s)
        self.now_s = moment_s
        if self._events and self._events[0][0] <= moment_s:
            self._last_event_s = moment_s
        self.engine.advance(moment_s)

    def _sample(self) -> None:
        if len(self.measure.series.at_s) >= SAMPLES_MAX:
            self.measure.series.thin()
            self._sample_s *= 2
        self.measure.sample(self._next_sample_s)
        self._next_sample_s += self._sample_s

    def _finish(self) -> None:
        """Up to the end, where nothing changes any more, and the last point of the curves."""
        if math.isfinite(self.end_s):
            while self._next_sample_s < self.end_s:
                self._sample()
            self.measure.integrate(self.end_s - self.now_s)
            self.now_s = self.end_s
        self.measure.sample(self.now_s)

    # -- decisions -------------------------------------------------------------------------------------------------

    def _decide(self) -> None:
        """Let the scheduler decide until no pod is ready; each decision is true before the next one is made."""
        while self.state.pending and (decision := self.engine.schedule_one(self.now_s)) is not None:
            pod = self.state.pods.get(decision.uid)
            assert pod is not None, "the engine knows the pods it was given and no others"
            self.measure.counts["attempts"] += 1
            if decision.outcome == "scheduled":
                node = self.state.nodes[decision.node_name]
                if decision.writes:
                    self.claims.write(decision.writes, node.shape.zone)
                self._bind(pod, node)
            elif decision.outcome == "unschedulable":
                self._refuse(pod, decision)

    def _bind(self, pod: SimulatedPod, node: SimulatedNode) -> None:
        self._wait_for(pod, "")
        self.state.bind(pod, node, self.now_s)
        self.measure.counts["bound"] += 1
        run = _run_of(pod)
        self.measure.running_now[run.plan.key] += 1
        self.measure.waited(run.plan.key, self.now_s - pod.created_s)
        self._plan_end(pod, run)

    def _plan_end(self, pod: SimulatedPod, run: Run) -> None:
        if pod.duration_s is not None:
            self.at(self.now_s + run.plan.startup_s + pod.duration_s, partial(self._end, pod))

    def _refuse(self, pod: SimulatedPod, decision: Decision) -> None:
        reason = main_reason(decision.message)
        self._wait_for(pod, reason)
        pod.message = decision.message
        self.measure.reasons[reason] += 1
        for namespace, name, uid in decision.victims:
            victim = self.state.pods.get(uid) or self.state.pods.get(f"{namespace}/{name}")
            if victim is not None and not victim.is_ending:
                self.measure.counts["preempted"] += 1
                self.stop(victim)

    def _wait_for(self, pod: SimulatedPod, reason: str) -> None:
        """The pod waits for another reason than before; "" when it waits no more."""
        if pod.reason:
            self.measure.reasons_now[pod.reason] -= 1
        elif reason:
            self.measure.counts["refused"] += 1
        if reason:
            self.measure.reasons_now[reason] += 1
        pod.reason = reason

    # -- pods come and go ------------------------------------------------------------------------------------------

    def _plan_next_batch(self, run: Run) -> None:
        batch = next(run.batches, None)
        if batch is not None:
            self.at(batch.at_s, lambda: self._arrive(run, batch))

    def _arrive(self, run: Run, batch: Batch) -> None:
        shape = self._gang(run, batch) if run.plan.is_gang else batch.shape
        for duration_s in batch.durations:
            self._create(run, shape, duration_s)
        self._plan_next_batch(run)

    def _gang(self, run: Run, batch: Batch) -> PodShape:
        """The shape of one arrival's pods, their group made known."""
        name = f"{run.plan.name}-group-{run.made_count + 1}"
        group = pod_group(run.plan.namespace, name, len(batch.durations))
        self.engine.set_object("PodGroup", orjson.dumps(group))
        return personal(batch.shape, GROUP, name.encode())

    def _create(self, run: Run, shape: PodShape, duration_s: float | None) -> None:
        name = run.next_name(self.state.pods)
        if run.plan.claims:
            shape = self._with_claims(run.plan, name)
        self._enter(run, SimulatedPod(name, shape, run=run, duration_s=duration_s))

    def _with_claims(self, plan: WorkloadPlan, name: str) -> PodShape:
        for claim in plan.claims:
            self.claims.add(orjson.loads(orjson.dumps(claim).replace(OWN_NAME.encode(), name.encode())))
        return personal(plan.shape, OWN_NAME, name.encode())

    def _enter(self, run: Run, pod: SimulatedPod) -> None:
        run.pods[pod.uid] = pod
        self.measure.counts["resubmitted" if pod.is_resubmission else "created"] += 1
        self.state.add_pod(pod, self.now_s)

    def _end(self, pod: SimulatedPod) -> None:
        """A job's pod is through, unless it was lost in the meantime."""
        if pod.node is not None and not pod.is_ending and not pod.node.is_failed:
            self.measure.counts["finished"] += 1
            self._remove(pod)

    def stop(self, pod: SimulatedPod, *, is_wanted: bool = True) -> None:
        """Ask a pod to end. If it is still wanted, another one comes: at once, or under its name when it has ended."""
        if pod.is_ending:
            return
        pod.is_wanted = is_wanted
        if pod.node is None:
            self._lose(pod)
            return
        self.state.mark_ending(pod)
        if not _keeps_name(pod):
            self._succeed(pod)
        self.at(self.now_s + _run_of(pod).plan.termination_s, partial(self._stopped, pod))

    def _stopped(self, pod: SimulatedPod) -> None:
        if self.state.pods.get(pod.uid) is pod:
            self._lose(pod)

    def lose(self, pod: SimulatedPod) -> None:
        """A pod is gone with its node."""
        self.measure.counts["lost"] += 1
        self._lose(pod)

    def replace(self, pod: SimulatedPod) -> SimulatedPod | None:
        """A pod ends at once; the one that takes its place, None when none does."""
        return self._lose(pod)

    def _lose(self, pod: SimulatedPod) -> SimulatedPod | None:
        comes_again = pod.is_wanted and _comes_again(pod)
        self._remove(pod, frees_name=not comes_again)
        return self._succeed(pod) if comes_again else None

    def _succeed(self, pod: SimulatedPod) -> SimulatedPod | None:
        """The pod's successor, once; None when it needs none."""
        if not pod.is_wanted or not _comes_again(pod):
            return None
        pod.is_wanted = False
        run = _run_of(pod)
        name = pod.name if _keeps_name(pod) else run.next_name(self.state.pods)
        new = SimulatedPod(name, pod.shape, run=run, duration_s=_left_s(pod, self.now_s, run.plan))
        new.is_resubmission = True
        self._enter(run, new)
        return new

    def _remove(self, pod: SimulatedPod, *, frees_name: bool = True) -> None:
        self._wait_for(pod, "")
        run = _run_of(pod)
        self.measure.running_now[run.plan.key] -= pod.node is not None
        run.remove(pod, frees_name=frees_name)
        self.state.remove_pod(pod)

    def _scale(self, run: Run, replicas: int) -> None:
        """More pods, or fewer: those that wait go first, then the youngest."""
        living = [pod for pod in run.pods.values() if not pod.is_ending]
        for _ in range(replicas - len(living)):
            self._create(run, run.plan.shape, None)
        surplus = len(living) - replicas
        if surplus > 0:
            living.reverse()
            living.sort(key=lambda pod: pod.node is not None)
            for pod in living[:surplus]:
                self.measure.counts["scaled_down"] += 1
                self.stop(pod, is_wanted=False)

    # -- nodes -----------------------------------------------------------------------------------------------------

    def add_node(self, name: str, shape: NodeShape, *, is_cordoned: bool = False) -> None:
        """A node joins, and gets its daemons."""
        node = self.state.add_node(name, shape, is_cordoned=is_cordoned)
        for run in self.runs:
            if run.plan.daemon is not None and wants_node(run.plan.daemon, name, shape):
                pod = SimulatedPod(
                    f"{run.plan.name}-{name}", personal(run.plan.shape, PINNED, node.name_bytes), run=run
                )
                self._enter(run, pod)

    def without_daemons(self, node: SimulatedNode) -> list[SimulatedPod]:
        """The pods of a node that can run elsewhere."""
        return [pod for pod in node.pods.values() if not is_daemon(pod)]

    def remove_node(self, node: SimulatedNode) -> None:
        """A node leaves; what ran there comes again, once the node is no choice any more."""
        pods = list(node.pods.values())
        self.state.set_node(node, is_cordoned=True, is_failed=node.is_failed)
        for pod in pods:
            self.lose(pod)
        for run in self.runs:
            waiting = run.pods.get(f"{run.plan.namespace}/{run.plan.name}-{node.name}") if run.plan.daemon else None
            if waiting is not None:
                self._remove(waiting)
        self.state.remove_node(node)

    def resume(self, node: SimulatedNode) -> None:
        """A node is back before its pods were given up: what was through meanwhile ends now."""
        for pod in list(node.pods.values()):
            startup_s = _run_of(pod).plan.startup_s
            if pod.duration_s is not None and pod.bound_s + startup_s + pod.duration_s <= self.now_s:
                self._end(pod)


def is_daemon(pod: SimulatedPod) -> bool:
    """One that belongs to its node: of a DaemonSet, or the node's own."""
    return _run_of(pod).plan.kind == "daemon" or pod.shape.owner in ("DaemonSet", "Node")


def _run_of(pod: SimulatedPod) -> Run:
    assert isinstance(pod.run, Run), "every pod belongs to a run"
    return pod.run


def _comes_again(pod: SimulatedPod) -> bool:
    plan = _run_of(pod).plan
    return plan.is_resubmitted and plan.kind != "daemon"


def _keeps_name(pod: SimulatedPod) -> bool:
    """A StatefulSet's pod: the next of its name can only come when it is gone."""
    return pod.shape.owner == "StatefulSet"


def _left_s(pod: SimulatedPod, now_s: float, plan: WorkloadPlan) -> float | None:
    """How long the pod that takes its place runs."""
    if pod.duration_s is None or not pod.was_bound or not plan.keeps_progress:
        return pod.duration_s
    return max(0.0, pod.duration_s - max(0.0, now_s - pod.bound_s - plan.startup_s))
