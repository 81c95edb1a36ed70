"""Money in: reservations, calls, and the running sums that follow from them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from operator import attrgetter
from typing import Any

from marketeer.adapters.sqlite import caps
from marketeer.adapters.sqlite.codec import Codec, dollars, micros, time_text
from marketeer.adapters.sqlite.goals import insert_sql
from marketeer.adapters.sqlite.spending import SUMS, spend_of
from marketeer.domain.budget import TASK_CAP_USD, BudgetLevel, goal_share, level_at, month_key, runs_at
from marketeer.domain.ledger import Call, Refused, Reservation, Spend, estimate
from marketeer.domain.usage import Usage

_ADD_SUMS = ", ".join(f"{name} = {name} + excluded.{name}" for name in SUMS)
_SUMMED = attrgetter(*SUMS)
_RESERVED = SUMS.index("reserved_microusd")
_MARKS = ", ".join("?" * (3 + len(SUMS)))
_ADD = {
    rows: f"INSERT INTO spend (scope, key, goal_id, {', '.join(SUMS)}) VALUES {', '.join([f'({_MARKS})'] * rows)}"
    f" ON CONFLICT (scope, key) DO UPDATE SET {_ADD_SUMS} RETURNING scope, {', '.join(SUMS)}"
    for rows in range(1, 9)
}
# The key of a sum, and its goal.
_Scope = tuple[str, str, str | None]
_CALLS = Codec(Call, skip=("usage",))
_USAGE = Codec(Usage)
_RESERVATIONS = Codec(Reservation)
_NEW_CALL = insert_sql("calls", (*_CALLS.columns, *_USAGE.columns), verb="INSERT OR IGNORE")
_PUT_CALL = insert_sql("calls", (*_CALLS.columns, *_USAGE.columns), verb="INSERT OR REPLACE")
_PUT_RESERVATION = insert_sql("reservations", _RESERVATIONS.columns)
# What is spent and held of each sum that a reservation counts in, what its goal and task may spend by themselves, and
# the month's cap, unless the only one was set for a month to come.
_STANDING = """
    SELECT m.settled_microusd, m.reserved_microusd, g.settled_microusd, g.reserved_microusd,
        t.settled_microusd, t.reserved_microusd, goals.budget_microusd, tasks.budget_microusd,
        cap.base_microusd, iif(cap.month = :month, cap.raised_microusd, 0)
    FROM (SELECT 1)
    LEFT JOIN spend m ON m.scope = 'month' AND m.key = :month
    LEFT JOIN spend g ON g.scope = 'goal' AND g.key = :goal
    LEFT JOIN spend t ON t.scope = 'task' AND t.key = :task
    LEFT JOIN goals ON goals.goal_id = :goal
    LEFT JOIN tasks ON tasks.task_id = :task
    LEFT JOIN month_caps cap ON cap.month = (
        SELECT month FROM month_caps WHERE own_base AND month <= :month ORDER BY month DESC LIMIT 1
    )
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sums:
    """What is added to the running sums; money is micro-dollars."""

    settled_microusd: int = 0
    reserved_microusd: int = 0
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    estimated_microusd: int = 0
    saved_microusd: int = 0
    latency_s: float = 0.0


def reserve(connection: sqlite3.Connection, reservation: Reservation) -> tuple[Refused | None, Spend | None]:
    """What refuses it, if anything does, and the month's sums afterwards where they changed."""
    refused = None if reservation.rehearsal else _refusal(connection, reservation)
    if refused is not None:
        return refused, None
    connection.execute(_PUT_RESERVATION, _RESERVATIONS.values(reservation))
    return None, _add(connection, _scopes_of(reservation), _Sums(reserved_microusd=micros(reservation.amount_usd)))


def _refusal(connection: sqlite3.Connection, wanted: Reservation) -> Refused | None:
    """Money is micro-dollars in here."""
    month = month_key(wanted.reserved_at)
    keys = {"month": month, "goal": wanted.goal_id, "task": wanted.task_id}
    *sums, goal_cap, task_cap, base, raised = connection.execute(_STANDING, keys).fetchone()
    settled, held, goal_settled, goal_held, task_settled, task_held = (amount or 0 for amount in sums)
    cap = caps.cap_of(connection, month) if base is None else base + raised
    level = level_at(settled, cap)
    if not runs_at(level, wanted.priority):
        return _refused("month", cap, settled, held, level=level)
    amount = micros(wanted.amount_usd)
    if settled + held + amount > cap:
        return _refused("month", cap, settled, held)
    goal_cap = goal_share(cap) if goal_cap is None else goal_cap
    if goal_settled + goal_held + amount > goal_cap:
        return _refused("goal", goal_cap, goal_settled, goal_held)
    task_cap = micros(TASK_CAP_USD) if task_cap is None else task_cap
    if wanted.task_id is not None and task_settled + task_held + amount > task_cap:
        return _refused("task", task_cap, task_settled, task_held)
    return None


def _refused(scope: str, cap: int, settled: int, held: int, *, level: BudgetLevel | None = None) -> Refused:
    return Refused(
        scope=scope, cap_usd=dollars(cap), settled_usd=dollars(settled), reserved_usd=dollars(held), level=level
    )


