"""What device selectors may call: operators, functions and methods of the Common Expression Language and Kubernetes'.

Always true: values of different kinds are never equal and never ordered; numbers are of one kind.
Not here: expressions (see `cel`).
Source: kubernetes.io, "Common Expression Language in Kubernetes"; quantity and semver libraries as documented there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyk8s.api.quantity import Quantity, QuantityError
from pyk8s.reference.scheduler.cel_syntax import CelError
from pyk8s.reference.scheduler.semantic_version import SemanticVersion

Value = Any
"""bool, int, float, str, None, list, dict with texts as keys, Quantity or SemanticVersion."""

NO_OVERLOAD = "no such overload"
INT64_MAX = 2**63 - 1


def kind_of(value: Value) -> str:
    """Numbers are of one kind, however they are written; a bool is none."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, dict):
        return "map"
    return "number" if isinstance(value, (int, float)) else type(value).__name__


class Domains(dict[str, Any]):
    """A map of maps: one that is not there is empty, as selectors expect of a device's domains."""


def at(target: Value, key: Value) -> Value:
    if isinstance(target, dict):
        if not isinstance(key, str):
            raise CelError(NO_OVERLOAD)
        if key in target:
            return target[key]
        if isinstance(target, Domains):
            return {}
        raise CelError(f"no such key: {key}")
    if isinstance(target, list) and isinstance(key, int) and not isinstance(key, bool):
        if not 0 <= key < len(target):
            raise CelError(f"index out of bounds: {key}")
        return target[key]
    raise CelError(NO_OVERLOAD)


def _told(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def negated(operator: str, value: Value) -> Value:
    if operator == "!" and isinstance(value, bool):
        return not value
    if operator == "-" and isinstance(value, float):
        return -value
    if operator == "-" and isinstance(value, int) and not isinstance(value, bool):
        return _bounded(-value)
    raise CelError(NO_OVERLOAD)


def _bounded(number: int) -> int:
    if not -INT64_MAX - 1 <= number <= INT64_MAX:
        raise CelError("integer overflow")
    return number


def equals(left: Value, right: Value) -> bool:
    """Values of different kinds are never equal."""
    if kind_of(left) != kind_of(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(equals(a, b) for a, b in zip(left, right, strict=True))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(equals(value, right[key]) for key, value in left.items())
    return bool(left == right)


def combined(operator: str, left: Value, right: Value) -> Value:
    match operator:
        case "==":
            return equals(left, right)
        case "!=":
            return not equals(left, right)
        case "in":
            if isinstance(right, (list, dict)):
                return any(equals(left, item) for item in right)
            raise CelError(NO_OVERLOAD)
        case "<" | "<=" | ">" | ">=":
            return _ordered(operator, left, right)
    return _computed(operator, left, right)


def _ordered(operator: str, left: Value, right: Value) -> bool:
    if kind_of(left) != kind_of(right) or not isinstance(left, (bool, int, float, str)):
        raise CelError(NO_OVERLOAD)
    if isinstance(left, str):
        left, right = left.encode(), right.encode()
    return bool({"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[operator])


def _computed(operator: str, left: Value, right: Value) -> Value:
    if operator == "+" and type(left) is type(right) and isinstance(left, (str, list)):
        return left + right
    if type(left) is not type(right) or isinstance(left, bool) or not isinstance(left, (int, float)):
        raise CelError(NO_OVERLOAD)
    match operator:
        case "+":
            result = left + right
        case "-":
            result = left - right
        case "*":
            result = left * right
        case _ if isinstance(left, float) and operator == "/":
            return _float_quotient(left, right)
        case _ if isinstance(left, float):
            raise CelError(NO_OVERLOAD)
        case _ if right == 0:
            raise CelError("division by zero" if operator == "/" else "modulus by zero")
        case "/":
            result = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
        case _:
            result = abs(left) % abs(right) * (-1 if left < 0 else 1)
    return _bounded(result) if isinstance(result, int) else result


def _float_quotient(left: float, right: float) -> float:
    if right != 0:
        return left / right
    return float("nan") if left == 0 or left != left else float("inf") if left > 0 else float("-inf")


def function(name: str, arguments: list[Value]) -> Value:
    match name, arguments:
        case "quantity", [str() as text]:
            return quantity(text)
        case "isQuantity", [str() as text]:
            return _is_readable(quantity, text)
        case "semver", [str() as text]:
            return semver(text)
        case "isSemver", [str() as text]:
            return _is_readable(semver, text)
        case "size", [str() | list() | dict() as value]:
            return len(value)
        case "string", [bool() | int() | str() as value]:
            return _told(value)
        case "int", [int() as value] if not isinstance(value, bool):
            return value
        case "double", [int() | float() as value] if not isinstance(value, bool):
            return float(value)
    known = ("quantity", "isQuantity", "semver", "isSemver", "size", "string", "int", "double")
    raise CelError(NO_OVERLOAD if name in known else f"unsupported function '{name}'")


def quantity(text: str) -> Quantity:
    try:
        return Quantity.parse(text)
    except QuantityError as error:
        raise CelError(f"'{text}' is not a quantity") from error


def semver(text: str) -> SemanticVersion:
    version = SemanticVersion.parse(text)
    if version is None:
        raise CelError(f"'{text}' is not a semantic version")
    return version


def _is_readable(read: Callable[[str], object], text: str) -> bool:
    try:
        read(text)
    except CelError:
        return False
    return True


METHODS = frozenset(
    {"compareTo", "isGreaterThan", "isLessThan", "major", "minor", "patch", "size"}
    | {"startsWith", "endsWith", "contains", "lowerAscii", "upperAscii"}
)


def method(name: str, target: Value, arguments: list[Value]) -> Value:
    match target, name, arguments:
        case Quantity() | SemanticVersion(), "compareTo", [other] if type(other) is type(target):
            return _compared(target, other)
        case Quantity() | SemanticVersion(), "isGreaterThan", [other] if type(other) is type(target):
            return _compared(target, other) > 0
        case Quantity() | SemanticVersion(), "isLessThan", [other] if type(other) is type(target):
            return _compared(target, other) < 0
        case SemanticVersion(), "major" | "minor" | "patch", []:
            return getattr(target, name)
        case str() | list() | dict(), "size", []:
            return len(target)
        case str(), "startsWith", [str() as part]:
            return target.startswith(part)
        case str(), "endsWith", [str() as part]:
            return target.endswith(part)
        case str(), "contains", [str() as part]:
            return part in target
        case str(), "lowerAscii", []:
            return "".join(c.lower() if c.isascii() else c for c in target)
        case str(), "upperAscii", []:
            return "".join(c.upper() if c.isascii() else c for c in target)
    raise CelError(NO_OVERLOAD if name in METHODS else f"unsupported function '{name}'")


def _compared(left: Any, right: Any) -> int:
    return int(left > right) - int(left < right)
