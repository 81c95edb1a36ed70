"""What humans decide about a goal: answers to its questions, cancel, pause, redo."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from marketeer.domain.approval import BY_POLICY, DECIDED, HOLDING_SOME, Approval, ApprovalKind, Decision
from marketeer.domain.draft import Draft
from marketeer.domain.errors import UsageError
from marketeer.domain.follow_up import REJECTED, abandon, held_tasks, requeue, superseding, was_skipped
from marketeer.domain.goal import GoalStatus
from marketeer.domain.learning import learning_of_answer
from marketeer.domain.outcome import CancelAsked, Decided, DiscardAsked, PartDecided, PlanApproved, RedoAsked
from marketeer.domain.steps import adopt
from marketeer.domain.task import MAX_PASSES, Task, TaskStatus
from marketeer.domain.work import WorkKind, WorkState, work_item_id

APPROVED_BY_HUMAN = "approved by a human"


def decide(draft: Draft, decided: Decided) -> None:
    """Answer a question. Raises UsageError when it is not open or does not offer that choice."""
    approval = _open(draft, decided.approval_id)
    _check_offered(approval, decided.decision)
    if decided.output_version is not None and (approval.task_id is None or decided.decision is not Decision.APPROVE):
        msg = f"{approval.approval_id!r} asks about no output that could have been edited: answer it without --edited"
        raise UsageError(msg)
    held = held_tasks(draft, approval) if approval.gate else []
    _answer(draft, approval, decided)
    if approval.gate:
        _decide_gate(draft, approval, held, decided)
        return
    match approval.kind:
        case ApprovalKind.BUDGET:
            _decide_budget(draft, approval, decided)
        case ApprovalKind.PIPELINE:
            _decide_pipeline(draft, approval, decided)
        case ApprovalKind.PLAN:
            _decide_plan(draft, approval, decided)
        case _:
            _decide_task(draft, approval, decided)


def decide_part(draft: Draft, part: PartDecided) -> None:
    """Answer for some tasks only: what else waits goes on waiting. Raises UsageError when nothing of it is asked."""
    wanted = set(part.task_ids)
    asked = draft.open_approvals() if part.approval_id is None else [_open(draft, part.approval_id)]
    met = set[str]()
    for approval in asked:
        about = {task.task_id for task in held_tasks(draft, approval)} if approval.gate else {approval.task_id or ""}
        about &= wanted
        if not about:
            continue
        _check_offered(approval, part.decision)
        met |= about
        if approval.gate:
            _decide_part_of_gate(draft, approval, about, part)
        else:
            whole = Decided(approval_id=approval.approval_id, decision=part.decision, by=part.by, note=part.note)
            decide(draft, whole)
    if missed := [task_id for task_id in part.task_ids if task_id not in met]:
        msg = (
            f"no open question is about {', '.join(missed)} alone: see `marketeer approvals`; one about the "
            "whole goal, such as its budget, is answered as a whole"
        )
        raise UsageError(msg)


def _open(draft: Draft, approval_id: str) -> Approval:
    approval = draft.approvals.get(approval_id)
    if approval is None or not approval.is_open:
        msg = f"{approval_id!r} is not waiting for an answer: see `marketeer approvals`"
        raise UsageError(msg)
    return approval


def _check_offered(approval: Approval, decision: Decision) -> None:
    offered = [choice for choice, _ in approval.choices]
    if decision not in offered:
        choices = ", ".join(choice.value for choice in offered)
        msg = f"{approval.approval_id!r} offers {choices}, not {decision.value}"
        raise UsageError(msg)


def _answer(draft: Draft, approval: Approval, decided: Decided | PartDecided) -> None:
    draft.answer(approval, DECIDED[decided.decision], by=decided.by, note=decided.note)
    _learn(draft, approval, decided)


def _learn(draft: Draft, approval: Approval, decided: Decided | PartDecided) -> None:
    """What a human says with an answer is kept for the next time."""
    if decided.note and decided.by != BY_POLICY:
        task = draft.tasks.get(approval.task_id or "")
        draft.learnings.append(
            learning_of_answer(draft.goal, approval, decided.decision, decided.note, task=task, now=draft.now)
        )


# -- questions before work starts ------------------------------------------------------------------------------


def _decide_gate(draft: Draft, gate: Approval, held: list[Task], decided: Decided) -> None:
    if decided.decision is Decision.APPROVE:
        return
    if not (gate.holds or gate.released):
        abandon(draft, GoalStatus.CANCELLED, f"rejected: {decided.note or gate.question}")
        return
    _drop(draft, held, decided)


def _decide_part_of_gate(draft: Draft, gate: Approval, task_ids: set[str], part: PartDecided) -> None:
    """Approving one task frees what it needs, too. The last one that is answered answers the question."""
    if part.decision is Decision.REJECT:
        _drop(draft, [draft.tasks[task_id] for task_id in sorted(task_ids)], part)
        freed = gate
    else:
        released = tuple(sorted({*gate.released, *_with_needs(draft, task_ids)}))
        freed = draft.put_approval(gate, released=released, choices=HOLDING_SOME)
    if held_tasks(draft, freed):
        names = ", ".join(sorted(task_ids))
        draft.note(
            f"approval_partly_{DECIDED[part.decision].value}", why=part.note, approval_id=gate.approval_id, tasks=names
        )
        _learn(draft, freed, part)
        return
    left = DECIDED[Decision.APPROVE] if freed.released else DECIDED[part.decision]
    draft.answer(freed, left, by=part.by, note=part.note)
    _learn(draft, freed, part)


def _with_needs(draft: Draft, task_ids: set[str]) -> set[str]:
    """These tasks and all that they rest on within the goal."""
    found, left = set[str](), set(task_ids)
    while left:
        found |= left
        left = {need for task_id in left for need in draft.tasks[task_id].depends_on if need in draft.tasks} - found
    return found


def _drop(draft: Draft, tasks: list[Task], decided: Decided | PartDecided) -> None:
    why = _rejected(decided)
    for task in tasks:
        draft.move(task, TaskStatus.CANCELLED, reason=why)


# -- questions on the way --------------------------------------------------------------------------------------


def _decide_budget(draft: Draft, approval: Approval, decided: Decided) -> None:
    waiting = [t for t in draft.tasks.values() if t.waits_for == approval.approval_id]
    if decided.decision is Decision.REJECT:
        if approval.task_id is None:
            abandon(draft, GoalStatus.BUDGET_EXHAUSTED, approval.question)
            return
        for task in waiting:
            draft.move(task, TaskStatus.FAILED, reason="its budget was used up", waits_for=None)
        return
    amount = approval.amount_usd or Decimal(0)
    if approval.task_id is None:
        raised = (draft.goal.budget_usd or Decimal(0)) + amount
        draft.set_goal(budget_usd=raised)
        draft.note("budget_raised", budget_usd=str(raised))
    for task in waiting:
        if approval.task_id is None:
            requeue(draft, task)
            continue
        raised = (task.budget_usd or Decimal(0)) + amount
        draft.note("budget_raised", task_id=task.task_id, budget_usd=str(raised))
        requeue(draft, task, budget_usd=raised)


def _decide_plan(draft: Draft, approval: Approval, decided: Decided) -> None:
    """A yes brings the plan with it: see `approve_plan`."""
    if decided.decision is not Decision.REJECT:
        msg = f"{approval.approval_id!r} is about a plan: say yes with `marketeer plan approve {draft.goal.token}`"
        raise UsageError(msg)
    why = f": {decided.note}" if decided.note else ""
    abandon(draft, GoalStatus.CANCELLED, f"its plan was rejected by {decided.by}{why}")


def approve_plan(draft: Draft, approved: PlanApproved) -> None:
    """Raises UsageError when no plan of this goal waits."""
    asked = [approval for approval in draft.open_approvals() if approval.is_about_plan]
    if not asked:
        msg = f"no plan of goal {draft.goal.goal_id!r} waits for you: see `marketeer plan show {draft.goal.token}`"
        raise UsageError(msg)
    for approval in asked:
        _answer(
            draft,
            approval,
            Decided(approval_id=approval.approval_id, decision=Decision.APPROVE, by=approved.by, note=approved.note),
        )
    adopt(draft, approved.plan, approved.forecast)


def _decide_pipeline(draft: Draft, approval: Approval, decided: Decided) -> None:
    if decided.decision is Decision.REJECT:
        abandon(draft, GoalStatus.CANCELLED, f"stopped by {decided.by}: {decided.note or approval.question}")
        return
    draft.set_goal(paused=False)
    draft.note("pipeline_unblocked", why=decided.note, pipeline=draft.goal.pipeline)


def _decide_task(draft: Draft, approval: Approval, decided: Decided) -> None:
    task = draft.tasks[approval.task_id or ""]
    match decided.decision:
        case Decision.APPROVE:
            edited = {} if decided.output_version is None else {"output_version": decided.output_version}
            as_edited = f"as edited (version {decided.output_version})" if edited else ""
            why = "; ".join(filter(None, [as_edited, decided.note])) or None
            draft.move(
                task, TaskStatus.APPROVED, why=why, verdict=APPROVED_BY_HUMAN, waits_for=None, reason=None, **edited
            )
        case Decision.REVISE:
            note = f"- [from a human] {decided.note}" if decided.note else ""
            feedback = "\n".join(text for text in (note, task.feedback) if text)
            requeue(draft, task, feedback=feedback or None)
        case Decision.REJECT:
            draft.move(task, TaskStatus.FAILED, reason=_rejected(decided), waits_for=None)


def _rejected(decided: Decided | PartDecided) -> str:
    who = BY_POLICY if decided.by == BY_POLICY else "a human"
    return f"{REJECTED} {who}: {decided.note}" if decided.note else f"{REJECTED} {who}"


def cancel(draft: Draft, asked: CancelAsked) -> None:
    """End the goal. Calls in flight finish and are booked; they release nothing."""
    if draft.goal.status.is_final:
        msg = f"goal {draft.goal.goal_id!r} is already {draft.goal.status.value}: there is nothing to cancel"
        raise UsageError(msg)
    abandon(draft, GoalStatus.CANCELLED, asked.why or f"cancelled by {asked.by}")


def pause(draft: Draft, *, paused: bool) -> None:
    if draft.goal.status.is_final:
        msg = f"goal {draft.goal.goal_id!r} is already {draft.goal.status.value}"
        raise UsageError(msg)
    if draft.goal.paused is not paused:
        draft.set_goal(paused=paused)


def redo(draft: Draft, asked: RedoAsked) -> None:
    """A new task takes the place of a finished one. Unstarted dependents wait for it; finished ones stay as they are.

    A finished goal is reopened for one more pass. What was cancelled because the old task failed is made again too.
    """
    task = draft.tasks[asked.task_id]
    _check_redo(draft, task)
    _reopen(draft, why=f"redo of {task.task_id}")
    feedback = f"- [from a human] {asked.note}" if asked.note else None
    # A human has asked for it: whether an upstream output does so too no longer matters.
    supersede(draft, replace(task, condition=None), feedback)
    while lost := [other for other in draft.tasks.values() if _was_lost_with_another(draft, other)]:
        for other in lost:
            supersede(draft, other, None)
    rewire(draft, why=f"{task.task_id} is done over")


def rewire(draft: Draft, *, why: str) -> None:
    """Unstarted tasks wait for the newest pass of what they depend on."""
    for other in list(draft.tasks.values()):
        depends_on = tuple(dict.fromkeys(n for need in other.depends_on for n in _in_place_of(draft, need)))
        if other.status is TaskStatus.PENDING and depends_on != other.depends_on:
            draft.edit(other, "task_rewired", why=why, depends_on=depends_on)
    _ask_again(draft)


def _ask_again(draft: Draft) -> None:
    """What nobody had answered before its tasks were lost is asked again when they are back."""
    for gate in list(draft.approvals.values()):
        if gate.may_be_asked_again and held_tasks(draft, gate):
            draft.put_approval(gate, gate=False)
            draft.ask(gate.kind, gate.question, gate.choices, gate=True, holds=gate.holds)


def discard(draft: Draft, asked: DiscardAsked) -> None:
    """Nothing changes but that somebody has seen it and wants no more of it."""
    task = draft.tasks[asked.task_id]
    if task.status is not TaskStatus.FAILED:
        msg = f"task {task.task_id!r} is {task.status.value}, not failed: see `marketeer failed`"
        raise UsageError(msg)
    draft.note("failure_discarded", task_id=task.task_id, why=asked.note)


def _reopen(draft: Draft, *, why: str) -> None:
    """The goal owes another report: a finished one, and one whose report is owed or being written already."""
    report = draft.items.get(work_item_id(draft.goal.token, WorkKind.REPORT, draft.goal.pass_number))
    if report is None and not draft.goal.status.is_final:
        return
    if report is not None and report.state.is_open:
        draft.close(report, WorkState.VOID)
    draft.set_goal(pass_number=draft.goal.pass_number + 1)
    if draft.goal.status.is_final:
        draft.set_goal(error=None, paused=False)
        draft.set_status(GoalStatus.RUNNING, why=why)


def _was_lost_with_another(draft: Draft, task: Task) -> bool:
    """Cancelled because of a dependency that is being done over."""
    cancelled = task.status is TaskStatus.CANCELLED and not was_skipped(task) and task.superseded_by is None
    return cancelled and any(_is_superseded(draft, need) for need in task.depends_on)


def _is_superseded(draft: Draft, task_id: str) -> bool:
    return task_id in draft.tasks and draft.tasks[task_id].superseded_by is not None


def _in_place_of(draft: Draft, task_id: str) -> list[str]:
    """What to depend on by now: the newest pass of a task; of a skipped one, what it depended on itself."""
    task = draft.tasks.get(task_id)
    if task is not None and task.superseded_by is not None:
        return _in_place_of(draft, task.superseded_by)
    if task is not None and was_skipped(task):
        return [name for need in task.depends_on for name in _in_place_of(draft, need)]
    return [task_id]


def _check_redo(draft: Draft, task: Task) -> None:
    reopens = draft.goal.status.is_final and draft.goal.status not in (GoalStatus.COMPLETED, GoalStatus.FAILED)
    if reopens:
        msg = f"goal {draft.goal.goal_id!r} is {draft.goal.status.value}: start a new goal instead"
        raise UsageError(msg)
    if not task.status.is_final:
        msg = f"task {task.task_id!r} is {task.status.value}, not finished: there is nothing to redo yet"
        raise UsageError(msg)
    if task.superseded_by:
        msg = f"task {task.task_id!r} was done over already: redo {task.superseded_by!r} instead"
        raise UsageError(msg)
    if task.pass_number >= MAX_PASSES:
        msg = f"task {task.task_id!r} is in pass {task.pass_number} of {MAX_PASSES}: start a new goal instead"
        raise UsageError(msg)


def supersede(draft: Draft, task: Task, feedback: str | None) -> str:
    """A new task in the place of this one; its id."""
    seq = max(other.seq for other in draft.tasks.values()) + 1
    task_id = f"{draft.goal.token}-{seq:02d}-{task.skill}"
    new = superseding(task, task_id=task_id, seq=seq, feedback=feedback)
    draft.edit(draft.tasks[task.task_id], "task_superseded", superseded_by=task_id)
    draft.add(new, why=f"supersedes {task.task_id}")
    return task_id
