"""Random amounts of a scenario (durations, replicas, repair times), and the streams they are drawn from.

Always true: a stream depends on the scenario's seed and its own name alone, so that another scheduler, another workload
or another order of events draws the same numbers for the same pod.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Annotated, Protocol, Self

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from pyk8s.api.identity import Identity
from pyk8s.simulate.duration import Duration, parse_duration
from pyk8s.simulate.model import Model


class Draws(Protocol):
    """A generator of random numbers; of Python's, only what gives the same on every version is used."""

    def random(self) -> float:
        """From 0 up to and without 1."""

    def sample(self, population: Sequence[int], k: int) -> list[int]: ...


def stream(seed: int, *name: str | int) -> Draws:
    """The generator of one purpose: ``stream(7, "arrivals", "batch")``."""
    digest = hashlib.sha256("/".join(map(str, (seed, *name))).encode()).digest()
    return Identity(int.from_bytes(digest[:8], "big")).random


class Normal(Model):
    mean: Duration
    deviation: Duration


class Lognormal(Model):
    median: Duration
    sigma: Annotated[float, Field(ge=0, le=10)]


class Choice(Model):
    value: Duration
    weight: Annotated[float, Field(gt=0)] = 1.0


class Distribution(Model):
    """Exactly one shape; ``min`` and ``max`` clip what it gives. A plain value is ``fixed``."""

    fixed: Duration | None = None
    exponential: Annotated[Duration | None, Field(description="the mean")] = None
    uniform: Annotated[tuple[Duration, Duration] | None, Field(description="from, to")] = None
    normal: Normal | None = None
    lognormal: Lognormal | None = None
    choice: Annotated[list[Choice] | None, Field(min_length=1)] = None
    min: Duration | None = None
    max: Duration | None = None

    @model_validator(mode="after")
    def _one_shape(self) -> Self:
        shapes = ("fixed", "exponential", "uniform", "normal", "lognormal", "choice")
        given = [shape for shape in shapes if getattr(self, shape) is not None]
        if len(given) != 1:
            raise ValueError(f"{', '.join(given) or 'nothing'} is given; allowed: exactly one of {', '.join(shapes)}")
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string"}, handler(schema)]}

    def draw(self, draws: Draws) -> float:
        """One amount; the number of draws from ``draws`` does not depend on what they are."""
        value = self._draw(draws)
        value = value if self.max is None else min(value, self.max)
        return max(value, self.min or 0.0)

    def _draw(self, draws: Draws) -> float:
        if self.fixed is not None:
            return self.fixed
        if self.exponential is not None:
            return exponential(draws, self.exponential)
        if self.uniform is not None:
            return self.uniform[0] + (self.uniform[1] - self.uniform[0]) * draws.random()
        if self.normal is not None:
            return self.normal.mean + self.normal.deviation * standard_normal(draws)
        if self.lognormal is not None:
            return self.lognormal.median * math.exp(self.lognormal.sigma * standard_normal(draws))
        assert self.choice is not None, "one shape is always given"
        return _chosen(self.choice, draws.random())


def _chosen(choices: list[Choice], at: float) -> float:
    left = at * sum(choice.weight for choice in choices)
    for choice in choices:
        left -= choice.weight
        if left < 0:
            return choice.value
    return choices[-1].value


def exponential(draws: Draws, mean: float) -> float:
    return -mean * math.log(1.0 - draws.random())


def standard_normal(draws: Draws) -> float:
    """Box and Muller's, one of the two: exactly two draws, and the same on every machine."""
    radius = math.sqrt(-2.0 * math.log(1.0 - draws.random()))
    return radius * math.cos(2.0 * math.pi * draws.random())


def _as_fixed(value: object) -> object:
    if isinstance(value, int | float | str):
        return {"fixed": parse_duration(value)}
    return value


Amount = Annotated[Distribution, BeforeValidator(_as_fixed)]
"""A duration, or a distribution of durations."""
