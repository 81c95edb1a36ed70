"""What happens next: the one pure function every state change of a goal goes through.

`advance(snapshot, occurrence, now)` takes a goal as it is, one thing that happened, and the time; it answers with the
Change to commit, or None when nothing changes. A step is: apply the occurrence, then `follow_up` (release what became
free, pass barriers, finish the goal). What workers bring is in `steps.py` and `setbacks.py`, decisions of humans in
`decisions.py`, of time that no human used in `questions.py`, what follows by itself in `follow_up.py`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import assert_never

from marketeer.domain import agreement, decisions, questions, setbacks, steps
from marketeer.domain.draft import Draft
from marketeer.domain.follow_up import follow_up
from marketeer.domain.gates import USUAL_GATES, Gates
from marketeer.domain.goal import Goal
from marketeer.domain.outcome import (
    ApiLooked,
    BarrierReviewed,
    BudgetLooked,
    CameLate,
    CancelAsked,
    Claimed,
    Decided,
    Disagreed,
    DiscardAsked,
    Executed,
    Failed,
    HandedBack,
    Looked,
    Occurrence,
    OverBudget,
    PartDecided,
    PauseAsked,
    PlanApproved,
    Planned,
    QuestionsLooked,
    RedoAsked,
    Reported,
    Reviewed,
    Taker,
    UnpauseAsked,
)
from marketeer.domain.retry import OUTAGE_DELAY
from marketeer.domain.snapshot import Change, Snapshot
from marketeer.domain.task import WAITS_FOR_API, WAITS_FOR_BUDGET
from marketeer.domain.work import WorkKind


def begin(goal: Goal, now: datetime, *, who: str = "marketeer", delay: timedelta = timedelta()) -> Change:
    """A new goal and the plan it owes, after the delay. `who` asked for it."""
    draft = Draft(Snapshot(goal=goal), now, who=who)
    draft.note("goal_created", why=goal.description, goal_status=goal.status.value)
    plan = draft.owe(WorkKind.PLAN, goal.token, 1)
    draft.put(plan, due_at=now + delay)
    change = draft.change()
    assert change is not None  # noqa: S101 - a new goal always changes something
    return change


def advance(
    snapshot: Snapshot,
    occurrence: Occurrence,
    now: datetime,
    *,
    taker: Taker | None = None,
    gates: Gates = USUAL_GATES,
) -> Change | None:
    """The change that follows, None when nothing does. `taker` then holds as many of the steps that it has made owed
    as it has hands for; `gates` say which questions stop work, and on what terms they are asked.

    Raises StaleClaim when a result comes under a claim that is no longer the item's, and UsageError when a human asks
    for something that cannot be done now.
    """
    draft = Draft(snapshot, now, who=getattr(occurrence, "by", "marketeer"), gates=gates)
    _apply(draft, occurrence)
    follow_up(draft)
    if taker is not None:
        steps.take_up(draft, taker)
    return draft.change()


def _apply(draft: Draft, occurrence: Occurrence) -> None:  # noqa: C901 - one arm per kind, nothing else
    match occurrence:
        case Claimed():
            steps.claim(draft, occurrence)
        case Planned():
            steps.plan(draft, occurrence)
        case Executed():
            steps.execute(draft, occurrence)
        case Reviewed():
            steps.review(draft, occurrence)
        case BarrierReviewed():
            item = steps.held(draft, occurrence.item)
            draft.close(item)
            draft.note("barrier_passed", why=occurrence.note, barrier_id=item.barrier_id)
        case Reported():
            if occurrence.item is not None:
                draft.close(steps.held(draft, occurrence.item))
            draft.set_goal(report_path=occurrence.report_path)
            draft.note("report_written", path=occurrence.report_path)
            steps.close_reading(draft, occurrence)
        case Disagreed():
            agreement.do_over(draft, occurrence)
        case Failed():
            setbacks.fail(draft, occurrence)
        case OverBudget():
            setbacks.over_budget(draft, occurrence)
        case HandedBack():
            setbacks.hand_back(draft, occurrence)
        case Decided():
            decisions.decide(draft, occurrence)
        case PartDecided():
            decisions.decide_part(draft, occurrence)
        case QuestionsLooked():
            questions.look(draft)
        case PlanApproved():
            decisions.approve_plan(draft, occurrence)
        case CancelAsked():
            decisions.cancel(draft, occurrence)
        case PauseAsked() | UnpauseAsked():
            decisions.pause(draft, paused=isinstance(occurrence, PauseAsked))
        case RedoAsked():
            decisions.redo(draft, occurrence)
        case DiscardAsked():
            decisions.discard(draft, occurrence)
        case BudgetLooked():
            setbacks.retry(draft, WAITS_FOR_BUDGET, due_before=None)
        case ApiLooked():
            setbacks.retry(draft, WAITS_FOR_API, due_before=draft.now + OUTAGE_DELAY)
            if occurrence.back:
                setbacks.forget_attempts(draft)
        case CameLate():
            why = f"its lease on {occurrence.item.item_id} had ended; what it cost is booked"
            draft.note("late_result_refused", task_id=occurrence.task_id, why=why, claim=occurrence.item.claim)
        case Looked():
            pass
        case _:
            assert_never(occurrence)
