"""Runs a workload's plan against a cluster, operation by operation, with the churn beside it.

Always true: operations run one after the other; between any two turns the scheduler gets its share; a run in which
nothing is bound for `STALL_S`, though pods wait, ends with an error that says what they wait for.
Not here: what is measured (see `ledger`, `metrics`), the cluster.
"""

from __future__ import annotations

from collections.abc import Callable

from pyk8s.api.clock import Clock
from pyk8s.simulate.bench.background import Activity, ChurnActivity, GradualActivity, split_pod_key
from pyk8s.simulate.bench.cluster import Cluster, ClusterError
from pyk8s.simulate.bench.kinds import PODS
from pyk8s.simulate.bench.ledger import Collector, Ledger, PodSet
from pyk8s.simulate.bench.makers import SYSTEM_PRIORITIES, PodMaker, csi_nodes, node_factory
from pyk8s.simulate.bench.metrics import Throughput
from pyk8s.simulate.bench.objects import Making, NameSource, NewObject
from pyk8s.simulate.bench.operations import (
    Barrier,
    Churn,
    CreateAny,
    CreateNamespaces,
    CreateNodes,
    CreatePodGroups,
    CreatePods,
    CreatePodSets,
    DeletePods,
    Sleep,
    StartCollectingMetrics,
    StopCollectingMetrics,
    UpdateAny,
    WaitForPodGroups,
)
from pyk8s.simulate.bench.plan import Plan, Step
from pyk8s.simulate.bench.progress import Progress
from pyk8s.simulate.bench.results import Measured

CHUNK_COUNT = 512
"""Objects created between two turns of the scheduler."""
PREMADE_MAX = 250_000
"""Measured pods that are made before the clock starts, as a load generator would; more are made as they are needed."""
STALL_S = 90.0
WAIT_S_MAX = 0.5
SAMPLED_KEYS_MAX = 1_000


class WorkloadFailed(Exception):
    """The workload did not come to its end, and why."""


