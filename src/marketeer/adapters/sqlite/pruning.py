"""Pruning: the removal of old goals from the database, beside whoever works here.

What prune removes is written down once, as `_GOAL_ROWS` and `_REHEARSAL_ROWS`. It goes in transactions of a few
hundredths of a second, so that whoever works here meanwhile is hardly held up.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

from marketeer.adapters.sqlite import documents as documents_sql
from marketeer.adapters.sqlite import goals as goals_sql
from marketeer.adapters.sqlite import metrics as metrics_sql
from marketeer.adapters.sqlite.codec import time_of, time_text
from marketeer.adapters.sqlite.database import Database
from marketeer.adapters.sqlite.journal import prune_entries
from marketeer.adapters.sqlite.migrate import migrate
from marketeer.adapters.sqlite.old_rows import KINDS, OldRows
from marketeer.domain.document import CONTEXT_PATH, LEARNINGS_PATH, goal_path, tree_path
from marketeer.domain.journal import JournalEntry
from marketeer.domain.journal_chain import PRUNED
from marketeer.domain.task import Task
from marketeer.ports import Clock

# A task reads the newest outputs of a skill from earlier goals: this many, at least `EARLIER_RUNS` of the executor.
KEPT_RUNS = 3
# A transaction takes about twice this with its commit; the pause after it is as long.
HOLD_S = 0.03
PAUSE_S = 0.06
VERSIONS_AT_ONCE = 20
# A file is written anew only to win back more than one part in so many.
WORTH_COMPACTING = 10

# Every statement uses an index that begins with what it asks for: there is none of work items by goal, but their ids
# begin with the goal's token. Tasks go last, as the documents are found through them.
_GOAL_ROWS: tuple[tuple[str, str], ...] = (
    (
        "documents",
        "task_id IN (SELECT task_id FROM tasks WHERE goal_id = :goal_id) AND kind IN ('output', 'variant', 'review')",
    ),
    ("documents", "path >= :folder AND path < :folder_end"),
    ("reviews", "goal_id = :goal_id"),
    ("work_items", "work_item_id >= :token AND work_item_id < :token_end AND goal_id = :goal_id"),
    ("approvals", "goal_id = :goal_id"),
    ("deliveries", "notice_id IN (SELECT notice_id FROM notices WHERE goal_id = :goal_id)"),
    ("notices", "goal_id = :goal_id"),
    ("tasks", "goal_id = :goal_id"),
)
# In its place a stub stands for the journal.
_JOURNAL = ("journal", "goal_id = :goal_id")
# The ledger of a rehearsal is no money. A real goal's stays, and with it the head of the goal that it refers to.
_REHEARSAL_ROWS: tuple[tuple[str, str], ...] = (
    ("calls", "goal_id = :goal_id"),
    ("spend", "goal_id = :goal_id"),
    ("goals", "goal_id = :goal_id"),
)

Files = Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneOrder:
    """Goals that finished before `before` go. `by` is who asked, at `now`; `with_files` says their files go as well."""

    before: datetime
    now: datetime
    by: str
    with_files: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What went, or in a dry run would go. `rows` counts by table, `kept` the old goals that something still needs.

    `freed_bytes` is the room it took in the database (in a dry run: its texts alone), `unused_bytes` what the
    file holds free for later, and `worth_compacting` whether that is a good part of it.
    """

    goals: int
    rows: Mapping[str, int]
    kept: int
    freed_bytes: int
    unused_bytes: int
    worth_compacting: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Old:
    goal_id: str
    rehearsal: bool


@dataclass(slots=True, kw_only=True)
class _Removed:
    """`files` are the hashes of the machine's versions, by path."""

    goals: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    files: dict[str, frozenset[str]] = field(default_factory=dict)

    def add(self, other: _Removed) -> None:
        self.goals += other.goals
        self.rows += other.rows
        self.files |= other.files


_Step = Callable[[sqlite3.Connection], _Removed]


