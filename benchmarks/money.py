"""A year in the ledger: how long it takes to say what the month's money went for, and what one booking costs."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median

from benchmarks.figures import Figure, Place, Result, spread
from marketeer.adapters.sqlite import ledger as ledger_sql
from marketeer.adapters.sqlite.store import SqliteStore
from marketeer.adapters.system_clock import SystemClock
from marketeer.adapters.workspace import FileWorkspace
from marketeer.domain.advance import begin
from marketeer.domain.health import BudgetState, Check, check_scheduler
from marketeer.domain.ledger import Call, Reservation, estimate
from marketeer.domain.submission import Submission, new_goal
from marketeer.domain.usage import Tier, Usage
from marketeer.domain.work import WorkKind
from marketeer.engine.budget_view import budget_view
from marketeer.engine.health import look_at_health

LIMIT_MS = 5.0
YEAR = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 12, 31, 12, tzinfo=UTC)
SKILLS = 26
CALLS_A_GOAL = 9
CAP_USD = Decimal(1_000)
MODELS = (("claude-sonnet-5-5", Tier.SONNET), ("claude-opus-5-5", Tier.OPUS), ("claude-haiku-5-5", Tier.HAIKU))
KINDS = (WorkKind.EXECUTE, WorkKind.EXECUTE, WorkKind.EXECUTE, WorkKind.REVIEW, WorkKind.PLAN, WorkKind.REPORT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    calls: int = 100_000
    runs: int = 31


FULL = Size()
TINY = Size(calls=300, runs=1)


def run(place: Place, size: Size = FULL) -> Result:
    return asyncio.run(_run(place.sub("money") / "marketeer.db", size))


async def _run(path: Path, size: Size) -> Result:
    store = SqliteStore(path)
    await store.open()
    await store.set_month_cap("2026-01", CAP_USD, who="benchmark", now=YEAR)
    await _goals(store, size.calls // CALLS_A_GOAL + 1)
    booked_s = _book(path, size)
    month = f"{NOW:%Y-%m}"

    async def level() -> None:
        await store.data_version()
        budget, spend = await store.month_budget(month), await store.month_spend(month)
        assert budget is not None
        budget.level(spend.settled_usd)

    async def budget() -> None:
        await budget_view(store, NOW, usual_cap_usd=CAP_USD)

    async def health() -> None:
        await look_at_health(
            store,
            SystemClock(),
            disk=FileWorkspace(path.parent).disk,
            budget=money,
            has_key=True,
            worked_on=False,
            schedules=no_schedules,
        )

    async def no_schedules() -> Check:
        return check_scheduler(running=False)

    async def money() -> BudgetState:
        budget, spend = await store.month_budget(month), await store.month_spend(month)
        assert budget is not None
        return BudgetState(level=budget.level(spend.settled_usd), settled_usd=spend.settled_usd, cap_usd=budget.cap_usd)

    figures = [
        await _figure("the month's level", level, size),
        await _figure("the whole of `marketeer health`", health, size),
        await _figure("the whole of `marketeer budget`", budget, size),
        Figure(what="booking a call, its sums included", value=booked_s / size.calls * 1e6, unit="µs of SQL"),
    ]
    await store.close()
    return Result(
        name="money",
        method=f"{size.calls:,} calls over a year, {CALLS_A_GOAL} a goal, by {SKILLS} skills on three models, booked "
        "through the ledger's own statements. The questions are asked of the last month, through the store.",
        figures=tuple(figures),
    )


async def _figure(what: str, ask: Callable[[], Awaitable[None]], size: Size) -> Figure:
    await ask()
    times, work = [], []
    for _ in range(size.runs):
        began, worked = time.perf_counter(), time.process_time()
        await ask()
        times.append((time.perf_counter() - began) * 1000)
        work.append((time.process_time() - worked) * 1000)
    note = f"by the clock {median(times):.1f} ms, {spread(times, 'ms')}"
    return Figure(what=what, value=median(work), unit="ms of processor time", limit=LIMIT_MS, note=note)


async def _goals(store: SqliteStore, count: int) -> None:
    changes = []
    for number in range(count):
        asked = Submission(description="A year of work", rehearsal=False)
        changes.append(begin(new_goal(asked, token=f"g{number:07d}", now=YEAR), YEAR))
    for at in range(0, count, 200):
        await asyncio.gather(*(store.commit(change) for change in changes[at : at + 200]))


def _book(path: Path, size: Size) -> float:
    """Seconds that the statements took."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.row_factory = sqlite3.Row
    calls = [_call(number, size.calls) for number in range(size.calls)]
    began = time.perf_counter()
    connection.execute("BEGIN IMMEDIATE")
    for call in calls:
        ledger_sql.settle(connection, call)
    connection.execute("COMMIT")
    took_s = time.perf_counter() - began
    # Forecasts are graded where goals had one and were finished.
    connection.execute(
        "UPDATE goals SET status = 'completed', finished_at = created_at, forecast_microusd = 1000000"
        " WHERE goal_id IN (SELECT goal_id FROM calls)"
    )
    connection.execute("UPDATE work_items SET state = 'done'")
    connection.close()
    return took_s


def _call(number: int, calls: int) -> Call:
    at = YEAR + (NOW - YEAR) * number / calls
    goal = f"g{number // CALLS_A_GOAL:07d}"
    model, tier = MODELS[number % SKILLS % len(MODELS)]
    held = Reservation(
        call_id=f"{goal}-{number}",
        goal_id=f"a-year-of-work-{goal}",
        task_id=f"{goal}-{number % CALLS_A_GOAL}",
        work_item_id=f"{goal}-{number % CALLS_A_GOAL}.execute.1",
        kind=KINDS[number % len(KINDS)],
        skill=f"skill-{number % SKILLS:02d}",
        model=model,
        tier=tier,
        amount_usd=Decimal(1),
        rehearsal=False,
        owner="benchmark",
        reserved_at=at,
    )
    call = estimate(held, at + timedelta(seconds=40))
    return replace(
        call,
        usage=Usage(input_tokens=9_000, output_tokens=1_500),
        cost_usd=Decimal(number % 90_000) / 1_000_000,
        estimated=False,
        latency_s=40.0,
    )
