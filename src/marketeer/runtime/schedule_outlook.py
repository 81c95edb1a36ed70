"""What the schedules in force will do: when each begins next, and what a month of them is expected to cost."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from marketeer.domain.budget import month_key
from marketeer.domain.schedule import Schedule
from marketeer.domain.submission import Submission
from marketeer.engine.forecasting import forecast_of, history_of
from marketeer.ports import Clock, Store
from marketeer.runtime.loading import context_file, planned

if TYPE_CHECKING:  # what start-up must not pay for
    from marketeer.adapters.team_files import FileTeam
    from marketeer.domain.routing import Routing
    from marketeer.settings import Settings

CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """Of one enabled schedule: its next slot, goals in an average month, and US dollars for one of them."""

    schedule: Schedule
    next_slot: datetime | None
    a_month: float
    goal_usd: Decimal

    @property
    def month_usd(self) -> Decimal:
        return self.goal_usd * Decimal(self.a_month)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """`cap_usd` is the month's budget. Rows are in the order of their next slots."""

    rows: tuple[Expected, ...]
    cap_usd: Decimal

    @property
    def month_usd(self) -> Decimal:
        return sum((row.month_usd for row in self.rows), start=Decimal(0)).quantize(CENT)


async def schedule_outlook(
    settings: Settings, store: Store, clock: Clock, team: FileTeam, routing: Routing, schedules: Sequence[Schedule]
) -> Outlook:
    """Raises UsageError for a pipeline that does not exist."""
    now = clock.now()
    budget = await store.month_budget(month_key(now))
    enabled = [schedule for schedule in schedules if schedule.enabled]
    costs = await _costs(settings, store, team, routing, {schedule.pipeline for schedule in enabled}, now)
    rows = [
        Expected(
            schedule=schedule,
            next_slot=schedule.next_slot(now),
            a_month=schedule.a_month(now),
            goal_usd=costs[schedule.pipeline],
        )
        for schedule in enabled
    ]
    rows.sort(key=lambda row: (row.next_slot is None, row.next_slot or now))
    return Outlook(rows=tuple(rows), cap_usd=budget.cap_usd if budget is not None else settings.budget_monthly)


async def _costs(
    settings: Settings, store: Store, team: FileTeam, routing: Routing, pipelines: set[str], now: datetime
) -> Mapping[str, Decimal]:
    """Of one goal of each pipeline. The product context is written once, so it is no part of any."""
    context = await asyncio.to_thread(context_file, settings)
    costs = {}
    for name in sorted(pipelines):
        asked = Submission(description=f"Run {name}", rehearsal=False, pipeline=name)
        goal, plan = planned(asked, team, routing, context or "-", now=now)
        forecast = forecast_of(
            goal,
            plan,
            team,
            context=context,
            history=await history_of(store, plan),
            parallel=settings.max_parallel_agents,
            depth=settings.marketeer_review,
        )
        costs[name] = forecast.cost.expected_usd
    return costs
