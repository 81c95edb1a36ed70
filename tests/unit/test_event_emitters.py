"""What a change of a goal or of the month's money is told as: events of our own, whose ids say what they are about."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from marketeer.domain.advance import advance, begin
from marketeer.domain.budget import BudgetLevel, MonthBudget
from marketeer.domain.event import INTERNAL_PREFIX, INTERNAL_SOURCE, Event, InternalType, wrong_data
from marketeer.domain.event_emitters import budget_event, events_of
from marketeer.domain.goal import Goal
from marketeer.domain.journal import JournalEntry
from marketeer.domain.outcome import Claimed, Failed, FailureKind, ItemRef
from marketeer.domain.snapshot import Change, Snapshot, after
from tests.support.builders import NOW, a_goal

EACH_LEVEL = [level for level in BudgetLevel if level is not BudgetLevel.NORMAL]


def a_change(what: str, *, who: str = "marketeer", goal: Goal | None = None, **fields: Any) -> Change:
    known = goal or a_goal(phases=("one",), version=7, pipeline="SEO Cycle")
    entry = JournalEntry(goal_id=known.goal_id, at=NOW, what=what, who=who, **fields)
    return Change(goal=known, entries=(entry,))


def told(change: Change) -> list[Event]:
    events = list(events_of(change))
    for event in events:
        assert event.source == INTERNAL_SOURCE
        assert event.event_id.startswith(INTERNAL_PREFIX)
        assert event.goal_id == change.goal.goal_id
        assert wrong_data(dict(event.data)) is None
    return events


def test_a_task_that_fails_by_itself_is_told_by_its_id() -> None:
    (event,) = told(a_change("task_failed", task_id="t-1", why="no answer", data={"skill": "copywriting"}))
    assert (event.type, event.event_id) == ("agent_failure", "marketeer:agent_failure:t-1")
    assert (event.data["agent"], event.data["taskId"], event.data["error"]) == ("copywriting", "t-1", "no answer")


def test_what_a_human_drops_is_no_failure_of_an_agent() -> None:
    assert told(a_change("task_failed", who="ana", task_id="t-1", data={"skill": "copywriting"})) == []


def test_a_circuit_that_opens_is_told_once_for_each_time() -> None:
    entry: dict[str, Any] = {"why": "no answer", "data": {"pipeline": "SEO Cycle", "failures": 3}}
    (event,) = told(a_change("pipeline_blocked", **entry))
    (later,) = told(a_change("pipeline_blocked", goal=a_goal(version=9), **entry))
    assert (event.type, event.data["pipeline"], event.data["failures"]) == ("pipeline_blocked", "SEO Cycle", 3)
    assert event.event_id != later.event_id


def test_a_goal_that_could_not_be_planned_is_a_failure_of_the_director() -> None:
    begun = begin(a_goal(), NOW)
    snapshot = after(Snapshot(goal=begun.goal), begun)
    (item,) = snapshot.items
    claimed = advance(snapshot, Claimed(item_id=item.work_item_id, owner="w", lease_until=NOW), NOW)
    assert claimed is not None
    held = after(snapshot, claimed)
    ref = ItemRef(item_id=item.work_item_id, claim=held.items[0].claim)
    failed = advance(held, Failed(item=ref, error="no routing", kind=FailureKind.PERMANENT), NOW)
    assert failed is not None
    (event,) = told(failed)
    assert (event.type, event.data["agent"]) == ("agent_failure", "director")
    assert told(claimed) == []


@pytest.mark.parametrize("what", ["task_failed", "pipeline_blocked", "goal_failed"])
def test_a_rehearsal_tells_nothing(what: str) -> None:
    goal = a_goal(rehearsal=True)
    assert told(a_change(what, goal=goal, task_id="t-1", data={"failures": 3, "skill": "x"})) == []


@pytest.mark.parametrize("what", ["goal_created", "task_approved", "goal_completed", "goal_failed", "approval_asked"])
def test_nothing_else_is_told(what: str) -> None:
    assert told(a_change(what)) == []


def test_a_long_error_is_cut() -> None:
    (event,) = told(a_change("task_failed", task_id="t-1", why="x" * 10_000))
    assert len(event.data["error"]) == 500


@pytest.mark.parametrize("level", EACH_LEVEL)
def test_each_level_of_the_budget_has_its_type(level: BudgetLevel) -> None:
    budget = MonthBudget(month="2026-11", base_usd=Decimal(100))
    event = budget_event(budget, level, Decimal("96.5"), NOW)
    serious = level in (BudgetLevel.CRITICAL, BudgetLevel.EXHAUSTED)
    assert event.type == (InternalType.BUDGET_CRITICAL if serious else InternalType.BUDGET_WARNING)
    assert event.data["percent"] == int(level.from_share * 100)
    assert wrong_data(dict(event.data)) is None


def test_a_level_is_another_event_for_another_month_cap_or_level_and_for_nothing_else() -> None:
    def event_id(month: str, cap: str, level: BudgetLevel, settled: str) -> str:
        return budget_event(MonthBudget(month=month, base_usd=Decimal(cap)), level, Decimal(settled), NOW).event_id

    first = event_id("2026-11", "100", BudgetLevel.WARNING, "80")
    assert event_id("2026-11", "100.00", BudgetLevel.WARNING, "89") == first
    others = {
        event_id("2026-12", "100", BudgetLevel.WARNING, "80"),
        event_id("2026-11", "120", BudgetLevel.WARNING, "80"),
        event_id("2026-11", "100", BudgetLevel.THROTTLE, "80"),
    }
    assert len(others | {first}) == 4
