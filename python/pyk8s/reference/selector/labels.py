"""The text form of a label selector: ``a=1,b!=2,c in (x,y),d notin (z),e,!f,g>1,h<9``.

Always true: requirements come out sorted by key; what is refused is refused in Kubernetes' words.
Not here: the tokens (see `lexer`), single requirements (see `requirement`).
"""

from __future__ import annotations

from pyk8s.reference.selector.lexer import Token, tokens
from pyk8s.reference.selector.names import key_problem
from pyk8s.reference.selector.requirement import Operator, Requirement, quoted

BINARY_OPERATORS = "in, notin, =, ==, !=, gt, lt"
OPERATORS = {
    Token.IN: Operator.IN,
    Token.NOT_IN: Operator.NOT_IN,
    Token.EQUALS: Operator.EQUALS,
    Token.DOUBLE_EQUALS: Operator.DOUBLE_EQUALS,
    Token.NOT_EQUALS: Operator.NOT_EQUALS,
    Token.GREATER: Operator.GREATER_THAN,
    Token.LESS: Operator.LESS_THAN,
}
STARTS = (Token.IDENTIFIER, Token.BANG)


def parse(text: str) -> list[Requirement]:
    """Parse a selector's text; "" has no requirements. Raises ValueError."""
    return sorted(_Parser(text).requirements(), key=lambda requirement: requirement.key)


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens = tokens(text)
        self.at = 0

    def lookahead(self) -> Token:
        return self.tokens[self.at][0].as_value()

    @property
    def next_text(self) -> str:
        return self.tokens[self.at][1]

    def consume_any(self) -> tuple[Token, str]:
        token = self.tokens[self.at]
        self.at = min(self.at + 1, len(self.tokens) - 1)
        return token

    def consume(self) -> tuple[Token, str]:
        token, text = self.consume_any()
        return token.as_value(), text

    def requirements(self) -> list[Requirement]:
        found: list[Requirement] = []
        while self.lookahead() is not Token.END:
            if self.lookahead() not in STARTS:
                raise ValueError(f"found '{self.next_text}', expected: !, identifier, or 'end of string'")
            try:
                found.append(self.requirement())
            except ValueError as why:
                raise ValueError(f"unable to parse requirement: {why}") from None
            token, text = self.consume()
            if token is Token.END:
                break
            if token is not Token.COMMA:
                raise ValueError(f"found '{text}', expected: ',' or 'end of string'")
            if self.lookahead() not in STARTS:
                raise ValueError(f"found '{self.next_text}', expected: identifier after ','")
        return found

    def requirement(self) -> Requirement:
        token, key = self.consume()
        is_negated = token is Token.BANG
        if is_negated:
            token, key = self.consume()
        if token is not Token.IDENTIFIER:
            raise ValueError(f"found '{key}', expected: identifier")
        if problem := key_problem(key):
            # Kubernetes gives this error no path; Go prints the missing one as <nil>.
            raise ValueError(f"<nil>: Invalid value: {quoted(key)}: {problem}")
        if is_negated:
            return Requirement.check(key, Operator.DOES_NOT_EXIST, [])
        if self.lookahead() in (Token.END, Token.COMMA):
            return Requirement.check(key, Operator.EXISTS, [])
        operator = self.operator()
        is_set = operator in (Operator.IN, Operator.NOT_IN)
        return Requirement.check(key, operator, self.values() if is_set else [self.exact_value()])

    def operator(self) -> Operator:
        token, text = self.consume_any()
        if token not in OPERATORS:
            raise ValueError(f"found '{text}', expected: {BINARY_OPERATORS}")
        return OPERATORS[token]

    def values(self) -> list[str]:
        """``(x,y)``: the values, sorted, each once. An empty place between commas is the empty value."""
        token, text = self.consume()
        if token is not Token.OPEN_PARENTHESIS:
            raise ValueError(f"found '{text}' expected: '('")
        values: list[str] = []
        if self.lookahead() in (Token.IDENTIFIER, Token.COMMA):
            values = self.identifiers()
        elif self.lookahead() is not Token.CLOSED_PARENTHESIS:
            raise ValueError(f"found '{self.next_text}', expected: ',', ')' or identifier")
        token, _ = self.consume()
        assert token is Token.CLOSED_PARENTHESIS, "a list of values ends before its parenthesis"
        return sorted(set(values), key=str.encode)

    def identifiers(self) -> list[str]:
        values: list[str] = []
        while True:
            token, text = self.consume()
            if token is Token.IDENTIFIER:
                values.append(text)
                if self.lookahead() is Token.CLOSED_PARENTHESIS:
                    return values
                if self.lookahead() is not Token.COMMA:
                    raise ValueError(f"found '{self.next_text}', expected: ',' or ')'")
            elif token is Token.COMMA:
                if not values:
                    values.append("")
                if self.lookahead() is Token.CLOSED_PARENTHESIS:
                    return [*values, ""]
                if self.lookahead() is Token.COMMA:
                    self.consume()
                    values.append("")
            else:
                raise ValueError(f"found '{text}', expected: ',', or identifier")

    def exact_value(self) -> str:
        if self.lookahead() in (Token.END, Token.COMMA):
            return ""
        token, text = self.consume()
        if token is not Token.IDENTIFIER:
            raise ValueError(f"found '{text}', expected: identifier")
        return text
