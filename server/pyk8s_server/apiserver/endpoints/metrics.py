"""Metrics under kube-apiserver's names, in the Prometheus text format.

Always true: recording costs a dictionary look-up; label sets come from the resource table, verbs and codes, so their
number is bounded.
Not here: a client library: requests are counted on the hot path, where one costs more than the request's parsing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

DURATION_BUCKETS_S = (
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 20.0,
    30.0, 45.0, 60.0,
)  # fmt: skip
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = tuple[str, ...]
REQUEST_LABELS = ("verb", "group", "version", "resource", "subresource", "scope", "code")
DURATION_LABELS = REQUEST_LABELS[:-1]


@dataclass(slots=True)
class Histogram:
    """Counts per bucket of one label set; the last bucket has no upper bound."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(DURATION_BUCKETS_S) + 1))
    sum_s: float = 0.0

    def observe(self, seconds: float) -> None:
        for index, bound in enumerate(DURATION_BUCKETS_S):
            if seconds <= bound:
                self.counts[index] += 1
                break
        else:
            self.counts[-1] += 1
        self.sum_s += seconds


class Metrics:
    """What the API server counts about its requests."""

    def __init__(self) -> None:
        self.requests: dict[Labels, int] = {}
        self.durations: dict[Labels, Histogram] = {}
        self.inflight: dict[str, int] = {"mutating": 0, "readOnly": 0}
        self.watches: dict[Labels, int] = {}
        self.sources: list[Callable[[], Iterable[str]]] = []
        """Further lines of the page, made when it is read."""

    def record(self, labels: Labels, code: int, seconds: float) -> None:
        """Count one finished request; ``labels`` as DURATION_LABELS."""
        key = (*labels, str(code))
        self.requests[key] = self.requests.get(key, 0) + 1
        histogram = self.durations.get(labels)
        if histogram is None:
            histogram = self.durations[labels] = Histogram()
        histogram.observe(seconds)

    def watching(self, labels: Labels, change: int) -> None:
        """A watch began (+1) or ended (-1); ``labels`` as DURATION_LABELS."""
        self.watches[labels] = self.watches.get(labels, 0) + change

    def page(self) -> bytes:
        """The whole exposition."""
        lines = [*self._request_lines(), *self._duration_lines(), *self._gauge_lines()]
        for source in self.sources:
            lines.extend(source())
        return ("\n".join(lines) + "\n").encode()

    def _request_lines(self) -> Iterable[str]:
        yield from head("apiserver_request_total", "counter", "Counter of apiserver requests.")
        for key, count in sorted(self.requests.items()):
            yield sample("apiserver_request_total", zip(REQUEST_LABELS, key, strict=True), count)

    def _duration_lines(self) -> Iterable[str]:
        name = "apiserver_request_duration_seconds"
        yield from head(name, "histogram", "Response latency distribution in seconds.")
        for key, histogram in sorted(self.durations.items()):
            labels = list(zip(DURATION_LABELS, key, strict=True))
            total = 0
            for bound, count in zip((*map(str, DURATION_BUCKETS_S), "+Inf"), histogram.counts, strict=True):
                total += count
                yield sample(f"{name}_bucket", [*labels, ("le", bound)], total)
            yield sample(f"{name}_sum", labels, histogram.sum_s)
            yield sample(f"{name}_count", labels, total)

    def _gauge_lines(self) -> Iterable[str]:
        yield from head("apiserver_current_inflight_requests", "gauge", "Requests being served, by kind.")
        for kind, count in sorted(self.inflight.items()):
            yield sample("apiserver_current_inflight_requests", [("request_kind", kind)], count)
        yield from head("apiserver_longrunning_requests", "gauge", "Watches being served.")
        for key, count in sorted(self.watches.items()):
            yield sample("apiserver_longrunning_requests", zip(DURATION_LABELS, key, strict=True), count)


def head(name: str, kind: str, text: str) -> tuple[str, str]:
    return f"# HELP {name} {text}", f"# TYPE {name} {kind}"


def sample(name: str, labels: Iterable[tuple[str, str]], value: float) -> str:
    shown = ",".join(f'{label}="{escaped(text)}"' for label, text in labels)
    return f"{name}{{{shown}}} {value}" if shown else f"{name} {value}"


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
