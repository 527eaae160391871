"""Bytes for clients: pages of a list, and watch events as JSON lines.

Always true: objects are copied as they are stored; nothing is decoded.
Not here: the list's own head and metadata (the API server writes them).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyk8s.reference.store.version import Event, KeyValue


@dataclass(frozen=True, slots=True)
class RangeResult:
    items: Sequence[KeyValue]
    more: bool
    count: int
    revision: int


@dataclass(frozen=True, slots=True)
class EncodedList:
    body: bytes
    item_count: int
    more: bool
    last_key: str
    remaining_count: int
    revision: int


def event_line(event: Event) -> bytes:
    """One line of a watch answer."""
    return b'{"type":"%s","object":%s}\n' % (event.type.encode(), event.kv.value)


def list_body(items: Sequence[KeyValue], *, strip_type: bool) -> bytes:
    """The values joined by commas, without kind and apiVersion when asked so."""
    return b",".join(_without_type(kv) if strip_type else kv.value for kv in items)


def _without_type(kv: KeyValue) -> bytes:
    return kv.value if kv.envelope is None else kv.envelope.without_type(kv.value)
