"""Money out: what was spent, from running sums, so that no question reads the ledger's history."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import fields
from decimal import Decimal

from marketeer.adapters.sqlite.codec import dollars
from marketeer.domain.ledger import GoalBill, MonthBill, Spend, TaskCost

SUMS = (
    "settled_microusd",
    "reserved_microusd",
    "calls",
    "input_tokens",
    "output_tokens",
    "estimated_microusd",
    "saved_microusd",
    "latency_s",
)
_SUMMED = tuple(field.name for field in fields(Spend))
# Of goals there may be a thousand; the rest of them goes under one name.
SHOWN_GOALS = 100


def load_spend(connection: sqlite3.Connection, scope: str, key: str) -> Spend:
    row = connection.execute("SELECT * FROM spend WHERE scope = ? AND key = ?", (scope, key)).fetchone()
    return spend_of(row) if row else Spend()


def spend_of(row: sqlite3.Row) -> Spend:
    return Spend(
        settled_usd=dollars(row["settled_microusd"]),
        reserved_usd=dollars(row["reserved_microusd"]),
        calls=row["calls"],
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        estimated_usd=dollars(row["estimated_microusd"]),
        saved_usd=dollars(row["saved_microusd"]),
        latency_s=row["latency_s"],
    )


def goal_bill(connection: sqlite3.Connection, goal_id: str) -> GoalBill:
    rows = connection.execute("SELECT * FROM spend WHERE goal_id = ?", (goal_id,)).fetchall()
    by_task = {row["key"]: spend_of(row) for row in rows if row["scope"] == "task"}
    total = next((spend_of(row) for row in rows if row["scope"] == "goal"), Spend(settled_usd=Decimal(0)))
    return GoalBill(total=total, by_task=by_task)


def month_bill(connection: sqlite3.Connection, month: str) -> MonthBill:
    total = load_spend(connection, "month", month)
    goals = _cut(connection, month, "goal", limit=SHOWN_GOALS)
    if len(goals) == SHOWN_GOALS:
        goals[""] = _without(total, goals.values())
    days = _cut(connection, month, "day")
    return MonthBill(
        total=total,
        by_goal=goals,
        by_day=dict(sorted(days.items())),
        by_skill=_cut(connection, month, "skill"),
        by_model=_cut(connection, month, "model"),
        by_kind=_cut(connection, month, "kind"),
    )


def _cut(connection: sqlite3.Connection, month: str, by: str, *, limit: int = -1) -> dict[str, Spend]:
    rows = connection.execute(
        "SELECT * FROM spend WHERE scope = ? AND key >= ? AND key < ? AND calls > 0"
        " ORDER BY settled_microusd DESC, key LIMIT ?",
        (f"{by} of month", f"{month}/", f"{month}0", limit),  # "0" comes right behind "/"
    )
    return {row["key"].partition("/")[2]: spend_of(row) for row in rows}


def _without(total: Spend, parts: Iterable[Spend]) -> Spend:
    """What is left of it."""
    left = {name: getattr(total, name) for name in _SUMMED}
    for part in parts:
        for name in _SUMMED:
            left[name] -= getattr(part, name)
    return Spend(**left)


def skill_costs(connection: sqlite3.Connection, skill: str, limit: int) -> list[TaskCost]:
    """Of its newest approved real tasks, newest first."""
    rows = connection.execute(
        "SELECT s.*, (SELECT count(*) FROM reviews r WHERE r.task_id = t.task_id AND r.model IS NOT NULL) AS judged"
        " FROM tasks t JOIN spend s ON s.scope = 'task' AND s.key = t.task_id"
        " WHERE t.skill = ? AND t.rehearsal = 0 AND t.status = 'approved' AND t.superseded_by IS NULL"
        " AND s.calls > 0 ORDER BY t.finished_at DESC LIMIT ?",
        (skill, limit),
    )
    return [
        TaskCost(
            cost_usd=dollars(row["settled_microusd"]), latency_s=row["latency_s"], calls=row["calls"] - row["judged"]
        )
        for row in rows
    ]


def forecast_errors(connection: sqlite3.Connection, limit: int) -> list[tuple[Decimal, Decimal]]:
    """(expected, real) cost of the newest finished real goals that were completed, newest first."""
    rows = connection.execute(
        "SELECT g.forecast_microusd AS expected, s.settled_microusd AS real"
        # in this order: by the goals' own index, newest first, and not by all of the sums there are
        " FROM goals g CROSS JOIN spend s ON s.scope = 'goal' AND s.key = g.goal_id"
        " WHERE g.rehearsal = 0 AND g.finished_at IS NOT NULL AND g.forecast_microusd IS NOT NULL"
        " AND g.status = 'completed' ORDER BY g.finished_at DESC LIMIT ?",
        (limit,),
    )
    return [(dollars(row["expected"]), dollars(row["real"])) for row in rows]
