"""Who works here, where many share a workspace; and the name by which a workspace is known outside its folder."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import timedelta

from marketeer.adapters.sqlite.codec import Codec, time_text
from marketeer.adapters.sqlite.goals import insert_sql
from marketeer.domain.roll import DEAD_AFTER_LEASES, WorkerEntry

# Long enough for a person to see that one has died.
KEPT_FOR = timedelta(days=1)

_WORKERS = Codec(WorkerEntry)
_PUT = insert_sql("workers", _WORKERS.columns, verb="INSERT OR REPLACE")


def seen(connection: sqlite3.Connection, entry: WorkerEntry) -> Sequence[str]:
    """Note that it is alive; the owners of reservations that are not."""
    now = entry.seen_at
    connection.execute(_PUT, _WORKERS.values(entry))
    connection.execute("DELETE FROM workers WHERE seen_at < ?", (time_text(now - KEPT_FOR),))
    silent_before = time_text(now - timedelta(seconds=DEAD_AFTER_LEASES * entry.lease_s))
    rows = connection.execute(
        "SELECT DISTINCT owner FROM reservations r WHERE NOT EXISTS"
        " (SELECT 1 FROM workers w WHERE w.owner = r.owner AND w.seen_at >= ?)",
        (silent_before,),
    )
    return [row["owner"] for row in rows]


def left(connection: sqlite3.Connection, owner: str) -> None:
    connection.execute("DELETE FROM workers WHERE owner = ?", (owner,))


def load(connection: sqlite3.Connection) -> Sequence[WorkerEntry]:
    rows = connection.execute("SELECT * FROM workers ORDER BY started_at, owner")
    return [_WORKERS.record(row) for row in rows]


def workspace_id(connection: sqlite3.Connection, inode: int | None) -> str | None:
    """None when this file has no name of its own yet."""
    row = connection.execute("SELECT workspace_id FROM workspace WHERE inode IS ?", (inode,)).fetchone()
    return str(row["workspace_id"]) if row is not None else None


def name_workspace(connection: sqlite3.Connection, inode: int | None) -> str:
    """Two workspaces of one name would take each other's work. A copied file still holds its original's name and
    number; one that was only moved keeps both."""
    connection.execute(
        "UPDATE workspace SET workspace_id = lower(hex(randomblob(8))), inode = ?1 WHERE inode IS NOT ?1", (inode,)
    )
    return str(connection.execute("SELECT workspace_id FROM workspace").fetchone()["workspace_id"])
