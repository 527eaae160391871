"""JSON syntax: right, or refused in the words of Go's scanner.

Always true: text that passes `check` is one JSON value, nested at most `DEPTH_MAX` deep.
Not here: types, duplicate keys (both need to know the kind).
"""

from __future__ import annotations

import codecs
import re

from pyk8s.errors import DecodeError

DEPTH_MAX = 200
"""Deepest nesting accepted. Go allows 10,000; no built-in kind comes near a hundred, and this much can be handled
recursively on any thread's stack and by every JSON library a client may use."""

UNEXPECTED_END = "unexpected end of JSON input"
SPACE = re.compile(rb"[ \n\t\r]*")
PLAIN = re.compile(rb'[^"\\\x00-\x1f]*')
"""What of a string needs no look."""
DIGITS = re.compile(rb"[0-9]*")
HEX_DIGITS = b"0123456789abcdefABCDEF"
LITERALS = {ord("t"): b"true", ord("f"): b"false", ord("n"): b"null"}
NAMED_ESCAPES = {7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r", 39: "\\'", 92: "\\\\"}


def check(body: bytes, depth_max: int = DEPTH_MAX) -> None:
    """Refuse bytes that are not exactly one JSON value, nested at most ``depth_max`` deep.

    Raises:
        DecodeError: with the message Go gives.
    """
    _Checker(body, depth_max).check()


def text_of(body: bytes) -> str:
    """The text of checked bytes; each byte that is not UTF-8 becomes U+FFFD, as in Go."""
    return body.decode("utf-8", "pyk8s-replace-each")


def _replace_one(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "\ufffd", error.start + 1


codecs.register_error("pyk8s-replace-each", _replace_one)


class _Checker:
    """Walks the bytes once; ``open`` holds the brackets that are open."""

    def __init__(self, body: bytes, depth_max: int) -> None:
        self.body, self.at = body, 0
        self.depth_max = depth_max
        self.open = bytearray()

    def check(self) -> None:
        expect = "value"
        while self._skip_space():
            expect = self._step(expect, self.body[self.at])
        if expect != "separator" or self.open:
            raise DecodeError(UNEXPECTED_END)

    def _step(self, expect: str, byte: int) -> str:
        if (expect, byte) in (("value or end", ord("]")), ("key or end", ord("}"))):
            self.open.pop()
            self.at += 1
            return "separator"
        if expect.startswith("value"):
            return self._value(byte)
        if expect.startswith("key"):
            self._key(byte)
            return "value"
        return self._separator(byte)

    def _value(self, byte: int) -> str:
        if byte not in b"{[":
            self._scalar(byte)
            return "separator"
        if len(self.open) >= self.depth_max:
            raise _invalid(byte, "exceeded max depth")
        self.open.append(byte)
        self.at += 1
        return "key or end" if byte == ord("{") else "value or end"

    def _separator(self, byte: int) -> str:
        bracket = self.open[-1] if self.open else None
        self.at += 1
        if byte == ord(",") and bracket is not None:
            return "key" if bracket == ord("{") else "value"
        if (bracket, byte) in ((ord("{"), ord("}")), (ord("["), ord("]"))):
            self.open.pop()
            return "separator"
        contexts = {None: "after top-level value", ord("{"): "after object key:value pair"}
        raise _invalid(byte, contexts.get(bracket, "after array element"))

    def _key(self, byte: int) -> None:
        if byte != ord('"'):
            raise _invalid(byte, "looking for beginning of object key string")
        self._string()
        if not self._skip_space():
            raise DecodeError(UNEXPECTED_END)
        if self.body[self.at] != ord(":"):
            raise _invalid(self.body[self.at], "after object key")
        self.at += 1

    def _scalar(self, byte: int) -> None:
        if byte == ord('"'):
            self._string()
        elif byte in b"-0123456789":
            self._number()
        elif byte in LITERALS:
            self._literal(LITERALS[byte])
        else:
            raise _invalid(byte, "looking for beginning of value")

    def _byte(self) -> int:
        """The byte here; at the end a space, which is what Go's scanner feeds itself there."""
        return self.body[self.at] if self.at < len(self.body) else ord(" ")

    def _skip_all(self, run: re.Pattern[bytes]) -> None:
        """Skip what ``run`` matches here; it may match nothing, and so always matches."""
        found = run.match(self.body, self.at)
        assert found is not None, "a run of any length matches anywhere"
        self.at = found.end()

    def _skip_space(self) -> bool:
        """Skip white space; False at the end."""
        self._skip_all(SPACE)
        return self.at < len(self.body)

    def _literal(self, word: bytes) -> None:
        for wanted in word:
            if self._byte() != wanted:
                raise _invalid(self._byte(), f"in literal {word.decode()} (expecting '{chr(wanted)}')")
            self.at += 1

    def _number(self) -> None:
        if self._byte() == ord("-"):
            self.at += 1
        if self._byte() == ord("0"):
            self.at += 1
        else:
            self._digits("in numeric literal")
        if self._byte() == ord("."):
            self.at += 1
            self._digits("after decimal point in numeric literal")
        if self._byte() in b"eE":
            self.at += 1
            if self._byte() in b"+-":
                self.at += 1
            self._digits("in exponent of numeric literal")

    def _digits(self, context: str) -> None:
        if self._byte() not in b"0123456789":
            raise _invalid(self._byte(), context)
        self._skip_all(DIGITS)

    def _string(self) -> None:
        """From the opening quote to behind the closing one."""
        self.at += 1
        self._skip_all(PLAIN)
        while self.at < len(self.body):
            byte = self.body[self.at]
            self.at += 1
            if byte == ord('"'):
                return
            if byte == ord("\\"):
                self._escape()
            else:
                raise _invalid(byte, "in string literal")
            self._skip_all(PLAIN)
        raise DecodeError(UNEXPECTED_END)

    def _escape(self) -> None:
        code = self._byte()
        self.at += 1
        if code == ord("u"):
            for _ in range(4):
                if self._byte() not in HEX_DIGITS:
                    raise _invalid(self._byte(), "in \\u hexadecimal character escape")
                self.at += 1
        elif code not in b'bfnrt\\/"':
            raise _invalid(code, "in string escape code")


def _invalid(byte: int, context: str) -> DecodeError:
    return DecodeError(f"invalid character '{_quoted(byte)}' {context}")


def _quoted(byte: int) -> str:
    """One byte, taken as a Latin-1 character, as Go's scanner quotes it."""
    if byte in NAMED_ESCAPES:
        return NAMED_ESCAPES[byte]
    if byte < 0x20 or byte == 0x7F:
        return f"\\x{byte:02x}"
    if 0x80 <= byte <= 0xA0 or byte == 0xAD:
        return f"\\u{byte:04x}"
    return chr(byte)
