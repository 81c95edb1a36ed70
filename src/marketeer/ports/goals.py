"""What a store knows of goals, their tasks and the steps they owe; and how it is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # a port only names these: who reads must not load all that the others need
    from marketeer.domain.approval import Approval, ApprovalStatus
    from marketeer.domain.document import Document
    from marketeer.domain.goal import Goal
    from marketeer.domain.journal import JournalEntry
    from marketeer.domain.journal_chain import Flaw, Head
    from marketeer.domain.review import Review
    from marketeer.domain.snapshot import Change, Snapshot
    from marketeer.domain.task import Task
    from marketeer.domain.work import Scope, WorkItem


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A change, and what is stored with it."""

    change: Change
    documents: Sequence[Document] = ()
    reviews: Sequence[Review] = ()


class GoalStore(Protocol):
    """Goals, tasks, work and what people read of them."""

    async def snapshot(self, goal_id: str) -> Snapshot:
        """The goal, consistent within itself. Raises UsageError for an unknown id."""
        ...

    async def commit(
        self, change: Change, *, documents: Sequence[Document] = (), reviews: Sequence[Review] = ()
    ) -> None:
        """All of it or nothing. Raises Conflict when the goal's version or a task's status and generation are not
        what the change was made from."""
        ...

    async def commit_all(self, commits: Sequence[Commit]) -> None:
        """All of them or nothing: changes of one goal, each made from what the one before leaves behind. Raises
        Conflict as `commit` does."""
        ...

    async def commit_goal_inputs(self, change: Change, documents: Sequence[Document]) -> Change:
        """Commit a new goal together with its input documents, numbering them; returns the change as stored, with
        `goal.inputs` holding `path@version`."""
        ...

    async def ready_items(self, *, now: datetime, scope: Scope, limit: int) -> Sequence[WorkItem]:
        """Due, unclaimed items of live, unpaused goals within the scope, in queue order."""
        ...

    async def ready_deliveries(self, *, now: datetime, scope: Scope, limit: int) -> Sequence[tuple[str, int]]:
        """The same as (delivery id, queue priority)."""
        ...

    async def work_item(self, work_item_id: str) -> WorkItem | None: ...

    async def next_due(self, *, now: datetime, scope: Scope) -> datetime | None:
        """When the next item within the scope that is not due yet will be."""
        ...

    async def extend_leases(self, items: Sequence[WorkItem], *, until: datetime) -> Sequence[str]:
        """Extend the leases of claimed items, together. Returns the ids of those that are no longer held under this
        claim, but for void ones (their goal was ended, and what is in flight may finish) and those done under it."""
        ...

    async def claimed_items(self, *, lease_before: datetime | None) -> Sequence[WorkItem]:
        """Claimed items whose lease ended before that moment (None: every claimed item)."""
        ...

    async def goals_waiting_on_other_goals(self) -> Sequence[str]:
        """Ids of live goals with a pending task whose dependency in another goal has become final."""
        ...

    async def due_questions(self, *, now: datetime) -> Sequence[str]:
        """Ids of goals with an open question that is to be put again, or has expired."""
        ...

    async def foundation_task(self, *, rehearsal: bool) -> Task | None:
        """The unfinished product-context task of a live goal, if there is one."""
        ...

    # -- reading ---------------------------------------------------------------------------------------------

    async def goal(self, goal_id: str) -> Goal: ...

    async def find_goal(self, prefix: str) -> Goal:
        """The goal whose id is, starts with, or ends with this text. UsageError when there is none or more than one."""
        ...

    async def goals(self, *, limit: int, unfinished_only: bool = False) -> Sequence[Goal]:
        """Newest first."""
        ...

    async def ended_goals(self, *, since: datetime, before: datetime, limit: int) -> Sequence[Goal]:
        """Those that ended in that time, newest first."""
        ...

    async def tasks(self, goal_id: str) -> Sequence[Task]:
        """In plan order."""
        ...

    async def find_task(self, prefix: str) -> Task:
        """The task whose id is or starts with this text. UsageError when there is none or more than one."""
        ...

    async def failed_tasks(self, *, limit: int) -> Sequence[Task]:
        """Failed for good, neither done over nor discarded, the newest first."""
        ...

    async def latest_approved(
        self, skill: str, *, rehearsal: bool, before: datetime | None = None, limit: int = 1
    ) -> Sequence[Task]:
        """Approved, not superseded tasks of this skill, newest first. Real goals see real tasks only."""
        ...

    async def approval(self, approval_id: str) -> Approval:
        """UsageError for an unknown id; a unique prefix will do."""
        ...

    async def approvals(
        self, *, status: ApprovalStatus | None = None, goal_id: str | None = None
    ) -> Sequence[Approval]:
        """Oldest first."""
        ...

    async def reviews(self, goal_id: str) -> Sequence[Review]: ...

    async def journal(
        self, *, goal_id: str | None = None, after: int = 0, since: datetime | None = None, limit: int = 1000
    ) -> Sequence[JournalEntry]:
        """Entries with a larger id, oldest first; those made `since` then."""
        ...

    async def journals(self) -> Sequence[str]:
        """The ids of all goals that have, or should have, a journal; and whatever else has one."""
        ...

    async def examine_journal(self, goal_id: str) -> tuple[Head, Sequence[Flaw]]:
        """The end of a journal's chain, and what was changed, removed or inserted in it since it was written."""
        ...

    async def journal_end(self) -> int:
        """The largest entry id, 0 when empty."""
        ...
