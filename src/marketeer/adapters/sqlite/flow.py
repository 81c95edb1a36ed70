"""The flow of work, from the steps themselves: a queue that forgets what is done could not tell."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from marketeer.adapters.sqlite.codec import time_of, time_text
from marketeer.domain.flow import Flow, quantiles

# Of so many the times are taken: the newest, found without an index of their own.
NEWEST = 1_000

_COUNTS = (
    "SELECT count(*) FILTER (WHERE w.state = 'ready' AND w.due_at <= :now) AS waiting,"
    " count(*) FILTER (WHERE w.state = 'ready' AND w.due_at > :now) AS delayed,"
    " count(*) FILTER (WHERE w.state = 'claimed') AS active,"
    " min(CASE WHEN w.state = 'ready' AND w.due_at <= :now THEN w.due_at END) AS oldest"
    " FROM work_items w JOIN goals g USING (goal_id)"
    " WHERE w.state IN ('ready', 'claimed') AND g.finished_at IS NULL AND g.paused = 0"
)
_TIMES = (
    "SELECT due_at, claimed_at, done_at FROM work_items WHERE state = 'done' AND claimed_at IS NOT NULL"
    " AND done_at IS NOT NULL ORDER BY rowid DESC LIMIT ?"
)
_FAILED = (
    "SELECT count(*) FROM tasks t WHERE t.status = 'failed' AND t.superseded_by IS NULL AND NOT EXISTS (SELECT 1 FROM"
    " journal j WHERE j.goal_id = t.goal_id AND j.task_id = t.task_id AND j.what = 'failure_discarded')"
)


def load(connection: sqlite3.Connection, now: datetime) -> Flow:
    counts = connection.execute(_COUNTS, {"now": time_text(now)}).fetchone()
    (completed,) = connection.execute("SELECT count(*) FROM work_items WHERE state = 'done'").fetchone()
    (failed,) = connection.execute(_FAILED).fetchone()
    rows = connection.execute(_TIMES, (NEWEST,)).fetchall()
    times = [(time_of(row["due_at"]), time_of(row["claimed_at"]), time_of(row["done_at"])) for row in rows]
    return Flow(
        waiting=counts["waiting"],
        active=counts["active"],
        delayed=counts["delayed"],
        completed=completed,
        failed=failed,
        oldest_waiting=time_of(counts["oldest"]) if counts["oldest"] else None,
        # A step that its worker took up with the one before was never late.
        wait_s=quantiles([max(0.0, (claimed - due).total_seconds()) for due, claimed, _ in times]),
        processing_s=quantiles([(done - claimed).total_seconds() for _, claimed, done in times]),
    )
