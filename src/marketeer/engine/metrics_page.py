"""The metrics page: `metrics/<date>-report.md`, what the goals that ended on that day (UTC) took and brought."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta

from marketeer.domain.metrics import Metrics
from marketeer.engine.day_page import DayPage
from marketeer.engine.library import Library
from marketeer.engine.metrics_view import SKILL_COLUMNS, facts, skill_rows
from marketeer.ports import Clock, Store

# Of the time, at most one part in so many goes into this page, however many goals end.
REST_FOR_WORK = 50
LEAST_REST_S = 1.0


class MetricsPage:
    """`refresh` may be called as often as goals end; `flush` writes what a rest has held back."""

    def __init__(self, store: Store, library: Library, clock: Clock) -> None:
        self._store = store
        self._page = DayPage("report", store, library)
        self._clock = clock
        self._writing = asyncio.Lock()
        self._is_due = False
        self._not_before = 0.0

    async def refresh(self) -> None:
        self._is_due = True
        if not self._writing.locked() and self._clock.monotonic() >= self._not_before:
            await self.flush()

    async def close_day(self, last: datetime) -> None:
        """The page of a day that has ended, where there is one, as it stood at its `last` moment."""
        async with self._writing:
            if await self._page.is_there(last):
                await self._write(last)

    async def flush(self) -> None:
        async with self._writing:
            if not self._is_due:
                return
            self._is_due = False
            began = self._clock.monotonic()
            await self._write(self._clock.now())
            ended = self._clock.monotonic()
            self._not_before = ended + max(LEAST_REST_S, REST_FOR_WORK * (ended - began))

    async def _write(self, now: datetime) -> None:
        begin = datetime.combine(now.date(), time(), tzinfo=UTC)
        metrics = await self._store.metrics(now=now, ended_from=begin, ended_before=begin + timedelta(days=1))
        await self._page.put("\n".join(page(metrics, now)) + "\n", now)


def page(metrics: Metrics, now: datetime) -> Iterator[str]:
    yield f"# Work of {now:%Y-%m-%d}"
    yield ""
    yield f"Goals that ended on this day (UTC), as of {now:%H:%M}. Rehearsals are not counted."
    yield ""
    for what, how_much in facts(metrics):
        yield f"- **{what}:** {how_much}"
    yield ""
    yield "## By skill"
    yield ""
    yield f"| {' | '.join(name.capitalize() for name in SKILL_COLUMNS)} |"
    yield f"|{'---|' * len(SKILL_COLUMNS)}"
    for row in skill_rows(metrics):
        yield f"| {' | '.join(row)} |"
