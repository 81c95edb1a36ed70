"""What `advance` sees of a goal, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass

from marketeer.domain.approval import Approval
from marketeer.domain.goal import Goal
from marketeer.domain.journal import JournalEntry
from marketeer.domain.learning import Learning
from marketeer.domain.probation import Trial
from marketeer.domain.task import Task
from marketeer.domain.work import WorkItem


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One goal, whole, as of `goal.version`.

    `external` are tasks of other goals that this goal's tasks depend on. `items` are the goal's open work items and
    every goal-level one (plan, barrier reviews, report); `approvals` the open ones, and those that may be asked again.
    """

    goal: Goal
    tasks: tuple[Task, ...] = ()
    external: tuple[Task, ...] = ()
    items: tuple[WorkItem, ...] = ()
    approvals: tuple[Approval, ...] = ()
    approvals_made: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskChange:
    """A task before and after; `before` None for a new one. The store checks `before`'s status and generation."""

    before: Task | None
    after: Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """All that one event changes, to be committed as one transaction or not at all.

    `goal` carries the new version; the store refuses (Conflict) unless the stored one is exactly one less, or,
    for a new goal (version 1), absent. `goal_before` is what it was, where that is known: the store may then write
    only what differs. Items and approvals are written whole, keyed by id. `begins` is a new goal that this one starts.
    """

    goal: Goal
    goal_before: Goal | None = None
    tasks: tuple[TaskChange, ...] = ()
    items: tuple[WorkItem, ...] = ()
    approvals: tuple[Approval, ...] = ()
    learnings: tuple[Learning, ...] = ()
    trials: tuple[Trial, ...] = ()
    entries: tuple[JournalEntry, ...] = ()
    begins: Change | None = None


def after(snapshot: Snapshot, change: Change) -> Snapshot:
    """The snapshot as the store would load it once `change` is committed, but for other goals' tasks."""
    items = {i.work_item_id: i for i in snapshot.items} | {i.work_item_id: i for i in change.items}
    approvals = {a.approval_id: a for a in snapshot.approvals} | {a.approval_id: a for a in change.approvals}
    asked = len(approvals) - len(snapshot.approvals)
    return Snapshot(
        goal=change.goal,
        tasks=_tasks_after(snapshot.tasks, change.tasks),
        external=snapshot.external,
        items=tuple(i for i in items.values() if i.state.is_open or i.task_id is None),
        approvals=tuple(a for a in approvals.values() if a.is_open or a.may_be_asked_again),
        approvals_made=snapshot.approvals_made + asked,
    )


def _tasks_after(before: tuple[Task, ...], changes: tuple[TaskChange, ...]) -> tuple[Task, ...]:
    """In the order of the plan, in which they are already unless some are new."""
    new = {each.after.task_id: each.after for each in changes}
    tasks = [new.pop(task.task_id, task) for task in before]
    return tuple(sorted([*tasks, *new.values()], key=lambda task: task.seq) if new else tasks)
