"""Traces: jobs and node events from CSV files.

Jobs: ``at`` and ``duration`` must be there; ``workload``, ``namespace``, ``replicas``, ``priority``, ``priority_class``
and ``node_selector`` (``key=value;key=value``) may be; every other column is a resource by its name (cpu, memory,
nvidia.com/gpu). Node events: ``at`` and ``event`` (fail, drain, cordon, remove, add) must be there, and ``node`` (names
with ``;`` between) or ``pool`` and ``count``; ``for`` may be.
Always true: a row that cannot be used is a problem that names line and column.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pyk8s.api.clock import parse_rfc3339
from pyk8s.api.quantity import Quantity, QuantityError
from pyk8s.simulate.duration import parse_duration
from pyk8s.simulate.problems import Problem, ScenarioError
from pyk8s.simulate.scenario_cluster import NodeEvent
from pyk8s.simulate.scenario_workload import REPLICAS_MAX, Trace
from pyk8s.simulate.shapes import Shapes, pod_of
from pyk8s.simulate.workload import Batch, WorkloadPlan

Json = dict[str, Any]

ROWS_MAX = 5_000_000
JOB_COLUMNS = ("at", "duration", "workload", "namespace", "replicas", "priority", "priority_class", "node_selector")
NODE_COLUMNS = ("at", "event", "node", "pool", "count", "for")
RESOURCES = ("cpu", "memory", "ephemeral-storage", "pods")
ACTIONS = {
    "fail": "failNodes", "drain": "drainNodes", "cordon": "cordonNodes", "remove": "removeNodes", "add": "addNodes",
}  # fmt: skip
PROBLEMS_MAX = 50


class CsvFile:
    """The rows of one file, and what is wrong with them."""

    def __init__(self, path: Path, columns: tuple[str, ...], *, start_s: float, has_resources: bool = False) -> None:
        self.path, self.start_s = path, start_s
        self.problems: list[Problem] = []
        self._columns, self._has_resources = columns, has_resources

    def rows(self) -> Iterator[tuple[int, dict[str, str]]]:
        """(line, filled cells by column). Raises ScenarioError when the file or its header cannot be used."""
        try:
            with self.path.open(newline="", encoding="utf-8") as file:
                reader = csv.DictReader(file, restkey="", restval="")
                self._check_header(list(reader.fieldnames or ()))
                for index, row in enumerate(reader):
                    if index >= ROWS_MAX:
                        raise ScenarioError(str(self.path), [Problem("", f"has more than {ROWS_MAX} rows")])
                    yield reader.line_num, {key: value.strip() for key, value in row.items() if key and value.strip()}
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise ScenarioError(str(self.path), [Problem("", f"cannot be read: {error}")]) from error

    def _check_header(self, header: list[str]) -> None:
        problems = [
            Problem("line 1", f"unknown column {name!r}; allowed: {', '.join(self._columns)}{self._also()}")
            for name in header
            if name not in self._columns and not (self._has_resources and _is_resource(name))
        ]
        problems += [
            Problem("line 1", f"column {name!r} is missing") for name in self._columns[:2] if name not in header
        ]
        if problems:
            raise ScenarioError(str(self.path), problems)

    def _also(self) -> str:
        return ", and resources (cpu, memory, vendor.com/name)" if self._has_resources else ""

    def problem(self, line: int, column: str, error: Exception) -> None:
        self.problems.append(Problem(f"line {line}" + (f", column {column}" if column else ""), str(error)))
        if len(self.problems) >= PROBLEMS_MAX:
            self.finish()

    def finish(self) -> None:
        if self.problems:
            raise ScenarioError(str(self.path), self.problems)

    def moment_s(self, text: str) -> float:
        """Seconds since the start, from a duration or an RFC 3339 time. Raises ValueError."""
        if "T" in text and "-" in text:
            seconds = parse_rfc3339(text) - self.start_s
            if seconds < 0:
                raise ValueError(f"{text!r} is before the scenario's start; allowed: times from there on")
            return seconds
        return parse_duration(text)


def _is_resource(name: str) -> bool:
    return name in RESOURCES or "/" in name or name.startswith("hugepages-")


def read_jobs(path: Path, trace: Trace, shapes: Shapes, *, start_s: float) -> list[WorkloadPlan]:
    """One plan per namespace and workload, in order of appearance. Raises ScenarioError."""
    file = CsvFile(path, JOB_COLUMNS, start_s=start_s, has_resources=True)
    batches: dict[tuple[str, str], list[Batch]] = {}
    for line, row in file.rows():
        key = row.get("namespace", "default"), row.get("workload", path.stem)
        try:
            batches.setdefault(key, []).append(_batch(file, row, key, shapes))
        except ValueError as error:
            file.problem(line, "", error)
    file.finish()
    return [
        WorkloadPlan(
            namespace,
            name,
            "jobs",
            jobs[0].shape,
            jobs=tuple(sorted(jobs, key=lambda batch: batch.at_s)),
            is_resubmitted=trace.is_resubmitted,
            keeps_progress=trace.keeps_progress,
        )
        for (namespace, name), jobs in batches.items()
    ]


def _batch(file: CsvFile, row: dict[str, str], key: tuple[str, str], shapes: Shapes) -> Batch:
    duration_s = parse_duration(row.get("duration", ""))
    count = int(row.get("replicas", "1"))
    if not 0 < count <= REPLICAS_MAX:
        raise ValueError(f"replicas is {count}; allowed: 1 to {REPLICAS_MAX}")
    namespace, name = key
    spec: Json = {"containers": [{"name": "main", "image": "main", "resources": {"requests": _requests(row)}}]}
    if "priority" in row:
        spec["priority"] = int(row["priority"])
    if "priority_class" in row:
        spec["priorityClassName"] = row["priority_class"]
    if "node_selector" in row:
        spec["nodeSelector"] = dict(_pair(part) for part in row["node_selector"].split(";") if part)
    pod = pod_of({"spec": spec}, namespace=namespace, labels={"app": name})
    return Batch(file.moment_s(row.get("at", "")), shapes.of(pod), [duration_s] * count)


def _requests(row: dict[str, str]) -> dict[str, str]:
    requests = {}
    for name, text in row.items():
        if _is_resource(name):
            try:
                requests[name] = str(Quantity.of(text))
            except QuantityError as error:
                raise ValueError(f"{name} is {text!r}; allowed: quantities such as 500m, 4, 16Gi") from error
    return requests


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"node_selector has {text!r}; allowed: key=value;key=value")
    return key.strip(), value.strip()


def read_node_events(path: Path, *, start_s: float) -> list[NodeEvent]:
    """Raises ScenarioError."""
    file = CsvFile(path, NODE_COLUMNS, start_s=start_s)
    events = []
    for line, row in file.rows():
        try:
            events.append(_node_event(file, row))
        except ValidationError as error:
            file.problem(line, "", ValueError(str(error.errors()[0]["msg"]).removeprefix("Value error, ")))
        except ValueError as error:
            file.problem(line, "", error)
    file.finish()
    return events


def _node_event(file: CsvFile, row: dict[str, str]) -> NodeEvent:
    action = ACTIONS.get(row.get("event", ""))
    if action is None:
        raise ValueError(f"event is {row.get('event', '')!r}; allowed: {', '.join(ACTIONS)}")
    chosen: Json = {key: row[key] for key in ("pool", "count") if key in row}
    if "node" in row:
        chosen["names"] = row["node"].split(";")
    event: Json = {"at": file.moment_s(row.get("at", "")), action: chosen}
    if "for" in row:
        event["for"] = row["for"]
    return NodeEvent.model_validate(event)
