"""Conditions of the whole workspace, and the journal's word of each that begins or ends."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime

from marketeer.adapters.sqlite.codec import Codec
from marketeer.adapters.sqlite.goals import insert_sql
from marketeer.adapters.sqlite.journal import add_entries
from marketeer.domain.condition import Condition, ConditionName, begin_entry, end_entry

_CONDITIONS = Codec(Condition)
_PUT = insert_sql("conditions", _CONDITIONS.columns, verb="INSERT OR IGNORE")


def load(connection: sqlite3.Connection) -> Sequence[Condition]:
    return [_CONDITIONS.record(row) for row in connection.execute("SELECT * FROM conditions ORDER BY since")]


def begin(connection: sqlite3.Connection, condition: Condition) -> bool:
    if connection.execute(_PUT, _CONDITIONS.values(condition)).rowcount == 0:
        return False
    add_entries(connection, [begin_entry(condition)])
    return True


def end(connection: sqlite3.Connection, name: ConditionName, who: str, now: datetime) -> bool:
    rows = connection.execute("DELETE FROM conditions WHERE name = ? RETURNING *", (name.value,)).fetchall()
    if not rows:
        return False
    add_entries(connection, [end_entry(_CONDITIONS.record(rows[0]), who=who, now=now)])
    return True