def settle(connection: sqlite3.Connection, call: Call) -> Spend | None:
    """Book a call, once: the same call id replaces what was booked for it before (an estimate). The month's sums
    afterwards, where it counts in them."""
    held = _take_reservation(connection, call.call_id)
    row = (*_CALLS.values(call), *_USAGE.values(call.usage))
    if connection.execute(_NEW_CALL, row).rowcount == 0:
        booked = load_call(connection, call.call_id)
        if booked is not None:
            _book(connection, booked, sign=-1)
        connection.execute(_PUT_CALL, row)
    same = held is not None and held.scopes == _scopes_of(call)
    if held is not None and not same:
        _add(connection, held.scopes, _Sums(reserved_microusd=-held.microusd))
    month = _book(connection, call, sign=1, reserved=-held.microusd if held is not None and same else 0)
    if month is not None:
        caps.announce(connection, month_key(call.reserved_at), month.settled_usd, call.settled_at)
    return month


def _book(connection: sqlite3.Connection, call: Call, *, sign: int, reserved: int = 0) -> Spend | None:
    cost = sign * micros(call.cost_usd)
    sums = _Sums(
        settled_microusd=cost,
        reserved_microusd=reserved,
        calls=sign,
        input_tokens=sign * call.usage.total_input_tokens,
        output_tokens=sign * call.usage.output_tokens,
        estimated_microusd=cost if call.estimated else 0,
        saved_microusd=sign * micros(call.saved_usd),
        latency_s=sign * call.latency_s,
    )
    return _add(connection, _scopes_of(call), sums, cuts=() if call.rehearsal else _cuts(call))


def release(connection: sqlite3.Connection, call_id: str) -> None:
    held = _take_reservation(connection, call_id)
    if held is not None:
        _add(connection, held.scopes, _Sums(reserved_microusd=-held.microusd))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """What is left to know of a reservation that was taken away."""

    microusd: int
    scopes: list[_Scope]


_TAKE = "DELETE FROM reservations WHERE call_id = ? RETURNING amount_microusd, reserved_at, goal_id, task_id, rehearsal"


def _take_reservation(connection: sqlite3.Connection, call_id: str) -> _Held | None:
    rows = connection.execute(_TAKE, (call_id,)).fetchall()
    if not rows:
        return None
    ((amount, reserved_at, goal_id, task_id, rehearsal),) = rows
    # a time is kept as text that begins with its month
    return _Held(microusd=amount, scopes=_scopes(reserved_at[:7], goal_id, task_id, rehearsal=bool(rehearsal)))


def book_orphans(connection: sqlite3.Connection, owner_not: str | None, owner: str | None, now: datetime) -> int:
    rows = connection.execute("SELECT * FROM reservations WHERE owner != ? OR owner = ?", (owner_not, owner)).fetchall()
    for row in rows:
        settle(connection, estimate(_RESERVATIONS.record(row), now))
    return len(rows)


def _scopes_of(record: Reservation | Call) -> list[_Scope]:
    return _scopes(month_key(record.reserved_at), record.goal_id, record.task_id, rehearsal=record.rehearsal)


def _scopes(month: str, goal_id: str, task_id: str | None, *, rehearsal: bool) -> list[_Scope]:
    """The sums a call counts in: scope, key, goal. A rehearsal never counts in a month."""
    of_goal: list[_Scope] = [("goal", goal_id, goal_id)]
    if task_id:
        of_goal.append(("task", task_id, goal_id))
    if rehearsal:
        return of_goal
    return [("month", month, None), ("goal of month", f"{month}/{goal_id}", goal_id), *of_goal]


def _cuts(call: Call) -> list[_Scope]:
    """The parts of the month that only what is booked counts in."""
    day = time_text(call.reserved_at)[:10]
    month = day[:7]
    return [
        ("day of month", f"{month}/{day}", None),
        ("skill of month", f"{month}/{call.skill or ''}", None),
        ("model of month", f"{month}/{call.model}", None),
        ("kind of month", f"{month}/{call.kind.value}", None),
    ]


def _add(
    connection: sqlite3.Connection, scopes: Sequence[_Scope], sums: _Sums, *, cuts: Sequence[_Scope] = ()
) -> Spend | None:
    """The month's sums afterwards, where it counts in them. Nothing is ever reserved in a cut."""
    added = _SUMMED(sums)
    booked = (*added[:_RESERVED], 0, *added[_RESERVED + 1 :])
    rows = [*((*scope, *added) for scope in scopes), *((*scope, *booked) for scope in cuts)]
    told = connection.execute(_ADD[len(rows)], list(chain.from_iterable(rows))).fetchall()
    return next((spend_of(row) for row in told if row[0] == "month"), None)


# -- reading -------------------------------------------------------------------------------------------------


def load_call(connection: sqlite3.Connection, call_id: str) -> Call | None:
    row = connection.execute("SELECT * FROM calls WHERE call_id = ?", (call_id,)).fetchone()
    return _call(row) if row else None


def calls(connection: sqlite3.Connection, goal_id: str, work_item_id: str | None) -> list[Call]:
    values: list[Any] = [goal_id]
    clause = ""
    if work_item_id is not None:
        clause, values = " AND work_item_id = ?", [goal_id, work_item_id]
    rows = connection.execute(f"SELECT * FROM calls WHERE goal_id = ?{clause} ORDER BY settled_at, rowid", values)
    return [_call(row) for row in rows]


def real_calls(connection: sqlite3.Connection, after: int, limit: int) -> list[tuple[int, Call]]:
    """Pages of the whole ledger but for rehearsals: (place, call) of those behind a place."""
    rows = connection.execute(
        "SELECT rowid AS place, * FROM calls WHERE rowid > ? AND rehearsal = 0 ORDER BY rowid LIMIT ?", (after, limit)
    )
    return [(row["place"], _call(row)) for row in rows]


def _call(row: sqlite3.Row) -> Call:
    return _CALLS.record(row, usage=_USAGE.record(row))
