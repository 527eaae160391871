"""The smaller parts of a benchmark: beats, progress, deletion, durations, the ledger's counts."""

from __future__ import annotations

import io
import os
from typing import Any

import orjson
import pytest
from pyk8s import core
from pyk8s.api.clock import VirtualClock
from pyk8s.simulate.bench import memory
from pyk8s.simulate.bench.background import GradualActivity
from pyk8s.simulate.bench.deletion import delete_object
from pyk8s.simulate.bench.durations import parse_duration_s
from pyk8s.simulate.bench.kinds import PODS
from pyk8s.simulate.bench.ledger import Collector, Ledger
from pyk8s.simulate.bench.metrics import Throughput
from pyk8s.simulate.bench.progress import Lines

NOW_S = 1_000_000_000.0


@pytest.mark.parametrize(
    ("text", "seconds"), [("10s", 10), ("500ms", 0.5), ("1m30s", 90), ("1.5h", 5400), ("-2s", -2), ("2us", 2e-6)]
)
def test_durations_are_read_as_go_writes_them(text: str, seconds: float) -> None:
    assert parse_duration_s(text) == pytest.approx(seconds)


@pytest.mark.parametrize("value", ["", "10", "s", "1 s", "1d", 10])
def test_what_is_no_duration_is_told(value: Any) -> None:
    with pytest.raises(ValueError, match="is no duration; write it as '10s', '500ms' or '1m30s'"):
        parse_duration_s(value)


async def test_gradual_work_catches_up_on_the_beats_it_missed() -> None:
    done: list[int] = []

    async def act(index: int) -> None:
        done.append(index)

    activity = GradualActivity(10, 10, 100.0, act)

    await activity.fire(100.1)
    assert done == [0]
    await activity.fire(100.55)
    assert done == [0, 1, 2, 3, 4] and not activity.is_done
    await activity.fire(200.0)
    assert done == list(range(10)) and activity.is_done


async def test_lines_tell_of_a_long_stage_every_few_seconds() -> None:
    clock, file = VirtualClock(), io.StringIO()
    lines = Lines(file, clock)

    lines.start("pods", 2000)
    lines.update(10)
    await clock.advance(6)
    lines.update(1500)
    lines.update(1600)

    assert file.getvalue() == "pods\npods: 1,500 of 2,000\n"


@pytest.mark.parametrize(
    ("spec", "metadata", "grace_s", "expected"),
    [
        ({}, {}, None, "gone"),
        ({"nodeName": "n", "terminationGracePeriodSeconds": 0}, {}, None, "gone"),
        ({"nodeName": "n"}, {}, None, "marked"),
        ({"nodeName": "n"}, {}, 0, "gone"),
        ({}, {"finalizers": ["example.com/keep"]}, 0, "marked"),
    ],
)
def test_pods_are_deleted_as_the_server_does_it(
    spec: dict[str, Any], metadata: dict[str, Any], grace_s: int | None, expected: str
) -> None:
    store, key = core.Store(objects=True), PODS.key("n", "p")
    pod = {"kind": "Pod", "metadata": {"name": "p", "namespace": "n", **metadata}, "spec": spec}
    store.create(key, orjson.dumps(pod))

    how, _ = delete_object(store, key, NOW_S, grace_s)

    kv = store.get(key)
    assert how == expected and (kv is None) is (expected == "gone")
    if kv is not None:
        assert orjson.loads(kv.value)["metadata"]["deletionTimestamp"] >= "2001-09-09T01:46:40Z"


def test_the_ledger_counts_what_waits_and_what_a_collector_asked_for() -> None:
    ledger = Ledger()
    first = ledger.open_set("a", {"role": "x"})
    ledger.created(first, ["1", "2", "3"], is_gated=False)
    collector = ledger.start(Collector("c", ["a"], {"role": "x"}, Throughput(0.0)))
    other = ledger.open_set("b", {"role": "x"})
    ledger.created(other, ["4"], is_gated=True)

    ledger.bound(["1", "1", "unknown", "4"], 1.0)
    ledger.attempted("2", "no room")
    ledger.gone("3")

    assert (first.open_count, other.open_count, collector.throughput.count) == (1, 0, 1)
    assert ledger.is_settled(["a"], {}, is_attempted=True)
    assert not ledger.is_settled(["a"], {}, is_attempted=False)
    assert ledger.is_settled(["b"], {}, is_attempted=False)
    assert ledger.keys("a", {}) == ["1", "2"]


def test_memory_is_told_of_this_process_and_of_others() -> None:
    assert memory.peak_bytes() > 1 << 20
    assert memory.peak_bytes_of(os.getpid()) > 1 << 20
    assert memory.peak_bytes_of(2**22 + 1) == 0
