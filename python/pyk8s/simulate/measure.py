"""Measuring a run: curves at equal distances, means over time, waiting times.

Always true: means over time are exact (every change is integrated), curves hold the state at their moments; a
measurement changes nothing.
Fragmentation of a resource: the share of what is free of it that no further probe pod can use, since other resources of
that node, or the remainder of this one, do not suffice.
Not here: figures for people (see `summary`).
"""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field, fields

from pyk8s.simulate.cluster_state import ClusterState, SimulatedNode

HEAT_ROWS_MAX = 120
"""Rows of the heat map: what fits on a screen; of more nodes several share a row."""
SAMPLES_MAX = 2_000
"""Points of a curve; of more, every second one is dropped, and the distance doubled."""
SAMPLES_DEFAULT = 240
WORKLOADS_TOLD_MAX = 7
"""Workloads with a curve of their own; the others share one."""
OTHERS = "others"
LEVELS = ("pending", "running")


@dataclass(slots=True)
class Series:
    """One list per curve, all as long as ``at_s``. ``heat``: the fill of each row of nodes in percent, -1 if none."""

    at_s: list[float] = field(default_factory=list)
    pending: list[int] = field(default_factory=list)
    running: list[int] = field(default_factory=list)
    nodes: list[int] = field(default_factory=list)
    nodes_used: list[int] = field(default_factory=list)
    utilization: dict[str, list[float]] = field(default_factory=dict)
    fragmentation: dict[str, list[float]] = field(default_factory=dict)
    workloads: dict[str, list[int]] = field(default_factory=dict)
    reasons: list[dict[str, int]] = field(default_factory=list)
    heat: list[list[int]] = field(default_factory=list)

    def thin(self) -> None:
        """Keep every second point of every curve."""
        for field_ in fields(self):
            curve = getattr(self, field_.name)
            for points in curve.values() if isinstance(curve, dict) else (curve,):
                del points[1::2]


