"""Uids and random names, passed in: from the machine's entropy, or from a seed.

Always true: everything random in pyk8s comes from an `Identity` given by the composition root.
"""

from __future__ import annotations

import random

NAME_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
GENERATED_PREFIX_MAX = 58
UUID4_MASK = ~(0xF << 76 | 0x3 << 62)
UUID4_BITS = 0x4 << 76 | 0x2 << 62


class Identity:
    """A source of uids, name suffixes and jitter, never of secrets. ``seed`` None: seeded by the machine's entropy.

    Every answer takes a uid, and asking the machine for each would cost a system call.
    """

    def __init__(self, seed: int | None = None) -> None:
        self.random: random.Random = random.Random(seed)

    def uid(self) -> str:
        """An RFC 4122 version 4 uid, lower-case."""
        bits = self.random.getrandbits(128) & UUID4_MASK | UUID4_BITS
        text = f"{bits:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def suffix(self, length: int = 5) -> str:
        return "".join(self.random.choices(NAME_ALPHABET, k=length))

    def generate_name(self, prefix: str) -> str:
        """What the API server makes of metadata.generateName: at most 63 characters."""
        return prefix[:GENERATED_PREFIX_MAX] + self.suffix()
