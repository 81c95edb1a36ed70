"""What follows by itself: releases, cancelled dependents, barriers, the report, and the goal's status."""

from __future__ import annotations

from typing import Any

from marketeer.domain.approval import Approval, ApprovalStatus
from marketeer.domain.changing import changed
from marketeer.domain.draft import Draft
from marketeer.domain.goal import Barrier, GoalStatus
from marketeer.domain.learning import learning_of_goal
from marketeer.domain.skill import FOUNDATION_SKILL
from marketeer.domain.task import ACTIVE, WAITS_FOR_BUDGET, Pin, Task, TaskStatus
from marketeer.domain.work import WorkKind, WorkState, work_item_id

REJECTED = "rejected by"
_LOST = {TaskStatus.FAILED: "failed", TaskStatus.CANCELLED: "was dropped"}


def follow_up(draft: Draft) -> None:
    """Bring the goal to rest after an occurrence. Doing it twice changes nothing more."""
    if draft.goal.status.is_final:
        return
    if not draft.tasks:
        if _is_planned(draft):
            _owe_report(draft)
        _derive_status(draft)
        return
    _replace_lost_foundation(draft)
    _cancel_dependents_of_failures(draft)
    _void_moot_gates(draft)
    _release(draft)
    _owe_barrier_reviews(draft)
    _owe_report(draft)
    _derive_status(draft)


def _is_planned(draft: Draft) -> bool:
    """Asked of a goal without tasks: its plan is a reading, or still owed."""
    plan = draft.items.get(work_item_id(draft.goal.token, WorkKind.PLAN, 1))
    return plan is not None and plan.state is WorkState.DONE


# -- shared by other modules ---------------------------------------------------------------------------------


def requeue(draft: Draft, task: Task, **fields: Any) -> Task:
    """Queue a task for a fresh execution: a new generation, its inputs pinned as they are now."""
    generation = task.generation + 1
    queued = draft.move(
        task,
        TaskStatus.QUEUED,
        generation=generation,
        attempts=0,
        attempted_at=None,
        waits_for=None,
        reason=None,
        pins=_pins(draft, task),
        **fields,
    )
    draft.owe(WorkKind.EXECUTE, task.task_id, generation, task_id=task.task_id)
    return queued


def abandon(draft: Draft, status: GoalStatus, why: str) -> None:
    """End the goal now: open work and questions are void, unfinished tasks cancelled, finished outputs kept."""
    for task in list(draft.tasks.values()):
        if not task.status.is_final:
            draft.move(task, TaskStatus.CANCELLED, reason=why)
    draft.void_items()
    for approval in draft.open_approvals():
        draft.answer(approval, ApprovalStatus.VOID, by=draft.who, note=why)
    draft.set_goal(error=why)
    draft.set_status(status, why=why)


def fail_goal(draft: Draft, why: str) -> None:
    abandon(draft, GoalStatus.FAILED, why)


def current_tasks(draft: Draft) -> list[Task]:
    """Tasks that have not been superseded."""
    return [task for task in draft.tasks.values() if task.superseded_by is None]


def was_rejected(task: Task) -> bool:
    """Dropped by an answer before it began."""
    return task.status is TaskStatus.CANCELLED and (task.reason or "").startswith(REJECTED)


def was_skipped(task: Task) -> bool:
    return task.status is TaskStatus.CANCELLED and (task.reason or "").startswith("skipped:")


# -- dependencies --------------------------------------------------------------------------------------------


def _find(draft: Draft, task_id: str) -> Task | None:
    return draft.tasks.get(task_id) or draft.external.get(task_id)


def _pins(draft: Draft, task: Task) -> tuple[Pin, ...]:
    pins = []
    for task_id in task.depends_on:
        source = _find(draft, task_id)
        if source and source.output_path and source.output_version:
            pins.append(Pin(path=source.output_path, version=source.output_version))
    return tuple(pins)


