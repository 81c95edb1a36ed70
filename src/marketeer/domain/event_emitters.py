"""What this program tells itself: events that follow from a change of a goal, or from the month's money.

Their ids say what they are about, so that the same thing is told once whoever finds it. Rehearsals tell nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from marketeer.domain.budget import BudgetLevel, MonthBudget
from marketeer.domain.event import INTERNAL_PREFIX, INTERNAL_SOURCE, Event, InternalType
from marketeer.domain.journal import JournalEntry
from marketeer.domain.snapshot import Change

_BY_ITSELF = "marketeer"
_OF_LEVEL = {
    BudgetLevel.WARNING: InternalType.BUDGET_WARNING,
    BudgetLevel.THROTTLE: InternalType.BUDGET_WARNING,
    BudgetLevel.CRITICAL: InternalType.BUDGET_CRITICAL,
    BudgetLevel.EXHAUSTED: InternalType.BUDGET_CRITICAL,
}


def events_of(change: Change) -> Iterator[Event]:
    """The failures and opened circuits that a change brings."""
    if change.goal.rehearsal:
        return
    for entry in change.entries:
        if entry.what == "task_failed" and entry.who == _BY_ITSELF:
            yield _failure(change, entry, subject=entry.task_id or "", agent=str(entry.data.get("skill", "")))
        elif entry.what == "goal_failed" and entry.who == _BY_ITSELF and not _has_plan(change):
            yield _failure(change, entry, subject=f"{change.goal.goal_id}:plan", agent="director")
        elif entry.what == "pipeline_blocked":
            yield _blocked(change, entry)


def _has_plan(change: Change) -> bool:
    return bool(change.goal.phases)


def _failure(change: Change, entry: JournalEntry, *, subject: str, agent: str) -> Event:
    return _event(
        InternalType.AGENT_FAILURE,
        subject,
        entry,
        change,
        agent=agent,
        taskId=entry.task_id,
        error=(entry.why or "")[:500],
    )


def _blocked(change: Change, entry: JournalEntry) -> Event:
    # The version says which of a goal's circuits it is.
    subject = f"{change.goal.goal_id}:{change.goal.version}"
    failures = int(entry.data.get("failures", 0))
    return _event(
        InternalType.PIPELINE_BLOCKED, subject, entry, change, failures=failures, error=(entry.why or "")[:500]
    )


def _event(kind: InternalType, subject: str, entry: JournalEntry, change: Change, **data: object) -> Event:
    goal = change.goal
    return Event(
        event_id=f"{INTERNAL_PREFIX}{kind.value}:{subject}",
        type=kind.value,
        timestamp=entry.at,
        source=INTERNAL_SOURCE,
        data={"goalId": goal.goal_id, "pipeline": goal.pipeline, **data},
        goal_id=goal.goal_id,
    )


def budget_event(budget: MonthBudget, level: BudgetLevel, settled_usd: Decimal, now: datetime) -> Event:
    """A level of the month's cap is reached: one event for each month, cap and level."""
    return Event(
        event_id=f"{INTERNAL_PREFIX}budget:{budget.month}:{budget.cap_usd.normalize():f}:{level.value}",
        type=_OF_LEVEL[level].value,
        timestamp=now,
        source=INTERNAL_SOURCE,
        data={
            "month": budget.month,
            "level": level.value,
            "percent": int(level.from_share * 100),
            "settledUsd": float(settled_usd),
            "capUsd": float(budget.cap_usd),
        },
    )