class NodeAccounts:
    """What each node has left, summed up; only nodes that changed are looked at."""

    def __init__(self, state: ClusterState, probe: dict[str, int], *, slots_expected: int) -> None:
        self._state = state
        self._probe = [(i, probe[name]) for i, name in enumerate(state.resources) if probe.get(name)]
        self._slots_per_row = max(1, -(-slots_expected // HEAT_ROWS_MAX))
        self._seen: dict[int, str] = {}
        self._known: dict[int, tuple[list[int], int, float, bool]] = {}
        self.free = [0] * len(state.resources)
        self.usable = [0] * len(state.resources)
        self.used_count = self.ready_count = 0
        self._row_fill: list[float] = []
        self._row_count: list[int] = []

    def refresh(self) -> None:
        changed = sorted(self._state.changed, key=lambda node: node.slot)
        self._state.changed.clear()
        for node in changed:
            self._seen[node.slot] = node.name
            self._count(node.slot, -1)
            is_there = self._state.nodes.get(node.name) is node and not node.is_failed
            if is_there:
                self._known[node.slot] = self._facts(node)
                self._count(node.slot, 1)
            else:
                self._known.pop(node.slot, None)

    def fragmentation(self) -> dict[str, float]:
        """By resource of the probe, 0 to 1; 0 when nothing is free."""
        names = self._state.resources
        return {names[i]: 1 - self.usable[i] / self.free[i] if self.free[i] else 0.0 for i, _ in self._probe}

    def heat(self) -> list[int]:
        return [
            round(100 * fill / count) if count else -1
            for fill, count in zip(self._row_fill, self._row_count, strict=True)
        ]

    def row_labels(self) -> list[str]:
        """The nodes of each row of the heat map: ``a-1`` or ``a-1 … a-9``."""
        rows: dict[int, list[str]] = {}
        for slot, name in sorted(self._seen.items()):
            rows.setdefault(slot // self._slots_per_row, []).append(name)
        return [names[0] if len(names) == 1 else f"{names[0]} … {names[-1]}" for _, names in sorted(rows.items())]

    def _facts(self, node: SimulatedNode) -> tuple[list[int], int, float, bool]:
        """What is free, how many probes fit, the fullest resource's share, whether anything runs."""
        free = [max(0, have - given) for have, given in zip(node.allocatable, node.requested, strict=True)]
        fits = min((free[i] // amount for i, amount in self._probe), default=0)
        shares = [given / have for have, given in zip(node.allocatable, node.requested, strict=True) if have]
        return free, fits, max(shares, default=0.0), bool(node.pods)

    def _count(self, slot: int, sign: int) -> None:
        known = self._known.get(slot)
        if known is None:
            return
        free, fits, fill, is_used = known
        for index, amount in enumerate(free):
            self.free[index] += sign * amount
        for index, amount in self._probe:
            self.usable[index] += sign * fits * amount
        self.used_count += sign * is_used
        self.ready_count += sign
        row = slot // self._slots_per_row
        while row >= len(self._row_fill):
            self._row_fill.append(0.0)
            self._row_count.append(0)
        self._row_fill[row] += sign * fill
        self._row_count[row] += sign


class Measurement:
    """Everything that is counted in one run.

    ``reasons_now``: pods that wait, by their main reason; ``running_now``: pods on nodes, by workload.
    """

    def __init__(
        self, state: ClusterState, probe: dict[str, int], *, workloads: list[str], slots_expected: int
    ) -> None:
        self.state = state
        self.accounts = NodeAccounts(state, probe, slots_expected=slots_expected)
        self.series = Series()
        self.counts: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.reasons_now: Counter[str] = Counter()
        self.running_now: Counter[str] = Counter()
        self._workloads = workloads
        self.waits: dict[str, array[float]] = {}
        self.elapsed_s = 0.0
        self._areas = [0.0] * (len(LEVELS) + len(state.resources))
        self._peaks = list(self._areas)

    def integrate(self, seconds: float) -> None:
        """The state has been as it is for so long."""
        if seconds <= 0:
            return
        self.elapsed_s += seconds
        areas, peaks = self._areas, self._peaks
        for index, value in enumerate(self._levels()):
            areas[index] += value * seconds
            if value > peaks[index]:
                peaks[index] = value

    def level(self, name: str) -> tuple[float, float, float]:
        """(mean over time, peak, at present) of "pending", "running" or a resource's utilization."""
        index = LEVELS.index(name) if name in LEVELS else len(LEVELS) + self.state.resources.index(name)
        now = self._levels()[index]
        mean = self._areas[index] / self.elapsed_s if self.elapsed_s else now
        return mean, max(now, self._peaks[index]), now

    def _levels(self) -> list[float]:
        state = self.state
        shares = [given / have if have else 0.0 for given, have in zip(state.requested, state.allocatable, strict=True)]
        return [len(state.pending), state.bound_count, *shares]

    def waited(self, workload: str, seconds: float) -> None:
        waits = self.waits.get(workload)
        if waits is None:
            waits = self.waits[workload] = array("d")
        waits.append(seconds)

    def _running_by_workload(self) -> dict[str, int]:
        counts = {name: self.running_now[name] for name in self._workloads[:WORKLOADS_TOLD_MAX]}
        if len(self._workloads) > WORKLOADS_TOLD_MAX:
            counts[OTHERS] = sum(self.running_now[name] for name in self._workloads[WORKLOADS_TOLD_MAX:])
        return counts

    def sample(self, at_s: float) -> None:
        """Add the present to the curves."""
        self.accounts.refresh()
        series = self.series
        series.at_s.append(round(at_s, 3))
        series.pending.append(len(self.state.pending))
        series.running.append(self.state.bound_count)
        series.nodes.append(self.accounts.ready_count)
        series.nodes_used.append(self.accounts.used_count)
        for name, share in zip(self.state.resources, self._levels()[len(LEVELS) :], strict=True):
            series.utilization.setdefault(name, []).append(round(share, 4))
        for name, value in self.accounts.fragmentation().items():
            series.fragmentation.setdefault(name, []).append(round(value, 4))
        for name, count in self._running_by_workload().items():
            series.workloads.setdefault(name, []).append(count)
        series.reasons.append({reason: count for reason, count in sorted(self.reasons_now.items()) if count})
        series.heat.append(self.accounts.heat())
