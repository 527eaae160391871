"""The part of Go's text/template that benchmark templates use: values, arithmetic, ``if``, ``eq`` and trimming.

Always true: parsing finds every mistake but those of a value's type; rendering the same values gives the same text.
Source: pkg.go.dev/text/template; the functions are scheduler_perf's (AddInt, DivideInt, Mod …).
Not here: what the text means (see `objects`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_ACTION = re.compile(r"\{\{(- )?(.*?)( -)?\}\}", re.DOTALL)
_TOKEN = re.compile(r"\s*(\(|\)|\||\"(?:[^\"\\]|\\.)*\"|`[^`]*`|[^\s()|]+)")
INDEX = "Index"


class TemplateError(ValueError):
    """What is wrong with a template, in one line."""


@dataclass(frozen=True, slots=True)
class Value:
    """``.Name``, or a literal."""

    name: str = ""
    literal: Any = None


@dataclass(frozen=True, slots=True)
class Call:
    function: str
    arguments: tuple[Expression, ...]


Expression = Value | Call


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Output:
    expression: Expression


@dataclass(frozen=True, slots=True)
class Branch:
    condition: Expression
    then: tuple[Node, ...]
    otherwise: tuple[Node, ...]


Node = Text | Output | Branch


def parse(text: str) -> tuple[Node, ...]:
    """Raises TemplateError."""
    parser = _Parser(_pieces(text))
    nodes, ending = parser.block()
    if ending:
        raise TemplateError(f"{{{{{ending}}}}} without an open {{{{if}}}}")
    return nodes


def render(nodes: Sequence[Node], values: Mapping[str, Any], output: Callable[[Expression], str] | None = None) -> str:
    """The text with ``values`` filled in; ``output`` may write an expression in its own way. Raises TemplateError."""
    write = output or (lambda expression: text_of(evaluate(expression, values)))
    parts: list[str] = []
    for node in nodes:
        if isinstance(node, Text):
            parts.append(node.text)
        elif isinstance(node, Output):
            parts.append(write(node.expression))
        else:
            chosen = node.then if evaluate(node.condition, values) else node.otherwise
            parts.append(render(chosen, values, output))
    return "".join(parts)


def depends_on_index(expression: Expression) -> bool:
    if isinstance(expression, Value):
        return expression.name == INDEX
    return any(depends_on_index(argument) for argument in expression.arguments)


def branches_on_index(nodes: Sequence[Node]) -> bool:
    """Whether what stands in the text, not only what is filled in, changes with the index."""
    return any(
        depends_on_index(node.condition) or branches_on_index(node.then) or branches_on_index(node.otherwise)
        for node in nodes
        if isinstance(node, Branch)
    )


def evaluate(expression: Expression, values: Mapping[str, Any]) -> Any:
    """Raises TemplateError."""
    if isinstance(expression, Value):
        return values.get(expression.name) if expression.name else expression.literal
    arguments = [evaluate(argument, values) for argument in expression.arguments]
    try:
        return FUNCTIONS[expression.function](*arguments)
    except (TypeError, ValueError, ZeroDivisionError) as error:
        shown = " ".join(text_of(argument) for argument in arguments)
        raise TemplateError(f"{{{{{expression.function} {shown}}}}}: {error}") from error


def text_of(value: Any) -> str:
    """As Go prints it."""
    if value is None:
        return "<no value>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value == int(value):
        return str(int(value))
    return str(value)


# -- functions -----------------------------------------------------------------------------------------------------


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise TypeError(f"{text_of(value)} is no number")
    return float(value)


def _sum(*numbers: Any) -> float:
    return sum(map(_number, numbers))


def _product(*numbers: Any) -> float:
    result = 1.0
    for number in numbers:
        result *= _number(number)
    return result


def _mod(a: Any, b: Any) -> int:
    return int(_number(a)) % int(_number(b))


def _printf(pattern: str, *arguments: Any) -> str:
    return str(pattern).replace("%v", "%s") % arguments


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "AddFloat": _sum,
    "AddInt": lambda *numbers: int(_sum(*numbers)),
    "DivideFloat": lambda a, b: _number(a) / _number(b),
    "DivideInt": lambda a, b: int(_number(a) / _number(b)),
    "Mod": _mod,
    "MultiplyFloat": _product,
    "MultiplyInt": lambda *numbers: int(_product(*numbers)),
    "SubtractFloat": lambda a, b: _number(a) - _number(b),
    "SubtractInt": lambda a, b: int(_number(a) - _number(b)),
    "eq": lambda first, *others: any(first == other for other in others),
    "ne": lambda a, b: a != b,
    "lt": lambda a, b: _number(a) < _number(b),
    "le": lambda a, b: _number(a) <= _number(b),
    "gt": lambda a, b: _number(a) > _number(b),
    "ge": lambda a, b: _number(a) >= _number(b),
    "and": lambda *values: next((value for value in values if not value), values[-1]),
    "or": lambda *values: next((value for value in values if value), values[-1]),
    "not": lambda value: not value,
    "print": lambda *values: "".join(text_of(value) for value in values),
    "printf": _printf,
}


# -- parsing -------------------------------------------------------------------------------------------------------


def _pieces(text: str) -> list[Text | str]:
    """Text and the insides of actions, in turn; what trim marks take away is gone."""
    pieces: list[Text | str] = []
    position, is_trimmed = 0, False
    for match in _ACTION.finditer(text):
        before = text[position : match.start()]
        before = before.lstrip() if is_trimmed else before
        pieces.append(Text(before.rstrip() if match.group(1) else before))
        inside = match.group(2).strip()
        if not inside.startswith("/*"):
            pieces.append(inside)
        position, is_trimmed = match.end(), bool(match.group(3))
    rest = text[position:]
    if "{{" in rest:
        raise TemplateError("an action is not closed: '{{' without '}}'")
    pieces.append(Text(rest.lstrip() if is_trimmed else rest))
    return pieces


class _Parser:
    def __init__(self, pieces: list[Text | str]) -> None:
        self._pieces = pieces
        self._position = 0

    def block(self) -> tuple[tuple[Node, ...], str]:
        """Nodes up to the end, or up to an ``else`` or ``end``, which is handed back too."""
        nodes: list[Node] = []
        while self._position < len(self._pieces):
            piece = self._pieces[self._position]
            self._position += 1
            if isinstance(piece, Text):
                nodes.append(piece)
                continue
            word, _, rest = piece.partition(" ")
            if word in ("else", "end"):
                return tuple(nodes), piece
            nodes.append(self._branch(rest) if word == "if" else Output(_expression(piece)))
        return tuple(nodes), ""

    def _branch(self, condition: str) -> Branch:
        then, ending = self.block()
        otherwise: tuple[Node, ...] = ()
        if ending.startswith("else"):
            chained = ending.removeprefix("else").strip()
            if chained.startswith("if "):
                return Branch(_expression(condition), then, (self._branch(chained.removeprefix("if ")),))
            otherwise, ending = self.block()
        if ending != "end":
            raise TemplateError(f"{{{{if {condition}}}}} has no {{{{end}}}}")
        return Branch(_expression(condition), then, otherwise)


def _expression(text: str) -> Expression:
    tokens = _TOKEN.findall(text)
    if "".join(tokens).replace(" ", "") != "".join(text.split()) and "".join(tokens) != text.replace(" ", ""):
        raise TemplateError(f"cannot read {{{{{text}}}}}")
    stages: list[list[str]] = [[]]
    depth = 0
    for token in tokens:
        depth += (token == "(") - (token == ")")
        if token == "|" and depth == 0:
            stages.append([])
        else:
            stages[-1].append(token)
    result: Expression | None = None
    for stage in stages:
        result = _stage(stage, text, result)
    assert result is not None, "there is at least one stage"
    return result


def _stage(tokens: list[str], text: str, piped: Expression | None) -> Expression:
    """One command of a pipeline; what was piped in becomes its last argument."""
    terms: list[Expression | str] = []
    position = 0
    while position < len(tokens):
        if tokens[position] == "(":
            end = _closing(tokens, position, text)
            terms.append(_stage(tokens[position + 1 : end], text, None))
            position = end + 1
        else:
            terms.append(_term(tokens[position], text, is_function=position == 0))
            position += 1
    if not terms:
        raise TemplateError(f"nothing to write in {{{{{text}}}}}")
    head, arguments = terms[0], list(terms[1:])
    if piped is not None:
        arguments.append(piped)
    if isinstance(head, str):
        return Call(head, tuple(one for one in arguments if not isinstance(one, str)))
    if arguments:
        raise TemplateError(f"{{{{{text}}}}} gives arguments to something that is no function")
    return head


def _closing(tokens: list[str], start: int, text: str) -> int:
    depth = 0
    for position in range(start, len(tokens)):
        depth += (tokens[position] == "(") - (tokens[position] == ")")
        if depth == 0:
            return position
    raise TemplateError(f"a parenthesis is not closed in {{{{{text}}}}}")


def _term(token: str, text: str, *, is_function: bool) -> Expression | str:
    """A value; or the name of a function, where one may stand."""
    if token[0] in '"`':
        return Value(literal=token[1:-1])
    if token in ("true", "false"):
        return Value(literal=token == "true")
    if re.fullmatch(r"\.[A-Za-z_]\w*", token):
        return Value(name=token[1:])
    try:
        return Value(literal=int(token))
    except ValueError:
        pass
    try:
        return Value(literal=float(token))
    except ValueError:
        pass
    if is_function and token in FUNCTIONS:
        return token
    raise TemplateError(f"unknown {token!r} in {{{{{text}}}}}; functions: {', '.join(FUNCTIONS)}")
