"""Rows of the inbox: an event goes in once, whoever sends it and however often."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from marketeer.adapters.sqlite.codec import json_text, time_of, time_text
from marketeer.domain.event import Event
from marketeer.domain.event_effect import EventEffect, StoredEvent
from marketeer.domain.event_mapping import Decision
from marketeer.domain.goal import Priority

# No sender repeats itself for longer: a pruned id would take effect again.
KEPT = timedelta(days=90)
AT_ONCE = 500
_OLD = "FROM events WHERE received_at < ? AND decided_at IS NOT NULL"
_PUT = (
    "INSERT INTO events (event_id, type, timestamp, source, data, replays, goal_id, received_at, outlook, chain)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, coalesce((SELECT chain FROM event_goals WHERE goal_id = ?), 0))"
    " ON CONFLICT (event_id) DO NOTHING"
)


def accept(
    connection: sqlite3.Connection, event: Event, received_at: datetime, outlook: Sequence[str]
) -> tuple[StoredEvent, bool]:
    """The event as it is kept, and whether it is new."""
    new = put(connection, event, received_at, outlook)
    stored = find(connection, event.event_id)
    assert stored is not None  # noqa: S101 - it has just been written, or was there
    return stored, new


def put(connection: sqlite3.Connection, event: Event, received_at: datetime, outlook: Sequence[str] = ()) -> bool:
    """False when its id is known already, and then nothing changes."""
    values = (
        *(event.event_id, event.type, time_text(event.timestamp), event.source, json_text(dict(event.data))),
        *(event.replays, event.goal_id, time_text(received_at), json_text(list(outlook)), event.goal_id),
    )
    return connection.execute(_PUT, values).rowcount == 1


def emit(connection: sqlite3.Connection, events: Iterable[Event]) -> None:
    """Events of our own, in the transaction of what they tell of."""
    for event in events:
        put(connection, event, event.timestamp)


def find(connection: sqlite3.Connection, event_id: str) -> StoredEvent | None:
    row = connection.execute("SELECT * FROM events WHERE event_id = ?", (event_id,)).fetchone()
    return stored_of(row) if row else None


def matching(connection: sqlite3.Connection, text: str) -> list[StoredEvent]:
    """Those whose id is or starts with this text, or whose number it is; at most three."""
    rows = connection.execute(
        "SELECT * FROM events WHERE (event_id >= :text AND event_id < :text || char(1114111)) OR number = :number"
        " ORDER BY event_id = :text DESC, number LIMIT 3",
        {"text": text, "number": int(text) if text.isascii() and text.isdigit() and len(text) < 19 else -1},
    )
    return [stored_of(row) for row in rows]


def owed(connection: sqlite3.Connection, limit: int) -> list[StoredEvent]:
    rows = connection.execute("SELECT * FROM events WHERE decided_at IS NULL ORDER BY number LIMIT ?", (limit,))
    return [stored_of(row) for row in rows]


def newest(connection: sqlite3.Connection, limit: int, event_type: str | None, owed_only: bool) -> list[StoredEvent]:
    clauses = [*(["type = :type"] if event_type else []), *(["decided_at IS NULL"] if owed_only else [])]
    where = f"WHERE {' AND '.join(clauses)} " if clauses else ""
    rows = connection.execute(
        f"SELECT * FROM events {where}ORDER BY number DESC LIMIT :limit", {"type": event_type, "limit": limit}
    )
    return [stored_of(row) for row in rows]


def of_source(connection: sqlite3.Connection, source: str, after: int, limit: int) -> list[StoredEvent]:
    rows = connection.execute(
        "SELECT * FROM events WHERE source = ? AND number > ? ORDER BY number LIMIT ?", (source, after, limit)
    )
    return [stored_of(row) for row in rows]


def stored_of(row: sqlite3.Row) -> StoredEvent:
    return StoredEvent(
        number=row["number"],
        event=Event(
            event_id=row["event_id"],
            type=row["type"],
            timestamp=time_of(row["timestamp"]),
            source=row["source"],
            data=json.loads(row["data"]),
            replays=row["replays"],
            goal_id=row["goal_id"],
        ),
        received_at=time_of(row["received_at"]),
        outlook=tuple(json.loads(row["outlook"])),
        chain=row["chain"],
        effect=_effect_of(row["effect"], row["decided_at"]) if row["effect"] else None,
    )


def effect_text(effect: EventEffect) -> str:
    decisions = [
        {
            "mapping": one.mapping_id,
            "triggered": one.triggered,
            "why": one.why,
            "pipeline": one.pipeline,
            "priority": one.priority.value,
            "key": one.key,
            "goal_id": one.goal_id,
        }
        for one in effect.decisions
    ]
    return json_text({"decisions": decisions, "note": effect.note})


def _effect_of(text: str, decided_at: str) -> EventEffect:
    found: Mapping[str, Any] = json.loads(text)
    decisions = tuple(
        Decision(
            mapping_id=one["mapping"],
            triggered=one["triggered"],
            why=one["why"],
            pipeline=one["pipeline"],
            priority=Priority(one["priority"]),
            key=one["key"],
            goal_id=one["goal_id"],
        )
        for one in found["decisions"]
    )
    return EventEffect(decisions=decisions, note=found["note"], decided_at=time_of(decided_at))


def count_old(connection: sqlite3.Connection, before: datetime) -> int:
    return int(connection.execute(f"SELECT count(*) {_OLD}", (time_text(before),)).fetchone()[0])


def remove_old(connection: sqlite3.Connection, before: datetime) -> int:
    """Some of the events decided that came before that moment, with what is known of the goals they started."""
    gone = connection.execute(
        f"DELETE FROM events WHERE number IN (SELECT number {_OLD} ORDER BY number LIMIT {AT_ONCE})",
        (time_text(before),),
    ).rowcount
    connection.execute("DELETE FROM event_goals WHERE event_id NOT IN (SELECT event_id FROM events)")
    return gone
