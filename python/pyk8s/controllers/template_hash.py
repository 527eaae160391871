"""The hash of a pod template: what makes a ReplicaSet's name and its pod-template-hash label.

Always true: equal templates (and collision counts) have equal hashes; upstream's alphabet and length.
Not here: upstream's exact value, which hangs on the memory layout of its types and cannot be derived from JSON.
"""

from __future__ import annotations

from typing import Any

import orjson

from pyk8s.api.identity import NAME_ALPHABET

FNV_OFFSET = 2166136261
FNV_PRIME = 16777619
MASK = 0xFFFFFFFF


def fnv32a(data: bytes) -> int:
    """32-bit FNV-1a."""
    value = FNV_OFFSET
    for byte in data:
        value = ((value ^ byte) * FNV_PRIME) & MASK
    return value


def safe_encode(text: str) -> str:
    """Each byte as a letter of the alphabet of generated names, modulo its length."""
    return "".join(NAME_ALPHABET[byte % len(NAME_ALPHABET)] for byte in text.encode())


def template_hash(template: dict[str, Any], collision_count: int | None = None) -> str:
    """Up to ten letters for a pod template."""
    data = orjson.dumps(template, option=orjson.OPT_SORT_KEYS)
    if collision_count is not None:
        data += (collision_count & MASK).to_bytes(4, "little") + bytes(4)
    return safe_encode(str(fnv32a(data)))
