"""Metrics out of the store's rows: of everything, of the goals that ended in a time, or of one goal.

What pruning takes away is added to one row of sums before it goes. The ledger and the goals' heads are never pruned, so
only tasks, steps and reviews are kept there.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from marketeer.adapters.sqlite.codec import json_text, time_of, time_text
from marketeer.domain import metrics as m
from marketeer.domain.health import QueueDepth
from marketeer.domain.metrics import BUCKETS_S, Family, Histogram, Metrics, Series

_TOKEN_TYPES = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cache_read": "cache_read_tokens",
    "cache_write_5m": "cache_write_5m_tokens",
    "cache_write_1h": "cache_write_1h_tokens",
}


def _span(begin: str, end: str) -> str:
    """Seconds between two columns of times, at least 0 (clocks are put back), NULL while one is missing."""
    return f"max(0.0, (julianday({end}) - julianday({begin})) * 86400.0)"


def _buckets(seconds: str) -> str:
    """Columns <seconds>_0, _1 ... with how many are at most that bucket's end, then all, then their sum."""
    upto = [f"sum({seconds} <= {end}) AS {seconds}_{index}" for index, end in enumerate(BUCKETS_S)]
    return ", ".join([*upto, f"count({seconds}) AS {seconds}_{len(BUCKETS_S)}", f"total({seconds}) AS {seconds}_total"])


def _rows(each: str, summed: str, by: str) -> str:
    """`summed` for each `by` of what `each` selects, where a span is worked out once for each row: without MATERIALIZED
    the whole expression would stand in every bucket, and its times be parsed in each."""
    return f"WITH one AS MATERIALIZED ({each}) SELECT {by}, {summed} FROM one GROUP BY {by}"


