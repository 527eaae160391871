"""What scripts cannot tell of the store: threads, event loops, types, and the errors' facts."""

from __future__ import annotations

import asyncio
import select
import threading
from typing import Any

import pytest
from pyk8s import errors
from pyk8s.core.aio import Wakeups


def test_refusals_carry_their_facts(engine: Any) -> None:
    store = engine.Store()
    store.put("/a", b"x")

    with pytest.raises(errors.KeyExists) as exists:
        store.create("/a", b"y")
    with pytest.raises(errors.KeyNotFound) as missing:
        store.delete("/b")
    with pytest.raises(errors.Conflict) as conflict:
        store.update("/a", b"y", expected=9)
    with pytest.raises(errors.FutureRevision) as future:
        store.get("/a", 5)
    with pytest.raises(errors.LeaseNotFound) as lease:
        store.put("/a", b"y", lease=4)

    assert exists.value.key == "/a"
    assert missing.value.key == "/b"
    assert (conflict.value.key, conflict.value.expected, conflict.value.actual) == ("/a", 9, 2)
    assert (future.value.revision, future.value.current) == (5, 2)
    assert lease.value.lease == 4


def test_compaction_and_overflow_carry_their_facts(engine: Any) -> None:
    store = engine.Store()
    watch = store.watch("/", backlog_max=1)
    for value in (b"1", b"2", b"3"):
        store.put("/a", value)
    store.compact(3)

    with pytest.raises(errors.Compacted) as compacted:
        store.get("/a", 2)
    watch.poll()
    with pytest.raises(errors.WatchOverflow) as overflow:
        watch.poll()

    assert (compacted.value.revision, compacted.value.compact_revision) == (2, 3)
    assert overflow.value.backlog_max == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.put("", b"x"),
        lambda store: store.delete(""),
        lambda store: store.txn([], [("get", "")]),
        lambda store: store.txn([], [("move", "/a")]),
        lambda store: store.txn([("/a", "size", "=", 1)], []),
        lambda store: store.txn([("/a", "mod", "~", 1)], []),
        lambda store: store.txn([("/a", "value", "=", 1)], []),
        lambda store: store.txn([("/a", "mod", "=", b"1")], []),
        lambda store: store.lease_grant(-1.0, now_s=0.0),
        lambda store: store.lease_grant(1.0, now_s=0.0, lease=-3),
    ],
)
def test_calls_that_no_state_makes_right_are_value_errors(engine: Any, call: Any) -> None:
    store = engine.Store()

    with pytest.raises(ValueError):
        call(store)

    assert store.revision == 1


def test_object_that_cannot_be_read_is_a_decode_error(engine: Any) -> None:
    store = engine.Store(objects=True)

    for body in (b"", b"{", b"[]", b"\xff", b'{"metadata":1}', b"[" * 10_000):
        with pytest.raises(errors.DecodeError):
            store.put("/a", body)

    assert store.revision == 1


def test_values_are_any_bytes(engine: Any) -> None:
    store = engine.Store()

    for value in (b"", b"\x00\xff", bytes(3 << 20)):
        assert store.put("/a", value).value == value
        assert store.get("/a").value == value


def test_closed_store_refuses_writes_and_goes_on_reading(engine: Any) -> None:
    store = engine.Store()
    store.put("/a", b"x")
    watch = store.watch("/")
    store.close()
    store.close()

    for call in (lambda: store.put("/a", b"y"), lambda: store.watch("/"), lambda: store.compact(2)):
        with pytest.raises(ValueError, match="closed"):
            call()
    assert store.get("/a").value == b"x"
    assert watch.poll() == []


def test_watch_that_nobody_holds_is_taken_out(engine: Any) -> None:
    store = engine.Store()
    watch = store.watch("/")
    assert store.stats()["watchers"] == 1

    watch.close()
    del watch

    assert store.stats()["watchers"] == 0


