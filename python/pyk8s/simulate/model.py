"""What every part of a scenario's model shares: strict camelCase models, quantities, names.

Always true: unknown fields are errors; every text that must mean something is checked when it is read.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel

from pyk8s.api.quantity import Quantity, QuantityError

Json = dict[str, Any]
NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


class Model(BaseModel):
    """A part of a scenario; its keys are camelCase in YAML."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, frozen=True)


def _quantity(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{value!r} is no quantity; allowed: a number or text such as 500m, 4, 16Gi")
    try:
        quantity = Quantity.of(value)
    except QuantityError as error:
        raise ValueError(f"{value!r} is no quantity; allowed: a number or text such as 500m, 4, 16Gi") from error
    if quantity.nano < 0:
        raise ValueError(f"{value!r} is negative; allowed: amounts from 0")
    return str(quantity)


def _name(value: str) -> str:
    if not NAME.fullmatch(value):
        raise ValueError(
            f"{value!r} is no name; allowed: at most 63 of a-z, 0-9 and '-', with a letter or digit at both ends"
        )
    return value


QuantityText = Annotated[
    str, BeforeValidator(_quantity), WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0}, {"type": "string"}]})
]
Amounts = dict[str, QuantityText]
Name = Annotated[str, AfterValidator(_name), Field(json_schema_extra={"pattern": f"^{NAME.pattern}$"})]