async def prune(
    path: Path,
    order: PruneOrder,
    *,
    clock: Clock,
    dry_run: bool = False,
    on_files: Callable[[Files], Awaitable[None]] | None = None,
) -> Pruned:
    """Remove finished goals that nothing needs any more, beside whoever works here.

    The ledger of real goals, the sums of spending and the learnings stay; so does every goal that later work reads
    from or waits for, that wrote the product context, or whose calls or files are not settled. `on_files` is told
    after each transaction which files the removed documents were mirrored to.
    """
    database = Database(path)
    await database.open(_prepared)
    try:
        old, kept = await database.read_long(partial(_old_goals, order=order))
        used, _ = await database.read_long(_space)
        if dry_run:
            removed, text_bytes = await _looked_at(database, old, order)
        else:
            removed = await _remove(database, _goal_steps(old, order), clock, on_files)
            versions = await database.read_long(partial(_old_versions, order=order, without=()))
            removed.add(await _remove(database, _version_steps(versions), clock, on_files))
            for kind in KINDS:
                removed.add(await _remove(database, await _steps_of(database, kind, order), clock, None))
        used_then, unused = await database.read_long(_space)
    finally:
        await database.close()
    return Pruned(
        goals=removed.goals,
        rows=removed.rows,
        kept=kept,
        freed_bytes=text_bytes if dry_run else max(0, used - used_then),
        unused_bytes=unused,
        worth_compacting=unused * WORTH_COMPACTING > used_then,
    )


def _prepared(connection: sqlite3.Connection) -> None:
    migrate(connection)
    # Taking a goal out would look for its work items through all of them; every table that refers to a goal is named
    # above, and a test holds the list against the schema.
    connection.execute("PRAGMA foreign_keys = OFF")


async def _remove(
    database: Database,
    steps: deque[_Step],
    clock: Clock,
    on_files: Callable[[Files], Awaitable[None]] | None,
) -> _Removed:
    def some(connection: sqlite3.Connection) -> _Removed:
        removed = _Removed()
        until = clock.monotonic() + HOLD_S
        while steps and clock.monotonic() < until:
            removed.add(steps.popleft()(connection))
        return removed

    total = _Removed()
    while steps:
        removed = await database.write(some, long=True)
        if on_files is not None and removed.files:
            await on_files(removed.files)
        removed.files = {}
        total.add(removed)
        # whoever waits for the write lock gets it for as long as we had it
        await clock.sleep(PAUSE_S)
    return total


def _space(connection: sqlite3.Connection) -> tuple[int, int]:
    """Bytes in use and bytes free within the file."""
    pages, free, size = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size, free * size


async def _looked_at(database: Database, old: Sequence[_Old], order: PruneOrder) -> tuple[_Removed, int]:
    """What would go, and the bytes of its texts."""
    removed, text_bytes = _Removed(goals=len(old)), 0
    for goal in old:
        rows, size = await database.read_long(partial(_count_goal, goal=goal, order=order))
        removed.rows += rows
        text_bytes += size
    without = frozenset(goal.goal_id for goal in old)
    for path, below in await database.read_long(partial(_old_versions, order=order, without=without)):
        count, size = await database.read_long(partial(_count_versions, path=path, below=below))
        removed.rows["documents"] += count
        text_bytes += size
    for kind in KINDS:
        found = await _count(database, kind, order)
        removed.rows += Counter({kind.table: found} if found else {})
    return removed, text_bytes


async def _count(database: Database, kind: OldRows, order: PruneOrder) -> int:
    before = kind.before(order.before, order.now)
    return await database.read_long(lambda connection: kind.count(connection, before))


async def _steps_of(database: Database, kind: OldRows, order: PruneOrder) -> deque[_Step]:
    before = kind.before(order.before, order.now)

    def step(connection: sqlite3.Connection) -> _Removed:
        return _Removed(rows=Counter({kind.table: kind.remove(connection, before)}))

    return deque([step] * kind.steps(await _count(database, kind, order)))


# -- which goals -----------------------------------------------------------------------------------------------


def _old_goals(connection: sqlite3.Connection, order: PruneOrder) -> tuple[list[_Old], int]:
    """The goals that may go, the longest finished first, and how many as old must stay. A pruned real goal is a head
    without work items."""
    rows = connection.execute(
        "SELECT g.goal_id, g.rehearsal FROM goals g WHERE g.finished_at < ? AND (g.rehearsal = 1 OR EXISTS"
        " (SELECT 1 FROM work_items w WHERE w.goal_id = g.goal_id"
        " AND (w.state IN ('ready', 'claimed') OR w.task_id IS NULL)))"
        " ORDER BY g.finished_at",
        (time_text(order.before),),
    ).fetchall()
    needed = _needed(connection)
    old = [_Old(goal_id=row["goal_id"], rehearsal=bool(row["rehearsal"])) for row in rows]
    return [goal for goal in old if goal.goal_id not in needed], sum(goal.goal_id in needed for goal in old)


