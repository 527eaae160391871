"""A benchmark file in scheduler_perf's own format: a list of test cases, each with a template and its workloads.

Always true: what `load` returns is valid as a whole; every problem of a file is told at once, with its field's path.
Source: kubernetes/kubernetes, test/integration/scheduler_perf, the configuration format.
Not here: parameters filled in (see `parameters`), templates (see `objects`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, TypeAdapter, ValidationError, model_validator

from pyk8s.simulate.bench import operations
from pyk8s.simulate.bench.operations import Operation, Part
from pyk8s.simulate.bench.problems import InvalidBenchmark, path_text

THROUGHPUT = "SchedulingThroughput"
FILE_BYTES_MAX = 16 << 20


class ThresholdMetricSelector(Part):
    """Which figure the threshold is compared to."""

    name: str
    labels: dict[str, str] = Field(default_factory=dict)
    data_bucket: str = "Average"
    expect_lower: bool = False


Threshold = Annotated[float, Field(ge=0)]


class Workload(Part):
    """One run of a test case's template, with the values of its parameters."""

    name: str
    params: dict[str, int | float | bool | str] = Field(default_factory=dict)
    labels: list[str] = Field(default_factory=list)
    threshold: Threshold | dict[str, Threshold] = 0.0
    threshold_metric_selector: ThresholdMetricSelector | None = None
    feature_gates: dict[str, bool] = Field(default_factory=dict)

    @property
    def threshold_value(self) -> float:
        """The plain value; one that is given per topic has none."""
        return 0.0 if isinstance(self.threshold, dict) else self.threshold


class TestCase(Part):
    """A workload template and the workloads that run it."""

    __test__ = False

    name: str
    feature_gates: dict[str, bool] = Field(default_factory=dict)
    metrics_collector_config: dict[str, Any] | None = None
    workload_template: Annotated[list[Operation], Field(min_length=1)]
    workloads: list[Workload] = Field(default_factory=list)
    scheduler_config_path: str = ""
    default_pod_template_path: str | None = None
    labels: list[str] = Field(default_factory=list)
    default_threshold_metric_selector: ThresholdMetricSelector | None = None

    @model_validator(mode="after")
    def _names_are_unique(self) -> TestCase:
        names = [workload.name for workload in self.workloads]
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            raise ValueError(f"workload names must be unique; more than once: {', '.join(doubled)}")
        return self


@dataclass(frozen=True, slots=True)
class Chosen:
    """A workload to run, and where it stands in the file."""

    file: Path
    case_index: int
    case: TestCase
    workload: Workload

    @property
    def name(self) -> str:
        return f"{self.case.name}/{self.workload.name}"

    @property
    def path(self) -> tuple[int | str, ...]:
        return (self.case_index,)

    @property
    def selector(self) -> ThresholdMetricSelector:
        own = self.workload.threshold_metric_selector or self.case.default_threshold_metric_selector
        return own or ThresholdMetricSelector(name=THROUGHPUT)

    @property
    def feature_gates(self) -> dict[str, bool]:
        """Those of the case, with the workload's own standing before them."""
        return self.case.feature_gates | self.workload.feature_gates


_CASES: TypeAdapter[list[TestCase]] = TypeAdapter(list[TestCase])


