"""The budget page: `metrics/<date>-budget.md`, written anew whenever a real goal ends, by a daemon daily."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime

from marketeer.domain.budget import what_runs
from marketeer.domain.ledger import Spend
from marketeer.domain.usage import dollars
from marketeer.engine.budget_view import BudgetView, budget_view
from marketeer.engine.day_page import DayPage
from marketeer.engine.library import Library
from marketeer.ports import Clock, Store

LONGEST_TABLE = 30


class BudgetPage:
    """`refresh` may be called as often as anything ends: those that come while one is written share the next."""

    def __init__(self, store: Store, library: Library, clock: Clock) -> None:
        self._store = store
        self._page = DayPage("budget", store, library)
        self._clock = clock
        self._writing = asyncio.Lock()
        self._is_due = False

    async def close_day(self, last: datetime) -> None:
        """The page of a day that has ended, where there is one, as it stood at its `last` moment."""
        async with self._writing:
            if await self._page.is_there(last):
                await self._write(last)

    async def refresh(self) -> None:
        self._is_due = True
        async with self._writing:
            if self._is_due:
                self._is_due = False
                await self._write(self._clock.now())

    async def _write(self, now: datetime) -> None:
        budget = await self._store.month_budget(f"{now:%Y-%m}")
        if budget is None:
            return
        view = await budget_view(self._store, now, usual_cap_usd=budget.base_usd)
        await self._page.put(render_budget(view), now)


def render_budget(view: BudgetView) -> str:
    """The page as a person reads it."""
    budget, bill = view.budget, view.bill
    total = bill.total
    level = budget.level(total.settled_usd)
    lines = [
        f"# Budget of {budget.month}",
        "",
        f"- **Spent:** ${total.settled_usd} of ${budget.cap_usd:f}, in {total.calls} model calls",
        f"- **Reserved for calls in flight:** ${total.reserved_usd}",
        f"- **Left:** ${view.left_usd:f}",
        f"- **Level:** {level.value}" + (f": {what_runs(level)}" if level.rank else ""),
        f"- **If it goes on like this:** {dollars(view.projected_usd)} by the end of the month",
        f"- **Saved by the prompt cache:** {dollars(total.saved_usd)}",
    ]
    if total.estimated_usd:
        lines.append(f"- **Booked as estimates:** ${total.estimated_usd} (calls whose end was not seen)")
    if view.forecasts is not None:
        lines.append(f"- **Forecasts:** {view.forecasts.in_words()}")
    cuts = (
        ("Day", bill.by_day),
        ("Goal", bill.by_goal),
        ("Skill", bill.by_skill),
        ("Model", bill.by_model),
        ("Kind of call", bill.by_kind),
    )
    for title, parts in cuts:
        lines += ["", *_table(title, parts)]
    return "\n".join(lines) + "\n"


def _table(title: str, parts: Mapping[str, Spend]) -> list[str]:
    lines = [
        f"## By {title.lower()}",
        "",
        f"| {title} | Cost | Calls | Tokens in | Tokens out |",
        "|---|---|---|---|---|",
    ]
    shown = list(parts.items())[:LONGEST_TABLE]
    rest = list(parts.values())[LONGEST_TABLE:]
    for name, spend in shown:
        lines.append(_row(name or "(none)", spend))
    if rest:
        lines.append(_row(f"{len(rest)} more", sum_of(rest)))
    return lines


def sum_of(parts: list[Spend]) -> Spend:
    return Spend(
        settled_usd=sum((part.settled_usd for part in parts), Spend().settled_usd),
        calls=sum(part.calls for part in parts),
        input_tokens=sum(part.input_tokens for part in parts),
        output_tokens=sum(part.output_tokens for part in parts),
    )


def _row(name: str, spend: Spend) -> str:
    return f"| {name} | ${spend.settled_usd} | {spend.calls} | {spend.input_tokens:,} | {spend.output_tokens:,} |"
