"""The Common Expression Language, as far as device selectors use it: what an expression is worth.

Always true: the same expression and variables give the same value; integers stay within 64 bits; `&&` and `||` do not
care in which order their sides are: a side that decides hides an error of the other.
Not here: syntax (see `cel_syntax`), operators and functions (see `cel_library`), variables (see `devices`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyk8s.reference.scheduler.cel_library import (
    NO_OVERLOAD,
    Value,
    at,
    combined,
    function,
    method,
    negated,
)
from pyk8s.reference.scheduler.cel_syntax import (
    Binary,
    Call,
    CelError,
    Conditional,
    Expression,
    Index,
    Listing,
    Literal,
    Name,
    Select,
    Unary,
)
from pyk8s.reference.scheduler.cel_syntax import Mapping as MapExpression

Variables = Mapping[str, Value]

MACROS = frozenset({"all", "exists", "exists_one", "map", "filter"})

STEPS_MAX = 10_000
"""Calls and operators that one evaluation may take."""


def matches(expression: Expression, variables: Variables) -> bool:
    """The value of an expression that must be a bool. Raises CelError."""
    value = Evaluation().value(expression, variables)
    if not isinstance(value, bool):
        raise CelError("expression does not give a bool")
    return value


@dataclass(slots=True)
class Evaluation:
    steps: int = 0

    def value(self, expression: Expression, variables: Variables) -> Value:
        self.steps += 1
        if self.steps > STEPS_MAX:
            raise CelError("expression takes too many steps")
        match expression:
            case Literal(value):
                return value
            case Name(text):
                if text not in variables:
                    raise CelError(f"undeclared reference to '{text}'")
                return variables[text]
            case Select(target, field):
                return at(self.value(target, variables), field)
            case Index(target, key):
                return at(self.value(target, variables), self.value(key, variables))
            case Unary(operator, operand):
                return negated(operator, self.value(operand, variables))
            case Binary("&&" | "||", left, right):
                return self._decided([(left, variables), (right, variables)], deciding=expression.operator == "||")
            case Binary(operator, left, right):
                return combined(operator, self.value(left, variables), self.value(right, variables))
            case Conditional(condition, then, otherwise):
                return self.value(then if self._bool(condition, variables) else otherwise, variables)
            case Listing(items):
                return [self.value(item, variables) for item in items]
            case MapExpression(entries):
                pairs = [(self.value(key, variables), self.value(value, variables)) for key, value in entries]
                if any(not isinstance(key, str) for key, _ in pairs):
                    raise CelError("unsupported key type")
                return dict(pairs)
            case Call():
                return self._call(expression, variables)

    def _bool(self, expression: Expression, variables: Variables) -> bool:
        value = self.value(expression, variables)
        if not isinstance(value, bool):
            raise CelError(NO_OVERLOAD)
        return value

    def _decided(self, sides: Sequence[tuple[Expression, Variables]], *, deciding: bool) -> bool:
        """``deciding`` when one side is worth that; an error counts only when no side decides."""
        problem: CelError | None = None
        for side, scope in sides:
            try:
                if self._bool(side, scope) == deciding:
                    return deciding
            except CelError as error:
                problem = problem or error
        if problem is not None:
            raise problem
        return not deciding

    def _call(self, call: Call, variables: Variables) -> Value:
        if call.target is None:
            if call.function == "has":
                return self._has(call, variables)
            return function(call.function, [self.value(argument, variables) for argument in call.arguments])
        if call.target == Name("cel") and call.function == "bind":
            return self._bind(call, variables)
        if call.function in MACROS and len(call.arguments) == 2 and isinstance(call.arguments[0], Name):
            return self._each(call, call.arguments[0].text, variables)
        target = self.value(call.target, variables)
        return method(call.function, target, [self.value(argument, variables) for argument in call.arguments])

    def _has(self, call: Call, variables: Variables) -> bool:
        if len(call.arguments) != 1 or not isinstance(call.arguments[0], Select):
            raise CelError("invalid argument to has()")
        target = self.value(call.arguments[0].target, variables)
        if not isinstance(target, dict):
            raise CelError(NO_OVERLOAD)
        return call.arguments[0].field in target

    def _bind(self, call: Call, variables: Variables) -> Value:
        match call.arguments:
            case Name(name), value, body:
                return self.value(body, {**variables, name: self.value(value, variables)})
        raise CelError("invalid arguments to cel.bind()")

    def _each(self, call: Call, name: str, variables: Variables) -> Value:
        assert call.target is not None, "macros are methods"
        items, body = self.value(call.target, variables), call.arguments[1]
        if not isinstance(items, (list, dict)):
            raise CelError(NO_OVERLOAD)
        inner = [
            {**variables, name: item} for item in (sorted(items, key=str.encode) if isinstance(items, dict) else items)
        ]
        if call.function == "map":
            return [self.value(body, scope) for scope in inner]
        if call.function == "filter":
            return [scope[name] for scope in inner if self._bool(body, scope)]
        if call.function == "exists_one":
            return sum(self._bool(body, scope) for scope in inner) == 1
        return self._decided([(body, scope) for scope in inner], deciding=call.function == "exists")
