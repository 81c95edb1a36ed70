"""Money: reservations, calls and the running sums per month, goal and task."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from marketeer.adapters.sqlite.codec import Codec, dollars, micros
from marketeer.adapters.sqlite.goals import insert_sql
from marketeer.domain.ledger import Call, Caps, GoalBill, Refused, Reservation, Spend, estimate, month_key
from marketeer.domain.usage import Usage

_ADD_ROWS = """
    INSERT INTO spend (scope, key, goal_id, settled_microusd, reserved_microusd, calls, input_tokens, output_tokens)
    VALUES {rows}
    ON CONFLICT (scope, key) DO UPDATE SET
        settled_microusd = settled_microusd + excluded.settled_microusd,
        reserved_microusd = reserved_microusd + excluded.reserved_microusd,
        calls = calls + excluded.calls,
        input_tokens = input_tokens + excluded.input_tokens,
        output_tokens = output_tokens + excluded.output_tokens
    RETURNING *
"""
_ADD = {n: _ADD_ROWS.format(rows=", ".join(["(?, ?, ?, ?, ?, ?, ?, ?)"] * n)) for n in (1, 2, 3)}
_CALLS = Codec(Call, skip=("usage",))
_USAGE = Codec(Usage)
_RESERVATIONS = Codec(Reservation)
_PUT_CALL = insert_sql("calls", (*_CALLS.columns, *_USAGE.columns), verb="INSERT OR REPLACE")
_PUT_RESERVATION = insert_sql("reservations", _RESERVATIONS.columns)


def reserve(
    connection: sqlite3.Connection, reservation: Reservation, caps: Caps
) -> tuple[Refused | None, Spend | None]:
    """What refuses it, if anything does, and the month's sums afterwards where they changed."""
    refused = _refusal(connection, reservation, caps)
    if refused is not None:
        return refused, None
    connection.execute(_PUT_RESERVATION, _RESERVATIONS.values(reservation))
    return None, _add(connection, reservation, reserved=micros(reservation.amount_usd))


def _refusal(connection: sqlite3.Connection, reservation: Reservation, caps: Caps) -> Refused | None:
    if reservation.rehearsal:
        return None
    limits = {"month": caps.month_usd, "goal": caps.goal_usd, "task": caps.task_usd}
    for scope, key in _scopes(reservation):
        cap = limits.get(scope)
        if cap is None:
            continue
        spend = load_spend(connection, scope, key)
        if spend.settled_usd + spend.reserved_usd + reservation.amount_usd > cap:
            return Refused(scope=scope, cap_usd=cap, settled_usd=spend.settled_usd, reserved_usd=spend.reserved_usd)
    return None


def settle(connection: sqlite3.Connection, call: Call) -> Spend | None:
    """Book a call, once: the same call id replaces what was booked for it before (an estimate). The month's sums
    afterwards, where it counts in them."""
    held = _take_reservation(connection, call.call_id)
    booked = load_call(connection, call.call_id)
    if booked is not None:
        _book(connection, booked, sign=-1)
    connection.execute(_PUT_CALL, (*_CALLS.values(call), *_USAGE.values(call.usage)))
    if held is not None and list(_scopes(held)) == list(_scopes(call)):
        return _book(connection, call, sign=1, reserved=-micros(held.amount_usd))
    if held is not None:
        _add(connection, held, reserved=-micros(held.amount_usd))
    return _book(connection, call, sign=1)


def _book(connection: sqlite3.Connection, call: Call, *, sign: int, reserved: int = 0) -> Spend | None:
    return _add(
        connection,
        call,
        settled=sign * micros(call.cost_usd),
        reserved=reserved,
        calls=sign,
        input_tokens=sign * call.usage.total_input_tokens,
        output_tokens=sign * call.usage.output_tokens,
    )


def release(connection: sqlite3.Connection, call_id: str) -> None:
    reservation = _take_reservation(connection, call_id)
    if reservation is not None:
        _add(connection, reservation, reserved=-micros(reservation.amount_usd))


def _take_reservation(connection: sqlite3.Connection, call_id: str) -> Reservation | None:
    rows = connection.execute("DELETE FROM reservations WHERE call_id = ? RETURNING *", (call_id,)).fetchall()
    return _RESERVATIONS.record(rows[0]) if rows else None


def book_orphans(connection: sqlite3.Connection, owner_not: str, now: datetime) -> int:
    rows = connection.execute("SELECT * FROM reservations WHERE owner != ?", (owner_not,)).fetchall()
    for row in rows:
        settle(connection, estimate(_RESERVATIONS.record(row), now))
    return len(rows)


def _scopes(record: Reservation | Call) -> Iterable[tuple[str, str]]:
    """The sums a call counts in. A rehearsal never counts in the month."""
    if not record.rehearsal:
        yield "month", month_key(record.reserved_at)
    yield "goal", record.goal_id
    if record.task_id:
        yield "task", record.task_id


def _add(
    connection: sqlite3.Connection,
    record: Reservation | Call,
    *,
    settled: int = 0,
    reserved: int = 0,
    calls: int = 0,
    input_tokens: int = 0,
    output_tokens: int = 0,
) -> Spend | None:
    """The month's sums afterwards, where it counts in them."""
    sums = (settled, reserved, calls, input_tokens, output_tokens)
    scopes = list(_scopes(record))
    values: list[Any] = []
    for scope, key in scopes:
        values += (scope, key, None if scope == "month" else record.goal_id, *sums)
    rows = connection.execute(_ADD[len(scopes)], values).fetchall()
    return next((_spend(row) for row in rows if row["scope"] == "month"), None)


# -- reading -------------------------------------------------------------------------------------------------


def load_spend(connection: sqlite3.Connection, scope: str, key: str) -> Spend:
    row = connection.execute("SELECT * FROM spend WHERE scope = ? AND key = ?", (scope, key)).fetchone()
    return _spend(row) if row else Spend()


def _spend(row: sqlite3.Row) -> Spend:
    return Spend(
        settled_usd=dollars(row["settled_microusd"]),
        reserved_usd=dollars(row["reserved_microusd"]),
        calls=row["calls"],
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
    )


def goal_bill(connection: sqlite3.Connection, goal_id: str) -> GoalBill:
    rows = connection.execute("SELECT * FROM spend WHERE goal_id = ?", (goal_id,)).fetchall()
    by_task = {row["key"]: _spend(row) for row in rows if row["scope"] == "task"}
    total = next((_spend(row) for row in rows if row["scope"] == "goal"), Spend(settled_usd=Decimal(0)))
    return GoalBill(total=total, by_task=by_task)


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


def _call(row: sqlite3.Row) -> Call:
    return Call(**_CALLS.fields(row), usage=_USAGE.record(row))
