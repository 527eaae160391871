"""Base64 as Go's standard encoding reads and writes it.

Always true: what `decode` accepts and refuses, and the byte its error names, are Go's.
"""

from __future__ import annotations

import base64

ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
LINE_BREAKS = b"\r\n"


class CorruptInput(ValueError):
    """``offset`` is the one Go names."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"illegal base64 data at input byte {offset}")
        self.offset = offset


def encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def decode(text: bytes) -> bytes:
    """The bytes a text stands for; line breaks are skipped. Raises CorruptInput."""
    sextets = bytearray()
    for at, byte in enumerate(text):
        if byte in ALPHABET:
            sextets.append(byte)
        elif byte == ord("=") and len(sextets) % 4 >= 2:
            _check_padding(text, at + 1, len(sextets) % 4)
            break
        elif byte not in LINE_BREAKS:
            raise CorruptInput(at)
    else:
        if len(sextets) % 4:
            raise CorruptInput(len(text) - len(sextets) % 4)
    return base64.b64decode(bytes(sextets) + b"=" * (-len(sextets) % 4))


def _check_padding(text: bytes, at: int, count: int) -> None:
    """Behind the first ``=``: after two characters a second one, and then nothing but line breaks."""
    if count == 2:
        at = _skip(text, at)
        if at == len(text):
            raise CorruptInput(len(text))
        if text[at] != ord("="):
            raise CorruptInput(at - 1)
        at += 1
    at = _skip(text, at)
    if at < len(text):
        raise CorruptInput(at)


def _skip(text: bytes, at: int) -> int:
    while at < len(text) and text[at] in LINE_BREAKS:
        at += 1
    return at