def _replace_lost_foundation(draft: Draft) -> None:
    """Another goal's product-context task that was lost is done here instead."""
    lost = {t.task_id: t for t in draft.external.values() if t.status in (TaskStatus.FAILED, TaskStatus.CANCELLED)}
    if not lost:
        return
    waiting = [t for t in draft.tasks.values() if t.status is TaskStatus.PENDING and lost.keys() & set(t.depends_on)]
    if not waiting:
        return
    source = next(iter(lost.values()))
    own = Task(
        task_id=f"{draft.goal.token}-{_next_seq(draft):02d}-{FOUNDATION_SKILL}",
        goal_id=draft.goal.goal_id,
        seq=_next_seq(draft),
        phase=0,
        skill=source.skill,
        squad=source.squad,
        brief=source.brief,
        supersedes=source.task_id,
        created_at=draft.now,
    )
    draft.add(own, why=f"{source.task_id} of another goal was {source.status.value}")
    for task in waiting:
        kept = tuple(d for d in task.depends_on if d not in lost)
        draft.edit(task, "task_rewired", depends_on=(*kept, own.task_id))


def _next_seq(draft: Draft) -> int:
    return max((task.seq for task in draft.tasks.values()), default=0) + 1


def _cancel_dependents_of_failures(draft: Draft) -> None:
    found = True
    while found:
        found = False
        for task in list(draft.tasks.values()):
            if task.status is not TaskStatus.PENDING:
                continue
            lost = _lost_dependency(draft, task)
            if lost is not None:
                draft.move(
                    task,
                    TaskStatus.CANCELLED,
                    reason=f"{lost.task_id} {lost.status.value}: {lost.reason or 'no reason'}",
                )
                found = True


def _lost_dependency(draft: Draft, task: Task) -> Task | None:
    for task_id in task.depends_on:
        source = draft.tasks.get(task_id)
        if source and source.status in (TaskStatus.FAILED, TaskStatus.CANCELLED):
            return source
    return None


def _gates(draft: Draft) -> list[Approval]:
    """Questions that hold tasks back: those asked before work starts, and those about the whole goal."""
    asked = draft.open_approvals()
    waiting = {task.waits_for for task in draft.tasks.values()} if asked else set()
    return [a for a in asked if a.gate or (a.task_id is None and a.approval_id not in waiting)]


def holds(gate: Approval, task: Task) -> bool:
    """Whether this open question keeps the task from starting."""
    return gate.holds_task(task.task_id, task.skill) if gate.gate else True


def held_tasks(draft: Draft, gate: Approval) -> list[Task]:
    """Those that have not begun, and wait for this question's answer."""
    return [t for t in draft.tasks.values() if t.status is TaskStatus.PENDING and holds(gate, t)]


def _void_moot_gates(draft: Draft) -> None:
    """A question that no task waits for any more, as all of them were dropped for other reasons."""
    for gate in draft.open_approvals():
        if gate.gate and not held_tasks(draft, gate):
            draft.answer(gate, ApprovalStatus.VOID, by=draft.who, note="no task waits for the answer any more")


def _release(draft: Draft) -> None:
    gates = _gates(draft)
    for task in list(draft.tasks.values()):
        if task.status is not TaskStatus.PENDING or any(holds(gate, task) for gate in gates):
            continue
        if _is_free(draft, task):
            requeue(draft, task)


def _is_free(draft: Draft, task: Task) -> bool:
    if task.after_barrier and not _passed(draft, task.after_barrier):
        return False
    # A plain loop: it is asked of every task that waits, at every step.
    for task_id in task.depends_on:
        source = _find(draft, task_id)
        if source is None or source.status is not TaskStatus.APPROVED:
            return False
    return True


# -- barriers and the report ---------------------------------------------------------------------------------


def _passed(draft: Draft, barrier_id: str) -> bool:
    item = draft.items.get(work_item_id(barrier_id, WorkKind.REVIEW, 1))
    return item is not None and item.state is WorkState.DONE


def _owe_barrier_reviews(draft: Draft) -> None:
    for barrier in draft.goal.barriers:
        if work_item_id(barrier.barrier_id, WorkKind.REVIEW, 1) in draft.items:
            continue
        if all(task.status.is_final for task in _reviewed_by(draft, barrier)):
            draft.owe(WorkKind.REVIEW, barrier.barrier_id, 1, barrier_id=barrier.barrier_id)