def _needed(connection: sqlite3.Connection) -> set[str]:
    needed = {task.goal_id for task in _read_by_later_goals(connection)}
    needed |= {row["goal_id"] for row in connection.execute("SELECT goal_id FROM reservations")}
    waited_for = {
        task_id
        for row in connection.execute(
            "SELECT t.depends_on FROM tasks t JOIN goals g USING (goal_id) WHERE g.finished_at IS NULL"
        )
        for task_id in json.loads(row["depends_on"])
    }
    needed |= {task.goal_id for task in (goals_sql.find_task(connection, i) for i in sorted(waited_for)) if task}
    paths = [(path, None) for path in _in_both_trees(CONTEXT_PATH)]
    for path, version in [*paths, *documents_sql.unmirrored(connection)]:
        needed |= {
            row["goal_id"]
            for row in connection.execute(
                "SELECT goal_id FROM documents WHERE path = ? AND version = coalesce(?, version)", (path, version)
            )
        }
    return needed


def _read_by_later_goals(connection: sqlite3.Connection) -> Iterator[Task]:
    """What a goal begun from now on would read, and what unfinished ones still may."""
    wanted: list[tuple[str, bool, datetime | None]] = [
        (row["skill"], bool(row["rehearsal"]), None)
        for row in connection.execute(
            "SELECT DISTINCT skill, rehearsal FROM tasks WHERE status = 'approved' AND superseded_by IS NULL"
        )
    ]
    for row in connection.execute(
        "SELECT DISTINCT t.latest, t.rehearsal, g.created_at FROM tasks t JOIN goals g USING (goal_id)"
        " WHERE g.finished_at IS NULL AND t.latest != '[]'"
    ):
        begun = time_of(row["created_at"])
        wanted += [(skill, bool(row["rehearsal"]), begun) for skill in json.loads(row["latest"])]
    for skill, rehearsal, before in wanted:
        yield from goals_sql.approved_tasks(connection, skill, rehearsal=rehearsal, before=before, limit=KEPT_RUNS)


def _in_both_trees(path: str) -> list[str]:
    return [tree_path(path, rehearsal=rehearsal) for rehearsal in (False, True)]


# -- one goal --------------------------------------------------------------------------------------------------


def _goal_steps(old: Sequence[_Old], order: PruneOrder) -> deque[_Step]:
    return deque(partial(_remove_goal, goal=goal, order=order) for goal in old)


def _rows(goal: _Old) -> tuple[tuple[str, str], ...]:
    return (*_GOAL_ROWS, _JOURNAL, *(_REHEARSAL_ROWS if goal.rehearsal else ()))


def _values(goal: _Old, order: PruneOrder) -> dict[str, str]:
    token = goal.goal_id.rsplit("-", 1)[-1]
    folder = goal_path(goal_id=goal.goal_id, name="", rehearsal=goal.rehearsal)
    return {
        "goal_id": goal.goal_id,
        "before": time_text(order.before),
        "token": token,
        "token_end": f"{token}~",
        "folder": folder,
        "folder_end": f"{folder[:-1]}0",  # the character after the slash
    }


def _remove_goal(connection: sqlite3.Connection, goal: _Old, order: PruneOrder) -> _Removed:
    values = _values(goal, order)
    still_old = connection.execute(
        "SELECT status FROM goals WHERE goal_id = :goal_id AND finished_at < :before"
        " AND goal_id NOT IN (SELECT goal_id FROM reservations)",
        values,
    ).fetchone()
    removed = _Removed()
    if still_old is None:  # a human has had it done over since we looked
        return removed
    removed.goals = 1
    if order.with_files:
        removed.files = _files(connection, values)
    if not goal.rehearsal:
        metrics_sql.keep_sums_of(connection, goal.goal_id)
    for table, where in _rows(goal):
        if (table, where) != _JOURNAL:
            removed.rows[table] += connection.execute(f"DELETE FROM {table} WHERE {where}", values).rowcount
    stub = _stub(goal, order, status=still_old["status"], rows=removed.rows)
    removed.rows["journal"] += prune_entries(connection, stub)
    if not goal.rehearsal:
        _leave_head(connection, goal, order)
    return removed


def _leave_head(connection: sqlite3.Connection, goal: _Old, order: PruneOrder) -> None:
    """What was asked, how it ended and, through the ledger, what it cost. The version tells whoever holds the goal."""
    connection.execute(
        "UPDATE goals SET phases = '[]', barriers = '[]', inputs = '[]', before_you_publish = '[]',"
        " report_path = CASE WHEN ? THEN NULL ELSE report_path END, version = version + 1 WHERE goal_id = ?",
        (order.with_files, goal.goal_id),
    )