def load(file: Path) -> list[TestCase]:
    """Read a file. Raises InvalidBenchmark with every problem; OSError passes through."""
    if file.stat().st_size > FILE_BYTES_MAX:
        raise InvalidBenchmark(str(file), [f"the file may have at most {FILE_BYTES_MAX} bytes"])
    try:
        document = yaml.load(file.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidBenchmark(str(file), [f"not YAML: {' '.join(str(error).split())}"]) from error
    if not isinstance(document, list):
        raise InvalidBenchmark(str(file), ["the file must hold a list of test cases ('- name: …')"])
    try:
        return _CASES.validate_python(document)
    except ValidationError as error:
        raise InvalidBenchmark(str(file), [_problem(one) for one in error.errors()]) from error


def choose(
    file: Path, cases: Sequence[TestCase], *, case: str = "", workload: str = "", labels: Sequence[str] = ()
) -> list[Chosen]:
    """The workloads that are asked for, in the file's order.

    Args:
        labels: every one must be there, or must not when it starts with "-"; each may be several joined by ",".
    Raises:
        InvalidBenchmark: nothing is left; says what there is.
    """
    wanted = [label for text in labels for label in text.split(",") if label]
    found = [
        Chosen(file, index, one, each)
        for index, one in enumerate(cases)
        if case in ("", one.name)
        for each in one.workloads
        if workload in ("", each.name) and _has_labels({*one.labels, *each.labels}, wanted)
    ]
    if not found:
        raise InvalidBenchmark(str(file), [_nothing_chosen(cases, case, workload)])
    return found


def _has_labels(labels: set[str], wanted: Iterable[str]) -> bool:
    return all((one[1:] not in labels) if one.startswith("-") else (one.lstrip("+") in labels) for one in wanted)


def _nothing_chosen(cases: Sequence[TestCase], case: str, workload: str) -> str:
    of_case = [one for one in cases if one.name == case]
    if case and not of_case:
        return f"there is no case {case!r}; there are: {', '.join(one.name for one in cases)}"
    names = [each.name for one in (of_case or cases) for each in one.workloads]
    if workload and workload not in names:
        return f"there is no workload {workload!r}; there are: {', '.join(dict.fromkeys(names)) or 'none'}"
    labels = sorted({label for one in cases for label in one.labels + [x for w in one.workloads for x in w.labels]})
    return f"no workload has these labels; labels of this file: {', '.join(labels) or 'none'}"


# -- telling what is wrong ---------------------------------------------------------------------------------------

_OPCODES: dict[str, type[Any]] = {
    opcode: model
    for model in vars(operations).values()
    if isinstance(model, type) and issubclass(model, Part) and "opcode" in model.model_fields
    for opcode in model.model_fields["opcode"].annotation.__args__  # type: ignore[union-attr]
}
_PARTS: dict[str, type[Any]] = {
    "workloads": Workload,
    "createPodsOp": operations.CreatePods,
    "nodeAllocatableStrategy": operations.NodeAllocatableStrategy,
    "labelNodePrepareStrategy": operations.LabelNodePrepareStrategy,
    "uniqueNodeLabelStrategy": operations.UniqueNodeLabelStrategy,
    "thresholdMetricSelector": ThresholdMetricSelector,
    "defaultThresholdMetricSelector": ThresholdMetricSelector,
}


def _problem(error: Any) -> str:
    location = tuple(error["loc"])
    path = path_text(_without_tags(location))
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        message = f"unknown field; allowed: {', '.join(_fields_at(location[:-1]))}"
    elif error["type"] == "missing":
        message = "is required"
    elif error["type"].startswith("union_tag"):
        message = f"opcode must be one of: {', '.join(sorted([*_OPCODES, *_unsupported_opcodes()]))}"
        path += ".opcode"
    return f"{path}: {message}"


def _without_tags(location: Sequence[int | str]) -> list[int | str]:
    """The location as the file has it: pydantic adds the names of the union's branches."""
    branches = {"dict[str,constrained-float]", "constrained-float", "int", "float", "bool", "str"}
    kept: list[int | str] = []
    for index, part in enumerate(location):
        is_tag = index == 3 and location[1:2] == ("workloadTemplate",)
        if not is_tag and part not in branches:
            kept.append(part)
    return kept


def _fields_at(location: Sequence[int | str]) -> list[str]:
    model: type[Any] = TestCase
    for part in location:
        model = _OPCODES.get(str(part)) or _PARTS.get(str(part)) or model
    return [field.alias or name for name, field in model.model_fields.items()]


def _unsupported_opcodes() -> tuple[str, ...]:
    annotation: Any = operations.Unsupported.model_fields["opcode"].annotation
    return tuple(annotation.__args__)