def test_writers_in_threads_lose_nothing(engine: Any) -> None:
    store = engine.Store()
    watch = store.watch("/", backlog_max=10_000)
    start = threading.Barrier(8)

    def write(writer: int) -> None:
        start.wait(timeout=20)
        for i in range(50):
            store.put(f"/{writer}/{i}", b"x")
            while not count_up():
                pass

    def count_up() -> bool:
        kv = store.get("/total")
        value = b"%d" % (int(kv.value) + 1 if kv else 1)
        return bool(
            store.txn([("/total", "mod", "=", kv.mod_revision if kv else 0)], [("put", "/total", value, 0)]).succeeded
        )

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert store.get("/total").value == b"400"
    revisions = [event.revision for event in watch.poll(10_000)]
    assert revisions == list(range(2, store.revision + 1))
    assert len(revisions) == 800


def test_notifier_is_readable_while_there_is_something_to_tell(engine: Any) -> None:
    store = engine.Store()
    notifier = store.notifier()
    watch = store.watch("/", notifier=notifier)

    def is_readable() -> bool:
        return bool(select.select([notifier.fileno()], [], [], 0)[0])

    assert not is_readable()
    store.put("/a", b"1")
    assert is_readable()
    assert notifier.ready() == [watch.id]
    assert not is_readable()
    store.put("/a", b"2")
    assert not is_readable(), "it was told already and not polled since"
    watch.poll()
    store.put("/a", b"3")
    assert is_readable()
    watch.close()
    assert not is_readable()
    notifier.close()
    with pytest.raises(ValueError, match="closed"):
        notifier.fileno()


async def test_many_watches_wait_on_one_descriptor(engine: Any) -> None:
    store = engine.Store()
    wakeups = Wakeups(store.notifier())
    watches = [store.watch(f"/{i}/", notifier=wakeups.notifier) for i in range(200)]

    async def first_event(watch: Any) -> str:
        while not (events := watch.poll()):
            await wakeups.wait(watch)
        return str(events[0].kv.key)

    waiting = [asyncio.create_task(first_event(watch)) for watch in watches]
    await asyncio.sleep(0)
    await asyncio.to_thread(lambda: [store.put(f"/{i}/x", b"1") for i in range(200)])
    keys = await asyncio.wait_for(asyncio.gather(*waiting), timeout=30)

    assert keys == [f"/{i}/x" for i in range(200)]
    wakeups.close()


async def test_wakeup_between_poll_and_wait_is_not_lost(engine: Any) -> None:
    store = engine.Store()
    wakeups = Wakeups(store.notifier())
    watch = store.watch("/", notifier=wakeups.notifier)
    assert watch.poll() == []

    store.put("/a", b"1")
    for _ in range(5):
        await asyncio.sleep(0)

    await asyncio.wait_for(wakeups.wait(watch), timeout=10)
    assert len(watch.poll()) == 1
    wakeups.close()


async def test_closing_the_wakeups_wakes_who_waits(engine: Any) -> None:
    store = engine.Store()
    wakeups = Wakeups(store.notifier())
    watch, other = (store.watch("/", notifier=wakeups.notifier) for _ in range(2))
    waiting = asyncio.create_task(wakeups.wait(watch))
    forgotten = asyncio.create_task(wakeups.wait(other))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="another task"):
        await wakeups.wait(watch)

    wakeups.forget(other)
    await asyncio.wait_for(forgotten, timeout=10)
    wakeups.close()

    with pytest.raises(RuntimeError, match="closed"):
        await asyncio.wait_for(waiting, timeout=10)
    with pytest.raises(RuntimeError, match="closed"):
        await wakeups.wait(watch)


def test_polling_while_others_write_and_compact_skips_nothing(engine: Any) -> None:
    store = engine.Store()
    for i in range(200):
        store.put("/a", b"%d" % i)
    watch = store.watch("/", start_revision=2)
    is_done = threading.Event()

    def write() -> None:
        for i in range(200, 400):
            store.put("/a", b"%d" % i)
        is_done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen: list[int] = []
    while not is_done.is_set() or len(seen) < 400:
        seen += [int(event.kv.value) for event in watch.poll(7)]
        assert len(seen) <= 400
    writer.join(timeout=60)

    assert seen == list(range(400))
