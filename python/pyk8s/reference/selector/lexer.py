"""Tokens of the label selector grammar.

Always true: the last token of every text is `END`; an identifier is a slice of the text.
Not here: the grammar (see `labels`), what makes a good key or value (see `names`).
"""

from __future__ import annotations

import re
from enum import Enum


class Token(Enum):
    END = ""
    CLOSED_PARENTHESIS = ")"
    COMMA = ","
    BANG = "!"
    DOUBLE_EQUALS = "=="
    EQUALS = "="
    GREATER = ">"
    IDENTIFIER = "identifier"
    IN = "in"
    LESS = "<"
    NOT_EQUALS = "!="
    NOT_IN = "notin"
    OPEN_PARENTHESIS = "("

    def as_value(self) -> Token:
        """The token where keys and values stand: ``in`` and ``notin`` are names there."""
        return Token.IDENTIFIER if self in (Token.IN, Token.NOT_IN) else self


# Kubernetes' lexer swallows a NUL that ends a token; one that stands alone ends the text.
PATTERN = re.compile("[ \t\r\n]*(?:(==|!=|[=!(),<>])|([^=!(),<> \t\r\n\0]+))\0?")
KEYWORDS = {"in": Token.IN, "notin": Token.NOT_IN}


def tokens(text: str) -> list[tuple[Token, str]]:
    """All tokens of a selector with their texts; the last one is (END, "")."""
    found: list[tuple[Token, str]] = []
    match = PATTERN.match(text)
    while match:
        symbol, word = match.groups()
        found.append((Token(symbol), symbol) if symbol else (KEYWORDS.get(word, Token.IDENTIFIER), word))
        match = PATTERN.match(text, match.end())
    return [*found, (Token.END, "")]
