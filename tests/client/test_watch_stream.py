"""The bytes of a watch: any cut into chunks gives the same events; garbage is an error, never an event."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyk8s.api.status import StatusError
from pyk8s.client.watch import LineBuffer, WatchProtocolError, events, parse_line

LINES = b"".join(
    orjson.dumps({"type": kind, "object": {"metadata": {"name": f"n{number}"}}}) + b"\n"
    for number, kind in enumerate(["ADDED", "MODIFIED", "BOOKMARK", "DELETED"])
)


async def chunks(data: bytes, cuts: list[int]) -> AsyncIterator[bytes]:
    edges = [0, *sorted(cuts), len(data)]
    for start, end in itertools.pairwise(edges):
        yield data[start:end]


@given(st.lists(st.integers(0, len(LINES)), max_size=8))
async def test_events_do_not_depend_on_how_the_stream_is_cut(cuts: list[int]) -> None:
    seen = [event.type async for event in events(chunks(LINES, cuts))]

    assert seen == ["ADDED", "MODIFIED", "BOOKMARK", "DELETED"]


@given(st.binary(max_size=200))
def test_no_line_of_garbage_becomes_anything_but_a_named_error(data: bytes) -> None:
    with pytest.raises((WatchProtocolError, StatusError)):
        parse_line(data)


def test_an_endless_line_is_refused() -> None:
    buffer = LineBuffer(bytes_max=10)
    buffer.feed(b"12345")

    with pytest.raises(WatchProtocolError):
        buffer.feed(b"6789012")


def test_an_error_event_is_raised_as_its_status() -> None:
    status = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}

    with pytest.raises(StatusError) as raised:
        parse_line(orjson.dumps({"type": "ERROR", "object": status}))

    assert (raised.value.code, raised.value.reason) == (410, "Expired")
