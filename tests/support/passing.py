"""Letting time pass for schedulers on a FakeClock: from one moment at which one of them wakes to the next."""

from __future__ import annotations

from marketeer.engine.scheduler import Scheduler
from marketeer.testing import FakeClock
from tests.support.waiting import wait_until


async def pass_time(clock: FakeClock, seconds: float, *schedulers: Scheduler) -> None:
    """Nobody but these schedulers may sleep on the clock. Returns when all have seen the new time and are at rest."""

    def all_asleep() -> bool:
        return clock.sleepers == len(schedulers) and all(scheduler.at_rest for scheduler in schedulers)

    end = clock.monotonic() + seconds
    await wait_until(all_asleep)
    while clock.monotonic() < end:
        clock.advance(min(end, clock.next_wake or end) - clock.monotonic())
        await wait_until(all_asleep)
