"""A change in the making: collects what one occurrence does to a goal, checking every state change."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any

from marketeer.domain.approval import Approval, ApprovalKind, ApprovalStatus, Decision
from marketeer.domain.changing import changed
from marketeer.domain.gates import USUAL_GATES, Gates, with_terms
from marketeer.domain.goal import GOAL_TRANSITIONS, Goal, GoalStatus
from marketeer.domain.journal import JournalEntry
from marketeer.domain.learning import Learning
from marketeer.domain.probation import Trial
from marketeer.domain.snapshot import Change, Snapshot, TaskChange
from marketeer.domain.task import IllegalTransition, Task, TaskStatus, check_transition
from marketeer.domain.work import WorkItem, WorkKind, WorkState, work_item_id

# Task fields whose last values the journal carries, so that replaying it gives the stored state.
JOURNALED = (
    "status",
    "generation",
    "revision",
    "attempts",
    "output_path",
    "output_version",
    "verdict",
    "superseded_by",
    "waits_for",
)

_journaled = attrgetter(*JOURNALED)


class Draft:
    """Mutable, short-lived, and the only way `advance` changes anything. `who` signs the journal entries; `gates` say
    what happens with questions."""

    def __init__(
        self, snapshot: Snapshot, now: datetime, *, who: str = "marketeer", gates: Gates = USUAL_GATES
    ) -> None:
        self.goal: Goal = snapshot.goal
        self.gates = gates
        self.now = now
        self.who = who
        self.tasks: dict[str, Task] = {task.task_id: task for task in snapshot.tasks}
        self.external: dict[str, Task] = {task.task_id: task for task in snapshot.external}
        self.items: dict[str, WorkItem] = {item.work_item_id: item for item in snapshot.items}
        self.approvals: dict[str, Approval] = {a.approval_id: a for a in snapshot.approvals}
        self.learnings: list[Learning] = []
        self.entries: list[JournalEntry] = []
        self.begins: Change | None = None
        self._before = dict(self.tasks)
        self._items_before = dict(self.items)
        self._approvals_before = dict(self.approvals)
        self._goal_before = self.goal
        self._approvals_made = snapshot.approvals_made

    # -- tasks -----------------------------------------------------------------------------------------------

    def add(self, task: Task, *, why: str | None = None) -> None:
        self.tasks[task.task_id] = task
        self._journal_task(task, "task_created", why)

    def move(self, task: Task, to: TaskStatus, *, why: str | None = None, **fields: Any) -> Task:
        """Take a task to another state. Raises IllegalTransition for one the machine does not have."""
        check_transition(task, to)
        if to.is_final:
            fields.setdefault("finished_at", self.now)
        moved = changed(task, status=to, **fields)
        self.tasks[task.task_id] = moved
        self._journal_task(moved, f"task_{to.value}", why)
        return moved

    def edit(self, task: Task, what: str, *, why: str | None = None, **fields: Any) -> Task:
        """Change fields of a task that stays in its state."""
        edited = changed(task, **fields)
        self.tasks[task.task_id] = edited
        self._journal_task(edited, what, why)
        return edited

    def _journal_task(self, task: Task, what: str, why: str | None) -> None:
        data = dict(zip(JOURNALED, _journaled(task), strict=True))
        data["status"] = task.status.value
        data["skill"] = task.skill
        self.note(what, task_id=task.task_id, why=why, **data)

    # -- work items ------------------------------------------------------------------------------------------

    def owe(
        self,
        kind: WorkKind,
        subject_id: str,
        generation: int,
        *,
        task_id: str | None = None,
        barrier_id: str | None = None,
    ) -> WorkItem:
        """A new step, due now, unless it is owed already."""
        item_id = work_item_id(subject_id, kind, generation)
        if item_id not in self.items:
            self.items[item_id] = WorkItem(
                work_item_id=item_id,
                goal_id=self.goal.goal_id,
                kind=kind,
                priority=self.goal.effective_priority,
                due_at=self.now,
                created_at=self.now,
                task_id=task_id,
                barrier_id=barrier_id,
                generation=generation,
            )
        return self.items[item_id]

    def put(self, item: WorkItem, **fields: Any) -> WorkItem:
        put = changed(item, **fields)
        self.items[item.work_item_id] = put
        return put

    def close(self, item: WorkItem, state: WorkState = WorkState.DONE) -> None:
        self.put(item, state=state, owner=None, lease_until=None, done_at=self.now)

    def new_items(self) -> list[WorkItem]:
        return [item for item_id, item in self.items.items() if item_id not in self._items_before]

    def void_items(self, task_id: str | None = None) -> None:
        """Close every open item, or those of one task."""
        for item in list(self.items.values()):
            if item.state.is_open and (task_id is None or item.task_id == task_id):
                self.close(item, WorkState.VOID)

    # -- approvals -------------------------------------------------------------------------------------------

    def ask(
        self,
        kind: ApprovalKind,
        question: str,
        choices: Iterable[tuple[Decision, str]],
        *,
        task_id: str | None = None,
        amount_usd: Decimal | None = None,
        gate: bool = False,
        holds: tuple[str, ...] = (),
    ) -> Approval:
        """Open a question to a human, on the terms of its policy."""
        self._approvals_made += 1
        asked = Approval(
            approval_id=f"{self.goal.token}-a{self._approvals_made}",
            goal_id=self.goal.goal_id,
            kind=kind,
            question=question,
            choices=tuple(choices),
            created_at=self.now,
            task_id=task_id,
            amount_usd=amount_usd,
            gate=gate,
            holds=holds,
        )
        approval = with_terms(asked, self.gates)
        self.approvals[approval.approval_id] = approval
        self.note("approval_asked", task_id=task_id, why=question, approval_id=approval.approval_id, kind=kind.value)
        return approval

    def answer(self, approval: Approval, status: ApprovalStatus, *, by: str, note: str | None) -> None:
        self.put_approval(approval, status=status, decided_by=by, decided_at=self.now, note=note)
        self.note(f"approval_{status.value}", task_id=approval.task_id, why=note, approval_id=approval.approval_id)

    def open_approvals(self) -> list[Approval]:
        return [a for a in self.approvals.values() if a.is_open]

    def put_approval(self, approval: Approval, **fields: Any) -> Approval:
        put = changed(approval, **fields)
        self.approvals[put.approval_id] = put
        return put

    # -- the goal --------------------------------------------------------------------------------------------

    def set_goal(self, **fields: Any) -> None:
        self.goal = changed(self.goal, **fields)

    def set_status(self, status: GoalStatus, *, why: str | None = None) -> None:
        """Raises IllegalTransition for a change the goal's machine does not have."""
        if status is self.goal.status:
            return
        if status not in GOAL_TRANSITIONS[self.goal.status]:
            msg = f"goal {self.goal.goal_id!r} cannot go from {self.goal.status.value} to {status.value}"
            raise IllegalTransition(msg)
        self.set_goal(status=status, finished_at=self.now if status.is_final else None)
        self.note(f"goal_{status.value}", why=why, goal_status=status.value)

    def note(self, what: str, *, task_id: str | None = None, why: str | None = None, **data: Any) -> None:
        """Append a journal entry."""
        self.entries.append(
            JournalEntry(
                goal_id=self.goal.goal_id,
                at=self.now,
                what=what,
                who=self.who,
                task_id=task_id,
                why=why,
                data=data,
            )
        )

    # -- the result ------------------------------------------------------------------------------------------

    def change(self) -> Change | None:
        """All of it, or None when nothing changed."""
        tasks = tuple(
            TaskChange(before=self._before.get(task_id), after=task)
            for task_id, task in self.tasks.items()
            if self._before.get(task_id) is not task
        )
        items = tuple(i for key, i in self.items.items() if self._items_before.get(key) is not i)
        approvals = tuple(a for key, a in self.approvals.items() if self._approvals_before.get(key) is not a)
        anything = tasks or items or approvals or self.learnings or self.entries
        if not anything and self.goal is self._goal_before:
            return None
        return Change(
            goal=changed(self.goal, version=self.goal.version + 1),
            goal_before=self._goal_before,
            tasks=tasks,
            items=items,
            approvals=approvals,
            learnings=tuple(self.learnings),
            trials=tuple(filter(None, (_trial(task.before, task.after) for task in tasks))),
            entries=tuple(self.entries),
            begins=self.begins,
        )


def _trial(before: Task | None, after: Task) -> Trial | None:
    """What a task that has just ended says of its learnings. One that was cancelled says nothing: nobody judged it."""
    ended = after.status in (TaskStatus.APPROVED, TaskStatus.FAILED) and (before is None or not before.status.is_final)
    if not ended or after.score is None or not (after.learnings or after.learnings_withheld):
        return None
    return Trial(task_id=after.task_id, used=after.learnings, withheld=after.learnings_withheld, score=after.score)
