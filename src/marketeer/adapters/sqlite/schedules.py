"""Rows of schedules and firings. A slot's answer, its goal and what the journal is told are one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from marketeer.adapters.sqlite.codec import Codec, time_of, time_text
from marketeer.adapters.sqlite.goals import insert_sql, write_change
from marketeer.adapters.sqlite.journal import add_entries
from marketeer.domain.firing import NOTIFIED_AT, Firing, Outcome, Past, Settled, SkipReason
from marketeer.domain.journal import JournalEntry
from marketeer.domain.schedule import ScheduleState

_STATES = Codec(ScheduleState)
_FIRINGS = Codec(Firing)
_PUT_STATE = insert_sql("schedules", _STATES.columns, verb="INSERT OR REPLACE")
# An answer stands, but for that of a slot that waits for its forerunner.
_PUT_FIRING = (
    f"{insert_sql('firings', _FIRINGS.columns)} ON CONFLICT (schedule_id, slot) DO UPDATE SET"
    " outcome = excluded.outcome, decided_at = excluded.decided_at, reason = excluded.reason, why = excluded.why,"
    " goal_id = excluded.goal_id WHERE outcome = 'queued'"
)
_ZONE = "default zone"
# As many goals as anybody asks for.
_RUNNING = 2

Settle = Callable[[Past, Sequence[datetime]], Settled]


def states(connection: sqlite3.Connection) -> list[ScheduleState]:
    return [_STATES.record(row) for row in connection.execute("SELECT * FROM schedules ORDER BY rowid")]


def put_state(connection: sqlite3.Connection, state: ScheduleState, entry: JournalEntry) -> None:
    connection.execute(_PUT_STATE, _STATES.values(state))
    add_entries(connection, [entry])


def know(connection: sqlite3.Connection, timings: Mapping[str, str], now: datetime) -> None:
    for schedule_id, timing in timings.items():
        connection.execute(
            "INSERT INTO schedules (schedule_id, removed, timing, known_since) VALUES (?, 0, ?, ?)"
            " ON CONFLICT (schedule_id) DO UPDATE SET timing = excluded.timing, known_since = excluded.known_since"
            " WHERE timing IS NOT excluded.timing OR known_since IS NULL",
            (schedule_id, timing, time_text(now)),
        )
    places = ", ".join("?" * len(timings))
    connection.execute(
        f"UPDATE schedules SET timing = NULL, known_since = NULL WHERE schedule_id NOT IN ({places})", [*timings]
    )


def settle_slots(
    connection: sqlite3.Connection, schedule_id: str, slots: Sequence[datetime], settle: Settle
) -> Settled:
    open_slots = [slot for slot in slots if _is_open(connection, schedule_id, slot)]
    if not open_slots:
        return Settled(firings=())
    settled = settle(_past(connection, schedule_id), open_slots)
    for change in settled.changes:
        write_change(connection, change)
    connection.executemany(_PUT_FIRING, [_FIRINGS.values(firing) for firing in settled.firings])
    add_entries(connection, settled.entries)
    return settled


def _is_open(connection: sqlite3.Connection, schedule_id: str, slot: datetime) -> bool:
    row = connection.execute(
        "SELECT outcome FROM firings WHERE schedule_id = ? AND slot = ?", (schedule_id, time_text(slot))
    ).fetchone()
    return row is None or row["outcome"] == Outcome.QUEUED


def _past(connection: sqlite3.Connection, schedule_id: str) -> Past:
    running = _running(connection, schedule_id, _RUNNING)
    newest = connection.execute(
        "SELECT outcome, reason FROM firings WHERE schedule_id = ? ORDER BY slot DESC LIMIT ?",
        (schedule_id, NOTIFIED_AT),
    ).fetchall()
    held = [row["outcome"] == Outcome.SKIPPED and row["reason"] == SkipReason.STILL_RUNNING for row in newest]
    queued = connection.execute(
        "SELECT slot FROM firings WHERE outcome = 'queued' AND schedule_id = ? ORDER BY slot LIMIT 1", (schedule_id,)
    ).fetchone()
    return Past(
        running=running,
        queued=time_of(queued["slot"]) if queued else None,
        held_in_a_row=[*held, False].index(False),
    )


def _running(connection: sqlite3.Connection, schedule_id: str, most: int) -> tuple[str, ...]:
    """Found among the few goals that are unfinished, not among all that the schedule has ever begun."""
    rows = connection.execute(
        "SELECT g.goal_id FROM goals g INDEXED BY goals_unfinished CROSS JOIN firings f ON f.goal_id = g.goal_id"
        " WHERE g.finished_at IS NULL AND g.status != 'blocked' AND f.schedule_id = ?"
        " ORDER BY g.created_at DESC LIMIT ?",
        (schedule_id, most),
    )
    return tuple(row["goal_id"] for row in rows)


def newest(connection: sqlite3.Connection, until: datetime) -> list[Firing]:
    """One look into the index for each schedule, however many slots it has had."""
    ids = connection.execute("SELECT schedule_id FROM schedules").fetchall()
    found = [
        connection.execute(
            "SELECT * FROM firings WHERE schedule_id = ? AND slot <= ? ORDER BY slot DESC LIMIT 1",
            (row["schedule_id"], time_text(until)),
        ).fetchone()
        for row in ids
    ]
    return [_FIRINGS.record(row) for row in found if row is not None]


def queued(connection: sqlite3.Connection) -> list[tuple[Firing, bool]]:
    rows = connection.execute("SELECT * FROM firings WHERE outcome = 'queued' ORDER BY slot").fetchall()
    return [(_FIRINGS.record(row), not _running(connection, row["schedule_id"], 1)) for row in rows]


def firings(connection: sqlite3.Connection, schedule_id: str | None, limit: int) -> list[Firing]:
    where, values = ("WHERE schedule_id = ? ", [schedule_id]) if schedule_id is not None else ("", [])
    rows = connection.execute(f"SELECT * FROM firings {where}ORDER BY slot DESC LIMIT ?", [*values, limit])
    return [_FIRINGS.record(row) for row in rows]


def answered(connection: sqlite3.Connection, schedule_id: str, since: datetime) -> frozenset[datetime]:
    rows = connection.execute(
        "SELECT slot FROM firings WHERE schedule_id = ? AND slot > ?", (schedule_id, time_text(since))
    )
    return frozenset(time_of(row["slot"]) for row in rows)


def forget_after(connection: sqlite3.Connection, moment: datetime) -> int:
    connection.execute(
        "UPDATE schedules SET known_since = ? WHERE known_since > ?", (time_text(moment), time_text(moment))
    )
    return connection.execute(
        "DELETE FROM firings WHERE slot > ? AND outcome != 'fired'", (time_text(moment),)
    ).rowcount


def default_zone(connection: sqlite3.Connection) -> str | None:
    row = connection.execute("SELECT value FROM kept WHERE name = ?", (_ZONE,)).fetchone()
    return row["value"] if row else None


def keep_default_zone(connection: sqlite3.Connection, zone: str) -> str:
    connection.execute("INSERT OR IGNORE INTO kept (name, value) VALUES (?, ?)", (_ZONE, zone))
    return default_zone(connection) or zone


# -- pruning -------------------------------------------------------------------------------------------------------

# Health looks back so far for slots without an answer.
KEPT = timedelta(days=45)
AT_ONCE = 500
# A schedule's last answer says where to go on, and that of an unfinished goal who is at work.
_OLD = (
    "FROM firings f WHERE f.slot < ? AND f.outcome != 'queued'"
    " AND f.slot < (SELECT max(n.slot) FROM firings n WHERE n.schedule_id = f.schedule_id)"
    " AND NOT EXISTS (SELECT 1 FROM goals g WHERE g.goal_id = f.goal_id AND g.finished_at IS NULL)"
)


def count_old(connection: sqlite3.Connection, before: datetime) -> int:
    return int(connection.execute(f"SELECT count(*) {_OLD}", (time_text(before),)).fetchone()[0])


def remove_old(connection: sqlite3.Connection, before: datetime) -> int:
    """Some of the answers to slots before that moment. Returns how many."""
    return connection.execute(
        f"DELETE FROM firings WHERE (schedule_id, slot) IN (SELECT f.schedule_id, f.slot {_OLD} LIMIT {AT_ONCE})",
        (time_text(before),),
    ).rowcount
