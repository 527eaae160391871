"""A workload's parameters, put into the operations of its test case.

Always true: after `resolve` no operation names a parameter; every parameter of the workload was used by one.
Not here: the templates' own ``{{…}}`` (see `templates`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyk8s.simulate.bench.durations import parse_duration_s
from pyk8s.simulate.bench.format import Chosen
from pyk8s.simulate.bench.operations import CreatePods, CreatePodSets, Operation, Unsupported
from pyk8s.simulate.bench.problems import InvalidBenchmark, UnsupportedBenchmark, path_text

COUNT_MAX = 10_000_000
"""Of any one operation: ten times the largest case anybody has run."""


class _Parameters:
    """The values, which of them were used, and what was wrong."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self.used: set[str] = set()
        self.problems: list[str] = []

    def get(self, name: str, path: str, kind: type[Any] | tuple[type[Any], ...], default: Any) -> Any:
        """The value of ``$name``; the default when it is not there or of another kind, which is then a problem."""
        key = name[1:]
        self.used.add(key)
        if key not in self._values:
            known = ", ".join(self._values) or "none"
            self.problems.append(f"{path}: the workload has no parameter {key!r}; it has: {known}")
            return default
        value = self._values[key]
        is_fit = isinstance(value, kind) and (kind in (bool, _ANY) or not isinstance(value, bool))
        if not is_fit:
            self.problems.append(f"{path}: parameter {key!r} is {value!r}, which is no {_KINDS[kind]}")
            return default
        return value


_NUMBER = (int, float)
_ANY = (int, float, bool, str)
_KINDS: dict[Any, str] = {_NUMBER: "number", str: "text", bool: "true or false", _ANY: "plain value"}


def resolve(chosen: Chosen) -> list[Operation]:
    """The operations of a workload, counts and durations filled in.

    Raises:
        InvalidBenchmark: an unknown, unfit or unused parameter; names the field.
        UnsupportedBenchmark: an operation that cannot be run.
    """
    parameters = _Parameters(chosen.workload.params)
    resolved: list[Operation] = []
    for index, operation in enumerate(chosen.case.workload_template):
        path = path_text((*chosen.path, "workloadTemplate", index))
        if isinstance(operation, Unsupported):
            raise UnsupportedBenchmark(
                str(chosen.file),
                [
                    f"{path}.opcode: {operation.opcode} is not supported: it needs a device driver; "
                    "choose other cases with --case or --label"
                ],
            )
        resolved.append(_filled(operation, parameters, path))
    problems = parameters.problems
    unused = sorted(set(chosen.workload.params) - parameters.used)
    if unused and not problems:
        problems.append(f"{path_text(chosen.path)}.workloads: parameters of {chosen.workload.name!r} that no operation "
                        f"uses: {', '.join(unused)}")  # fmt: skip
    if problems:
        raise InvalidBenchmark(str(chosen.file), problems)
    return resolved


def _filled(operation: Any, parameters: _Parameters, path: str) -> Any:
    changed: dict[str, Any] = {}
    if getattr(operation, "count_param", ""):
        changed["count"] = _count(operation.count_param, parameters, f"{path}.countParam")
    if getattr(operation, "duration_param", ""):
        changed["duration"] = _duration(operation.duration_param, parameters, f"{path}.durationParam")
    if getattr(operation, "template_params", None):
        changed["template_params"] = _template_params(operation.template_params, parameters, f"{path}.templateParams")
    if isinstance(operation, CreatePods):
        changed |= _filled_pods(operation, parameters, path, changed.get("count", operation.count))
    if isinstance(operation, CreatePodSets):
        changed["create_pods_op"] = _filled(operation.create_pods_op, parameters, f"{path}.createPodsOp")
    return operation.model_copy(update=changed) if changed else operation


def _filled_pods(operation: CreatePods, parameters: _Parameters, path: str, count: int) -> dict[str, Any]:
    changed: dict[str, Any] = {"count": count}
    if operation.count_multiplier_param:
        field = f"{path}.countMultiplierParam"
        changed["count"] = count * _count(operation.count_multiplier_param, parameters, field)
    if operation.signature_batch_size_param:
        changed["signature_batch_size"] = _count(
            operation.signature_batch_size_param, parameters, f"{path}.signatureBatchSizeParam"
        )
    if operation.steady_state_param:
        field = f"{path}.steadyStateParam"
        changed["steady_state"] = parameters.get(operation.steady_state_param, field, bool, False)
    if changed["count"] > COUNT_MAX:
        parameters.problems.append(f"{path}.count: {changed['count']} pods; at most {COUNT_MAX} are allowed")
    return changed


def _count(name: str, parameters: _Parameters, path: str) -> int:
    value = parameters.get(name, path, _NUMBER, 0)
    if value < 0 or value != int(value) or value > COUNT_MAX:
        parameters.problems.append(f"{path}: {name[1:]} is {value}; a whole number from 0 to {COUNT_MAX} is allowed")
        return 0
    return int(value)


def _duration(name: str, parameters: _Parameters, path: str) -> float:
    text = parameters.get(name, path, str, "0s")
    try:
        return parse_duration_s(text)
    except ValueError as error:
        parameters.problems.append(f"{path}: {error}")
        return 0.0


def _template_params(given: Mapping[str, Any], parameters: _Parameters, path: str) -> dict[str, Any]:
    return {
        key: parameters.get(value, f"{path}.{key}", _ANY, "")
        if isinstance(value, str) and value.startswith("$")
        else value
        for key, value in given.items()
    }
