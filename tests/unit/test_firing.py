"""What becomes of a slot: fired, queued or skipped with a reason, decided from plain facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketeer.domain.advance import begin
from marketeer.domain.budget import BudgetLevel
from marketeer.domain.condition import Condition, ConditionName
from marketeer.domain.degradation import Facts
from marketeer.domain.errors import UsageError
from marketeer.domain.firing import (
    BATCH,
    ON_TIME,
    STAGGER,
    Batch,
    Circumstances,
    Outcome,
    Past,
    Settled,
    SkipReason,
    due,
    expected,
    settle,
)
from marketeer.domain.goal import Priority
from marketeer.domain.schedule import (
    MOST_MADE_UP,
    Missed,
    MissedKind,
    Overlap,
    Schedule,
    ScheduleState,
    as_texts,
    from_texts,
    in_force,
    parse_missed,
    schedule_fault,
)
from marketeer.domain.snapshot import Change
from tests.support.builders import NOW, a_goal

HOUR = timedelta(hours=1)
FREE = Past()
RUNNING = Past(running=("run-social-content-abc",))
PAUSED = Condition(name=ConditionName.PAUSED, since=NOW, who="ada")


def a_schedule(**fields: Any) -> Schedule:
    values: dict[str, Any] = {"cron": "0 * * * *", "zone": "UTC", "pipeline": "Social Content", "priority": Priority.P2}
    return Schedule(schedule_id="hourly", **(values | fields))


class Goals:
    """Makes a goal for each slot it is asked to begin, and keeps the delays."""

    def __init__(self) -> None:
        self.delays: list[timedelta] = []

    def __call__(self, slot: datetime, delay: timedelta) -> Change:
        self.delays.append(delay)
        return begin(a_goal(f"run-{slot:%d-%H}-{len(self.delays)}"), NOW, delay=delay)


def settled(schedule: Schedule, *slots: datetime, past: Past = FREE, made_up: bool = True, **at: Any) -> Settled:
    batch = Batch(slots=slots, made_up=frozenset(slots if made_up else ()))
    return settle(schedule, batch, past, Circumstances(now=NOW, **at), Goals())


def answers(done: Settled) -> list[tuple[Outcome, SkipReason | None]]:
    return [(firing.outcome, firing.reason) for firing in done.firings]


FIRED = (Outcome.FIRED, None)


def skipped(reason: SkipReason) -> tuple[Outcome, SkipReason]:
    return Outcome.SKIPPED, reason


# -- one slot --------------------------------------------------------------------------------------------------


def test_a_slot_that_nothing_hinders_fires_with_a_goal_of_its_own() -> None:
    done = settled(a_schedule(), NOW)
    (firing,), (change,) = done.firings, done.changes
    assert (firing.outcome, firing.goal_id) == (Outcome.FIRED, change.goal.goal_id)
    assert change.items[0].due_at == NOW


@pytest.mark.parametrize(
    ("schedule", "at", "reason", "word"),
    [
        ({"enabled": False}, {}, SkipReason.DISABLED, "disabled"),
        ({}, {"paused": PAUSED}, SkipReason.PAUSED, "ada"),
        ({}, {"no_pipeline": "no pipeline 'X'"}, SkipReason.NO_PIPELINE, "'X'"),
        ({}, {"facts": Facts(budget=BudgetLevel.THROTTLE)}, SkipReason.BUDGET, "throttle"),
        ({"priority": Priority.P3}, {"facts": Facts(budget=BudgetLevel.WARNING)}, SkipReason.BUDGET, "warning"),
        ({"priority": Priority.P0}, {"facts": Facts(budget=BudgetLevel.CRITICAL)}, SkipReason.BUDGET, "critical"),
        ({}, {"facts": Facts(api_down=True)}, SkipReason.DEGRADED, "offline"),
        ({}, {"facts": Facts(api_weak=True)}, SkipReason.DEGRADED, "minimal"),
    ],
)
def test_what_keeps_a_slot_from_firing_is_named(
    schedule: dict[str, Any], at: dict[str, Any], reason: SkipReason, word: str
) -> None:
    done = settled(a_schedule(**schedule), NOW, **at)
    assert (answers(done), done.changes) == ([skipped(reason)], ())
    assert word in (done.firings[0].why or "")


@pytest.mark.parametrize(
    "facts", [Facts(), Facts(budget=BudgetLevel.WARNING), Facts(queue_down=True), Facts(blocked_pipelines=("X",))]
)
def test_schedules_go_on_at_the_limited_level(facts: Facts) -> None:
    assert answers(settled(a_schedule(), NOW, facts=facts)) == [FIRED]


# -- overlap ---------------------------------------------------------------------------------------------------


def test_a_forerunner_at_work_holds_the_next_slot_and_is_named() -> None:
    done = settled(a_schedule(), NOW, past=RUNNING)
    assert answers(done) == [skipped(SkipReason.STILL_RUNNING)]
    assert RUNNING.running[0] in (done.firings[0].why or "")


def test_allow_begins_all_the_same() -> None:
    assert answers(settled(a_schedule(overlap=Overlap.ALLOW), NOW, past=RUNNING)) == [FIRED]


def test_queue_one_lets_one_wait_and_no_more() -> None:
    done = settled(a_schedule(overlap=Overlap.QUEUE_ONE), NOW - HOUR, NOW, past=RUNNING)
    assert answers(done) == [(Outcome.QUEUED, SkipReason.STILL_RUNNING), skipped(SkipReason.STILL_RUNNING)]
    assert "waits already" in (done.firings[1].why or "")


def test_the_one_that_waits_fires_when_its_forerunner_is_done_however_late_and_without_a_delay() -> None:
    late = NOW - 5 * HOUR
    done = settled(a_schedule(overlap=Overlap.QUEUE_ONE), late, past=Past(queued=late))
    assert answers(done) == [FIRED]
    assert done.changes[0].items[0].due_at == NOW


@pytest.mark.parametrize(("before", "told"), [(0, 0), (1, 0), (2, 1), (3, 0)])
def test_the_third_slot_in_a_row_that_is_held_is_told_once(before: int, told: int) -> None:
    done = settled(a_schedule(), NOW, past=replace(RUNNING, held_in_a_row=before))
    assert [entry.what for entry in done.entries] == ["schedule_skipped_again"] * told


# -- missed slots ----------------------------------------------------------------------------------------------

THREE = "0 9-11 * * *"


@pytest.mark.parametrize(
    ("missed", "fired"),
    [
        (Missed(kind=MissedKind.SKIP), []),
        (Missed(), [11]),
        (Missed(within=timedelta(minutes=30)), []),
        (Missed(kind=MissedKind.ALL, most=2), [10, 11]),
        (Missed(kind=MissedKind.ALL, most=9), [9, 10, 11]),
    ],
)
def test_missed_slots_are_made_up_for_as_the_schedule_says_and_all_are_answered(
    missed: Missed, fired: list[int]
) -> None:
    schedule = a_schedule(cron=THREE, missed=missed, overlap=Overlap.ALLOW)
    batch = due(schedule, after=NOW - 12 * HOUR, now=NOW)
    done = settle(schedule, batch, Past(), Circumstances(now=NOW), Goals())
    assert [firing.slot.hour for firing in done.firings] == [9, 10, 11]
    assert [firing.slot.hour for firing in done.firings if firing.outcome is Outcome.FIRED] == fired
    assert {f.reason for f in done.firings if f.outcome is Outcome.SKIPPED} <= {SkipReason.MISSED}
    assert [entry.what for entry in done.entries] == ["slots_missed"] * (len(fired) < 3)


def test_a_slot_that_is_answered_within_the_minute_is_not_missed() -> None:
    schedule = a_schedule(cron="0 12 * * *", missed=Missed(kind=MissedKind.SKIP))
    for late, answer in ((ON_TIME, FIRED), (ON_TIME + timedelta(seconds=1), skipped(SkipReason.MISSED))):
        at = NOW + late
        batch = due(schedule, after=NOW - HOUR, now=at)
        assert answers(settle(schedule, batch, Past(), Circumstances(now=at), Goals())) == [answer]


def test_goals_that_begin_late_begin_one_after_the_other() -> None:
    goals, schedule = Goals(), a_schedule(cron=THREE, missed=Missed(kind=MissedKind.ALL, most=3), overlap=Overlap.ALLOW)
    settle(
        schedule, due(schedule, after=NOW - 12 * HOUR, now=NOW), Past(), Circumstances(now=NOW), goals, late_before=2
    )
    assert goals.delays == [2 * STAGGER, 3 * STAGGER, 4 * STAGGER]


def test_a_long_outage_of_a_frequent_schedule_is_worked_off_in_batches() -> None:
    schedule = a_schedule(cron="* * * * *", missed=Missed(kind=MissedKind.ALL, most=MOST_MADE_UP))
    after, seen, made_up = NOW - timedelta(days=2), list[datetime](), set[datetime]()
    while (batch := due(schedule, after=after, now=NOW)).slots:
        assert len(batch.slots) < 2 * BATCH
        seen, made_up, after = [*seen, *batch.slots], made_up | batch.made_up, batch.slots[-1]
    assert len(seen) == 2 * 24 * 60
    assert made_up == set(seen[-MOST_MADE_UP - 2 : -2])  # this minute's and the last one's are on time


# -- whatever happens --------------------------------------------------------------------------------------------

pasts = st.builds(
    Past,
    running=st.lists(st.just("run-x"), max_size=2).map(tuple),
    queued=st.sampled_from((None, NOW - HOUR)),
    held_in_a_row=st.integers(0, 3),
)
levels = st.builds(Facts, api_down=st.booleans(), api_weak=st.booleans(), budget=st.sampled_from(BudgetLevel))
ages = st.lists(st.integers(0, 50), unique=True, min_size=1, max_size=8).map(lambda found: sorted(found, reverse=True))
schedules = st.builds(
    a_schedule,
    overlap=st.sampled_from(Overlap),
    priority=st.sampled_from(Priority),
    enabled=st.booleans(),
    missed=st.sampled_from((Missed(), Missed(kind=MissedKind.SKIP), Missed(kind=MissedKind.ALL, most=3))),
)


@given(schedules, ages, pasts, levels, st.booleans())
def test_every_slot_gets_one_answer_and_every_answer_says_why(
    schedule: Schedule, old: Sequence[int], past: Past, facts: Facts, paused: bool
) -> None:
    slots = tuple(NOW - HOUR * age for age in old)
    batch = Batch(slots=slots, made_up=frozenset(schedule.missed.made_up(slots, NOW)))
    at = Circumstances(now=NOW, facts=facts, paused=PAUSED if paused else None)
    done = settle(schedule, batch, past, at, Goals())
    assert tuple(firing.slot for firing in done.firings) == slots
    fired = [firing for firing in done.firings if firing.outcome is Outcome.FIRED]
    assert [firing.goal_id for firing in fired] == [change.goal.goal_id for change in done.changes]
    for firing in done.firings:
        assert (firing.goal_id is not None) == (firing.outcome is Outcome.FIRED) == (firing.reason is None)
        assert firing.why or firing.outcome is Outcome.FIRED
    if schedule.overlap is not Overlap.ALLOW:
        assert len(fired) <= 1
        assert not (fired and past.running)
    assert sum(firing.outcome is Outcome.QUEUED for firing in done.firings) <= 1
    if paused or not schedule.enabled:
        assert not fired


def test_what_must_have_an_answer_is_found_for_rare_and_frequent_schedules() -> None:
    since = NOW - timedelta(days=30)
    assert len(expected(a_schedule(cron="0 0 15 * *"), since=since, until=NOW)) == 1
    often = expected(a_schedule(cron="* * * * *"), since=since, until=NOW)
    assert NOW in often
    assert len(often) <= 300
    assert expected(a_schedule(), since=NOW, until=NOW) == []


# -- schedules as data -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["skip", "once within 6h", "once within 90m", "once within 2d", "all up to 5"])
def test_a_policy_for_missed_slots_is_read_as_it_is_written(text: str) -> None:
    assert str(parse_missed(text)) == text


@pytest.mark.parametrize("text", ["", "twice", "once within 0h", "once within 6 weeks", "all up to 0", "all up to 101"])
def test_a_policy_that_makes_no_sense_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(UsageError, match="once within 6h"):
        parse_missed(text)


def test_once_alone_means_within_six_hours() -> None:
    assert parse_missed(" Once ") == Missed() == parse_missed("once within 6 h")


@given(schedules.map(lambda schedule: replace(schedule, enabled=True)))
def test_a_schedule_that_a_command_added_comes_back_from_the_store_as_it_was(schedule: Schedule) -> None:
    assert from_texts("hourly", as_texts(schedule, own_zone=True), zone="Europe/Berlin") == schedule
    follows = from_texts("hourly", as_texts(schedule, own_zone=False), zone="Europe/Berlin")
    assert follows == replace(schedule, zone="Europe/Berlin")


def test_a_command_has_the_last_word_over_a_file() -> None:
    mine = as_texts(a_schedule(cron="5 * * * *"), own_zone=True)
    files = [a_schedule(), replace(a_schedule(), schedule_id="off", enabled=False)]
    states = [
        ScheduleState(schedule_id="hourly", enabled=False),
        ScheduleState(schedule_id="off", removed=True),
        ScheduleState(schedule_id="mine", added=mine),
        ScheduleState(schedule_id="forgotten"),
    ]
    held, added = in_force(files, states, zone="UTC")
    assert [(s.schedule_id, s.enabled) for s in held] == [("hourly", False), ("mine", True)]
    assert added == {"mine"}


@pytest.mark.parametrize("schedule_id", ["", "Daily", "a--b", "-a", "with space", "x" * 41, "ä"])
def test_ids_are_short_and_safe_to_type(schedule_id: str) -> None:
    assert repr(schedule_id) in (schedule_fault(replace(a_schedule(), schedule_id=schedule_id)) or "")
