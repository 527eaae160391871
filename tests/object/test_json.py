"""The reference's JSON model: the same cases as the Rust twin's own tests."""

from __future__ import annotations

import pytest
from pyk8s.errors import DecodeError
from pyk8s.reference.object import json
from pyk8s.reference.object.syntax import DEPTH_MAX

REFUSED = {
    b"": "unexpected end of JSON input",
    b'{"a"': "unexpected end of JSON input",
    b"{} x": "invalid character 'x' after top-level value",
    b"[1,]": "invalid character ']' looking for beginning of value",
    b'{"a":1,}': "invalid character '}' looking for beginning of object key string",
    b'{"a" 1}': "invalid character '1' after object key",
    b'{"a":1 2}': "invalid character '2' after object key:value pair",
    b"[1 2]": "invalid character '2' after array element",
    b"01": "invalid character '1' after top-level value",
    b"-": "invalid character ' ' in numeric literal",
    b"1.x": "invalid character 'x' after decimal point in numeric literal",
    b"1ex": "invalid character 'x' in exponent of numeric literal",
    b"nul": "invalid character ' ' in literal null (expecting 'l')",
    b'"\n"': "invalid character '\\n' in string literal",
    b'"\\x"': "invalid character 'x' in string escape code",
    b'"\\u12g4"': "invalid character 'g' in \\u hexadecimal character escape",
    "é".encode(): "invalid character 'Ã' looking for beginning of value",
    b"[" * (DEPTH_MAX + 1): "invalid character '[' exceeded max depth",
}


@pytest.mark.parametrize("body", REFUSED)
def test_bad_text_is_refused_in_the_words_of_go(body: bytes) -> None:
    with pytest.raises(DecodeError) as caught:
        json.parse(body)

    assert str(caught.value) == REFUSED[body]


@pytest.mark.parametrize("text", ['{"b":1.50,"a":[null,true,-0,1e3],"":{}}', '"a\\"\\\\\\n\\u0001é😀"', "[]"])
def test_writing_gives_back_what_was_read(text: str) -> None:
    assert json.to_bytes(json.parse(text.encode())) == text.encode()


def test_escapes_are_resolved_and_lone_surrogates_replaced() -> None:
    assert json.parse(rb'"\/\u00e9\ud83d\ude00\b"') == "/é😀\b"
    assert json.parse(rb'"\ud83d\ud83d\ude00\udc00x"') == "\ufffd😀\ufffdx"


def test_bytes_that_are_not_utf8_are_replaced_one_by_one() -> None:
    assert json.parse(b'"a\xf0\x9fb"') == "a\ufffd\ufffdb"


def test_duplicates_are_told_by_path_and_the_last_counts() -> None:
    value, duplicates = json.parse_strict(b'{"a":1,"b":[{"c":1,"c":2}],"a":{"d":1,"d":2}}')

    assert json.to_bytes(value) == b'{"a":{"d":2},"b":[{"c":2}]}'
    assert duplicates == ["b[0].c", "a", "a.d"]


def test_numbers_are_compared_by_value() -> None:
    assert json.parse(b"[1.0,100,1e400]") == json.parse(b"[1,1e2,1e400]")
    assert json.parse(b"9007199254740993") != json.parse(b"9007199254740992")
