"""The work queue: deduplication, one worker per item, backoff and delays on the virtual clock."""

from __future__ import annotations

import asyncio

import pytest
from pyk8s.api.clock import VirtualClock
from pyk8s.client.work_queue import Backoff, ShutDown, WorkQueue


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def queue(clock: VirtualClock) -> WorkQueue[str]:
    return WorkQueue(clock, name="test")


async def test_an_item_added_twice_is_handed_out_once(queue: WorkQueue[str]) -> None:
    queue.add("a")
    queue.add("a")

    assert await queue.get() == "a"
    assert len(queue) == 0


async def test_an_item_added_while_worked_on_comes_again_after_done(queue: WorkQueue[str]) -> None:
    queue.add("a")
    await queue.get()

    queue.add("a")

    assert len(queue) == 0
    queue.done("a")
    assert await queue.get() == "a"


async def test_items_come_in_the_order_they_were_added(queue: WorkQueue[str]) -> None:
    for item in "cab":
        queue.add(item)

    assert [await queue.get() for _ in range(3)] == ["c", "a", "b"]


async def test_a_waiting_worker_is_woken_by_an_add(queue: WorkQueue[str]) -> None:
    worker = asyncio.ensure_future(queue.get())
    await asyncio.sleep(0)

    queue.add("a")

    assert await worker == "a"


async def test_a_cancelled_worker_passes_its_item_to_the_next(queue: WorkQueue[str]) -> None:
    first, second = asyncio.ensure_future(queue.get()), asyncio.ensure_future(queue.get())
    await asyncio.sleep(0)

    queue.add("a")
    first.cancel()

    assert await second == "a"


async def test_a_delayed_item_comes_when_its_time_has_come(queue: WorkQueue[str], clock: VirtualClock) -> None:
    queue.add_after("a", 10)

    await clock.advance(9.9)
    assert len(queue) == 0
    await clock.advance(0.1)
    assert len(queue) == 1


async def test_the_earliest_of_several_delays_counts_once(queue: WorkQueue[str], clock: VirtualClock) -> None:
    queue.add_after("a", 10)
    queue.add_after("a", 1)
    queue.add_after("a", 5)

    await clock.advance(1)
    assert await queue.get() == "a"
    queue.done("a")
    await clock.advance(100)

    assert len(queue) == 0
    assert queue.waiting_count == 0


async def test_no_timer_is_left_when_nothing_waits(queue: WorkQueue[str], clock: VirtualClock) -> None:
    queue.add_after("a", 1)
    await clock.advance(2)

    assert clock.next_timer_s is None


async def test_failures_double_the_delay_up_to_its_bound(clock: VirtualClock) -> None:
    backoff: Backoff[str] = Backoff(clock)

    delays = []
    for _ in range(25):
        delays.append(backoff.next_s("a"))
        await clock.advance(10)  # the bucket refills: only the item's own backoff is seen

    assert delays[:4] == [0.005, 0.01, 0.02, 0.04]
    assert delays[-1] == 1000.0
    backoff.forget("a")
    assert backoff.next_s("a") == 0.005


async def test_many_different_failures_share_one_bucket(clock: VirtualClock) -> None:
    backoff: Backoff[int] = Backoff(clock)

    delays = [backoff.next_s(item) for item in range(120)]

    assert delays[99] == 0.005
    assert delays[119] == pytest.approx(2.0)


async def test_rate_limited_items_count_their_requeues_until_forgotten(
    queue: WorkQueue[str], clock: VirtualClock
) -> None:
    queue.add_rate_limited("a")
    queue.add_rate_limited("a")
    assert queue.requeue_count("a") == 2

    await clock.advance(1)
    assert await queue.get() == "a"
    queue.forget("a")

    assert queue.requeue_count("a") == 0


async def test_shutdown_hands_out_what_is_ready_and_then_ends_workers(queue: WorkQueue[str]) -> None:
    queue.add("a")
    queue.add_after("later", 5)

    queue.shut_down()
    queue.add("b")

    assert await queue.get() == "a"
    with pytest.raises(ShutDown):
        await queue.get()


async def test_shutdown_wakes_workers_that_wait(queue: WorkQueue[str]) -> None:
    workers = [asyncio.ensure_future(queue.get()) for _ in range(3)]
    await asyncio.sleep(0)

    queue.shut_down()
    results = await asyncio.gather(*workers, return_exceptions=True)

    assert all(isinstance(result, ShutDown) for result in results)
