"""The Common Expression Language, as far as device selectors use it: text to expression tree.

Always true: a tree is no deeper than `DEPTH_MAX`; every problem is a `CelError` that names the spot by its text.
Not here: what an expression is worth (see `cel`).
Source: the language definition at github.com/google/cel-spec, section "Syntax". Left out: bytes, unsigned numbers,
message construction, raw and triple-quoted strings.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal as OneOf

LENGTH_MAX = 10 * 1024
"""Characters of an expression."""
DEPTH_MAX = 32
"""Of parentheses, operators and accesses within each other."""


class CelError(Exception):
    """What is wrong with an expression, or went wrong while it was evaluated."""


@dataclass(frozen=True, slots=True)
class Literal:
    value: bool | int | float | str | None


@dataclass(frozen=True, slots=True)
class Name:
    text: str


@dataclass(frozen=True, slots=True)
class Select:
    target: Expression
    field: str


@dataclass(frozen=True, slots=True)
class Index:
    target: Expression
    key: Expression


@dataclass(frozen=True, slots=True)
class Call:
    function: str
    target: Expression | None
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Unary:
    operator: str
    operand: Expression


@dataclass(frozen=True, slots=True)
class Binary:
    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Conditional:
    condition: Expression
    then: Expression
    otherwise: Expression


@dataclass(frozen=True, slots=True)
class Listing:
    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Mapping:
    entries: tuple[tuple[Expression, Expression], ...]


Expression = Literal | Name | Select | Index | Call | Unary | Binary | Conditional | Listing | Mapping

Kind = OneOf["name", "int", "float", "string", "mark", "end"]

TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+|//[^\n]*)
    |(?P<float>[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+)
    |(?P<int>0x[0-9a-fA-F]+|[0-9]+)
    |(?P<name>[_a-zA-Z][_a-zA-Z0-9]*)
    |(?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<mark>&&|\|\||==|!=|<=|>=|[-+*/%<>!?:.,()\[\]{}])""",
    re.VERBOSE | re.ASCII,
)
ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.ASCII)
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'", "`": "`", "?": "?"}
LEVELS = (("||",), ("&&",), ("<", "<=", ">=", ">", "==", "!=", "in"), ("+", "-"), ("*", "/", "%"))
"""Binary operators, the loosest first."""


@dataclass(frozen=True, slots=True)
class Token:
    kind: Kind
    text: str


def tokens(text: str) -> list[Token]:
    found, position = [], 0
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None:
            raise CelError(f"syntax error: unexpected '{text[position]}'")
        position = match.end()
        kind = match.lastgroup
        if kind != "space":
            found.append(Token(kind, match.group()))  # type: ignore[arg-type]
    return [*found, Token("end", "end")]


def parse(text: str) -> Expression:
    """Read an expression. Raises CelError."""
    if len(text) > LENGTH_MAX:
        raise CelError(f"an expression may have {LENGTH_MAX} characters")
    parser = Parser(tokens(text))
    expression = parser.expression()
    parser.expect("end")
    return expression


@dataclass(slots=True)
class Parser:
    tokens: list[Token]
    position: int = 0
    depth: int = 0

    def expression(self) -> Expression:
        self.deepen()
        condition = self.binary(0)
        if self.takes("?"):
            then = self.binary(0)
            self.expect(":")
            condition = Conditional(condition, then, self.expression())
        self.depth -= 1
        return condition

    def binary(self, level: int) -> Expression:
        if level == len(LEVELS):
            return self.unary()
        left, count = self.binary(level + 1), 0
        while (operator := self.peek().text) in LEVELS[level] and self.peek().kind in ("mark", "name"):
            count += 1
            self.deepen()
            self.position += 1
            left = Binary(operator, left, self.binary(level + 1))
        self.depth -= count
        return left

    def unary(self) -> Expression:
        operators = []
        while self.peek().kind == "mark" and self.peek().text in ("!", "-"):
            operators.append(self.peek().text)
            self.deepen()
            self.position += 1
        operand = self.member()
        self.depth -= len(operators)
        for operator in reversed(operators):
            operand = Unary(operator, operand)
        return operand

    def member(self) -> Expression:
        target, before = self.primary(), self.depth
        while self.peek().kind == "mark" and self.peek().text in (".", "["):
            self.deepen()
            if self.takes("["):
                target = Index(target, self.expression())
                self.expect("]")
                continue
            self.expect(".")
            name = self.name()
            target = Call(name, target, self.arguments(")")) if self.takes("(") else Select(target, name)
        self.depth = before
        return target

    def primary(self) -> Expression:
        token = self.peek()
        self.position += 1
        match token.kind, token.text:
            case "int", text:
                return Literal(_integer(text))
            case "float", text:
                return Literal(float(text))
            case "string", text:
                return Literal(_unescaped(text[1:-1]))
            case "name", "true" | "false":
                return Literal(token.text == "true")
            case "name", "null":
                return Literal(None)
            case "name", text if text != "in":
                return Call(text, None, self.arguments(")")) if self.takes("(") else Name(text)
            case "mark", "(":
                inner = self.expression()
                self.expect(")")
                return inner
            case "mark", "[":
                return Listing(self.arguments("]"))
            case "mark", "{":
                return self.mapping()
        raise CelError(f"syntax error: unexpected '{token.text}'")

    def mapping(self) -> Expression:
        entries: list[tuple[Expression, Expression]] = []
        while not self.takes("}"):
            if entries:
                self.expect(",")
            key = self.expression()
            self.expect(":")
            entries.append((key, self.expression()))
        return Mapping(tuple(entries))

    def arguments(self, closing: str) -> tuple[Expression, ...]:
        found: list[Expression] = []
        while not self.takes(closing):
            if found:
                self.expect(",")
            found.append(self.expression())
        return tuple(found)

    def deepen(self) -> None:
        self.depth += 1
        if self.depth > DEPTH_MAX:
            raise CelError("expression is nested too deeply")

    def name(self) -> str:
        token = self.peek()
        if token.kind != "name":
            raise CelError(f"syntax error: unexpected '{token.text}'")
        self.position += 1
        return token.text

    def peek(self) -> Token:
        return self.tokens[self.position]

    def takes(self, mark: str) -> bool:
        token = self.peek()
        is_there = token.kind == "mark" and token.text == mark
        self.position += is_there
        return is_there

    def expect(self, text: str) -> None:
        token = self.peek()
        if token.text != text or token.kind not in ("mark", "end"):
            raise CelError(f"syntax error: unexpected '{token.text}'")
        self.position += 1


def _integer(text: str) -> int:
    number = int(text, 16 if text.startswith("0x") else 10) if len(text) <= 40 else 2**63
    if number >= 2**63:
        raise CelError("integer overflow")
    return number


def _unescaped(text: str) -> str:
    def character(match: re.Match[str]) -> str:
        code = match.group(1)
        if len(code) > 1:
            number = int(code[1:], 16)
            if 0xD800 <= number < 0xE000:
                raise CelError(f"unsupported escape '\\{code}'")
            return chr(number)
        if code not in ESCAPES:
            raise CelError(f"unsupported escape '\\{code}'")
        return ESCAPES[code]

    return ESCAPE.sub(character, text)