_GOAL_ROWS = _rows(
    f"SELECT g.status, {_span('g.created_at', 'g.finished_at')} AS s FROM goals g WHERE g.rehearsal = 0 AND {{goals}}",
    f"count(*) AS n, {_buckets('s')}",
    by="status",
)
_TASK_ROWS = _rows(
    f"SELECT t.skill, t.status, t.revision, {_span('t.created_at', 't.finished_at')} AS s"
    " FROM tasks t WHERE t.rehearsal = 0 AND {tasks}",
    "count(*) AS n, sum(revision) AS revisions, sum(status = 'approved' AND revision = 0) AS unrevised,"
    f" {_buckets('s')}",
    by="skill, status",
)
_STEP_ROWS = _rows(
    f"SELECT w.kind, w.attempts, {_span('max(w.created_at, w.due_at)', 'w.claimed_at')} AS waited,"
    f" CASE WHEN w.state = 'done' THEN {_span('w.claimed_at', 'w.done_at')} END AS worked"
    " FROM {steps} WHERE g.rehearsal = 0",
    f"sum(max(0, attempts - 1)) AS retries, {_buckets('waited')}, {_buckets('worked')}",
    by="kind",
)
_REVIEW_ROWS = (
    "SELECT r.verdict, count(*) AS n FROM reviews r JOIN goals g USING (goal_id)"
    " WHERE g.rehearsal = 0 AND {reviews} GROUP BY r.verdict"
)
_CALL_ROWS = _rows(
    f"SELECT c.kind, coalesce(c.skill, '') AS by_skill, c.model, c.estimated, {', '.join(_TOKEN_TYPES.values())},"
    " c.cost_microusd, CASE WHEN c.estimated = 0 THEN c.latency_s END AS s"
    " FROM calls c WHERE c.rehearsal = 0 AND {calls}",
    f"count(*) AS n, {', '.join(f'sum({column}) AS {column}' for column in _TOKEN_TYPES.values())},"
    f" sum(cost_microusd) AS cost_microusd, {_buckets('s')}",
    by="kind, by_skill, model, estimated",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Which:
    """Conditions that choose rows of each table, and where the steps come from. Every one of them uses an index, or
    means everything."""

    goals: str = "1"
    tasks: str = "1"
    steps: str = "work_items w JOIN goals g USING (goal_id)"
    reviews: str = "1"
    calls: str = "1"


def _of_goals(condition: str) -> _Which:
    """What belongs to these goals. Of many in one go: asking for each costs several times as much."""
    chosen = f"IN (SELECT g.goal_id FROM goals g WHERE {condition})"
    return _Which(
        goals=condition,
        tasks=f"t.goal_id {chosen}",
        steps=f"goals g CROSS JOIN work_items w ON {_STEPS_OF_GOAL} AND {condition}",
        reviews=f"r.goal_id {chosen}",
        calls=f"c.goal_id {chosen}",
    )


# There is no index of work items by goal, but their ids begin with the goal's token, the last part of its id. CROSS
# JOIN keeps the goals outside, and the plus keeps SQLite from making an index of all items for this.
_TOKEN = "substr(g.goal_id, length(rtrim(g.goal_id, replace(g.goal_id, '-', ''))) + 1)"  # noqa: S105 - SQL
_STEPS_OF_GOAL = f"w.work_item_id >= {_TOKEN} AND w.work_item_id < {_TOKEN} || '~' AND +w.goal_id = g.goal_id"

_EVERYTHING = _Which()
_ONE_GOAL = _of_goals("g.goal_id = :goal_id")
_ENDED = _of_goals("g.finished_at >= :begin AND g.finished_at < :end AND g.rehearsal = 0")


class _Sums:
    """Metrics in the making."""

    def __init__(self) -> None:
        self.numbers: dict[Series, float] = {}
        self.histograms: dict[Series, Histogram] = {}

    def count(self, family: Family, labels: tuple[str, ...], value: float) -> None:
        if value:
            series = (family.name, labels)
            self.numbers[series] = self.numbers.get(series, 0) + value

    def span(self, family: Family, labels: tuple[str, ...], row: sqlite3.Row, seconds: str = "s") -> None:
        upto = [row[f"{seconds}_{index}"] or 0 for index in range(len(BUCKETS_S) + 1)]
        if not upto[-1]:
            return
        counts = tuple(b - a for a, b in zip([0, *upto], upto, strict=False))
        histogram, series = Histogram(counts=counts, total_s=row[f"{seconds}_total"]), (family.name, labels)
        known = self.histograms.get(series)
        self.histograms[series] = histogram if known is None else known + histogram

    def done(self) -> Metrics:
        return Metrics(numbers=self.numbers, histograms=self.histograms)


# -- reading ---------------------------------------------------------------------------------------------------


def everything(connection: sqlite3.Connection, now: datetime) -> Metrics:
    """Since the beginning, pruned goals included."""
    queue = Metrics(queue=queue_depth(connection, now))
    return queue + _sums(connection, _EVERYTHING, {}).done() + _pruned(connection)


def ended_between(connection: sqlite3.Connection, begin: datetime, end: datetime, now: datetime) -> Metrics:
    """Of the goals that ended then. What it reads grows with those alone."""
    ended = _sums(connection, _ENDED, {"begin": time_text(begin), "end": time_text(end)})
    return Metrics(queue=queue_depth(connection, now)) + ended.done()


def queue_depth(connection: sqlite3.Connection, now: datetime) -> QueueDepth:
    """Of live, unpaused goals."""
    row = connection.execute(
        "SELECT count(*) FILTER (WHERE w.due_at <= :now) AS due, count(*) FILTER (WHERE w.due_at > :now) AS later,"
        " min(w.due_at) AS oldest FROM work_items w JOIN goals g USING (goal_id)"
        " WHERE w.state = 'ready' AND g.rehearsal = 0 AND g.paused = 0 AND g.finished_at IS NULL",
        {"now": time_text(now)},
    ).fetchone()
    (in_hand,) = connection.execute(
        "SELECT count(*) FROM work_items w JOIN goals g USING (goal_id) WHERE w.state = 'claimed' AND g.rehearsal = 0"
    ).fetchone()
    oldest = time_of(row["oldest"]) if row["due"] else None
    return QueueDepth(due=row["due"], later=row["later"], in_hand=in_hand, oldest_due=oldest)


def blocked_pipelines(connection: sqlite3.Connection) -> list[str]:
    rows = connection.execute(
        "SELECT DISTINCT coalesce(g.pipeline, g.goal_id) AS name FROM approvals a JOIN goals g USING (goal_id)"
        " WHERE a.status = 'open' AND a.kind = 'pipeline' AND g.rehearsal = 0 ORDER BY 1"
    )
    return [row["name"] for row in rows]


def failures_in_a_row(connection: sqlite3.Connection, goal_id: str, most: int) -> int:
    """How many of the newest finished tasks of this goal's pipeline have failed by themselves, one after the other,
    since a human last let it go on. Counted up to `most`."""
    rows = connection.execute(
        "SELECT t.status FROM tasks t JOIN goals g USING (goal_id)"
        " JOIN goals own ON own.goal_id = :goal_id"
        " WHERE g.rehearsal = own.rehearsal AND (g.goal_id = own.goal_id OR g.pipeline = own.pipeline)"
        " AND t.status IN ('approved', 'failed')"
        " AND coalesce(t.reason, '') NOT LIKE 'rejected by %'"
        " AND t.finished_at > coalesce((SELECT max(a.decided_at) FROM approvals a JOIN goals h USING (goal_id)"
        " WHERE a.kind = 'pipeline' AND (h.goal_id = own.goal_id OR h.pipeline = own.pipeline)), '')"
        " ORDER BY t.finished_at DESC LIMIT :most",
        {"goal_id": goal_id, "most": most},
    )
    count = 0
    for row in rows:
        if row["status"] != "failed":
            break
        count += 1
    return count


def _sums(connection: sqlite3.Connection, which: _Which, values: Mapping[str, str]) -> _Sums:
    sums = _prunable(connection, which, values)
    for row in connection.execute(_GOAL_ROWS.format(goals=which.goals), values):
        sums.count(m.GOALS, (row["status"],), row["n"])
        sums.span(m.GOAL_TIME, (), row)
    for row in connection.execute(_CALL_ROWS.format(calls=which.calls), values):
        labels = (row["kind"], row["by_skill"], row["model"])
        sums.count(m.CALLS, (*labels, "yes" if row["estimated"] else "no"), row["n"])
        sums.count(m.COST, labels, row["cost_microusd"] / 1_000_000)
        sums.span(m.CALL_TIME, (row["model"],), row)
        for kind, column in _TOKEN_TYPES.items():
            sums.count(m.TOKENS, (row["model"], kind), row[column])
    return sums


def _prunable(connection: sqlite3.Connection, which: _Which, values: Mapping[str, str]) -> _Sums:
    """Of what pruning takes away."""
    sums = _Sums()
    for row in connection.execute(_TASK_ROWS.format(tasks=which.tasks), values):
        sums.count(m.TASKS, (row["skill"], row["status"]), row["n"])
        sums.count(m.REVISIONS, (row["skill"],), row["revisions"])
        sums.count(m.FIRST_TIME, (row["skill"],), row["unrevised"])
        sums.span(m.TASK_TIME, (row["skill"],), row)
    for row in connection.execute(_STEP_ROWS.format(steps=which.steps), values):
        sums.count(m.RETRIES, (row["kind"],), row["retries"])
        sums.span(m.WAIT, (row["kind"],), row, "waited")
        sums.span(m.WORK, (row["kind"],), row, "worked")
    for row in connection.execute(_REVIEW_ROWS.format(reviews=which.reviews), values):
        sums.count(m.REVIEWS, (row["verdict"],), row["n"])
    return sums


# -- pruning ---------------------------------------------------------------------------------------------------


def keep_sums_of(connection: sqlite3.Connection, goal_id: str) -> None:
    """To be called in the transaction that prunes a goal, before its rows go."""
    together = _pruned(connection) + _prunable(connection, _ONE_GOAL, {"goal_id": goal_id}).done()
    connection.execute("INSERT OR REPLACE INTO pruned_metrics (id, data) VALUES (1, ?)", (_encoded(together),))


def _pruned(connection: sqlite3.Connection) -> Metrics:
    row = connection.execute("SELECT data FROM pruned_metrics").fetchone()
    return _decoded(row["data"]) if row else Metrics()


def _encoded(metrics: Metrics) -> str:
    numbers = [[name, list(labels), value] for (name, labels), value in metrics.numbers.items()]
    spans = [[name, list(labels), list(h.counts), h.total_s] for (name, labels), h in metrics.histograms.items()]
    return json_text({"numbers": numbers, "histograms": spans})


def _decoded(text: str) -> Metrics:
    data = json.loads(text)
    return Metrics(
        numbers={(name, tuple(labels)): value for name, labels, value in data["numbers"]},
        histograms=dict(_histograms(data["histograms"])),
    )


def _histograms(rows: list[tuple[str, list[str], list[int], float]]) -> Iterator[tuple[Series, Histogram]]:
    for name, labels, counts, total_s in rows:
        yield (name, tuple(labels)), Histogram(counts=tuple(counts), total_s=total_s)
