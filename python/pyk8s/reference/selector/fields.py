r"""The text form of a field selector: ``metadata.name=a,status.phase!=Running``, with ``\,`` ``\=`` ``\\`` in values.

Always true: terms come out sorted by their text, which is the order in which Kubernetes looks at them.
Not here: which fields a kind has (the API server's registry knows).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

TERM = re.compile(r"(?:[^\\,]|\\.)*\\?", re.DOTALL)
OPERATOR = re.compile("!=|==|=")


@dataclass(frozen=True, slots=True)
class FieldTerm:
    """One condition on one field. An object without the field has it as ""."""

    field: str
    is_equal: bool
    value: str

    def holds(self, value: str) -> bool:
        return (self.value == value) == self.is_equal


def parse(text: str) -> list[FieldTerm]:
    """Parse a selector's text; empty terms are left out. Raises ValueError."""
    return [_term(text, part) for part in sorted(_split_terms(text), key=str.encode) if part]


def _split_terms(text: str) -> list[str]:
    """The parts between commas, but for commas behind a backslash."""
    terms, at = [], 0
    while at <= len(text):
        match = TERM.match(text, at)
        assert match is not None, "the pattern matches the empty text"
        terms.append(match[0])
        at = match.end() + 1
    return terms


def _term(text: str, part: str) -> FieldTerm:
    operator = OPERATOR.search(part)
    if operator is None:
        raise ValueError(f"invalid selector: '{text}'; can't understand '{part}'")
    return FieldTerm(part[: operator.start()], operator[0] != "!=", _unescape(part[operator.end() :]))


def _unescape(text: str) -> str:
    out, letters = [], iter(text)
    for letter in letters:
        if letter == "\\":
            escaped = next(letters, "")
            if escaped not in ("\\", ",", "="):
                raise ValueError(f"invalid field selector: invalid escape sequence: \\{escaped}")
            out.append(escaped)
        elif letter in ",=":
            # Go prints the rune as its number.
            raise ValueError(f"invalid field selector: unescaped character in value: {ord(letter)}")
        else:
            out.append(letter)
    return "".join(out)
