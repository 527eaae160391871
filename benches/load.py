"""A lean HTTP/1.1 load generator over TLS: many connections in one loop, one request at a time on each.

It runs in a process of its own, so that the server's interpreter is not shared; it still shares the machine.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Target:
    """A server and a bearer token."""

    host: str
    port: int
    ca: Path
    token: str

    def request(self, method: str, path: str, body: bytes = b"") -> bytes:
        """The bytes of one request."""
        head = f"{method} {path} HTTP/1.1\r\nHost: {self.host}\r\nAuthorization: Bearer {self.token}\r\n"
        head += "User-Agent: load/1.0\r\nAccept: application/json\r\n"
        if body:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        return head.encode() + b"\r\n" + body


class Connection(asyncio.Protocol):
    """Sends the next request whenever an answer is complete; understands Content-Length bodies alone."""

    def __init__(self, requests: Iterator[bytes], counts: Counts) -> None:
        self.requests, self.counts = requests, counts
        self.buffer = bytearray()
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def next(self) -> None:
        request = next(self.requests, None)
        if request is None:
            self.transport.close()
            if not self.done.done():
                self.done.set_result(None)
            return
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        buffer = self.buffer
        buffer += data
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(buffer[:end]).lower()
        at = head.index(b"content-length:") + 15
        length = int(head[at : head.find(b"\r\n", at) if head.find(b"\r\n", at) > 0 else None])
        if len(buffer) < end + 4 + length:
            return
        self.counts.add(int(head[9:12]))
        del buffer[: end + 4 + length]
        self.next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the server closed the connection"))


@dataclass
class Counts:
    by_status: dict[int, int] = field(default_factory=dict)

    def add(self, status: int) -> None:
        self.by_status[status] = self.by_status.get(status, 0) + 1


def run(
    target: Target, make: Callable[[Target, int], list[bytes]], *, connections: int
) -> tuple[float, dict[int, int]]:
    """Send ``make(target, i)``'s requests on each of the connections, from another process.

    Returns:
        (requests per second, answers by status).
    """
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.apply(_run, (target, [make(target, i) for i in range(connections)]))


def _run(target: Target, requests: list[list[bytes]]) -> tuple[float, dict[int, int]]:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_drive(target, requests))


async def _drive(target: Target, requests: list[list[bytes]]) -> tuple[float, dict[int, int]]:
    context = ssl.create_default_context(cafile=str(target.ca))
    counts, loop = Counts(), asyncio.get_running_loop()
    protocols = []
    for one in requests:
        _, protocol = await loop.create_connection(
            lambda one=one: Connection(iter(one), counts), target.host, target.port, ssl=context
        )
        protocols.append(protocol)
    begin = time.perf_counter()
    for protocol in protocols:
        protocol.next()
    await asyncio.gather(*(protocol.done for protocol in protocols))
    total = sum(counts.by_status.values())
    return total / (time.perf_counter() - begin), counts.by_status
