"""What goes wrong with a step: failures, retries, outages, a cap that is reached, work handed back."""

from __future__ import annotations

from datetime import datetime, timedelta

from marketeer.domain.approval import ApprovalKind, Decision
from marketeer.domain.draft import Draft
from marketeer.domain.follow_up import fail_goal
from marketeer.domain.learning import learning_of_failure
from marketeer.domain.outcome import Failed, FailureKind, HandedBack, OverBudget
from marketeer.domain.retry import DEFER_AFTER, exhausted, outage_delay, retry_delay
from marketeer.domain.steps import held, task_of
from marketeer.domain.task import WAITS_FOR_API, WAITS_FOR_BUDGET, TaskStatus
from marketeer.domain.usage import dollars
from marketeer.domain.work import WorkItem, WorkKind, WorkState

# So many tasks of a pipeline in a row that fail open its circuit.
CIRCUIT_OPENS_AFTER = 3


def fail(draft: Draft, failed: Failed) -> None:
    item = held(draft, failed.item)
    attempted_at = item.created_at
    if item.kind is WorkKind.EXECUTE:
        attempted_at = task_of(draft, item).attempted_at or draft.now
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
        task = task_of(draft, item)
        draft.move(task, TaskStatus.DEFERRED, why=why, reason=failed.error, waits_for=WAITS_FOR_API, **patience)
    else:
        draft.move(task_of(draft, item), TaskStatus.QUEUED, why=why, reason=failed.error)


def _return(draft: Draft, item: WorkItem, *, due_at: datetime, attempts: int) -> None:
    """Make an item ready again. A review goes back to being owed; an execution's task is moved by the caller."""
    draft.put(item, state=WorkState.READY, due_at=due_at, attempts=attempts, owner=None, lease_until=None)
    if item.kind is WorkKind.REVIEW and item.task_id:
        draft.move(task_of(draft, item), TaskStatus.COMPLETED, why="review owed again")


def _fail_for_good(draft: Draft, item: WorkItem, error: str) -> None:
    draft.close(item)
    if item.kind is WorkKind.PLAN:
        fail_goal(draft, f"no plan could be made: {error}")
    elif item.task_id is None:
        # A failed barrier review or report never holds up the goal.
        draft.note("work_failed", why=error, item=item.work_item_id)
    elif item.kind is WorkKind.EXECUTE:
        task = draft.move(task_of(draft, item), TaskStatus.FAILED, why=error, reason=error)
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
        draft.move(task_of(draft, item), TaskStatus.BLOCKED, reason=question, waits_for=approval.approval_id)


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


def over_budget(draft: Draft, refused: OverBudget) -> None:
    item = held(draft, refused.item)
    task = task_of(draft, item)
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
    asked = (a for a in draft.open_approvals() if a.kind is ApprovalKind.BUDGET and a.task_id is None and not a.gate)
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


def retry(draft: Draft, waits_for: str, *, due_before: datetime | None) -> None:
    """What waits for this, and would be due before then (None: whenever), is due now."""
    for item in list(draft.items.values()):
        waits = item.task_id is not None and task_of(draft, item).waits_for == waits_for
        soon = due_before is None or item.due_at <= due_before
        if waits and soon and item.state is WorkState.READY and item.due_at > draft.now:
            draft.put(item, due_at=draft.now)


def forget_attempts(draft: Draft) -> None:
    """What failed while the API was going down, without having met the outage itself."""
    for item in list(draft.items.values()):
        if item.state is WorkState.READY and item.attempts:
            draft.put(item, attempts=0)


def hand_back(draft: Draft, handed: HandedBack) -> None:
    item = held(draft, handed.item)
    _return(draft, item, due_at=draft.now, attempts=item.attempts - 1)
    if item.kind is WorkKind.EXECUTE:
        draft.move(task_of(draft, item), TaskStatus.QUEUED, why=handed.reason)
    else:
        draft.note("work_handed_back", task_id=item.task_id, why=handed.reason, item=item.work_item_id)
