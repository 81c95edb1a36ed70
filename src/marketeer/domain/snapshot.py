"""What `advance` sees of a goal, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass

from marketeer.domain.approval import Approval
from marketeer.domain.goal import Goal
from marketeer.domain.journal import JournalEntry
from marketeer.domain.learning import Learning
from marketeer.domain.task import Task
from marketeer.domain.work import WorkItem


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One goal, whole, as of `goal.version`.

    `external` are tasks of other goals that this goal's tasks depend on. `items` are the goal's open work items and
    every goal-level one (plan, barrier reviews, report); `approvals` the open ones.
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
    for a new goal (version 1), absent. Items and approvals are written whole, keyed by id.
    """

    goal: Goal
    tasks: tuple[TaskChange, ...] = ()
    items: tuple[WorkItem, ...] = ()
    approvals: tuple[Approval, ...] = ()
    learnings: tuple[Learning, ...] = ()
    entries: tuple[JournalEntry, ...] = ()