def _stub(goal: _Old, order: PruneOrder, *, status: str, rows: Mapping[str, int]) -> JournalEntry:
    """What the journal says from now on."""
    return JournalEntry(
        goal_id=goal.goal_id,
        at=order.now,
        what=PRUNED,
        who=order.by,
        why=f"finished before {order.before:%Y-%m-%d}",
        data={"goal_status": status, "tasks": rows["tasks"], "documents": rows["documents"]},
    )


def _files(connection: sqlite3.Connection, values: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """Hashes of the machine's versions of each document: a file with another content is a human's."""
    found: dict[str, set[str]] = {}
    for where in (where for table, where in _GOAL_ROWS if table == "documents"):
        for row in connection.execute(
            f"SELECT path, sha256 FROM documents WHERE {where} AND author = 'machine'", values
        ):
            found.setdefault(row["path"], set()).add(row["sha256"])
    return {path: frozenset(hashes) for path, hashes in found.items()}


def _count_goal(connection: sqlite3.Connection, goal: _Old, order: PruneOrder) -> tuple[Counter[str], int]:
    values = _values(goal, order)
    rows: Counter[str] = Counter()
    text_bytes = 0
    for table, where in _rows(goal):
        rows[table] += connection.execute(f"SELECT count(*) FROM {table} WHERE {where}", values).fetchone()[0]
        if table == "documents":
            text_bytes += _text_bytes(connection, where, values)
    return rows, text_bytes


def _text_bytes(connection: sqlite3.Connection, where: str, values: Mapping[str, str | int]) -> int:
    (size,) = connection.execute(
        f"SELECT coalesce(sum(length(CAST(content AS BLOB))), 0) FROM documents WHERE {where}", values
    ).fetchone()
    return int(size)


# -- old versions of what goals share --------------------------------------------------------------------------

_OLD_VERSIONS = "path = :path AND version < :below"


def _old_versions(
    connection: sqlite3.Connection, order: PruneOrder, without: Sequence[str] | frozenset[str]
) -> list[tuple[str, int]]:
    """(path, version) of inputs and learnings: the versions below it are old, and neither the newest, nor in the
    folder, nor an input of a goal other than these."""
    used: dict[str, int] = {}
    for row in connection.execute("SELECT goal_id, inputs FROM goals WHERE inputs != '[]'"):
        if row["goal_id"] not in without:
            for reference in json.loads(row["inputs"]):
                path, _, version = reference.rpartition("@")
                used[path] = min(int(version), used.get(path, int(version)))
    found: list[tuple[str, int]] = []
    for folder in (*_in_both_trees("inputs/"), *_in_both_trees(LEARNINGS_PATH)):
        rows = connection.execute(
            "SELECT path, min(version) AS oldest, max(version) AS newest, max(version * mirrored) AS mirrored,"
            " min(CASE WHEN created_at >= :before THEN version END) AS young"
            " FROM documents WHERE path >= :folder AND path < :folder_end GROUP BY path",
            {
                "before": time_text(order.before),
                "folder": folder,
                "folder_end": f"{folder[:-1]}{chr(ord(folder[-1]) + 1)}",
            },
        )
        for row in rows:
            in_folder = row["mirrored"] or row["newest"]
            below = min(row["newest"], in_folder, row["young"] or row["newest"], used.get(row["path"], row["newest"]))
            if below > row["oldest"]:
                found.append((row["path"], below))
    return found


def _version_steps(versions: Sequence[tuple[str, int]]) -> deque[_Step]:
    """Inputs may be large: a few versions at a time."""
    return deque(
        partial(_remove_versions, path=path, below=min(first + VERSIONS_AT_ONCE, below))
        for path, below in versions
        for first in range(1, below, VERSIONS_AT_ONCE)
    )


def _remove_versions(connection: sqlite3.Connection, path: str, below: int) -> _Removed:
    values = {"path": path, "below": below}
    count = connection.execute(f"DELETE FROM documents WHERE {_OLD_VERSIONS}", values).rowcount
    return _Removed(rows=Counter(documents=count))


def _count_versions(connection: sqlite3.Connection, path: str, below: int) -> tuple[int, int]:
    values: dict[str, str | int] = {"path": path, "below": below}
    (count,) = connection.execute(f"SELECT count(*) FROM documents WHERE {_OLD_VERSIONS}", values).fetchone()
    return count, _text_bytes(connection, _OLD_VERSIONS, values)
