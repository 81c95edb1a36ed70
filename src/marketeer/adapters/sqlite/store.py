"""The Store port on SQLite: each method is one job for the database. What grows with history is a long one."""

from __future__ import annotations

import sqlite3
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from marketeer.adapters.sqlite import caps as caps_sql
from marketeer.adapters.sqlite import conditions as conditions_sql
from marketeer.adapters.sqlite import documents as documents_sql
from marketeer.adapters.sqlite import flow as flow_sql
from marketeer.adapters.sqlite import goals as goals_sql
from marketeer.adapters.sqlite import journal as journal_sql
from marketeer.adapters.sqlite import ledger as ledger_sql
from marketeer.adapters.sqlite import metrics as metrics_sql
from marketeer.adapters.sqlite import pace as pace_sql
from marketeer.adapters.sqlite import spending as spending_sql
from marketeer.adapters.sqlite import workers as workers_sql
from marketeer.adapters.sqlite.codec import Codec, time_of, time_text
from marketeer.adapters.sqlite.database import Database, data_version
from marketeer.adapters.sqlite.events import SqliteEvents
from marketeer.adapters.sqlite.learning_store import LEARNINGS_TOPIC, SqliteLearnings
from marketeer.adapters.sqlite.migrate import is_current, migrate
from marketeer.adapters.sqlite.notices import SqliteNotices
from marketeer.adapters.sqlite.recollection import Recollection, adopted_topic, document_topic
from marketeer.adapters.sqlite.remembered import Remembered
from marketeer.adapters.sqlite.schedule_store import SqliteSchedules
from marketeer.domain.approval import Approval, ApprovalStatus
from marketeer.domain.budget import MonthBudget, month_key
from marketeer.domain.condition import Condition, ConditionName
from marketeer.domain.document import Author, Document
from marketeer.domain.errors import UsageError
from marketeer.domain.flow import Flow
from marketeer.domain.goal import Goal
from marketeer.domain.health import QueueDepth
from marketeer.domain.journal import JournalEntry, edited
from marketeer.domain.journal_chain import Flaw, Head
from marketeer.domain.ledger import Call, GoalBill, MonthBill, Refused, Reservation, Spend, TaskCost
from marketeer.domain.metrics import Metrics
from marketeer.domain.pace import Pace, Wait
from marketeer.domain.review import Review
from marketeer.domain.roll import WorkerEntry
from marketeer.domain.skill import DIRECTOR, FOUNDATION_SKILL
from marketeer.domain.snapshot import Change, Snapshot
from marketeer.domain.task import Task
from marketeer.domain.work import Scope, WorkItem
from marketeer.ports import Commit

T = TypeVar("T")
_Settled = tuple[list[Document], Spend | None]
_REVIEWS = Codec(Review)
# As many rows as may be read or written on the event loop.
FEW = 64
# A topic of what is remembered.
_CAPS = "caps"
_CONDITIONS_TOPIC = "conditions"
_PUT_REVIEW = goals_sql.insert_sql("reviews", _REVIEWS.columns, verb="INSERT OR REPLACE")


