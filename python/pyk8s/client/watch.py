"""The watch stream's bytes as events: JSON lines cut out of chunks, one event each.

Always true: a line never grows past `WATCH_LINE_BYTES_MAX`; an ERROR event ends the stream as a StatusError.
Not here: opening a stream (see `rest`), going on after a drop (see `reflector`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any, Literal, cast

import orjson

from pyk8s.api.status import StatusError
from pyk8s.client.interfaces import WatchEvent

Json = dict[str, Any]
EventType = Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"]
EVENT_TYPES = frozenset(("ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"))

# A stored object is at most 3 MiB as a request; its JSON with every character escaped stays below five times that.
WATCH_LINE_BYTES_MAX = 16 << 20
INITIAL_EVENTS_END = "k8s.io/initial-events-end"


@dataclass(slots=True)
class Event:
    """One event of a watch, as `WatchEvent` of the interfaces."""

    type: EventType
    object: Json


class WatchProtocolError(ConnectionError):
    """The stream held something that is no watch event: it is dropped and watched anew."""


class LineBuffer:
    """Cuts chunks of any size into whole lines."""

    def __init__(self, bytes_max: int = WATCH_LINE_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._rest = bytearray()

    def feed(self, chunk: bytes) -> bytes:
        """The whole lines that are complete now, b"" when none is. Raises WatchProtocolError for an endless line."""
        end = chunk.rfind(b"\n") + 1
        lines = b""
        if end:
            lines = bytes(self._rest) + chunk[:end] if self._rest else chunk[:end]
            self._rest.clear()
        self._rest += chunk[end:]
        if len(self._rest) > self._bytes_max:
            raise WatchProtocolError(f"a watch event is longer than {self._bytes_max} bytes")
        return lines


def parse_line(line: bytes) -> Event:
    """One event. Raises WatchProtocolError, and StatusError for an ERROR event."""
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise WatchProtocolError(f"a watch event is not JSON: {error}") from error
    if not isinstance(document, dict) or document.get("type") not in EVENT_TYPES:
        raise WatchProtocolError("a watch event has no known type")
    obj = document.get("object")
    if not isinstance(obj, dict):
        raise WatchProtocolError("a watch event holds no object")
    if document["type"] == "ERROR":
        raise StatusError.from_dict(obj)
    return Event(cast(EventType, document["type"]), obj)


def parse_lines(lines: bytes) -> Iterator[Event]:
    for line in lines.split(b"\n"):
        if line:
            yield parse_line(line)


async def events(stream: AsyncIterator[bytes]) -> AsyncIterator[Event]:
    """Every event of a stream of chunks, to its end."""
    buffer = LineBuffer()
    async for chunk in stream:
        for event in parse_lines(buffer.feed(chunk)):
            yield event


def is_initial_events_end(event: WatchEvent) -> bool:
    """True for the bookmark that closes the initial events of a ``sendInitialEvents`` watch."""
    if event.type != "BOOKMARK":
        return False
    annotations = event.object.get("metadata", {}).get("annotations") or {}
    return annotations.get(INITIAL_EVENTS_END) == "true"
