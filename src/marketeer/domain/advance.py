"""What happens next: the one pure function every state change of a goal goes through.

`advance(snapshot, occurrence, now)` takes a goal as it is, one thing that happened, and the time; it answers with the
Change to commit, or None when nothing changes. A step is: apply the occurrence, then `follow_up` (release what became
free, pass barriers, finish the goal). Decisions of humans are in `decisions.py`, what follows by itself in
`follow_up.py`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import assert_never

from marketeer.domain import decisions
from marketeer.domain.approval import ApprovalKind, Decision
from marketeer.domain.draft import Draft
from marketeer.domain.errors import StaleClaim
from marketeer.domain.follow_up import abandon, fail_goal, follow_up, requeue
from marketeer.domain.goal import Goal, GoalStatus
from marketeer.domain.learning import learning_of_approval, learning_of_failure
from marketeer.domain.outcome import (
    ApiLooked,
    BarrierReviewed,
    BudgetLooked,
    CancelAsked,
    Claimed,
    Decided,
    Executed,
    Failed,
    FailureKind,
    HandedBack,
    ItemRef,
    Looked,
    Occurrence,
    OverBudget,
    PauseAsked,
    Planned,
    RedoAsked,
    Reported,
    Reviewed,
    UnpauseAsked,
)
from marketeer.domain.retry import DEFER_AFTER, OUTAGE_DELAY, exhausted, outage_delay, retry_delay
from marketeer.domain.review import Finding, Severity
from marketeer.domain.snapshot import Change, Snapshot
from marketeer.domain.task import MAX_REVISIONS, WAITS_FOR_API, WAITS_FOR_BUDGET, Task, TaskStatus
from marketeer.domain.usage import dollars
from marketeer.domain.work import WorkItem, WorkKind, WorkState

MAX_CYCLES = 50
# So many tasks of a pipeline in a row that fail open its circuit.
CIRCUIT_OPENS_AFTER = 3

APPROVED = "approved"
APPROVED_WITH_FINDINGS = "approved with findings"


def begin(goal: Goal, now: datetime) -> Change:
    """A new goal and the plan it owes."""
    draft = Draft(Snapshot(goal=goal), now)
    draft.note("goal_created", why=goal.description, goal_status=goal.status.value)
    draft.owe(WorkKind.PLAN, goal.token, 1)
    change = draft.change()
    assert change is not None  # noqa: S101 - a new goal always changes something
    return change


def advance(snapshot: Snapshot, occurrence: Occurrence, now: datetime) -> Change | None:
    """The change that follows, None when nothing does.

    Raises StaleClaim when a result comes under a claim that is no longer the item's, and UsageError when a human asks
    for something that cannot be done now.
    """
    draft = Draft(snapshot, now, who=getattr(occurrence, "by", "marketeer"))
    _apply(draft, occurrence)
    follow_up(draft)
    return draft.change()


def _apply(draft: Draft, occurrence: Occurrence) -> None:  # noqa: C901 - one arm per kind, nothing else
    match occurrence:
        case Claimed():
            _claim(draft, occurrence)
        case Planned():
            _plan(draft, occurrence)
        case Executed():
            _execute(draft, occurrence)
        case Reviewed():
            _review(draft, occurrence)
        case BarrierReviewed():
            item = _held(draft, occurrence.item)
            draft.close(item)
            draft.note("barrier_passed", why=occurrence.note, barrier_id=item.barrier_id)
        case Reported():
            if occurrence.item is not None:
                draft.close(_held(draft, occurrence.item))
            draft.set_goal(report_path=occurrence.report_path)
            draft.note("report_written", path=occurrence.report_path)
        case Failed():
            _fail(draft, occurrence)
        case OverBudget():
            _over_budget(draft, occurrence)
        case HandedBack():
            _hand_back(draft, occurrence)
        case Decided():
            decisions.decide(draft, occurrence)
        case CancelAsked():
            decisions.cancel(draft, occurrence)
        case PauseAsked() | UnpauseAsked():
            decisions.pause(draft, paused=isinstance(occurrence, PauseAsked))
        case RedoAsked():
            decisions.redo(draft, occurrence)
        case BudgetLooked():
            _retry(draft, WAITS_FOR_BUDGET, due_before=None)
        case ApiLooked():
            _retry(draft, WAITS_FOR_API, due_before=draft.now + OUTAGE_DELAY)
            if occurrence.back:
                _forget_attempts(draft)
        case Looked():
            pass
        case _:
            assert_never(occurrence)


def _held(draft: Draft, ref: ItemRef) -> WorkItem:
    """The item, if the claim a result was made under is still the one in force."""
    item = draft.items.get(ref.item_id)
    if item is None or item.state is not WorkState.CLAIMED or item.claim != ref.claim:
        msg = f"the claim on {ref.item_id!r} is no longer held: another worker has it, or the goal ended"
        raise StaleClaim(msg)
    return item


def _task_of(draft: Draft, item: WorkItem) -> Task:
    return draft.tasks[item.task_id or ""]


# -- claiming ------------------------------------------------------------------------------------------------


def _claim(draft: Draft, claimed: Claimed) -> None:
    """Does nothing when the item cannot be claimed now: somebody was faster, or the goal stands still."""
    item = draft.items.get(claimed.item_id)
    if item is None or item.state is not WorkState.READY or not item.is_due(draft.now):
        return
    if draft.goal.status.is_final or draft.goal.paused:
        return
    draft.put(
        item,
        state=WorkState.CLAIMED,
        claim=item.claim + 1,
        owner=claimed.owner,
        lease_until=claimed.lease_until,
        attempts=item.attempts + 1,
        claimed_at=draft.now,
        # From here on its due times are by this clock, however far back that has gone.
        created_at=min(item.created_at, draft.now),
    )
    if item.task_id is None:
        draft.note(f"{item.kind.value}_started", item=item.work_item_id)
        return
    task = _task_of(draft, item)
    if item.kind is WorkKind.REVIEW:
        draft.move(task, TaskStatus.IN_REVIEW)
        return
    if task.status is TaskStatus.DEFERRED:
        task = draft.move(task, TaskStatus.QUEUED, why="due", waits_for=None, reason=None)
    draft.move(task, TaskStatus.RUNNING, attempts=item.attempts + 1, attempted_at=task.attempted_at or draft.now)


# -- planning and doing --------------------------------------------------------------------------------------


def _plan(draft: Draft, planned: Planned) -> None:
    draft.close(_held(draft, planned.item))
    plan = planned.plan
    draft.set_goal(
        category=plan.category,
        pipeline=plan.pipeline,
        priority=plan.priority,
        phases=plan.phases,
        barriers=plan.barriers,
        continues_when=plan.continues_when,
        before_you_publish=plan.before_you_publish,
    )
    forecast = planned.forecast
    if forecast is not None:
        draft.set_goal(
            forecast_low_usd=forecast.cost.low_usd,
            forecast_usd=forecast.cost.expected_usd,
            forecast_high_usd=forecast.cost.high_usd,
            forecast_s=forecast.time.expected_s,
        )
    draft.note(
        "goal_planned",
        why=plan.why,
        category=plan.category.value,
        pipeline=plan.pipeline,
        tasks=len(plan.tasks),
        phases=list(plan.phases),
        notes=list(plan.notes),
    )
    if not plan.tasks:
        fail_goal(draft, "the plan has no tasks: say more in the goal, or name a pipeline")
        return
    for task in plan.tasks:
        draft.add(task, why=task.why or None)
    for gate in plan.gates:
        draft.ask(
            gate.kind,
            gate.question,
            [(Decision.APPROVE, "start the work"), (Decision.REJECT, "cancel the goal")],
        )


def _execute(draft: Draft, executed: Executed) -> None:
    item = _held(draft, executed.item)
    draft.close(item)
    task = draft.move(
        _task_of(draft, item),
        TaskStatus.COMPLETED,
        output_path=executed.output_path,
        output_version=executed.output_version,
        reason=None,
    )
    for warning in executed.warnings:
        draft.note("task_warned", task_id=task.task_id, why=warning)
    draft.owe(WorkKind.REVIEW, task.task_id, task.generation, task_id=task.task_id)
    if executed.then is not None:
        _claim(draft, executed.then)


# -- reviewing -----------------------------------------------------------------------------------------------


def _review(draft: Draft, reviewed: Reviewed) -> None:
    item = _held(draft, reviewed.item)
    draft.close(item)
    task = _task_of(draft, item)
    serious = [f for f in reviewed.findings if f.severity is not Severity.MINOR]
    critical = [f for f in serious if f.severity is Severity.CRITICAL]
    if not serious:
        _approve(draft, task, APPROVED, reviewed.asked_for, (), reviewed.waived)
    elif task.revision < MAX_REVISIONS:
        _send_back(draft, task, serious)
    elif critical:
        _ask_about_quality(draft, task, serious, critical)
    else:
        _approve(draft, task, APPROVED_WITH_FINDINGS, reviewed.asked_for, tuple(serious), reviewed.waived)


def _approve(
    draft: Draft,
    task: Task,
    verdict: str,
    asked_for: frozenset[str],
    findings: tuple[Finding, ...],
    waived: tuple[str, ...],
) -> None:
    why = "; ".join([*(f.line() for f in findings), *(f"waived: {w}" for w in waived)]) or None
    approved = draft.move(task, TaskStatus.APPROVED, why=why, verdict=verdict, reason=None)
    if task.revision:
        draft.learnings.append(learning_of_approval(draft.goal, approved, findings, draft.now))
    # Skipping one task rewires others: each is looked at as it is by then.
    for task_id in list(draft.tasks):
        other = draft.tasks[task_id]
        if _hangs_on(other, task) and other.skill not in asked_for:
            _skip(draft, other, task)


def _hangs_on(other: Task, task: Task) -> bool:
    """Whether `task` decides if the conditional task `other` is done at all."""
    return other.status is TaskStatus.PENDING and other.condition == task.skill and task.task_id in other.depends_on


def _skip(draft: Draft, task: Task, asked_of: Task) -> None:
    """A conditional task nobody asked for. What hung on it is skipped too; what else depended on it goes on without."""
    draft.move(task, TaskStatus.CANCELLED, reason=f"skipped: {asked_of.skill} found nothing for {task.skill} to do")
    for task_id in list(draft.tasks):
        other = draft.tasks[task_id]
        if other.status is TaskStatus.PENDING and task.task_id in other.depends_on:
            hung_on_it = _hangs_on(other, task)
            inherited = tuple(d for d in task.depends_on if d not in other.depends_on)
            depends_on = tuple(d for d in other.depends_on if d != task.task_id) + inherited
            rewired = draft.edit(other, "task_rewired", why=f"{task.task_id} was skipped", depends_on=depends_on)
            if hung_on_it:
                _skip(draft, rewired, task)


def _send_back(draft: Draft, task: Task, findings: list[Finding]) -> None:
    cycles = draft.goal.cycles + (1 if task.revision else 0)
    draft.set_goal(cycles=cycles)
    feedback = _feedback(findings)
    summary = f"{len(findings)} findings; first: {findings[0].line()}"
    revised = draft.move(task, TaskStatus.REVISION, why=summary, revision=task.revision + 1, feedback=feedback)
    requeue(draft, revised)
    if cycles > MAX_CYCLES:
        abandon(draft, GoalStatus.MAX_ITERATIONS, f"more than {MAX_CYCLES} revisions and re-plans")


def _feedback(findings: list[Finding]) -> str:
    """Findings as the next execution reads them."""
    return "\n".join(f"- [{f.severity.value}] {f.line()}" for f in findings)


def _ask_about_quality(draft: Draft, task: Task, serious: list[Finding], critical: list[Finding]) -> None:
    question = (
        f"{task.skill} still has {len(critical)} critical finding(s) after {task.revision} revisions: "
        f"{critical[0].line()}. Ship it, have it revised, or drop it?"
    )
    approval = draft.ask(
        ApprovalKind.QUALITY,
        question,
        [
            (Decision.APPROVE, "accept the output as it is"),
            (Decision.REVISE, "one more revision, with your note"),
            (Decision.REJECT, "drop this task and what depends on it"),
        ],
        task_id=task.task_id,
    )
    feedback = _feedback(serious)
    draft.move(task, TaskStatus.BLOCKED, reason=question, waits_for=approval.approval_id, feedback=feedback)


# -- what can go wrong ---------------------------------------------------------------------------------------


def _fail(draft: Draft, failed: Failed) -> None:
    item = _held(draft, failed.item)
    attempted_at = item.created_at
    if item.kind is WorkKind.EXECUTE:
        attempted_at = _task_of(draft, item).attempted_at or draft.now
    worn_out = failed.kind is FailureKind.TRANSIENT and exhausted(
        attempts=item.attempts, first_attempt_at=attempted_at, now=draft.now
    )
    if failed.kind is FailureKind.PERMANENT or worn_out:
        _fail_for_good(draft, item, failed.error)
        if item.kind is WorkKind.EXECUTE and failed.failed_before + 1 >= CIRCUIT_OPENS_AFTER:
            _open_circuit(draft, failed)
        return
    down = failed.kind is FailureKind.OUTAGE
    if down:
        delay = outage_delay(retry_after_s=failed.retry_after_s)
    else:
        delay = retry_delay(attempts=item.attempts, key=item.work_item_id, retry_after_s=failed.retry_after_s)
    # Tries before the outage was declared were part of it, in this process or in one before.
    _return(draft, item, due_at=draft.now + delay, attempts=0 if down else item.attempts)
    again = "waiting for the API to come back" if down else f"trying again in {delay.total_seconds():.0f} s"
    why = f"{failed.error}; {again}"
    if item.kind is not WorkKind.EXECUTE:
        draft.note("work_retried", task_id=item.task_id, why=why, item=item.work_item_id)
    elif delay > DEFER_AFTER or down:
        patience = {"attempted_at": None} if down else {}
        task = _task_of(draft, item)
        draft.move(task, TaskStatus.DEFERRED, why=why, reason=failed.error, waits_for=WAITS_FOR_API, **patience)
    else:
        draft.move(_task_of(draft, item), TaskStatus.QUEUED, why=why, reason=failed.error)


def _return(draft: Draft, item: WorkItem, *, due_at: datetime, attempts: int) -> None:
    """Make an item ready again. A review goes back to being owed; an execution's task is moved by the caller."""
    draft.put(item, state=WorkState.READY, due_at=due_at, attempts=attempts, owner=None, lease_until=None)
    if item.kind is WorkKind.REVIEW and item.task_id:
        draft.move(_task_of(draft, item), TaskStatus.COMPLETED, why="review owed again")


