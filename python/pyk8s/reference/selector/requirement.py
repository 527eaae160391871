"""One condition on one label: key, operator, values.

Always true: the key and every value are valid labels; values are sorted and none is doubled;
`IN` and `NOT_IN` have at least one, the operators of presence none, all others exactly one.
Not here: the text form's grammar (see `labels`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from pyk8s.reference.selector.names import key_problem, value_problem


class Operator(Enum):
    """How a label is compared: how it is told in `Selection.label_requirements`, and how it is written."""

    IN = ("in", "{key} in ({values})")
    NOT_IN = ("notin", "{key} notin ({values})")
    EQUALS = ("=", "{key}={values}")
    DOUBLE_EQUALS = ("=", "{key}=={values}")
    NOT_EQUALS = ("!=", "{key}!={values}")
    EXISTS = ("exists", "{key}")
    DOES_NOT_EXIST = ("!", "!{key}")
    GREATER_THAN = ("gt", "{key}>{values}")
    LESS_THAN = ("lt", "{key}<{values}")


SETS = (Operator.IN, Operator.NOT_IN)
PRESENCE = (Operator.EXISTS, Operator.DOES_NOT_EXIST)
ORDERS = (Operator.GREATER_THAN, Operator.LESS_THAN)


@dataclass(frozen=True, slots=True)
class Requirement:
    """A checked condition; `check` builds it."""

    key: str
    operator: Operator
    values: tuple[str, ...]

    @classmethod
    def check(cls, key: str, operator: Operator, values: Sequence[str]) -> Requirement:
        """Check and build. Raises ValueError with Kubernetes' text, every broken rule in it."""
        problems = []
        if problem := key_problem(key):
            problems.append(f"key: Invalid value: {quoted(key)}: {problem}")
        if problem := _count_problem(operator, values):
            shown = ",".join(map(quoted, values))
            problems.append(f"values: Invalid value: [{shown}]: {problem}")
        for index, value in enumerate(values):
            if operator in ORDERS and integer(value) is None:
                rule = "for 'Gt', 'Lt' operators, the value must be an integer"
                problems.append(f"values[{index}]: Invalid value: {quoted(value)}: {rule}")
        for index, value in enumerate(values):
            if problem := value_problem(value):
                problems.append(f"values[{index}][{key}]: Invalid value: {quoted(value)}: {problem}")
        if problems:
            raise ValueError(_aggregate(problems))
        return cls(key, operator, tuple(sorted(set(values))))

    def holds(self, label: str | None) -> bool:
        """Whether a label of this value, or its absence, fulfils the condition."""
        if self.operator in PRESENCE:
            return (label is not None) == (self.operator is Operator.EXISTS)
        if self.operator in (Operator.NOT_IN, Operator.NOT_EQUALS):
            return label is None or label not in self.values
        if self.operator not in ORDERS:
            return label is not None and label in self.values
        number, bound = integer(label or ""), integer(self.values[0])
        if number is None or bound is None:
            return False
        return number > bound if self.operator is Operator.GREATER_THAN else number < bound

    def __str__(self) -> str:
        _, form = self.operator.value
        return form.format(key=self.key, values=",".join(self.values))


def _count_problem(operator: Operator, values: Sequence[str]) -> str:
    if operator in SETS:
        return "" if values else "for 'in', 'notin' operators, values set can't be empty"
    if operator in PRESENCE:
        return "values set must be empty for exists and does not exist" if values else ""
    if len(values) == 1:
        return ""
    if operator in ORDERS:
        return "for 'Gt', 'Lt' operators, exactly one value is required"
    return "exact-match compatibility requires one single value"


def integer(text: str) -> int | None:
    """A signed decimal number of 64 bits, as Go's ParseInt reads it."""
    match = re.fullmatch("([+-]?)0*([0-9]{1,19})", text)
    number = int(match[1] + match[2]) if match else 2**63
    return number if -(2**63) <= number < 2**63 else None


def _aggregate(problems: list[str]) -> str:
    """Several errors as Kubernetes joins them: one alone stays bare, equal ones are told once."""
    told = list(dict.fromkeys(problems))
    return told[0] if len(told) == 1 else f"[{', '.join(told)}]"


ESCAPES = {
    '"': '\\"', "\\": "\\\\", "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v",
}  # fmt: skip


def quoted(text: str) -> str:
    """Text in double quotes, with Go's escapes for what cannot be shown."""
    return '"' + "".join(map(_shown, text)) + '"'


def _shown(letter: str) -> str:
    code = ord(letter)
    if letter in ESCAPES:
        return ESCAPES[letter]
    if code < 0x20 or code == 0x7F:
        return f"\\x{code:02x}"
    if 0x80 <= code <= 0xA0 or code == 0xAD:
        return f"\\u{code:04x}"
    return letter