class Runner:
    """One run of one plan."""

    def __init__(self, plan: Plan, cluster: Cluster, ledger: Ledger, names: NameSource, progress: Progress) -> None:
        self._plan, self._cluster, self._ledger, self._names = plan, cluster, ledger, names
        self._progress = progress
        self.node_count = 0
        self.measured: list[Measured] = []
        self.sampled_keys: list[str] = []
        """The first measured pods, for the agreement with the exhaustive loop."""
        self._activities: list[Activity] = []
        self._namespaces: set[str] = set()
        self._priorities = dict(SYSTEM_PRIORITIES)
        self._open: Collector | None = None

    async def run(self, clock: Clock) -> None:
        """Raises WorkloadFailed, InvalidBenchmark (a template that only fails at a later index)."""
        self._clock = clock
        try:
            for step in self._plan.steps:
                await self._run(step)
                await self._cluster.flush()
        except ClusterError as error:
            raise WorkloadFailed(str(error)) from error
        if self._open is not None:
            self._stop(self._open)

    async def _run(self, step: Step) -> None:
        match step.operation:
            case CreateNodes() as operation:
                await self._create_nodes(step, operation)
            case CreateNamespaces() as operation:
                await self._create_namespaces(step, operation)
            case CreatePods() as operation:
                await self._create_pods(step, operation, operation.namespace or f"namespace-{step.index}")
            case CreatePodSets() as operation:
                for number in range(operation.count):
                    namespace = f"{operation.namespace_prefix}-{number}"
                    await self._create_pods(step, operation.create_pods_op, namespace)
            case CreateAny() | CreatePodGroups() as operation:
                await self._create_any(step, operation)
            case UpdateAny() as operation:
                await self._update_any(step, operation)
            case DeletePods() as operation:
                await self._delete_pods(operation)
            case Churn() as operation:
                await self._churn(step, operation)
            case Barrier() as operation:
                await self._barrier(operation)
            case Sleep() as operation:
                await self._sleep(operation.duration)
            case StartCollectingMetrics() as operation:
                await self._start(operation.name or operation.namespaces[0], operation.namespaces,
                                  operation.label_selector)  # fmt: skip
            case StopCollectingMetrics() if self._open is not None:
                self._stop(self._open)
            case WaitForPodGroups() | StopCollectingMetrics():
                # A pod group is known to the engine as soon as it is stored.
                pass
            case other:
                raise AssertionError(f"the planner let {other!r} pass")

    # -- operations ------------------------------------------------------------------------------------------------

    async def _create_nodes(self, step: Step, operation: CreateNodes) -> None:
        factory = node_factory(step, operation, self._names)
        self._progress.start(f"{self._plan.chosen.name}: nodes", operation.count)
        for start in range(0, operation.count, CHUNK_COUNT):
            nodes = list(factory.make(start, min(operation.count, start + CHUNK_COUNT)))
            await self._cluster.create(nodes)
            await self._cluster.create(list(csi_nodes(operation, nodes, self._names)))
            self.node_count += len(nodes)
            self._progress.update(start)
            await self._turn()

    async def _create_namespaces(self, step: Step, operation: CreateNamespaces) -> None:
        making = Making(count=operation.count, named=lambda index: f"{operation.prefix}-{index}")
        factory = step.templates["namespace"].factory(making, self._names)
        made = list(factory.make(0, operation.count))
        self._namespaces.update(one.name for one in made)
        await self._cluster.create(made)

    async def _create_pods(self, step: Step, operation: CreatePods, namespace: str) -> None:
        await self._ensure_namespace(namespace)
        maker = PodMaker(step, operation, namespace, self._names, self._priorities)
        premade = list(maker.pods.make(0, operation.count)) if self._is_premade(operation) else None
        collector = await self._start(namespace, [namespace], {}) if operation.collect_metrics else None
        pod_set = self._ledger.open_set(namespace, maker.labels)
        if operation.steady_state:
            self._ledger.watched_bindings = []
        await self._create_and_feed(maker, operation, pod_set, premade)
        if operation.steady_state:
            await self._keep_steady(maker, operation, pod_set)
        elif not operation.skip_wait_to_completion:
            await self._until(lambda: pod_set.open_count <= 0, pod_set)
        if collector is not None:
            self._stop(collector)

    def _is_premade(self, operation: CreatePods) -> bool:
        return operation.collect_metrics and operation.count <= PREMADE_MAX

    async def _create_and_feed(
        self, maker: PodMaker, operation: CreatePods, pod_set: PodSet, premade: list[NewObject] | None
    ) -> None:
        what = "measured pods" if pod_set.collectors else "pods"
        self._progress.start(f"{self._plan.chosen.name}: {what}", operation.count)
        for start in range(0, operation.count, CHUNK_COUNT):
            stop = min(operation.count, start + CHUNK_COUNT)
            for factory in maker.volumes:
                await self._cluster.create(list(factory.make(start, stop)))
            await self._store_pods(
                premade[start:stop] if premade else list(maker.pods.make(start, stop)), maker, pod_set
            )
            await self._turn(pod_set)

    async def _store_pods(self, pods: list[NewObject], maker: PodMaker, pod_set: PodSet) -> None:
        keys = [pod.key for pod in pods]
        if pod_set.collectors and len(self.sampled_keys) < SAMPLED_KEYS_MAX:
            self.sampled_keys += keys[: SAMPLED_KEYS_MAX - len(self.sampled_keys)]
        self._ledger.created(pod_set, keys, is_gated=maker.is_gated)
        await self._cluster.create(pods)

    async def _keep_steady(self, maker: PodMaker, operation: CreatePods, pod_set: PodSet) -> None:
        """Delete what is bound and create as much again, until the time is over."""
        bound = self._ledger.watched_bindings
        assert bound is not None, "the caller starts watching before the first pod is created"
        end_s, made = self._clock.monotonic_s() + operation.duration, operation.count
        while self._clock.monotonic_s() < end_s:
            await self._turn_or_wait(end_s)
            keys = bound[:]
            bound.clear()
            for key in keys:
                await self._cluster.delete(PODS, *split_pod_key(key), grace_s=0)
            await self._store_pods(list(maker.pods.make(made, made + len(keys))), maker, pod_set)
            made += len(keys)
        self._ledger.watched_bindings = None

    async def _create_any(self, step: Step, operation: CreateAny | CreatePodGroups) -> None:
        count = 1 if operation.count is None else operation.count
        if operation.namespace:
            await self._ensure_namespace(operation.namespace)
        making = Making(operation.template_params, count, operation.namespace)
        factory = step.templates["any"].factory(making, self._names)
        if factory.kind.kind == "PriorityClass":
            _, first = step.templates["any"].first(operation.template_params)
            self._priorities[first["metadata"]["name"]] = first["value"]
        for start in range(0, count, CHUNK_COUNT):
            await self._cluster.create(list(factory.make(start, min(count, start + CHUNK_COUNT))))
            await self._turn()

    async def _update_any(self, step: Step, operation: UpdateAny) -> None:
        count = 1 if operation.count is None else operation.count
        making = Making(operation.template_params, count, operation.namespace)
        factory = step.templates["any"].factory(making, self._names)

        async def update(index: int) -> None:
            for obj in factory.make(index, index + 1):
                await self._cluster.replace(obj, operation.subresources)

        if operation.update_per_second:
            activity = GradualActivity(count, operation.update_per_second, self._clock.monotonic_s(), update)
            self._activities.append(activity)
            await self._until(lambda: activity.is_done)
            return
        for index in range(count):
            await update(index)
            await self._turn()

    async def _delete_pods(self, operation: DeletePods) -> None:
        keys = self._ledger.keys(operation.namespace, operation.label_selector)

        async def delete(index: int) -> None:
            await self._cluster.delete(PODS, *split_pod_key(keys[index]))

        if operation.delete_pods_per_second:
            activity = GradualActivity(len(keys), operation.delete_pods_per_second, self._clock.monotonic_s(), delete)
            self._activities.append(activity)
            if not operation.skip_wait_to_completion:
                await self._until(lambda: activity.is_done)
            return
        for index in range(len(keys)):
            await delete(index)
            if index % CHUNK_COUNT == 0:
                await self._turn()

    async def _churn(self, step: Step, operation: Churn) -> None:
        namespace = operation.namespace or f"namespace-{step.index}"
        await self._ensure_namespace(namespace)
        factories = [template.factory(Making(namespace=namespace), self._names) for template in step.templates.values()]
        self._activities.append(ChurnActivity(operation, factories, self._cluster, self._clock.monotonic_s()))

    async def _barrier(self, operation: Barrier) -> None:
        def is_done() -> bool:
            return self._ledger.is_settled(
                operation.namespaces, operation.label_selector, is_attempted=operation.stage_requirement == "Attempted"
            )

        self._progress.start(f"{self._plan.chosen.name}: barrier", 0)
        await self._until(is_done, *self._ledger)

    async def _sleep(self, seconds: float) -> None:
        end_s = self._clock.monotonic_s() + seconds
        while self._clock.monotonic_s() < end_s:
            await self._turn_or_wait(end_s)

    async def _ensure_namespace(self, name: str) -> None:
        if name in self._namespaces:
            return
        self._namespaces.add(name)
        made = self._plan.default_namespace.factory(Making(named=lambda index: name), self._names)
        await self._cluster.create(list(made.make(0, 1)))

    # -- measuring -------------------------------------------------------------------------------------------------

    async def _start(self, name: str, namespaces: list[str], labels: dict[str, str]) -> Collector:
        if not self.measured and self._open is None:
            await self._cluster.mark()
        throughput = Throughput(self._clock.monotonic_s())
        self._open = self._ledger.start(Collector(name, namespaces, labels, throughput))
        return self._open

    def _stop(self, collector: Collector) -> None:
        self._ledger.stop(collector)
        self._open = None
        throughput = collector.throughput
        self.measured.append(
            Measured(
                name=collector.name,
                pod_count=throughput.count,
                duration_s=throughput.duration_s,
                window_s=throughput.window_s,
                windows=throughput.windows(),
                throughput=throughput.summary(),
                attempt_latency_s=collector.latencies.summary() if len(collector.latencies) else None,
                attempt_count=collector.attempt_count,
                unschedulable_count=collector.unschedulable_count,
            )
        )

    # -- turns -----------------------------------------------------------------------------------------------------

    async def _turn(self, pod_set: PodSet | None = None) -> bool:
        """What is due beside the operations, then the scheduler's share. False: nothing was to be done."""
        now_s = self._clock.monotonic_s()
        is_busy = False
        for activity in self._activities:
            if activity.due_s <= now_s:
                await activity.fire(now_s)
                is_busy = True
        if is_busy:
            self._activities = [one for one in self._activities if not one.is_done]
        is_busy = await self._cluster.advance() or is_busy
        if pod_set is not None:
            self._progress.update(pod_set.bound_count)
        return is_busy

    async def _until(self, is_done: Callable[[], bool], *waiting: PodSet) -> None:
        """Turn until it is so. Raises WorkloadFailed when pods wait and none was bound for `STALL_S`."""
        bound_count, changed_s = -1, self._clock.monotonic_s()
        while not is_done():
            await self._turn_or_wait(None, waiting[-1] if waiting else None)
            if self._ledger.bound_count != bound_count:
                bound_count, changed_s = self._ledger.bound_count, self._clock.monotonic_s()
            elif waiting and self._clock.monotonic_s() - changed_s > STALL_S:
                raise WorkloadFailed(self._stalled(waiting))

    async def _turn_or_wait(self, end_s: float | None, pod_set: PodSet | None = None) -> None:
        if await self._turn(pod_set):
            return
        now_s = self._clock.monotonic_s()
        until_s = min([now_s + WAIT_S_MAX, *(one.due_s for one in self._activities), *([end_s] if end_s else [])])
        deadline_s = self._cluster.next_deadline_s()
        if deadline_s is not None:
            until_s = min(until_s, now_s + deadline_s - self._clock.now_s())
        await self._cluster.wait(max(0.0, until_s - now_s))

    def _stalled(self, waiting: tuple[PodSet, ...]) -> str:
        open_count = sum(one.open_count for one in waiting)
        namespaces = ", ".join(sorted({one.namespace for one in waiting if one.open_count}))
        why = f"; the scheduler last said: {self._ledger.last_message}" if self._ledger.last_message else ""
        return f"{open_count} pods in {namespaces} were not scheduled for {STALL_S:.0f} s{why}"
