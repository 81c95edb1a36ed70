"""A goal played in memory: `advance` with scripted outcomes, over a stand-in for what the store keeps and shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from marketeer.domain.advance import advance, begin
from marketeer.domain.approval import Approval, ApprovalStatus, Decision
from marketeer.domain.gates import USUAL_GATES, Gates
from marketeer.domain.goal import Goal, GoalStatus
from marketeer.domain.journal import JournalEntry
from marketeer.domain.learning import Learning
from marketeer.domain.outcome import (
    BarrierReviewed,
    CancelAsked,
    Claimed,
    Decided,
    Executed,
    Failed,
    FailureKind,
    ItemRef,
    Judgement,
    Occurrence,
    OverBudget,
    PauseAsked,
    Planned,
    RedoAsked,
    Reported,
    Reviewed,
    Taker,
    UnpauseAsked,
)
from marketeer.domain.plan import Plan
from marketeer.domain.review import Finding
from marketeer.domain.snapshot import Change, Snapshot
from marketeer.domain.task import Task
from marketeer.domain.work import WorkItem, WorkKind, WorkState
from tests.support.builders import NOW, a_goal, a_plan

LEASE = timedelta(minutes=1)


class Play:
    """`apply` is one step of the engine without the engine. Everything else is a shorthand for one or more of them."""

    def __init__(
        self, plan: Plan, *, goal: Goal | None = None, external: tuple[Task, ...] = (), gates: Gates | None = None
    ) -> None:
        self.now = NOW
        self.gates = gates or USUAL_GATES
        self.plan = plan
        self.goal = goal or a_goal()
        self.external = {task.task_id: task for task in external}
        self.tasks: dict[str, Task] = {}
        self.items: dict[str, WorkItem] = {}
        self.approvals: dict[str, Approval] = {}
        self.entries: list[JournalEntry] = []
        self.learnings: list[Learning] = []
        self.changes: list[Change] = []
        self._outputs = 0
        self._keep(begin(self.goal, self.now))

    # -- steps -----------------------------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        wanted = {need for task in self.tasks.values() for need in task.depends_on} - self.tasks.keys()
        return Snapshot(
            goal=self.goal,
            tasks=tuple(sorted(self.tasks.values(), key=lambda task: task.seq)),
            external=tuple(self.external[name] for name in sorted(wanted) if name in self.external),
            items=tuple(i for i in self.items.values() if i.state.is_open or i.task_id is None),
            approvals=tuple(a for a in self.approvals.values() if a.is_open or a.may_be_asked_again),
            approvals_made=len(self.approvals),
        )

    def apply(self, occurrence: Occurrence, *, taker: Taker | None = None) -> Change | None:
        change = advance(self.snapshot(), occurrence, self.now, taker=taker, gates=self.gates)
        if change is not None:
            self._keep(change)
        return change

    def _keep(self, change: Change) -> None:
        for task in change.tasks:
            assert self.tasks.get(task.after.task_id) == task.before, "the change was made from something else"
        self.goal = change.goal
        self.tasks |= {task.after.task_id: task.after for task in change.tasks}
        self.items |= {item.work_item_id: item for item in change.items}
        self.approvals |= {approval.approval_id: approval for approval in change.approvals}
        self.entries += change.entries
        self.learnings += change.learnings
        self.changes.append(change)

    def wait(self, **span: float) -> None:
        self.now += timedelta(**span)

    # -- looking ---------------------------------------------------------------------------------------------

    def status(self) -> GoalStatus:
        return self.goal.status

    def task(self, seq: int) -> Task:
        return next(task for task in self.tasks.values() if task.seq == seq)

    def statuses(self) -> list[str]:
        """Of all tasks, in plan order."""
        return [task.status.value for task in sorted(self.tasks.values(), key=lambda task: task.seq)]

    def ready(self) -> list[WorkItem]:
        """What a worker could claim now, in queue order."""
        if self.goal.status.is_final or self.goal.paused:
            return []
        ready = [i for i in self.items.values() if i.state is WorkState.READY and i.due_at <= self.now]
        return sorted(ready, key=lambda item: (item.queue_priority, item.created_at))

    def claimed(self) -> list[WorkItem]:
        return [item for item in self.items.values() if item.state is WorkState.CLAIMED]

    def open_item(self, seq: int) -> WorkItem:
        task = self.task(seq)
        return next(i for i in self.items.values() if i.state.is_open and i.task_id == task.task_id)

    def questions(self) -> list[Approval]:
        return [a for a in self.approvals.values() if a.status is ApprovalStatus.OPEN]

    def journaled(self) -> list[str]:
        return [entry.what for entry in self.entries]

    # -- what workers do -------------------------------------------------------------------------------------

    def claim(self, item: WorkItem) -> ItemRef:
        self.apply(Claimed(item_id=item.work_item_id, owner="worker-1", lease_until=self.now + LEASE))
        return ref_of(self.items[item.work_item_id])

    def make_plan(self) -> None:
        self.apply(Planned(item=self.claim(self.ready()[0]), plan=self.plan))

    def start(self, seq: int) -> ItemRef:
        """Claim what the task owes now."""
        return self.claim(self.open_item(seq))

    def execute(self, seq: int, **fields: Any) -> Task:
        self.apply(replace(self.executed(self.start(seq)), **fields))
        return self.task(seq)

    def executed(self, ref: ItemRef, *, judged: Judgement | None = None) -> Executed:
        self._outputs += 1
        path = f"outputs/{ref.item_id}.md"
        return Executed(item=ref, output_path=path, output_version=self._outputs, judged=judged)

    def judged(self, *findings: Finding, asked_for: frozenset[str] = frozenset()) -> Judgement:
        return Judgement(findings=findings, waived=(), asked_for=asked_for, began_at=self.now)

    def taker(self, *kinds: WorkKind, at_least: int | None = None, hands: int = 1) -> Taker:
        """Of these kinds, or of all."""
        return Taker(
            owner="worker-1",
            lease_until=self.now + LEASE,
            kinds=frozenset(kinds or WorkKind),
            at_least=at_least,
            hands=hands,
        )

    def review(self, seq: int, *findings: Finding, asked_for: frozenset[str] = frozenset()) -> Task:
        ref = self.start(seq)
        self.apply(Reviewed(item=ref, findings=findings, waived=(), asked_for=asked_for))
        return self.task(seq)

    def finish(self, seq: int, *findings: Finding, asked_for: frozenset[str] = frozenset()) -> Task:
        """Execute and review."""
        self.execute(seq)
        return self.review(seq, *findings, asked_for=asked_for)

    def fail(self, seq: int, kind: FailureKind = FailureKind.PERMANENT, *, after_s: float | None = None) -> Task:
        self.apply(Failed(item=self.start(seq), kind=kind, error="it broke", retry_after_s=after_s))
        return self.task(seq)

    def over_budget(self, seq: int, scope: str, *, until: datetime | None = None) -> Task:
        ref = self.start(seq)
        self.apply(OverBudget(item=ref, scope=scope, reason="too dear", until=until, ask_usd=Decimal(2)))
        return self.task(seq)

    def succeed(self, item: WorkItem, ref: ItemRef) -> Occurrence:
        """The good outcome of a claimed item."""
        match item.kind:
            case WorkKind.PLAN:
                return Planned(item=ref, plan=self.plan)
            case WorkKind.EXECUTE:
                return self.executed(ref)
            case WorkKind.REPORT:
                return Reported(item=ref, report_path="goals/report.md")
        if item.barrier_id is not None:
            return BarrierReviewed(item=ref, note="all well")
        return Reviewed(item=ref, findings=(), waived=(), asked_for=frozenset())

    def run(self, *, limit: int = 500) -> None:
        """Have every item succeed, waiting for what is not due yet, until nothing is left to do."""
        for _ in range(limit):
            for item in self.claimed():
                self.apply(self.succeed(item, ref_of(item)))
            if self.ready():
                item = self.ready()[0]
                self.apply(self.succeed(item, self.claim(item)))
                continue
            due = [i.due_at for i in self.items.values() if i.state is WorkState.READY]
            if self.goal.status.is_final or self.goal.paused or not due:
                return
            self.now = max(self.now, *due)
        msg = f"the goal is still {self.goal.status.value} after {limit} steps"
        raise AssertionError(msg)

    # -- what humans do --------------------------------------------------------------------------------------

    def decide(self, decision: Decision, note: str | None = None, *, which: Approval | None = None) -> None:
        """Answer a question, the only one unless `which` says."""
        if which is None:
            (which,) = self.questions()
        self.apply(Decided(approval_id=which.approval_id, decision=decision, by="ana", note=note))

    def cancel(self) -> None:
        self.apply(CancelAsked(by="ana"))

    def pause(self) -> None:
        self.apply(PauseAsked(by="ana"))

    def unpause(self) -> None:
        self.apply(UnpauseAsked(by="ana"))

    def redo(self, seq: int, note: str | None = None) -> Task:
        """The new task."""
        self.apply(RedoAsked(task_id=self.task(seq).task_id, note=note, by="ana"))
        return self.tasks[self.task(seq).superseded_by or ""]


def ref_of(item: WorkItem) -> ItemRef:
    return ItemRef(item_id=item.work_item_id, claim=item.claim)


def started(*tasks: Task, external: tuple[Task, ...] = (), goal: Goal | None = None, plan: Plan | None = None) -> Play:
    """A goal with these tasks, planned."""
    play = Play(plan or a_plan(tasks), goal=goal, external=external)
    play.make_plan()
    return play