def _fail_for_good(draft: Draft, item: WorkItem, error: str) -> None:
    draft.close(item)
    if item.kind is WorkKind.PLAN:
        fail_goal(draft, f"no plan could be made: {error}")
    elif item.task_id is None:
        # A failed barrier review or report never holds up the goal.
        draft.note("work_failed", why=error, item=item.work_item_id)
    elif item.kind is WorkKind.EXECUTE:
        task = draft.move(_task_of(draft, item), TaskStatus.FAILED, why=error, reason=error)
        draft.learnings.append(learning_of_failure(draft.goal, task, error, draft.now))
    else:
        question = f"the review of {item.task_id} failed: {error}. Accept the output unreviewed?"
        approval = draft.ask(
            ApprovalKind.FAILURE,
            question,
            [
                (Decision.APPROVE, "accept the output unreviewed"),
                (Decision.REVISE, "do the task again, with your note"),
                (Decision.REJECT, "drop this task and what depends on it"),
            ],
            task_id=item.task_id,
        )
        draft.move(_task_of(draft, item), TaskStatus.BLOCKED, reason=question, waits_for=approval.approval_id)


def _open_circuit(draft: Draft, failed: Failed) -> None:
    """What keeps failing is stopped, and a human looks at it."""
    if any(approval.kind is ApprovalKind.PIPELINE for approval in draft.open_approvals()):
        return
    pipeline = draft.goal.pipeline or "this goal's own plan"
    question = (
        f"{failed.failed_before + 1} tasks of {pipeline} in a row failed, the last one because: {failed.error}. "
        "Go on with this goal?"
    )
    draft.set_goal(paused=True)
    draft.note("pipeline_blocked", why=failed.error, pipeline=draft.goal.pipeline, failures=failed.failed_before + 1)
    draft.ask(
        ApprovalKind.PIPELINE,
        question,
        [
            (Decision.APPROVE, "go on: the cause is mended"),
            (Decision.REJECT, "cancel the goal; what is finished is kept"),
        ],
    )


