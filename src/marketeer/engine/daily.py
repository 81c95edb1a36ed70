"""Daily: the pages of budget and metrics, closed with each day (UTC) and begun with the next."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from marketeer.engine.budget_page import BudgetPage
from marketeer.engine.metrics_page import MetricsPage
from marketeer.engine.racing import race
from marketeer.ports import Clock, Doorbell

# How long a day's page may hold back what it knows after its last goal.
FLUSH_EVERY_S = 60.0
# A machine that sleeps or a clock that jumps is noticed at the latest after so long.
LONGEST_SLEEP_S = 3600.0


class Daily:
    def __init__(self, *, budget: BudgetPage, metrics: MetricsPage, doorbell: Doorbell, clock: Clock) -> None:
        self._budget = budget
        self._metrics = metrics
        self._doorbell = doorbell
        self._clock = clock

    async def run(self) -> None:
        """Until cancelled. The first look also closes the day before, which a daemon that was down has not closed."""
        closed = _midnight(self._clock.now())
        await self._turn(closed)
        while True:
            await self._wait(closed + timedelta(days=1))
            today = _midnight(self._clock.now())
            if today > closed:
                closed = today
                await self._turn(closed)
            await self._metrics.flush()

    async def _turn(self, midnight: datetime) -> None:
        last = midnight - timedelta(microseconds=1)
        await self._budget.close_day(last)
        await self._metrics.close_day(last)
        await self._budget.refresh()
        await self._metrics.refresh()

    async def _wait(self, until: datetime) -> None:
        """To the next midnight, or a while after something was committed."""
        left_s = max(0.0, (until - self._clock.now()).total_seconds())
        seen = self._doorbell.rings
        await race(self._clock.sleep(min(left_s, LONGEST_SLEEP_S)), self._doorbell.wait(seen, LONGEST_SLEEP_S))
        left_s = max(0.0, (until - self._clock.now()).total_seconds())
        await self._clock.sleep(min(left_s, FLUSH_EVERY_S))


def _midnight(now: datetime) -> datetime:
    return datetime.combine(now.astimezone(UTC).date(), time(), tzinfo=UTC)
