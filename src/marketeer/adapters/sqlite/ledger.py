"""Money in: reservations, calls, and the running sums that follow from them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from marketeer.adapters.sqlite import caps
from marketeer.adapters.sqlite.codec import Codec, micros
from marketeer.adapters.sqlite.goals import insert_sql
from marketeer.adapters.sqlite.spending import SUMS, load_spend, spend_of
from marketeer.domain.budget import TASK_CAP_USD, MonthBudget, month_key, runs_at
from marketeer.domain.ledger import Call, Refused, Reservation, Spend, estimate
from marketeer.domain.usage import Usage

_ADD_SUMS = ", ".join(f"{name} = {name} + excluded.{name}" for name in SUMS)
_MARKS = ", ".join("?" * (3 + len(SUMS)))
_ADD = {
    rows: f"INSERT INTO spend (scope, key, goal_id, {', '.join(SUMS)}) VALUES {', '.join([f'({_MARKS})'] * rows)}"
    f" ON CONFLICT (scope, key) DO UPDATE SET {_ADD_SUMS} RETURNING *"
    for rows in range(1, 9)
}
_CALLS = Codec(Call, skip=("usage",))
_USAGE = Codec(Usage)
_RESERVATIONS = Codec(Reservation)
_PUT_CALL = insert_sql("calls", (*_CALLS.columns, *_USAGE.columns), verb="INSERT OR REPLACE")
_PUT_RESERVATION = insert_sql("reservations", _RESERVATIONS.columns)
_OWN_CAPS = (
    "SELECT (SELECT budget_microusd FROM goals WHERE goal_id = ?),"
    " (SELECT budget_microusd FROM tasks WHERE task_id = ?)"
)


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

    def values(self, names: Iterable[str]) -> list[Any]:
        return [getattr(self, name) for name in names]


def reserve(connection: sqlite3.Connection, reservation: Reservation) -> tuple[Refused | None, Spend | None]:
    """What refuses it, if anything does, and the month's sums afterwards where they changed."""
    refused = None if reservation.rehearsal else _refusal(connection, reservation)
    if refused is not None:
        return refused, None
    connection.execute(_PUT_RESERVATION, _RESERVATIONS.values(reservation))
    return None, _add(connection, _scopes(reservation), _Sums(reserved_microusd=micros(reservation.amount_usd)))


def _refusal(connection: sqlite3.Connection, wanted: Reservation) -> Refused | None:
    month = month_key(wanted.reserved_at)
    # Nobody has said what may be spent: nothing may.
    budget = caps.month_budget(connection, month) or MonthBudget(month=month, base_usd=Decimal(0))
    spend = load_spend(connection, "month", month)
    level = budget.level(spend.settled_usd)
    if not runs_at(level, wanted.priority):
        return _refused("month", budget.cap_usd, spend, level=level)
    goal_cap, task_cap = connection.execute(_OWN_CAPS, (wanted.goal_id, wanted.task_id)).fetchone()
    checks = [
        ("month", month, budget.cap_usd),
        ("goal", wanted.goal_id, budget.goal_cap_usd if goal_cap is None else caps.usd(goal_cap)),
        ("task", wanted.task_id, TASK_CAP_USD if task_cap is None else caps.usd(task_cap)),
    ]
    for scope, key, cap in checks:
        if key is None:
            continue
        spend = spend if scope == "month" else load_spend(connection, scope, key)
        if spend.settled_usd + spend.reserved_usd + wanted.amount_usd > cap:
            return _refused(scope, cap, spend)
    return None


def _refused(scope: str, cap_usd: Decimal, spend: Spend, **values: Any) -> Refused:
    return Refused(
        scope=scope, cap_usd=cap_usd, settled_usd=spend.settled_usd, reserved_usd=spend.reserved_usd, **values
    )


def settle(connection: sqlite3.Connection, call: Call) -> Spend | None:
    """Book a call, once: the same call id replaces what was booked for it before (an estimate). The month's sums
    afterwards, where it counts in them."""
    held = _take_reservation(connection, call.call_id)
    booked = load_call(connection, call.call_id)
    if booked is not None:
        _book(connection, booked, sign=-1)
    connection.execute(_PUT_CALL, (*_CALLS.values(call), *_USAGE.values(call.usage)))
    same = held is not None and list(_scopes(held)) == list(_scopes(call))
    if held is not None and not same:
        _add(connection, _scopes(held), _Sums(reserved_microusd=-micros(held.amount_usd)))
    month = _book(connection, call, sign=1, reserved=-micros(held.amount_usd) if held is not None and same else 0)
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
    return _add(connection, _scopes(call), sums, cuts=() if call.rehearsal else _cuts(call))


def release(connection: sqlite3.Connection, call_id: str) -> None:
    reservation = _take_reservation(connection, call_id)
    if reservation is not None:
        _add(connection, _scopes(reservation), _Sums(reserved_microusd=-micros(reservation.amount_usd)))


def _take_reservation(connection: sqlite3.Connection, call_id: str) -> Reservation | None:
    rows = connection.execute("DELETE FROM reservations WHERE call_id = ? RETURNING *", (call_id,)).fetchall()
    return _RESERVATIONS.record(rows[0]) if rows else None


def book_orphans(connection: sqlite3.Connection, owner_not: str | None, owner: str | None, now: datetime) -> int:
    rows = connection.execute("SELECT * FROM reservations WHERE owner != ? OR owner = ?", (owner_not, owner)).fetchall()
    for row in rows:
        settle(connection, estimate(_RESERVATIONS.record(row), now))
    return len(rows)


_Scope = tuple[str, str, str | None]


def _scopes(record: Reservation | Call) -> Iterable[_Scope]:
    """The sums a call counts in: scope, key, goal. A rehearsal never counts in a month."""
    if not record.rehearsal:
        month = month_key(record.reserved_at)
        yield "month", month, None
        yield "goal of month", f"{month}/{record.goal_id}", record.goal_id
    yield "goal", record.goal_id, record.goal_id
    if record.task_id:
        yield "task", record.task_id, record.goal_id


def _cuts(call: Call) -> Iterable[_Scope]:
    """The parts of the month that only what is booked counts in."""
    at = call.reserved_at.astimezone(UTC)
    cuts = {"day": f"{at:%Y-%m-%d}", "skill": call.skill or "", "model": call.model, "kind": call.kind.value}
    for name, key in cuts.items():
        yield f"{name} of month", f"{at:%Y-%m}/{key}", None


def _add(
    connection: sqlite3.Connection, scopes: Iterable[_Scope], sums: _Sums, *, cuts: Iterable[_Scope] = ()
) -> Spend | None:
    """The month's sums afterwards, where it counts in them. Nothing is ever reserved in a cut."""
    rows = [(*scope, *sums.values(SUMS)) for scope in scopes]
    booked = replace(sums, reserved_microusd=0).values(SUMS)
    rows += [(*scope, *booked) for scope in cuts]
    values = [value for row in rows for value in row]
    told = connection.execute(_ADD[len(rows)], values).fetchall()
    return next((spend_of(row) for row in told if row["scope"] == "month"), None)


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
    return Call(**_CALLS.fields(row), usage=_USAGE.record(row))