def _over_budget(draft: Draft, refused: OverBudget) -> None:
    item = _held(draft, refused.item)
    task = _task_of(draft, item)
    if refused.scope == "month":
        due_at = refused.until or draft.now + timedelta(hours=1)
        draft.put(item, state=WorkState.READY, due_at=due_at, attempts=item.attempts - 1, owner=None, lease_until=None)
        draft.move(task, TaskStatus.DEFERRED, why=refused.reason, reason=refused.reason, waits_for=WAITS_FOR_BUDGET)
        return
    draft.close(item, WorkState.VOID)
    of_goal = refused.scope == "goal"
    # What was only implied is fixed, so that a raise has something to add to.
    if of_goal and draft.goal.budget_usd is None:
        draft.set_goal(budget_usd=refused.cap_usd)
    if not of_goal and task.budget_usd is None:
        task = draft.edit(task, "task_budget_fixed", budget_usd=refused.cap_usd)
    asked = (a for a in draft.open_approvals() if a.kind is ApprovalKind.BUDGET and a.task_id is None)
    approval = next(asked, None) if of_goal else None
    if approval is None:
        approval = draft.ask(
            ApprovalKind.BUDGET,
            refused.reason,
            [
                (Decision.APPROVE, f"raise the {refused.scope}'s budget by {dollars(refused.ask_usd or 0)}"),
                (Decision.REJECT, "stop here: finished outputs are kept and reported"),
            ],
            task_id=None if of_goal else task.task_id,
            amount_usd=refused.ask_usd,
        )
    draft.move(
        task,
        TaskStatus.BLOCKED,
        why=refused.reason,
        reason=refused.reason,
        waits_for=approval.approval_id,
    )


def _retry(draft: Draft, waits_for: str, *, due_before: datetime | None) -> None:
    """What waits for this, and would be due before then (None: whenever), is due now."""
    for item in list(draft.items.values()):
        waits = item.task_id is not None and _task_of(draft, item).waits_for == waits_for
        soon = due_before is None or item.due_at <= due_before
        if waits and soon and item.state is WorkState.READY and item.due_at > draft.now:
            draft.put(item, due_at=draft.now)


def _forget_attempts(draft: Draft) -> None:
    """What failed while the API was going down, without having met the outage itself."""
    for item in list(draft.items.values()):
        if item.state is WorkState.READY and item.attempts:
            draft.put(item, attempts=0)


def _hand_back(draft: Draft, handed: HandedBack) -> None:
    item = _held(draft, handed.item)
    _return(draft, item, due_at=draft.now, attempts=item.attempts - 1)
    if item.kind is WorkKind.EXECUTE:
        draft.move(_task_of(draft, item), TaskStatus.QUEUED, why=handed.reason)
    else:
        draft.note("work_handed_back", task_id=item.task_id, why=handed.reason, item=item.work_item_id)
