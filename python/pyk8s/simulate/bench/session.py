"""One benchmark from file to results: choose, plan, run each workload on a cluster of its own.

Always true: all workloads are planned before the first one runs; a cluster is closed however its run ends.
Not here: how results are shown (see `results`, `report`).
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyk8s import core
from pyk8s.api.clock import Clock, rfc3339
from pyk8s.api.identity import Identity
from pyk8s.api.tables import scheme_tables
from pyk8s.client.kubeconfig import KubeconfigError
from pyk8s.client.kubeconfig import load as load_access
from pyk8s.client.transport_http import HttpTransport
from pyk8s.core.scheduler_interface import SchedulerEngine
from pyk8s.errors import DecodeError
from pyk8s.simulate.bench import memory
from pyk8s.simulate.bench.agreement import Agreement, compare
from pyk8s.simulate.bench.cluster import Cluster, ClusterError
from pyk8s.simulate.bench.format import choose, load
from pyk8s.simulate.bench.in_process import InProcessCluster
from pyk8s.simulate.bench.ledger import Ledger
from pyk8s.simulate.bench.objects import NameSource
from pyk8s.simulate.bench.over_http import HttpCluster
from pyk8s.simulate.bench.plan import Plan, Planner
from pyk8s.simulate.bench.problems import InvalidBenchmark
from pyk8s.simulate.bench.processes import started
from pyk8s.simulate.bench.progress import Progress
from pyk8s.simulate.bench.results import WorkloadResult
from pyk8s.simulate.bench.runner import Runner, WorkloadFailed

Compile = Callable[[Path | None, dict[str, bool]], bytes]
"""Compiles a KubeSchedulerConfiguration file (None: the defaults) with feature gates. Raises ValueError."""


@dataclass(frozen=True, slots=True)
class Options:
    """How workloads are run; ``sample_count`` pods are checked against the exhaustive loop."""

    seed: int = 0
    sample_count: int = 100
    is_placement_wanted: bool = False
    is_recording: bool = True
    """Whether each pod's event Scheduled is written, as the scheduler does; over HTTP it always is."""
    mode: str = "in-process"
    kubeconfig: Path | None = None
    """For the mode http: an empty cluster to use; None: one is started and ended."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A plan, and the scheduler's configuration for it."""

    plan: Plan
    config: bytes


def prepare(
    file: Path, compile_config: Compile, *, case: str = "", workload: str = "", labels: Sequence[str] = ()
) -> list[Ready]:
    """Everything that can be wrong is told here. Raises InvalidBenchmark, UnsupportedBenchmark, OSError."""
    planner = Planner(core.Scheme(scheme_tables()), core.SchedulerEngine())
    chosen = choose(file, load(file), case=case, workload=workload, labels=labels)
    plans = [planner.plan(one) for one in chosen]
    return [Ready(plan, _compiled(plan, compile_config)) for plan in plans]


def _compiled(plan: Plan, compile_config: Compile) -> bytes:
    try:
        return compile_config(plan.scheduler_config, plan.chosen.feature_gates)
    except (ValueError, DecodeError, OSError) as error:
        field = "schedulerConfigPath" if plan.scheduler_config else "featureGates"
        path = f"[{plan.chosen.case_index}].{field}"
        raise InvalidBenchmark(str(plan.chosen.file), [f"{path}: {error}"]) from error


async def measure(ready: Ready, *, clock: Clock, options: Options, progress: Progress) -> WorkloadResult:
    """Run one workload. Raises WorkloadFailed, InvalidBenchmark."""
    ledger = Ledger()
    if options.mode == "http":
        return await _measure_http(ready, _Run(ready, ledger, clock, options, progress))
    return await _measure_in_process(ready, _Run(ready, ledger, clock, options, progress))


class _Run:
    """What both modes share: the runner over a cluster, and the result of it."""

    def __init__(self, ready: Ready, ledger: Ledger, clock: Clock, options: Options, progress: Progress) -> None:
        self.ledger, self.clock, self.options, self.progress = ledger, clock, options, progress
        self._ready = ready
        self.names = NameSource(Identity(options.seed).uid, rfc3339(clock.now_s()))

    async def run(self, cluster: Cluster) -> Runner:
        runner = Runner(self._ready.plan, cluster, self.ledger, self.names, self.progress)
        with _without_collector():
            await runner.run(self.clock)
        return runner

    def result(self, runner: Runner, event_count: int, peak_bytes: int, **more: Any) -> WorkloadResult:
        chosen = self._ready.plan.chosen
        return WorkloadResult(
            name=chosen.name,
            mode=self.options.mode,
            measured=runner.measured,
            selector=chosen.selector,
            threshold=chosen.workload.threshold_value,
            peak_memory_bytes=peak_bytes,
            node_count=runner.node_count,
            event_count=event_count,
            **more,
        )


async def _measure_in_process(ready: Ready, run: _Run) -> WorkloadResult:
    options = run.options

    def make_engine(*, is_indexed: bool) -> SchedulerEngine:
        made: SchedulerEngine = core.SchedulerEngine(config=ready.config, seed=options.seed, is_indexed=is_indexed)
        return made

    memory.forget_peak()
    cluster = InProcessCluster(run.clock, run.ledger, make_engine, seed=options.seed, is_recording=options.is_recording)
    try:
        runner = await run.run(cluster)
        peak_bytes = memory.peak_bytes()
        keys = runner.sampled_keys[: options.sample_count]
        agreement: Agreement | None = None
        if keys:
            run.progress.start(f"{ready.plan.chosen.name}: agreement with the exhaustive loop", len(keys))
            agreement = compare(cluster.store, cluster.marked_revision, keys, make_engine, run.clock)
        placements = await cluster.placements() if options.is_placement_wanted else {}
    finally:
        await cluster.close()
    return run.result(runner, cluster.event_count, peak_bytes, agreement=agreement, placements=placements)


async def _measure_http(ready: Ready, run: _Run) -> WorkloadResult:
    plan, options = ready.plan, run.options
    try:
        with started(options.kubeconfig, plan.scheduler_config, plan.chosen.feature_gates) as processes:
            transport = HttpTransport.from_access(load_access(processes.kubeconfig))
            cluster = HttpCluster(transport, run.clock, run.ledger, processes.scheduler.check)
            try:
                await cluster.start()
                runner = await run.run(cluster)
                placements = await cluster.placements() if options.is_placement_wanted else {}
                peak_bytes = processes.peak_bytes() + memory.peak_bytes()
            finally:
                await cluster.close()
    except* (ClusterError, KubeconfigError, OSError) as group:
        raise WorkloadFailed("; ".join(str(one) for one in group.exceptions)) from group
    return run.result(runner, cluster.event_count, peak_bytes, placements=placements)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Python's cycle collector off: it would walk the benchmark's millions of objects again and again."""
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
