"""What is wrong with an input file, told by the path of each field and by what is allowed there.

Always true: a `ScenarioError` names the file, and every problem in it that could be found at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from pyk8s.simulate.model import Json

PROBLEMS_MAX = 50
"""Problems told of one file; more help nobody."""


@dataclass(frozen=True, slots=True)
class Problem:
    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class ScenarioError(Exception):
    """An input that cannot be simulated; nothing was started."""

    def __init__(self, source: str, problems: Iterable[Problem]) -> None:
        self.source, self.problems = source, list(problems)
        told = [f"{source}: {problem}" for problem in self.problems[:PROBLEMS_MAX]]
        if len(self.problems) > PROBLEMS_MAX:
            told.append(f"{source}: and {len(self.problems) - PROBLEMS_MAX} more problems")
        super().__init__("\n".join(told))


def field_path(location: Sequence[int | str]) -> str:
    """``workloads[0].arrivals.every``."""
    path = ""
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part != "[key]":
            path += f".{part}" if path else part
    return path


def problems_of(error: ValidationError, schema: Json) -> list[Problem]:
    """pydantic's errors in our words; ``schema`` is the model's JSON Schema, which knows what is allowed."""
    return [
        Problem(field_path(entry["loc"]), _message(dict(entry), schema))
        for entry in error.errors(include_url=False, include_context=False)
    ]


def _message(entry: dict[str, Any], schema: Json) -> str:
    kind, text = entry["type"], str(entry["msg"])
    if kind == "extra_forbidden":
        return f"unknown field; allowed: {', '.join(_fields(entry['loc'][:-1], schema))}"
    if kind == "missing":
        return "is missing, and it is required"
    if kind == "value_error":
        return text.removeprefix("Value error, ")
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return (
            f"{_shown(entry['input'])} is no mapping; allowed: a mapping of {', '.join(_fields(entry['loc'], schema))}"
        )
    return f"{_shown(entry['input'])} is wrong; allowed: {text.removeprefix('Input should be ')}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _fields(location: Sequence[int | str], schema: Json) -> list[str]:
    """The fields of the model at a location."""
    part = schema
    for step in location:
        part = _resolve(part, schema)
        if isinstance(step, int):
            part = part.get("items", {})
        else:
            part = part.get("properties", {}).get(step) or part.get("additionalProperties") or {}
    return list(_resolve(part, schema).get("properties", {})) or ["text"]


def _resolve(part: Json, schema: Json) -> Json:
    """Follow references, and take the one alternative that has fields or items."""
    while True:
        if "$ref" in part:
            part = schema["$defs"][str(part["$ref"]).rsplit("/", 1)[-1]]
        elif "anyOf" in part:
            part = max((_resolve(option, schema) for option in part["anyOf"]), key=_richness)
        else:
            return part


def _richness(part: Json) -> int:
    return 2 if "properties" in part else 1 if "items" in part else 0