def _reviewed_by(draft: Draft, barrier: Barrier) -> list[Task]:
    return [task for task in draft.tasks.values() if task.phase in barrier.after]


def _owe_report(draft: Draft) -> None:
    done = all(task.status.is_final for task in draft.tasks.values())
    passed = all(_passed(draft, barrier.barrier_id) for barrier in draft.goal.barriers)
    if done and passed and not draft.open_approvals():
        draft.owe(WorkKind.REPORT, draft.goal.token, draft.goal.pass_number)


# -- the goal's status ---------------------------------------------------------------------------------------


def _derive_status(draft: Draft) -> None:
    report = draft.items.get(work_item_id(draft.goal.token, WorkKind.REPORT, draft.goal.pass_number))
    if report is not None and report.state is WorkState.DONE:
        _finish(draft)
    elif draft.goal.paused:
        draft.set_status(GoalStatus.PAUSED)
    else:
        draft.set_status(_live_status(draft))


def _finish(draft: Draft) -> None:
    lost = [task for task in current_tasks(draft) if task.status is TaskStatus.FAILED or was_rejected(task)]
    if lost:
        why = "; ".join(f"{task.skill} {_LOST[task.status]}: {task.reason}" for task in lost)
        draft.set_goal(error=why)
        draft.set_status(GoalStatus.FAILED, why=why)
    else:
        draft.set_goal(error=None)
        draft.set_status(GoalStatus.COMPLETED)
    if draft.tasks:
        draft.learnings.append(learning_of_goal(draft.goal, current_tasks(draft), draft.now))


def _live_status(draft: Draft) -> GoalStatus:
    gates = _gates(draft)
    if any(not (gate.holds or gate.released) for gate in gates):
        return GoalStatus.BLOCKED
    if not draft.tasks:
        return GoalStatus.RUNNING if _is_planned(draft) else GoalStatus.PLANNING
    states = {task.status for task in draft.tasks.values()}
    if draft.external:
        states |= {task.status for task in _waited_for_elsewhere(draft)}
    owed = any(item.task_id is None and item.state.is_open for item in draft.items.values())
    if owed or not states.isdisjoint(ACTIVE) or _just_found_elsewhere(draft):
        return GoalStatus.RUNNING
    if TaskStatus.DEFERRED in states:
        return GoalStatus.WAITING
    return GoalStatus.BLOCKED if gates or TaskStatus.BLOCKED in states else GoalStatus.RUNNING


def _just_found_elsewhere(draft: Draft) -> bool:
    """A new task waits for one of another goal, which only the next look at this goal will show."""
    known = draft.tasks.keys() | draft.external.keys()
    return any(t.status is TaskStatus.PENDING and not known >= set(t.depends_on) for t in draft.tasks.values())


def _waited_for_elsewhere(draft: Draft) -> list[Task]:
    wanted = {d for t in draft.tasks.values() if t.status is TaskStatus.PENDING for d in t.depends_on}
    return [task for task in draft.external.values() if task.task_id in wanted]


def waits_for_budget(tasks: list[Task]) -> bool:
    """True when what keeps a waiting goal from moving is the month's money."""
    return any(t.status is TaskStatus.DEFERRED and t.waits_for == WAITS_FOR_BUDGET for t in tasks)


def superseding(task: Task, *, task_id: str, seq: int, feedback: str | None) -> Task:
    """The new task that does `task` over."""
    return changed(
        task,
        task_id=task_id,
        seq=seq,
        status=TaskStatus.PENDING,
        pins=(),
        generation=0,
        revision=0,
        attempts=0,
        # a task that never began has not used up a pass
        pass_number=task.pass_number + (1 if task.generation else 0),
        supersedes=task.task_id,
        superseded_by=None,
        output_path=None,
        output_version=None,
        verdict=None,
        feedback=feedback,
        reason=None,
        waits_for=None,
        attempted_at=None,
        finished_at=None,
        learnings=(),
        learnings_withheld=(),
        reviewed=0,
        score=None,
        kept=(),
        rejections=0,
        from_scratch=False,
    )