class SqliteStore(SqliteEvents, SqliteSchedules, SqliteNotices, SqliteLearnings, Recollection):
    """See ports.Store for the contract. `path` None keeps the store in memory."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._remembered = Remembered()
        self._db = Database(path, on_others=self._remembered.look)

    async def open(self) -> None:
        await self._db.open(migrate, is_current)

    async def close(self) -> None:
        await self._db.close()

    async def data_version(self) -> int:
        """Changes whenever another process has committed."""

        version = await self._db.read_on_writer(data_version)
        self._remembered.look(version)
        return version

    async def flush(self) -> None:
        await self._db.read_on_writer(lambda _: None)

    def _forget_change(self, change: Change) -> None:
        """Which output is adopted depends on its task; what stands in it does not."""
        for task_change in change.tasks:
            for task in (task_change.before, task_change.after):
                if task is not None and task.output_path is not None:
                    self._remembered.forget(adopted_topic(task.output_path))
        if change.trials or any(learning.agent != DIRECTOR for learning in change.learnings):
            self._remembered.forget(LEARNINGS_TOPIC)

    # -- goals, tasks, work ----------------------------------------------------------------------------------

    async def snapshot(self, goal_id: str) -> Snapshot:
        return await self._db.read(lambda c: goals_sql.load_snapshot(c, goal_id))

    async def commit(
        self, change: Change, *, documents: Sequence[Document] = (), reviews: Sequence[Review] = ()
    ) -> None:
        await self.commit_all([Commit(change=change, documents=documents, reviews=reviews)])

    async def commit_all(self, commits: Sequence[Commit]) -> None:
        def work(connection: sqlite3.Connection) -> list[Document]:
            return [document for commit in commits for document in _write(connection, commit)]

        def end(stored: list[Document] | None) -> None:
            for commit in commits:
                self._forget_change(commit.change)
            self._know_documents(stored)

        await self._db.write(work, on_end=end)

    async def commit_goal_inputs(self, change: Change, documents: Sequence[Document]) -> Change:
        def work(connection: sqlite3.Connection) -> Change:
            stored = [_add_once(connection, document) for document in documents]
            inputs = tuple(f"{d.path}@{d.version}" for d in stored)
            complete = replace(change, goal=replace(change.goal, inputs=inputs))
            goals_sql.write_change(connection, complete)
            return complete

        return await self._db.write(work, on_end=lambda _: self._forget_documents(documents))

    async def ready_items(self, *, now: datetime, scope: Scope, limit: int) -> Sequence[WorkItem]:
        read = self._db.read if limit <= FEW else self._db.read_long
        return await read(lambda c: goals_sql.ready_items(c, now, scope, limit))

    async def ready_deliveries(self, *, now: datetime, scope: Scope, limit: int) -> Sequence[tuple[str, int]]:
        return await self._db.read_long(lambda c: goals_sql.ready_deliveries(c, now, scope, limit))

    async def work_item(self, work_item_id: str) -> WorkItem | None:
        return await self._db.read(lambda c: goals_sql.find_item(c, work_item_id))

    async def next_due(self, *, now: datetime, scope: Scope) -> datetime | None:
        due_at = await self._db.read(lambda c: goals_sql.next_due(c, now, scope))
        return time_of(due_at) if due_at else None

    async def extend_leases(self, items: Sequence[WorkItem], *, until: datetime) -> Sequence[str]:
        return await self._db.write(lambda c: goals_sql.extend_leases(c, items, until), long=len(items) > FEW)

    async def claimed_items(self, *, lease_before: datetime | None) -> Sequence[WorkItem]:
        return await self._db.read(lambda c: goals_sql.claimed_items(c, lease_before))

    async def goals_waiting_on_other_goals(self) -> Sequence[str]:
        return await self._db.read(goals_sql.goals_waiting_elsewhere)

    async def due_questions(self, *, now: datetime) -> Sequence[str]:
        return await self._db.read(lambda c: goals_sql.due_questions(c, now))

    async def foundation_task(self, *, rehearsal: bool) -> Task | None:
        return await self._db.read(lambda c: goals_sql.unfinished_task(c, FOUNDATION_SKILL, rehearsal=rehearsal))

    # -- the whole workspace ---------------------------------------------------------------------------------

    async def conditions(self) -> Sequence[Condition]:
        return await self._recall(_CONDITIONS_TOPIC, None, conditions_sql.load)

    async def begin_condition(self, condition: Condition) -> bool:
        return await self._db.write(
            lambda c: conditions_sql.begin(c, condition), on_end=lambda _: self._remembered.forget(_CONDITIONS_TOPIC)
        )

    async def end_condition(self, name: ConditionName, *, who: str, now: datetime) -> bool:
        return await self._db.write(
            lambda c: conditions_sql.end(c, name, who, now),
            on_end=lambda _: self._remembered.forget(_CONDITIONS_TOPIC),
        )

    async def metrics(
        self, *, now: datetime, ended_from: datetime | None = None, ended_before: datetime | None = None
    ) -> Metrics:
        if ended_from is None or ended_before is None:
            return await self._db.read_long(lambda c: metrics_sql.everything(c, now))
        return await self._db.read_long(lambda c: metrics_sql.ended_between(c, ended_from, ended_before, now))

    async def queue_depth(self, *, now: datetime) -> QueueDepth:
        return await self._db.read_long(lambda c: metrics_sql.queue_depth(c, now))

    async def flow(self, *, now: datetime) -> Flow:
        return await self._db.read_long(lambda c: flow_sql.load(c, now))

    async def blocked_pipelines(self) -> Sequence[str]:
        return await self._db.read(metrics_sql.blocked_pipelines)

    async def workspace_id(self) -> str:
        inode = self._path.stat().st_ino if self._path is not None else None
        known = await self._db.read(lambda c: workers_sql.workspace_id(c, inode))
        if known is not None:
            return known
        return await self._db.write(lambda c: workers_sql.name_workspace(c, inode))

    async def worker_seen(self, entry: WorkerEntry) -> Sequence[str]:
        return await self._db.write(lambda c: workers_sql.seen(c, entry))

    async def worker_left(self, owner: str) -> None:
        await self._db.write(lambda c: workers_sql.left(c, owner))

    async def workers(self) -> Sequence[WorkerEntry]:
        return await self._db.read(workers_sql.load)

    async def failures_in_a_row(self, goal_id: str, *, most: int) -> int:
        return await self._db.read_long(lambda c: metrics_sql.failures_in_a_row(c, goal_id, most))

    # -- reading ---------------------------------------------------------------------------------------------

    async def goal(self, goal_id: str) -> Goal:
        return await self._db.read(lambda c: goals_sql.load_goal(c, goal_id))

    async def find_goal(self, prefix: str) -> Goal:
        found = await self._db.read_long(lambda c: goals_sql.matching_goals(c, prefix)) if prefix else []
        if len(found) > 1 and found[0] != prefix:
            msg = f"{prefix!r} fits more than one goal: {', '.join(found)}"
            raise UsageError(msg)
        return await self.goal(found[0] if found else prefix)

    async def goals(self, *, limit: int, unfinished_only: bool = False) -> Sequence[Goal]:
        where = "WHERE finished_at IS NULL " if unfinished_only else ""

        def work(connection: sqlite3.Connection) -> list[Goal]:
            rows = connection.execute(
                f"SELECT * FROM goals {where}ORDER BY created_at DESC, rowid DESC LIMIT ?", (limit,)
            )
            return [goals_sql.GOALS.record(row) for row in rows]

        return await self._db.read_long(work)

    async def ended_goals(self, *, since: datetime, before: datetime, limit: int) -> Sequence[Goal]:
        def work(connection: sqlite3.Connection) -> list[Goal]:
            rows = connection.execute(
                "SELECT * FROM goals WHERE finished_at >= ? AND finished_at < ? ORDER BY finished_at DESC LIMIT ?",
                (time_text(since), time_text(before), limit),
            )
            return [goals_sql.GOALS.record(row) for row in rows]

        return await self._db.read_long(work)

    async def tasks(self, goal_id: str) -> Sequence[Task]:
        return await self._db.read(lambda c: goals_sql.load_tasks(c, goal_id))

    async def find_task(self, prefix: str) -> Task:
        found = await self._db.read(lambda c: goals_sql.matching_tasks(c, prefix)) if prefix else []
        if not found:
            msg = f"no task {prefix!r} in this workspace: see `marketeer show GOAL`"
            raise UsageError(msg)
        if len(found) > 1 and found[0].task_id != prefix:
            msg = f"{prefix!r} fits more than one task: {', '.join(task.task_id for task in found)}"
            raise UsageError(msg)
        return found[0]

    async def failed_tasks(self, *, limit: int) -> Sequence[Task]:
        return await self._db.read_long(lambda c: goals_sql.failed_tasks(c, limit))

    async def latest_approved(
        self, skill: str, *, rehearsal: bool, before: datetime | None = None, limit: int = 1
    ) -> Sequence[Task]:
        return await self._db.read(
            lambda c: goals_sql.approved_tasks(c, skill, rehearsal=rehearsal, before=before, limit=limit)
        )

    async def approval(self, approval_id: str) -> Approval:
        def work(connection: sqlite3.Connection) -> list[Approval]:
            rows = connection.execute(
                "SELECT * FROM approvals WHERE approval_id = ? OR substr(approval_id, 1, ?) = ?"
                " ORDER BY approval_id = ? DESC LIMIT 3",
                (approval_id, len(approval_id), approval_id, approval_id),
            )
            return [goals_sql.APPROVALS.record(row) for row in rows]

        found = await self._db.read_long(work) if approval_id else []
        if not found:
            msg = f"no approval {approval_id!r}: see `marketeer approvals`"
            raise UsageError(msg)
        if len(found) > 1 and found[0].approval_id != approval_id:
            msg = f"{approval_id!r} fits more than one approval: {', '.join(a.approval_id for a in found)}"
            raise UsageError(msg)
        return found[0]

    async def approvals(
        self, *, status: ApprovalStatus | None = None, goal_id: str | None = None
    ) -> Sequence[Approval]:
        wanted = {"status": status.value if status else None, "goal_id": goal_id}
        clauses = [f"{name} = :{name}" for name, value in wanted.items() if value is not None]
        where = f"WHERE {' AND '.join(clauses)} " if clauses else ""

        def work(connection: sqlite3.Connection) -> list[Approval]:
            rows = connection.execute(f"SELECT * FROM approvals {where}ORDER BY created_at, rowid", wanted)
            return [goals_sql.APPROVALS.record(row) for row in rows]

        return await self._db.read_long(work)

    async def reviews(self, goal_id: str) -> Sequence[Review]:
        def work(connection: sqlite3.Connection) -> list[Review]:
            rows = connection.execute("SELECT * FROM reviews WHERE goal_id = ? ORDER BY created_at, rowid", (goal_id,))
            return [_REVIEWS.record(row) for row in rows]

        return await self._db.read(work)

    async def journal(
        self, *, goal_id: str | None = None, after: int = 0, since: datetime | None = None, limit: int = 1000
    ) -> Sequence[JournalEntry]:
        return await self._db.read_long(
            lambda c: journal_sql.read(c, goal_id=goal_id, after=after, since=since, limit=limit)
        )

    async def journals(self) -> Sequence[str]:
        return await self._db.read_long(journal_sql.journals)

    async def examine_journal(self, goal_id: str) -> tuple[Head, Sequence[Flaw]]:
        return await self._db.read_long(lambda c: journal_sql.examine(c, goal_id))

    async def journal_end(self) -> int:
        def work(connection: sqlite3.Connection) -> int:
            return int(connection.execute("SELECT coalesce(max(entry_id), 0) FROM journal").fetchone()[0])

        return await self._db.read(work)

    # -- money -----------------------------------------------------------------------------------------------

    async def reserve(self, reservation: Reservation) -> Refused | None:
        def end(done: tuple[Refused | None, Spend | None] | None) -> None:
            self._know_month(reservation, done[1] if done else None)

        refused, _ = await self._db.write(lambda c: ledger_sql.reserve(c, reservation), on_end=end)
        return refused

    async def take_turn(self, call_id: str, pace: Pace, *, now: datetime) -> Wait | None:
        return await self._db.write(lambda c: pace_sql.take_turn(c, call_id, pace, now))

    async def settle(self, call: Call, documents: Sequence[Document] = ()) -> Sequence[Document]:
        def work(connection: sqlite3.Connection) -> _Settled:
            month = ledger_sql.settle(connection, call)
            return [documents_sql.add(connection, document) for document in documents], month

        def end(done: _Settled | None) -> None:
            stored, month = done or (None, None)
            self._know_month(call, month)
            self._know_documents(stored)

        stored, _ = await self._db.write(work, on_end=end)
        return stored

    def _know_month(self, record: Call | Reservation, spend: Spend | None) -> None:
        topic = _month_topic(month_key(record.reserved_at))
        self._remembered.forget(topic)
        if spend is not None:
            self._remembered.put(topic, "spend", spend)

    async def release(self, call_id: str) -> None:
        await self._db.write(lambda c: ledger_sql.release(c, call_id), on_end=self._forget_all)

    async def book_orphans(self, *, now: datetime, owner_not: str | None = None, owner: str | None = None) -> int:
        return await self._db.write(
            lambda c: ledger_sql.book_orphans(c, owner_not, owner, now), long=True, on_end=self._forget_all
        )

    def _forget_all(self, _: object) -> None:
        self._remembered.clear()

    async def calls(self, goal_id: str, *, work_item_id: str | None = None) -> Sequence[Call]:
        return await self._db.read(lambda c: ledger_sql.calls(c, goal_id, work_item_id))

    async def goal_bill(self, goal_id: str) -> GoalBill:
        return await self._db.read(lambda c: spending_sql.goal_bill(c, goal_id))

    async def month_spend(self, month: str) -> Spend:
        return await self._recall(_month_topic(month), "spend", lambda c: spending_sql.load_spend(c, "month", month))

    async def month_bill(self, month: str) -> MonthBill:
        return await self._db.read_long(lambda c: spending_sql.month_bill(c, month))

    async def month_budget(self, month: str) -> MonthBudget | None:
        return await self._recall(_CAPS, month, lambda c: caps_sql.month_budget(c, month))

    async def set_month_cap(self, month: str, base_usd: Decimal, *, who: str, now: datetime) -> bool:
        return await self._db.write(
            lambda c: caps_sql.set_base(c, month, base_usd, who, now), on_end=lambda _: self._remembered.forget(_CAPS)
        )

    async def raise_month_cap(self, month: str, by_usd: Decimal, *, who: str, now: datetime) -> MonthBudget:
        return await self._db.write(
            lambda c: caps_sql.raise_by(c, month, by_usd, who, now), on_end=lambda _: self._remembered.forget(_CAPS)
        )

    async def real_calls(self, *, after: int, limit: int) -> Sequence[tuple[int, Call]]:
        return await self._db.read_long(lambda c: ledger_sql.real_calls(c, after, limit))

    async def skill_costs(self, skill: str, *, limit: int) -> Sequence[TaskCost]:
        return await self._db.read(lambda c: spending_sql.skill_costs(c, skill, limit))

    async def costs_of_skills(self, skills: Sequence[str], *, limit: int) -> Mapping[str, Sequence[TaskCost]]:
        return await self._db.read(lambda c: {name: spending_sql.skill_costs(c, name, limit) for name in skills})

    async def forecast_errors(self, *, limit: int) -> Sequence[tuple[Decimal, Decimal]]:
        return await self._db.read(lambda c: spending_sql.forecast_errors(c, limit))

    # -- documents -------------------------------------------------------------------------------------------

    async def add_document(self, document: Document) -> Document:
        return await self._db.write(
            lambda c: _add_told(c, document),
            on_end=lambda stored: self._know_documents([stored] if stored else ()),
        )

    async def document(self, path: str, version: int | None = None) -> Document | None:
        question = ("version", version)
        return await self._recall(document_topic(path), question, lambda c: documents_sql.find(c, path, version))

    async def document_in_force(self, path: str, version: int | None) -> Document | None:
        question = ("in force", version)
        return await self._recall(document_topic(path), question, lambda c: documents_sql.in_force(c, path, version))

    async def adopted_document(self, path: str, *, approved_only: bool = False) -> Document | None:
        # Whoever plans must see the product context as soon as it is there: what others write is noticed a moment late.
        return await self._recall(
            adopted_topic(path),
            approved_only,
            lambda c: documents_sql.adopted(c, path, approved_only=approved_only),
            absence=False,
        )

    async def document_of(self, work: WorkItem) -> Document | None:
        return await self._db.read(lambda c: documents_sql.of_work(c, work))

    async def is_stored_version(self, path: str, sha256: str) -> bool:
        return await self._db.read(lambda c: documents_sql.is_stored(c, path, sha256))

    async def unmirrored(self) -> Sequence[tuple[str, int]]:
        return await self._db.read_long(documents_sql.unmirrored)

    async def mark_mirrored(self, written: Sequence[tuple[str, int]]) -> None:
        if written:
            await self._db.write(lambda c: documents_sql.mark_mirrored(c, written))


def _write(connection: sqlite3.Connection, commit: Commit) -> list[Document]:
    goals_sql.write_change(connection, commit.change)
    for review in commit.reviews:
        connection.execute(_PUT_REVIEW, _REVIEWS.values(review))
    return [documents_sql.add(connection, document) for document in commit.documents]


def _month_topic(month: str) -> Hashable:
    return ("month", month)


def _add_told(connection: sqlite3.Connection, document: Document) -> Document:
    """What the machine adds belongs to a change, which has entries of its own. An edit is one version, however many
    processes see it."""
    newest = documents_sql.find(connection, document.path, None) if document.author is Author.HUMAN else None
    if newest is not None and newest.author is Author.HUMAN and newest.sha256 == document.sha256:
        return newest
    stored = documents_sql.add(connection, document)
    if document.author is Author.HUMAN:
        journal_sql.add_entries(connection, [edited(stored)])
    return stored


def _add_once(connection: sqlite3.Connection, document: Document) -> Document:
    """An input given again unchanged stays the version it is."""
    newest = documents_sql.find(connection, document.path, None)
    return newest if newest and newest.sha256 == document.sha256 else documents_sql.add(connection, document)
