"""Results: what came out of a workload, as scheduler_perf's JSON and as an aligned table.

Always true: every figure of the table stands in the JSON too.
Source: the layout of kubernetes/perf-tests' perf-dash, version v1.
Not here: measuring (see `metrics`), the HTML report (see `report`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pyk8s.simulate.bench.agreement import Agreement
from pyk8s.simulate.bench.format import THROUGHPUT, ThresholdMetricSelector
from pyk8s.simulate.bench.metrics import Summary

Json = dict[str, Any]
ATTEMPT_DURATION = "scheduler_scheduling_attempt_duration_seconds"


@dataclass(frozen=True, slots=True)
class Measured:
    """One collector's figures; ``name`` is the namespace measured, or the collector's own name."""

    name: str
    pod_count: int
    duration_s: float
    window_s: float
    windows: Sequence[float]
    throughput: Summary
    attempt_latency_s: Summary | None
    """None where the scheduler is another process."""
    attempt_count: int
    unschedulable_count: int


@dataclass(frozen=True, slots=True)
class WorkloadResult:
    """A workload that ran to its end."""

    name: str
    mode: str
    measured: Sequence[Measured]
    selector: ThresholdMetricSelector
    threshold: float
    peak_memory_bytes: int
    node_count: int
    event_count: int
    agreement: Agreement | None = None
    placements: dict[str, Json] = field(default_factory=dict)

    @property
    def is_threshold_met(self) -> bool | None:
        """None without a threshold, or when what it speaks of was not measured."""
        value = self.threshold_value
        if not self.threshold or value is None:
            return None
        return value <= self.threshold if self.selector.expect_lower else value >= self.threshold

    @property
    def threshold_value(self) -> float | None:
        """The figure that the threshold is compared to."""
        for item in self.data_items():
            labels = item["labels"]
            is_same = labels["Metric"] == self.selector.name
            if is_same and all(labels.get(key) == value for key, value in self.selector.labels.items()):
                value: float | None = item["data"].get(self.selector.data_bucket)
                return value
        return None

    def data_items(self) -> list[Json]:
        """scheduler_perf's data items: throughput and attempt latency per collector, memory, agreement."""
        items: list[Json] = []
        for one in self.measured:
            name = f"{self.name}/{one.name}"
            items.append(_item(one.throughput.data(), "pods/s", THROUGHPUT, name))
            if one.attempt_latency_s is not None:
                millis = {key: value * 1000 for key, value in one.attempt_latency_s.data().items()}
                items.append(_item(millis, "ms", ATTEMPT_DURATION, name, result="scheduled"))
        items.append(_item({"Peak": self.peak_memory_bytes / (1 << 20)}, "MiB", "ProcessMemory", self.name))
        if self.agreement is not None:
            data = {"Average": self.agreement.share * 100, "Sample": float(self.agreement.sample_count)}
            items.append(_item(data, "%", "PlacementAgreement", self.name))
        return items


def _item(data: Json, unit: str, metric: str, name: str, **labels: str) -> Json:
    return {"data": data, "unit": unit, "labels": {"Metric": metric, "Name": name, **labels}}


def as_json(results: Sequence[WorkloadResult]) -> Json:
    """One document for all workloads, as scheduler_perf writes it."""
    return {"version": "v1", "dataItems": [item for result in results for item in result.data_items()]}


COLUMNS = (
    "workload", "pods", "pods/s", "p50", "p90", "p99", "attempt p50", "attempt p99", "memory", "agreement", "threshold",
)  # fmt: skip


def rows(result: WorkloadResult) -> list[tuple[str, ...]]:
    """Lines of the table: one per collector, in the order of `COLUMNS`."""
    return [
        (
            f"{result.name}/{one.name}",
            f"{one.pod_count:,}",
            f"{one.throughput.average:,.0f}",
            f"{one.throughput.perc50:,.0f}",
            f"{one.throughput.perc90:,.0f}",
            f"{one.throughput.perc99:,.0f}",
            latency_text(one.attempt_latency_s, 50),
            latency_text(one.attempt_latency_s, 99),
            f"{result.peak_memory_bytes / (1 << 20):,.0f} MiB",
            agreement_text(result.agreement),
            threshold_text(result),
        )
        for one in result.measured
    ]


def table(lines: Sequence[tuple[str, ...]]) -> str:
    """An aligned table: the first column to the left, figures to the right."""
    cells = [COLUMNS, *lines]
    widths = [max(len(line[i]) for line in cells) for i in range(len(COLUMNS))]
    return "\n".join(
        "   ".join(
            cell.ljust(width) if index in (0, len(COLUMNS) - 1) else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    )


def latency_text(summary: Summary | None, percent: int) -> str:
    """The median, or the 99th percentile."""
    if summary is None:
        return "–"
    seconds = summary.perc50 if percent == 50 else summary.perc99
    return f"{seconds * 1000:.2f} ms" if seconds >= 0.001 else f"{seconds * 1e6:.1f} µs"


def agreement_text(agreement: Agreement | None) -> str:
    return "–" if agreement is None else f"{agreement.agreeing_count}/{agreement.sample_count}"


def threshold_text(result: WorkloadResult) -> str:
    if result.is_threshold_met is None:
        return "–"
    return f"{result.threshold:,.0f} {'met' if result.is_threshold_met else 'missed'}"
