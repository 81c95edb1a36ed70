"""Notices: what a person is told of, when, and how it reads."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from marketeer.domain.goal import Goal, GoalStatus, Priority
from marketeer.domain.journal import WORKSPACE_JOURNAL, JournalEntry
from marketeer.domain.notice import SHOWN_AT_MOST, Notice, NoticeKind, QuietHours, message_of, notice_of, pause_after

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def a_goal(*, priority: Priority = Priority.P1, rehearsal: bool = False) -> Goal:
    return Goal(
        goal_id="more-signups-abcd2345",
        description="More signups",
        status=GoalStatus.RUNNING,
        priority=priority,
        rehearsal=rehearsal,
        created_at=NOW,
    )


def an_entry(what: str, why: str | None = None, **data: object) -> JournalEntry:
    return JournalEntry(goal_id="more-signups-abcd2345", at=NOW, what=what, why=why, data=data, entry_id=7)


def a_notice(number: int = 1, *, urgent: bool = False) -> Notice:
    return Notice(
        notice_id=f"journal-{number}", kind=NoticeKind.FAILURE, urgent=urgent, text=f"thing {number}", made_at=NOW
    )


def test_a_question_says_how_it_is_answered() -> None:
    notice = notice_of(an_entry("approval_asked", "Ship it?", approval_id="abcd2345-a1"), a_goal())
    assert notice is not None
    assert notice.approval_id == "abcd2345-a1"
    assert "Ship it?" in notice.text
    assert "`marketeer approve abcd2345-a1`" in notice.text


@pytest.mark.parametrize("what", ["task_running", "goal_planned", "goal_completed", "task_approved", "goal_cancelled"])
def test_what_goes_as_it_should_is_not_told(what: str) -> None:
    assert notice_of(an_entry(what), a_goal()) is None


def test_a_rehearsal_tells_nobody() -> None:
    assert notice_of(an_entry("goal_failed", "no"), a_goal(rehearsal=True)) is None


def test_failures_and_questions_of_a_p0_goal_are_urgent_and_others_are_not() -> None:
    for what in ("goal_failed", "approval_asked"):
        pressing = notice_of(an_entry(what, "why"), a_goal(priority=Priority.P0))
        usual = notice_of(an_entry(what, "why"), a_goal(priority=Priority.P1))
        assert pressing is not None
        assert usual is not None
        assert (pressing.urgent, usual.urgent) == (True, False)


@pytest.mark.parametrize("what", ["budget_critical", "pipeline_blocked", "part_failed"])
def test_what_stops_the_work_is_urgent(what: str) -> None:
    notice = notice_of(replace(an_entry(what, "why"), goal_id=WORKSPACE_JOURNAL), None)
    assert notice is not None
    assert notice.urgent


def test_a_hundred_notices_are_one_message_that_names_the_urgent_first_and_counts_the_rest() -> None:
    message = message_of([*(a_notice(number) for number in range(99)), a_notice(99, urgent=True)])
    lines = message.body.splitlines()
    assert lines[0] == "- URGENT: thing 99"
    assert len(lines) == SHOWN_AT_MOST + 1
    assert f"and {100 - SHOWN_AT_MOST} more" in lines[-1]
    assert message.title == "Marketeer: 100 things, first: thing 99"


@pytest.mark.parametrize(
    ("told", "held"), [("21:59", False), ("22:00", True), ("03:00", True), ("06:59", True), ("07:00", False)]
)
def test_quiet_hours_go_over_midnight_in_local_time(told: str, held: bool) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    local = datetime.combine(NOW.date(), time.fromisoformat(told), tzinfo=berlin)
    quiet = QuietHours(begin=time(22), end=time(7))
    assert quiet.hold_at(local.astimezone(UTC), berlin) is held


def test_quiet_hours_within_a_day_end_on_that_day() -> None:
    quiet = QuietHours(begin=time(12), end=time(14))
    assert quiet.hold_at(NOW.replace(hour=13), UTC)
    assert not quiet.hold_at(NOW.replace(hour=14), UTC)
    assert not quiet.hold_at(NOW.replace(hour=2), UTC)


def test_pauses_between_attempts_grow_to_an_hour() -> None:
    assert pause_after(1) < pause_after(2) < pause_after(3)
    assert pause_after(100) == timedelta(hours=1)
