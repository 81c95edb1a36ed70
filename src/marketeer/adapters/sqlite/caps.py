"""The month's cap as the store keeps it, and the journal's word of each level that spending reaches."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from marketeer.adapters.sqlite.codec import Codec, dollars, micros
from marketeer.adapters.sqlite.event_rows import emit
from marketeer.adapters.sqlite.goals import insert_sql
from marketeer.adapters.sqlite.journal import add_entries
from marketeer.adapters.sqlite.spending import load_spend
from marketeer.domain.budget import BudgetLevel, MonthBudget, cap_entry, crossed, crossing_entry, level_at
from marketeer.domain.event_emitters import budget_event

_CAPS = Codec(MonthBudget)
_PUT = insert_sql("month_caps", _CAPS.columns, verb="INSERT OR REPLACE")
# Telling of a level gives a month no base of its own: one that is set later for a month before it still reaches it.
_ANNOUNCE = (
    f"INSERT INTO month_caps ({', '.join(_CAPS.columns)}, own_base) VALUES ({', '.join('?' * len(_CAPS.columns))}, 0)"
    " ON CONFLICT (month) DO UPDATE SET announced = excluded.announced"
)
# Of a month with a base of its own.
_KNOWN = "SELECT base_microusd + raised_microusd, announced FROM month_caps WHERE month = ? AND own_base"


def usd(micros: int) -> Decimal:
    return dollars(micros)


def month_budget(connection: sqlite3.Connection, month: str) -> MonthBudget | None:
    """With the month's own base; without one, that of the nearest month before it, or after it if the clock went back.
    None when no cap was ever set."""
    row = connection.execute(
        "SELECT * FROM month_caps WHERE own_base AND month <= ? ORDER BY month DESC LIMIT 1", (month,)
    ).fetchone()
    row = row or connection.execute("SELECT * FROM month_caps WHERE own_base ORDER BY month LIMIT 1").fetchone()
    if row is None:
        return None
    budget = _CAPS.record(row)
    if budget.month == month:
        return budget
    told = connection.execute("SELECT announced FROM month_caps WHERE month = ?", (month,)).fetchone()
    announced = BudgetLevel(told[0]) if told else BudgetLevel.NORMAL
    return MonthBudget(month=month, base_usd=budget.base_usd, announced=announced)


def cap_of(connection: sqlite3.Connection, month: str) -> int:
    """In micro-dollars. Where nobody has said what may be spent, nothing may."""
    budget = month_budget(connection, month)
    return micros(budget.cap_usd) if budget is not None else 0


def set_base(connection: sqlite3.Connection, month: str, base_usd: Decimal, who: str, now: datetime) -> bool:
    """From this month on. False when it is that already."""
    before = month_budget(connection, month)
    if before is not None and before.base_usd == base_usd:
        return False
    after = replace(before or MonthBudget(month=month, base_usd=base_usd), base_usd=base_usd)
    _change(connection, before, after, who, now)
    return True


def raise_by(connection: sqlite3.Connection, month: str, by_usd: Decimal, who: str, now: datetime) -> MonthBudget:
    """This month only."""
    before = month_budget(connection, month) or MonthBudget(month=month, base_usd=Decimal(0))
    after = replace(before, raised_usd=before.raised_usd + by_usd)
    _change(connection, before, after, who, now)
    return after


def _change(
    connection: sqlite3.Connection, before: MonthBudget | None, after: MonthBudget, who: str, now: datetime
) -> None:
    settled = load_spend(connection, "month", after.month).settled_usd
    # Under a higher cap a level that was reached before is reached anew.
    known = min(after.announced, after.level(settled), key=lambda level: level.rank)
    after = replace(after, announced=known)
    connection.execute(_PUT, _CAPS.values(after))
    add_entries(connection, [cap_entry(before, after, who=who, now=now)])
    announce(connection, after.month, settled, now)


def announce(connection: sqlite3.Connection, month: str, settled_usd: Decimal, now: datetime) -> None:
    """Tell the journal of levels reached, each once: within the transaction that reached them."""
    known = connection.execute(_KNOWN, (month,)).fetchone()
    if known is not None and level_at(micros(settled_usd), known[0]).value == known[1]:
        return
    budget = month_budget(connection, month)
    levels = crossed(budget, settled_usd) if budget is not None else ()
    if budget is None or not levels:
        return
    connection.execute(_ANNOUNCE, _CAPS.values(replace(budget, announced=levels[-1])))
    add_entries(connection, [crossing_entry(budget, level, settled_usd, now) for level in levels])
    emit(connection, [budget_event(budget, level, settled_usd, now) for level in levels])
