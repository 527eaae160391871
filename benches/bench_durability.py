"""Durable writes: fsync with group commit beside the disk's own rate of single fsyncs; buffered writes; recovery."""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pyk8s import _core as rust
from pyk8s import reference

RUNS = 5
RUN_S = 1.0
WRITERS = 64
VALUE = b'{"metadata":{"name":"a","uid":"b"},"text":"%s"}' % (b"x" * 960)
OUT = Path(__file__).parent / "out"


def run() -> list[dict[str, Any]]:
    OUT.mkdir(exist_ok=True)
    # Beside the results, for /tmp may be no disk at all.
    scratch = Path(tempfile.mkdtemp(dir=OUT))
    try:
        return rows(scratch)
    finally:
        shutil.rmtree(scratch)


def rows(scratch: Path) -> list[dict[str, Any]]:
    pairs = [(single_fsyncs_per_s(scratch), group_commits_per_s(scratch, number)) for number in range(RUNS)]
    single = statistics.median(single for single, _ in pairs)
    group = statistics.median(group for _, group in pairs)
    # Each round's own ratio: the disk's rate drifts from one second to the next.
    ratio = statistics.median(group / single for single, group in pairs)
    buffered = statistics.median(buffered_writes_per_s(rust, scratch / f"rust{number}") for number in range(RUNS))
    beside = buffered / buffered_writes_per_s(reference, scratch / "reference")
    return [
        row("durable writes, fsync with group commit, 64 writers", ratio, "× the single-fsync rate", 20.0),
        row("the same, writes", group, "/s", None),
        row("single fsyncs of the disk", single, "/s", None),
        row("durable writes, buffered, one writer, 1 KB objects", buffered, "/s", None, reference_ratio=beside),
        row("recovery of 50,000 writes of 1 KB", recovery_s(scratch) * 1000, "ms", None, better="lower"),
    ]


def rate(work: Callable[[int], object]) -> float:
    """Calls per second over RUN_S."""
    begin, count = time.perf_counter(), 0
    while time.perf_counter() - begin < RUN_S:
        work(count)
        count += 1
    return count / (time.perf_counter() - begin)


def single_fsyncs_per_s(scratch: Path) -> float:
    """What the disk gives to one who writes 1 KB and waits for it, again and again."""
    descriptor = os.open(scratch / "single", os.O_CREAT | os.O_WRONLY | os.O_APPEND)

    def write(_: int) -> None:
        os.write(descriptor, VALUE)
        os.fdatasync(descriptor)

    try:
        return rate(write)
    finally:
        os.close(descriptor)


def group_commits_per_s(scratch: Path, number: int) -> float:
    store = rust.Store.open(str(scratch / f"group{number}"), objects=True, durability="fsync")
    counts = [0] * WRITERS
    end = threading.Event()

    def write(writer: int) -> None:
        while not end.is_set():
            store.put(f"/writers/{writer}", VALUE)
            counts[writer] += 1

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(WRITERS)]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    end.wait(RUN_S)
    end.set()
    for thread in threads:
        thread.join()
    taken_s = time.perf_counter() - begin
    store.close()
    return sum(counts) / taken_s


def buffered_writes_per_s(engine: Any, path: Path) -> float:
    store = engine.Store.open(str(path), objects=True, durability="buffered")
    measured = rate(lambda count: store.put(f"/objects/{count % 1000}", VALUE))
    store.close()
    shutil.rmtree(path)
    return measured


def recovery_s(scratch: Path) -> float:
    path = str(scratch / "recovered")
    store = rust.Store.open(path, objects=True, durability="buffered", wal_bytes_max=1 << 30)
    for count in range(50_000):
        store.put(f"/objects/{count}", VALUE)
    store.close()
    begin = time.perf_counter()
    store = rust.Store.open(path, objects=True)
    taken_s = time.perf_counter() - begin
    assert store.count("/objects/") == 50_000
    store.close()
    return taken_s


def row(
    name: str,
    value: float,
    unit: str,
    aim: float | None,
    *,
    better: str = "higher",
    reference_ratio: float | None = None,
) -> dict[str, Any]:
    return {
        "name": name,
        "value": value,
        "unit": unit,
        "aim": aim,
        "better": better,
        "reference_ratio": reference_ratio,
    }
