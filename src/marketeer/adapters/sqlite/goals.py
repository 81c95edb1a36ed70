"""Goals, tasks and work items: snapshots out, changes in."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from marketeer.adapters.sqlite import documents as documents_sql
from marketeer.adapters.sqlite import learnings as learnings_sql
from marketeer.adapters.sqlite.codec import Codec, time_text
from marketeer.adapters.sqlite.event_rows import emit
from marketeer.adapters.sqlite.journal import add_entries
from marketeer.domain.approval import Approval
from marketeer.domain.errors import Conflict, UsageError
from marketeer.domain.event_emitters import events_of
from marketeer.domain.goal import Goal
from marketeer.domain.snapshot import Change, Snapshot, TaskChange
from marketeer.domain.task import Task
from marketeer.domain.work import Scope, WorkItem, WorkState, delivery_of

GOALS = Codec(Goal)
TASKS = Codec(Task)
ITEMS = Codec(WorkItem)
APPROVALS = Codec(Approval)


def insert_sql(table: str, columns: Iterable[str], *, verb: str = "INSERT") -> str:
    names = list(columns)
    return f"{verb} INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"


def _put_sql(table: str, columns: Iterable[str], *, key: str, never_change: frozenset[str] = frozenset()) -> str:
    """Insert, or update in place: a row that is replaced would lose its place among equally old ones. A key that is
    set, even to what it was, makes SQLite look for rows that refer to it."""
    names = list(columns)
    changing = ", ".join(f"{n} = excluded.{n}" for n in names if n != key and n not in never_change)
    return f"{insert_sql(table, names)} ON CONFLICT ({key}) DO UPDATE SET {changing}"


@cache
def _update_sql(table: str, columns: tuple[str, ...], where: str) -> str:
    return f"UPDATE {table} SET {', '.join(f'{c} = ?' for c in columns)} WHERE {where}"


@cache
def _many(sql: str, rows: int) -> str:
    """The statement for so many rows at once: fewer statements are fewer moments in which threads change places."""
    head, values, tail = re.split(r"(?<=VALUES )(\([?, ]+\))", sql)
    return f"{head}{', '.join([values] * rows)}{tail}"


_SAME_GOAL = "goal_id = ? AND version = ?"
_SAME_TASK = "task_id = ? AND status = ? AND generation = ?"
_INSERT_GOAL = insert_sql("goals", GOALS.columns)
_INSERT_TASK = insert_sql("tasks", (*TASKS.columns, "rehearsal", "elsewhere"))
_PUT_ITEM = _put_sql(
    "work_items",
    (*ITEMS.columns, "queue_priority"),
    key="work_item_id",
    never_change=frozenset({"goal_id", "kind", "task_id", "barrier_id"}),
)
_PUT_APPROVAL = _put_sql("approvals", APPROVALS.columns, key="approval_id", never_change=frozenset({"goal_id"}))


# -- in ------------------------------------------------------------------------------------------------------


def write_change(connection: sqlite3.Connection, change: Change) -> None:
    """All of a change. Raises Conflict when what it was made from is no longer there."""
    _write_goal(connection, change)
    for task_change in change.tasks:
        _write_task(connection, task_change, change.goal)
    if change.items:
        items = [value for item in change.items for value in (*ITEMS.values(item), item.queue_priority)]
        connection.execute(_many(_PUT_ITEM, len(change.items)), items)
    for approval in change.approvals:
        connection.execute(_PUT_APPROVAL, APPROVALS.values(approval))
    learnings_sql.take_in(connection, change.learnings)
    judged = learnings_sql.judge(connection, change)
    add_entries(connection, (*change.entries, *judged))
    emit(connection, events_of(change))
    if change.begins is not None:
        write_change(connection, change.begins)


def _write_goal(connection: sqlite3.Connection, change: Change) -> None:
    goal, before = change.goal, change.goal_before
    if goal.version == 1:
        _insert(connection, _INSERT_GOAL, GOALS.values(goal), f"goal {goal.goal_id!r}")
        return
    columns, values = GOALS.changed(before, goal) if before is not None else (GOALS.columns, GOALS.values(goal))
    same = (*values, goal.goal_id, goal.version - 1)
    if connection.execute(_update_sql("goals", columns, _SAME_GOAL), same).rowcount != 1:
        msg = f"goal {goal.goal_id!r} changed meanwhile"
        raise Conflict(msg)


def _write_task(connection: sqlite3.Connection, change: TaskChange, goal: Goal) -> None:
    task, before = change.after, change.before
    if before is None:
        values = (*TASKS.values(task), int(goal.rehearsal), _elsewhere(task, goal))
        _insert(connection, _INSERT_TASK, values, f"task {task.task_id!r}")
        return
    columns, values = TASKS.changed(before, task)
    # `elsewhere` follows from what it depends on; setting it also makes a statement of a change without any.
    columns, values = (*columns, "elsewhere"), (*values, _elsewhere(task, goal))
    same = (*values, task.task_id, before.status.value, before.generation)
    if connection.execute(_update_sql("tasks", columns, _SAME_TASK), same).rowcount != 1:
        msg = f"task {task.task_id!r} is not {before.status.value} any more"
        raise Conflict(msg)
    if task.output_path and task.output_version and task.output_version < (before.output_version or 0):
        documents_sql.take_back(connection, task.output_path, task.output_version)


def _elsewhere(task: Task, goal: Goal) -> str | None:
    """The first dependency that lies in another goal."""
    return next((d for d in task.depends_on if not d.startswith(f"{goal.token}-")), None)


def _insert(connection: sqlite3.Connection, sql: str, values: tuple[Any, ...], what: str) -> None:
    try:
        connection.execute(sql, values)
    except sqlite3.IntegrityError as exc:
        msg = f"{what} exists already"
        raise Conflict(msg) from exc


# -- out -----------------------------------------------------------------------------------------------------


def load_snapshot(connection: sqlite3.Connection, goal_id: str) -> Snapshot:
    goal = load_goal(connection, goal_id)
    tasks = load_tasks(connection, goal_id)
    own = {task.task_id for task in tasks}
    elsewhere = sorted({d for task in tasks for d in task.depends_on} - own)
    items = connection.execute(
        "SELECT * FROM work_items WHERE goal_id = ? AND (state IN ('ready', 'claimed') OR task_id IS NULL)",
        (goal_id,),
    )
    approvals = connection.execute(
        "SELECT * FROM approvals WHERE goal_id = ? AND (status = 'open' OR (status = 'void' AND gate = 1))"
        " ORDER BY created_at",
        (goal_id,),
    )
    (made,) = connection.execute("SELECT count(*) FROM approvals WHERE goal_id = ?", (goal_id,)).fetchone()
    return Snapshot(
        goal=goal,
        tasks=tuple(tasks),
        external=tuple(t for t in (find_task(connection, task_id) for task_id in elsewhere) if t),
        items=tuple(ITEMS.record(row) for row in items),
        approvals=tuple(APPROVALS.record(row) for row in approvals),
        approvals_made=made,
    )


def load_goal(connection: sqlite3.Connection, goal_id: str) -> Goal:
    row = connection.execute("SELECT * FROM goals WHERE goal_id = ?", (goal_id,)).fetchone()
    if row is None:
        msg = f"no goal {goal_id!r} in this workspace: see `marketeer status`"
        raise UsageError(msg)
    return GOALS.record(row)


def load_tasks(connection: sqlite3.Connection, goal_id: str) -> list[Task]:
    rows = connection.execute("SELECT * FROM tasks WHERE goal_id = ? ORDER BY seq", (goal_id,))
    return [TASKS.record(row) for row in rows]


def find_task(connection: sqlite3.Connection, task_id: str) -> Task | None:
    row = connection.execute("SELECT * FROM tasks WHERE task_id = ?", (task_id,)).fetchone()
    return TASKS.record(row) if row else None


def matching_goals(connection: sqlite3.Connection, text: str) -> list[str]:
    """Ids that are, start with or end with this text; at most three."""
    rows = connection.execute(
        "SELECT goal_id FROM goals WHERE goal_id = :text OR substr(goal_id, 1, length(:text)) = :text"
        " OR substr(goal_id, -length(:text) - 1) = '-' || :text"
        " ORDER BY goal_id = :text DESC, created_at DESC LIMIT 3",
        {"text": text},
    )
    return [row["goal_id"] for row in rows]


def failed_tasks(connection: sqlite3.Connection, limit: int) -> list[Task]:
    """Those that nobody has done over or discarded. What was discarded stands in the journal."""
    rows = connection.execute(
        "SELECT t.* FROM tasks t WHERE t.status = 'failed' AND t.superseded_by IS NULL AND NOT EXISTS"
        " (SELECT 1 FROM journal j WHERE j.goal_id = t.goal_id AND j.task_id = t.task_id"
        " AND j.what = 'failure_discarded') ORDER BY t.finished_at DESC LIMIT ?",
        (limit,),
    )
    return [TASKS.record(row) for row in rows]


def matching_tasks(connection: sqlite3.Connection, text: str) -> list[Task]:
    """Those whose id is or starts with this text; at most three. A range, so that the index finds it."""
    rows = connection.execute(
        "SELECT * FROM tasks WHERE task_id >= :text AND task_id < :text || char(1114111)"
        " ORDER BY task_id = :text DESC LIMIT 3",
        {"text": text},
    )
    return [TASKS.record(row) for row in rows]


def _scope_sql(scope: Scope) -> tuple[str, list[Any]]:
    clauses: list[str] = []
    values: list[Any] = []
    if scope.goal_ids is not None:
        goal_ids, task_ids = sorted(scope.goal_ids), sorted(scope.task_ids)
        in_goals = f"w.goal_id IN ({', '.join('?' * len(goal_ids))})"
        in_tasks = f"w.task_id IN ({', '.join('?' * len(task_ids))})"
        clauses.append(f"({in_goals} OR {in_tasks})")
        values += [*goal_ids, *task_ids]
    if scope.rehearsals_only:
        clauses.append("g.rehearsal = 1")
    return "".join(f" AND {clause}" for clause in clauses), values


def ready_items(connection: sqlite3.Connection, now: datetime, scope: Scope, limit: int) -> list[WorkItem]:
    return [ITEMS.record(row) for row in _ready(connection, "w.*", now, scope, limit)]


def ready_deliveries(connection: sqlite3.Connection, now: datetime, scope: Scope, limit: int) -> list[tuple[str, int]]:
    """Without making a record of each: every sweep brings all that is ready."""
    rows = _ready(connection, "w.work_item_id, w.claim, w.queue_priority", now, scope, limit)
    return [(delivery_of(item_id, claim), priority) for item_id, claim, priority in rows]


def _ready(connection: sqlite3.Connection, columns: str, now: datetime, scope: Scope, limit: int) -> sqlite3.Cursor:
    clause, values = _scope_sql(scope)
    return connection.execute(
        f"SELECT {columns} FROM work_items w JOIN goals g USING (goal_id)"
        " WHERE w.state = 'ready' AND (w.due_at <= ? OR w.created_at > ?) AND g.finished_at IS NULL"
        f" AND g.paused = 0{clause} ORDER BY w.queue_priority, w.created_at, w.rowid LIMIT ?",
        (time_text(now), time_text(now), *values, limit),
    )


def find_item(connection: sqlite3.Connection, item_id: str) -> WorkItem | None:
    row = connection.execute("SELECT * FROM work_items WHERE work_item_id = ?", (item_id,)).fetchone()
    return ITEMS.record(row) if row else None


def next_due(connection: sqlite3.Connection, now: datetime, scope: Scope) -> str | None:
    clause, values = _scope_sql(scope)
    (due_at,) = connection.execute(
        "SELECT min(w.due_at) FROM work_items w JOIN goals g USING (goal_id)"
        f" WHERE w.state = 'ready' AND w.due_at > ? AND w.created_at <= ? AND g.finished_at IS NULL"
        f" AND g.paused = 0{clause}",
        (time_text(now), time_text(now), *values),
    ).fetchone()
    return due_at  # type: ignore[no-any-return]


def extend_leases(connection: sqlite3.Connection, items: Sequence[WorkItem], until: datetime) -> list[str]:
    """Ids of those that are no longer held by this claim. A void one is not among them: its goal was ended, and the
    call in flight is paid for and may finish; nor is one that was done under this claim."""
    lost = []
    for item in items:
        cursor = connection.execute(
            "UPDATE work_items SET lease_until = ? WHERE work_item_id = ? AND state = 'claimed' AND claim = ?",
            (time_text(until), item.work_item_id, item.claim),
        )
        if cursor.rowcount == 0 and _is_lost(find_item(connection, item.work_item_id), item):
            lost.append(item.work_item_id)
    return lost


def _is_lost(current: WorkItem | None, item: WorkItem) -> bool:
    if current is None:
        return True
    done_here = current.state is WorkState.DONE and current.claim == item.claim
    return current.state is not WorkState.VOID and not done_here


def claimed_items(connection: sqlite3.Connection, lease_before: datetime | None) -> list[WorkItem]:
    if lease_before is None:
        rows = connection.execute("SELECT * FROM work_items WHERE state = 'claimed'")
    else:
        rows = connection.execute(
            "SELECT * FROM work_items WHERE state = 'claimed' AND lease_until < ?", (time_text(lease_before),)
        )
    return [ITEMS.record(row) for row in rows]


def goals_waiting_elsewhere(connection: sqlite3.Connection) -> list[str]:
    # Not DISTINCT: for its sake SQLite would walk all tasks in goal order instead of the few that wait.
    rows = connection.execute(
        "SELECT t.goal_id FROM tasks t INDEXED BY tasks_waiting_elsewhere"
        " JOIN tasks e ON e.task_id = t.elsewhere JOIN goals g ON g.goal_id = t.goal_id"
        " WHERE t.status = 'pending' AND t.elsewhere IS NOT NULL AND e.finished_at IS NOT NULL"
        " AND g.finished_at IS NULL"
    )
    return list(dict.fromkeys(row["goal_id"] for row in rows))


def due_questions(connection: sqlite3.Connection, now: datetime) -> list[str]:
    rows = connection.execute(
        "SELECT DISTINCT goal_id FROM approvals WHERE status = 'open' AND (remind_at <= :now OR expires_at <= :now)",
        {"now": time_text(now)},
    )
    return [row["goal_id"] for row in rows]


def unfinished_task(connection: sqlite3.Connection, skill: str, *, rehearsal: bool) -> Task | None:
    """The oldest task of this skill that can still be expected to finish by itself."""
    row = connection.execute(
        "SELECT t.* FROM tasks t JOIN goals g USING (goal_id)"
        " WHERE t.skill = ? AND t.finished_at IS NULL AND t.rehearsal = ? AND t.status != 'blocked'"
        " AND g.finished_at IS NULL AND g.paused = 0 ORDER BY t.created_at LIMIT 1",
        (skill, int(rehearsal)),
    ).fetchone()
    return TASKS.record(row) if row else None


def approved_tasks(
    connection: sqlite3.Connection, skill: str, *, rehearsal: bool, before: datetime | None, limit: int
) -> list[Task]:
    rows = connection.execute(
        "SELECT * FROM tasks WHERE skill = ? AND rehearsal = ? AND status = 'approved' AND superseded_by IS NULL"
        " AND finished_at < ? ORDER BY finished_at DESC LIMIT ?",
        (skill, int(rehearsal), time_text(before) if before else "9", limit),
    )
    return [TASKS.record(row) for row in rows]


def unfinished_goal_ids(connection: sqlite3.Connection) -> Sequence[str]:
    rows = connection.execute("SELECT goal_id FROM goals WHERE finished_at IS NULL ORDER BY created_at")
    return [row["goal_id"] for row in rows]
