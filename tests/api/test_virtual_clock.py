"""The virtual clock: time moves when told, in order, and always forward."""

from __future__ import annotations

import asyncio

from pyk8s.api.clock import VirtualClock


async def test_a_wait_too_short_for_a_float_still_moves_time() -> None:
    clock, woken = VirtualClock(), []

    async def often() -> None:
        while True:
            await clock.sleep(1e-9)
            woken.append(clock.monotonic_s())
            if len(woken) == 3:
                return

    task = asyncio.ensure_future(often())
    await clock.advance(1)

    assert task.done()
    assert woken == sorted(set(woken))


async def test_sleepers_wake_in_the_order_they_fall_due() -> None:
    clock, log = VirtualClock(), []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        log.append((name, clock.monotonic_s()))

    tasks = [asyncio.ensure_future(sleeper(*entry)) for entry in (("b", 2), ("a", 1), ("c", 2))]
    await clock.advance(minutes=1)

    assert log == [("a", 1.0), ("b", 2.0), ("c", 2.0)]
    assert clock.monotonic_s() == 60.0
    await asyncio.gather(*tasks)


async def test_a_cancelled_sleeper_leaves_no_timer() -> None:
    clock = VirtualClock()
    task = asyncio.ensure_future(clock.sleep(5))
    await clock.advance(0)

    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert clock.next_timer_s is None
