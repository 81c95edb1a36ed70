"""Turns of model calls, over all processes. A call has its turn from here on until its reservation is gone."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from marketeer.adapters.sqlite.codec import time_of, time_text
from marketeer.domain.pace import MINUTE, Pace, Wait

_RUNNING = "SELECT count(*) FROM call_turns WHERE call_id IN (SELECT call_id FROM reservations)"
_FORGET = "DELETE FROM call_turns WHERE at <= ? AND call_id NOT IN (SELECT call_id FROM reservations)"
# Begun in the last minute, the newest first: the one that has to leave the minute before there is room.
_IN_THE_WAY = "SELECT at FROM call_turns WHERE at > ? ORDER BY at DESC LIMIT 1 OFFSET ?"


def take_turn(connection: sqlite3.Connection, call_id: str, pace: Pace, now: datetime) -> Wait | None:
    since = time_text(now - MINUTE)
    connection.execute(_FORGET, (since,))
    if pace.at_once is not None and connection.execute(_RUNNING).fetchone()[0] >= pace.at_once:
        return Wait()
    if pace.a_minute is not None:
        row = connection.execute(_IN_THE_WAY, (since, pace.a_minute - 1)).fetchone()
        if row is not None:
            return Wait(until=time_of(row["at"]) + MINUTE)
    connection.execute("INSERT OR REPLACE INTO call_turns (call_id, at) VALUES (?, ?)", (call_id, time_text(now)))
    return None
