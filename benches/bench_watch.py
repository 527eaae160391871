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
LINE_BYTES_MAX = 1 << 20
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
    watchers = [await _open(target, context) for _ in range(WATCHERS)]
    tasks = [asyncio.create_task(_read(reader, delays)) for reader, _ in watchers]
    reader, writer = await asyncio.open_connection(target.host, target.port, ssl=context)
    for number in range(WRITES):
        if number == WARM_WRITES:
            delays.clear()
        stamp = {"stamp": repr(time.perf_counter())}
        writer.write(target.request("POST", PATH, config_map(f"w-{number}", stamp)))
        await _skip_answer(reader)
        await asyncio.sleep(GAP_S)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for _, one in [*watchers, (reader, writer)]:
        one.close()
    assert len(delays) >= (WRITES - WARM_WRITES) * WATCHERS * 0.99, f"only {len(delays)} events arrived"
    return delays


async def _open(target: Target, context: Any) -> Any:
    reader, writer = await asyncio.open_connection(target.host, target.port, ssl=context, limit=LINE_BYTES_MAX)
    writer.write(target.request("GET", f"{PATH}?watch=true&resourceVersion=0"))
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def _read(reader: asyncio.StreamReader, delays: list[float]) -> None:
    while line := await reader.readline():
        at = line.find(MARK)
        if at >= 0:
            start = at + len(MARK)
            delays.append(time.perf_counter() - float(line[start : line.index(b'"', start)]))


async def _skip_answer(reader: asyncio.StreamReader) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    at = head.index(b"content-length:") + 15
    await reader.readexactly(int(head[at : head.index(b"\r\n", at)]))
