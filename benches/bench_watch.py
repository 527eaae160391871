"""Watch delay over HTTPS: 1,000 watchers of one namespace, one write at a time.

The API server runs alone, as kube-apiserver does where its figures were taken: no controller watches along.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import statistics
import time
from typing import Any

from bench_http import PATH, config_map
from clusters import running
from load import Target

WATCHERS = 1_000
WRITES = 50
WARM_WRITES = 5
GAP_S = 0.15
MARK = b'"stamp":"'


def run() -> list[dict[str, Any]]:
    with running(is_api_only=True) as cluster, multiprocessing.get_context("fork").Pool(1) as pool:
        delays = pool.apply(_measure, (cluster.target,))
    value = statistics.median(delays) * 1000
    name = "watch delay p50 with 1,000 watchers"
    return [{"name": name, "value": value, "unit": "ms", "aim": 5, "better": "lower", "reference_ratio": None}]


def _measure(target: Target) -> list[float]:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_drive(target))


async def _drive(target: Target) -> list[float]:
    """Delays in seconds from just before a write is sent until each watcher has read its event."""
    import ssl

    context = ssl.create_default_context(cafile=str(target.ca))
    delays: list[float] = []
    watchers = [await _open(target, context, delays) for _ in range(WATCHERS)]
    reader, writer = await asyncio.open_connection(target.host, target.port, ssl=context)
    for number in range(WRITES):
        if number == WARM_WRITES:
            delays.clear()
        stamp = {"stamp": repr(time.perf_counter())}
        writer.write(target.request("POST", PATH, config_map(f"w-{number}", stamp)))
        await _skip_answer(reader)
        await asyncio.sleep(GAP_S)
    for transport in watchers:
        transport.close()
    writer.close()
    assert len(delays) >= (WRITES - WARM_WRITES) * WATCHERS * 0.99, f"only {len(delays)} events arrived"
    return delays


class _Watcher(asyncio.Protocol):
    """Reads one watch with as little work as can be: a thousand of them share one interpreter and one machine."""

    def __init__(self, delays: list[float]) -> None:
        self.delays = delays
        self.is_open: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        now_s = time.perf_counter()
        if not self.is_open.done():
            self.is_open.set_result(None)
        at = data.find(MARK)
        while at >= 0:
            start = at + len(MARK)
            self.delays.append(now_s - float(data[start : data.index(b'"', start)]))
            at = data.find(MARK, start)


async def _open(target: Target, context: Any, delays: list[float]) -> Any:
    loop = asyncio.get_running_loop()
    transport, watcher = await loop.create_connection(lambda: _Watcher(delays), target.host, target.port, ssl=context)
    transport.write(target.request("GET", f"{PATH}?watch=true&resourceVersion=0"))
    await watcher.is_open
    return transport


async def _skip_answer(reader: asyncio.StreamReader) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    at = head.index(b"content-length:") + 15
    await reader.readexactly(int(head[at : head.index(b"\r\n", at)]))
