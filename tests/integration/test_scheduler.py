"""The scheduler at work on a store, with a clock that the test moves: each slot has one answer, whatever happens."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from marketeer.domain.errors import ConfigurationError, UsageError
from marketeer.domain.firing import STAGGER, Firing, Outcome, SkipReason
from marketeer.domain.goal import GoalStatus, Priority
from marketeer.domain.health import Check, State
from marketeer.domain.journal import WORKSPACE_JOURNAL
from marketeer.domain.schedule import Missed, MissedKind, Overlap, Schedule
from marketeer.engine.schedule_health import look_at_schedules
from marketeer.engine.scheduler import RETRY_S, Scheduler
from marketeer.runtime import Office, open_office
from marketeer.settings import load_settings
from marketeer.testing import FakeClock, in_memory_office
from marketeer.testing.office import NOWHERE
from tests.integration.desk import an_office
from tests.support.passing import pass_time
from tests.support.waiting import wait_until

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DAY, HOUR, MINUTE = 86_400.0, 3_600.0, 60.0
SOCIAL = "daily-social"
HOURLY = Schedule(schedule_id="hourly", cron="0 * * * *", zone="UTC", pipeline="Social Content", priority=Priority.P2)


@asynccontextmanager
async def an_idle_office(clock: FakeClock) -> AsyncIterator[Office]:
    async with in_memory_office(clock=clock) as office:
        await office.store.keep_default_zone("UTC")
        yield office


@asynccontextmanager
async def at_work(office: Office, *, rehearsal: bool = True) -> AsyncIterator[Scheduler]:
    scheduler = office.scheduler(rehearsal=rehearsal, look_every_s=DAY)
    await scheduler.start()
    async with asyncio.TaskGroup() as group:
        group.create_task(scheduler.run(), name="scheduler")
        try:
            yield scheduler
        finally:
            scheduler.stop()


async def answers(office: Office, schedule_id: str = "hourly") -> Sequence[Firing]:
    """Oldest first."""
    return list(reversed(await office.store.firings(schedule_id, limit=1_000)))


async def told(office: Office) -> Sequence[str]:
    return [entry.what for entry in await office.store.journal(goal_id=WORKSPACE_JOURNAL)]


async def finish(office: Office, firing: Firing) -> None:
    await office.cancel(firing.goal_id or "", by="ada")


# -- slots and goals -------------------------------------------------------------------------------------------


async def test_a_slot_begins_its_pipelines_goal_at_its_priority_and_says_which_slot_it_was() -> None:
    clock = FakeClock(START)
    async with an_idle_office(clock) as office, at_work(office) as scheduler:
        assert scheduler.next_firing(SOCIAL) == START + timedelta(hours=18)
        await pass_time(clock, 18 * HOUR + 1, scheduler)
        (firing,) = await answers(office, SOCIAL)
        assert (firing.outcome, firing.slot) == (Outcome.FIRED, START + timedelta(hours=18))
        goal = await office.store.goal(firing.goal_id or "")
        assert (goal.pipeline, goal.priority, goal.rehearsal) == ("Social Content", Priority.P2, True)
        (created, *_) = await office.store.journal(goal_id=goal.goal_id)
        assert created.who == "schedule daily-social, slot 2026-11-23 06:00:00 UTC"
        assert scheduler.next_firing(SOCIAL) == START + timedelta(hours=42)


async def test_a_new_workspace_owes_nothing_for_the_past_and_its_zone_is_found_once() -> None:
    clock = FakeClock(START)
    async with in_memory_office(clock=clock) as office, at_work(office) as scheduler:
        await pass_time(clock, MINUTE, scheduler)
        assert await office.store.firings(limit=10) == []
        assert await office.store.default_zone()
        assert [schedule.schedule_id for schedule in scheduler.active()] == [
            *("daily-social", "daily-review", "weekly-content", "weekly-seo", "monthly-cro", "monthly-review")
        ]


async def test_a_slot_while_its_forerunner_is_at_work_is_left_out_until_that_is_done_or_blocked() -> None:
    clock = FakeClock(START)
    async with an_idle_office(clock) as office, at_work(office) as scheduler:
        await scheduler.add(HOURLY, by="ada")
        await pass_time(clock, 4 * HOUR + 1, scheduler)
        first, *held = await answers(office)
        assert [firing.reason for firing in held] == [SkipReason.STILL_RUNNING] * 3
        assert (await told(office)).count("schedule_skipped_again") == 1
        await finish(office, first)
        await pass_time(clock, HOUR, scheduler)
        assert (await answers(office))[-1].outcome is Outcome.FIRED


async def test_queue_one_begins_the_waiting_slot_as_soon_as_its_forerunner_is_done() -> None:
    clock = FakeClock(START)
    async with an_idle_office(clock) as office, at_work(office) as scheduler:
        await scheduler.add(replace(HOURLY, overlap=Overlap.QUEUE_ONE), by="ada")
        await pass_time(clock, 3 * HOUR + 1, scheduler)
        first, second, third = await answers(office)
        assert [f.outcome for f in (first, second, third)] == [Outcome.FIRED, Outcome.QUEUED, Outcome.SKIPPED]
        await finish(office, first)
        await pass_time(clock, 10, scheduler)
        _, second, _ = await answers(office)
        assert (second.outcome, second.decided_at > third.slot) == (Outcome.FIRED, True)


async def test_a_queued_slot_of_a_schedule_that_is_removed_waits_no_longer() -> None:
    clock = FakeClock(START)
    async with an_idle_office(clock) as office, at_work(office) as scheduler:
        await scheduler.add(replace(HOURLY, overlap=Overlap.QUEUE_ONE), by="ada")
        await pass_time(clock, 2 * HOUR + 1, scheduler)
        await scheduler.remove("hourly", by="ada")
        await pass_time(clock, 10, scheduler)
        assert [firing.outcome for firing in await answers(office)] == [Outcome.FIRED, Outcome.SKIPPED]


async def test_the_kill_switch_holds_schedules_and_every_slot_says_so() -> None:
    clock = FakeClock(START)
    async with an_idle_office(clock) as office, at_work(office) as scheduler:
        await scheduler.add(HOURLY, by="ada")
        await office.pause_everything(paused=True, by="ada")
        await pass_time(clock, HOUR + 1, scheduler)
        await office.pause_everything(paused=False, by="ada")
        await pass_time(clock, HOUR, scheduler)
        held, fired = await answers(office)
        assert (held.reason, fired.outcome) == (SkipReason.PAUSED, Outcome.FIRED)


async def test_without_money_real_schedules_are_held_by_the_budget_level() -> None:
    clock, settings = FakeClock(START), load_settings(workspace_dir=NOWHERE, budget_monthly=0)
    async with in_memory_office(clock=clock, settings=settings) as office:
        async with at_work(office, rehearsal=False) as scheduler:
            await scheduler.add(HOURLY, by="ada")
            await pass_time(clock, HOUR + 1, scheduler)
        (held,) = await answers(office)
        assert (held.reason, "exhausted" in (held.why or "")) == (SkipReason.BUDGET, True)


# -- changes by command ------------------------------------------------------------------------------------------


async def test_a_disabled_schedule_answers_its_slots_so_and_owes_nothing_when_enabled_again() -> None:
    clock = FakeClock(START)
    async with an_idle_office(clock) as office:
        async with at_work(office) as scheduler:
            await scheduler.add(HOURLY, by="ada")
            assert await scheduler.enable("hourly", enabled=False, by="ada")
            assert not await scheduler.enable("hourly", enabled=False, by="ada")
            assert scheduler.next_firing("hourly") is None
            await pass_time(clock, HOUR + 1, scheduler)
        clock.advance(3 * HOUR)
        await office.schedule_book.enable("hourly", enabled=True, by="ada")
        async with at_work(office) as scheduler:
            await pass_time(clock, HOUR, scheduler)
        assert [f.reason or f.outcome for f in await answers(office)] == [SkipReason.DISABLED, Outcome.FIRED]
        entries = [what for what in await told(office) if what.startswith("schedule_")]
        assert entries == ["schedule_added", "schedule_disabled", "schedule_enabled"]


async def test_a_schedule_of_a_file_that_was_removed_comes_back_when_enabled_and_others_do_not() -> None:
    clock = FakeClock(START)
    async with an_idle_office(clock) as office, at_work(office) as scheduler:
        await scheduler.add(HOURLY, by="ada")
        for schedule_id in ("hourly", SOCIAL):
            await scheduler.remove(schedule_id, by="ada")
            assert scheduler.next_firing(schedule_id) is None
        await pass_time(clock, DAY, scheduler)
        assert await answers(office) == await answers(office, SOCIAL) == []
        assert await scheduler.enable(SOCIAL, by="ada")
        assert scheduler.next_firing(SOCIAL) == START + timedelta(hours=42)
        with pytest.raises(UsageError, match="add it anew"):
            await scheduler.enable("hourly", by="ada")
        with pytest.raises(UsageError, match="did you mean 'daily-social'"):
            await scheduler.remove("daily-socials", by="ada")


async def test_what_another_process_changes_is_heard_with_the_next_ring() -> None:
    clock = FakeClock(START)
    async with an_idle_office(clock) as office, at_work(office) as scheduler:
        await office.schedule_book.add(HOURLY, own_zone=True, by="ada")
        office.doorbell.ring()
        await pass_time(clock, HOUR + 1, scheduler)
        assert [firing.outcome for firing in await answers(office)] == [Outcome.FIRED]
        assert scheduler.next_firing("hourly") == START + timedelta(hours=2)


# -- files -------------------------------------------------------------------------------------------------------


async def test_a_changed_file_is_reread_and_a_wrong_one_changes_nothing(tmp_path: Path) -> None:
    clock = FakeClock(START)
    async with an_office(tmp_path, None, clock=clock) as office:
        await office.store.keep_default_zone("UTC")
        file = office.workspace.team_path / "schedules.yaml"
        file.parent.mkdir(exist_ok=True)
        async with at_work(office) as scheduler:
            file.write_text(
                'schedules:\n  - {id: daily-social, cron: "30 7 * * *"}\n  - {id: daily-review, enabled: false}\n'
            )
            office.doorbell.ring()
            await pass_time(clock, 1, scheduler)
            assert scheduler.next_firing(SOCIAL) == START + timedelta(hours=19.5)
            assert scheduler.next_firing("daily-review") is None
            file.write_text("schedules:\n  - {id: daily-social, cron: every morning}\n")
            office.doorbell.ring()
            await pass_time(clock, 20 * HOUR, scheduler)
            assert [firing.slot.hour for firing in await answers(office, SOCIAL)] == [7]
        with pytest.raises(ConfigurationError, match=r"team/schedules.yaml:2: cron 'every morning' cannot be read"):
            await office.scheduler().start()


# -- down, late, and clocks that jump ------------------------------------------------------------------------------


async def test_after_an_outage_the_newest_missed_slot_is_made_up_for_and_the_others_are_told() -> None:
    clock = FakeClock(START)
    async with an_idle_office(clock) as office:
        async with at_work(office) as scheduler:
            await scheduler.add(HOURLY, by="ada")
            await pass_time(clock, MINUTE, scheduler)
        clock.advance(5.5 * HOUR)
        async with at_work(office) as scheduler:
            await pass_time(clock, 1, scheduler)
        found = await answers(office)
        assert [firing.slot.hour for firing in found] == [13, 14, 15, 16, 17]
        assert [firing.reason for firing in found] == [SkipReason.MISSED] * 4 + [None]
        assert "slots_missed" in await told(office)


async def test_goals_after_a_long_outage_begin_one_after_the_other() -> None:
    clock = FakeClock(START)
    async with an_idle_office(clock) as office:
        async with at_work(office) as scheduler:
            for number in range(3):
                await scheduler.add(replace(HOURLY, schedule_id=f"hourly-{number}"), by="ada")
            await pass_time(clock, MINUTE, scheduler)
        clock.advance(5.5 * HOUR)
        began = clock.now()
        async with at_work(office) as scheduler:
            await pass_time(clock, 1, scheduler)
        goals = await office.store.goals(limit=10)
        due = sorted([(await office.store.snapshot(goal.goal_id)).items[0].due_at for goal in goals])
        assert [at - due[0] for at in due] == [STAGGER * number for number in range(3)]
        assert due[0] - began < timedelta(seconds=1)


async def test_a_clock_put_forward_makes_slots_late_and_loses_none() -> None:
    clock = FakeClock(START)
    async with an_idle_office(clock) as office, at_work(office) as scheduler:
        await scheduler.add(
            replace(HOURLY, missed=Missed(kind=MissedKind.ALL, most=2), overlap=Overlap.ALLOW), by="ada"
        )
        await pass_time(clock, MINUTE, scheduler)
        clock.advance(3.5 * HOUR)  # past three slots in one leap
        await pass_time(clock, 1, scheduler)
        assert [firing.outcome for firing in await answers(office)] == [Outcome.SKIPPED, Outcome.FIRED, Outcome.FIRED]


async def test_answers_given_while_the_clock_was_years_ahead_do_not_silence_a_schedule(tmp_path: Path) -> None:
    ahead = FakeClock(START)
    async with an_office(tmp_path, None, clock=ahead) as office:
        await office.store.keep_default_zone("UTC")
        async with at_work(office) as scheduler:
            await scheduler.add(replace(HOURLY, overlap=Overlap.ALLOW), by="ada")
            await pass_time(ahead, MINUTE, scheduler)
            ahead.advance(30 * DAY)
            await pass_time(ahead, 1, scheduler)
        assert len(await answers(office)) == 720
        settings = office.settings
    right = FakeClock(START + timedelta(minutes=30))
    async with open_office(settings, clock=right) as office, at_work(office) as scheduler:
        await pass_time(right, 2 * HOUR, scheduler)
        found = [f for f in await answers(office) if f.slot <= right.now()]
        assert [(f.slot.hour, f.outcome) for f in found] == [(13, Outcome.FIRED), (14, Outcome.FIRED)]


async def test_two_schedulers_give_each_slot_one_answer_and_one_goal(tmp_path: Path) -> None:
    clock = FakeClock(START)
    async with an_office(tmp_path, None, clock=clock) as one, open_office(one.settings, clock=clock) as two:
        await one.store.keep_default_zone("UTC")
        await one.schedule_book.add(replace(HOURLY, overlap=Overlap.ALLOW), own_zone=True, by="ada")
        async with at_work(one) as first, at_work(two) as second:
            await pass_time(clock, 20 * HOUR + 1, first, second)
        found = await answers(one)
        assert len(found) == 20
        goals = await one.store.goals(limit=100)
        assert {firing.goal_id for firing in found} <= {goal.goal_id for goal in goals}
        assert len([goal for goal in goals if goal.status is GoalStatus.PLANNING]) == len(
            [firing for firing in await one.store.firings(limit=100) if firing.goal_id]
        )


async def test_a_slot_due_while_the_store_is_out_of_reach_is_late_and_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("marketeer.adapters.sqlite.database.BUSY_TIMEOUT_MS", 50)
    clock = FakeClock(START)
    async with an_office(tmp_path, None, clock=clock) as office:
        await office.store.keep_default_zone("UTC")
        async with at_work(office) as scheduler:
            await scheduler.add(HOURLY, by="ada")
            await pass_time(clock, MINUTE, scheduler)
            with closing(sqlite3.connect(office.workspace.database_path)) as other:
                other.execute("BEGIN IMMEDIATE")
                clock.advance(HOUR)
                await wait_until(lambda: not scheduler.at_rest and clock.sleepers > 0)
                other.rollback()
            clock.advance(RETRY_S)
            await pass_time(clock, 1, scheduler)
            assert [firing.outcome for firing in await answers(office)] == [Outcome.FIRED]


# -- the alarm -------------------------------------------------------------------------------------------------------


async def looked(office: Office, *, running: bool) -> Check:
    return await look_at_schedules(office.store, office.clock, office.schedule_book, running=running)


async def test_a_slot_without_an_answer_is_an_alarm_once_somebody_should_have_given_it() -> None:
    clock = FakeClock(START)
    async with an_idle_office(clock) as office:
        assert (await looked(office, running=False)).state is State.HEALTHY
        async with at_work(office) as scheduler:
            await scheduler.add(HOURLY, by="ada")
            await pass_time(clock, 3 * HOUR + 1, scheduler)
            assert (await looked(office, running=True)).reason == "every slot is answered; 7 schedules enabled"
        clock.advance(2.5 * HOUR)
        down, up = await looked(office, running=False), await looked(office, running=True)
        assert (down.state, up.state) == (State.HEALTHY, State.DEGRADED)
        assert up.reason.startswith("2 slots have no answer, the first of hourly at 2026-11-22 16:00 UTC")


async def test_an_answer_that_is_missing_among_others_is_an_alarm_with_or_without_a_daemon(tmp_path: Path) -> None:
    clock = FakeClock(START)
    async with an_office(tmp_path, None, clock=clock) as office:
        async with at_work(office) as scheduler:
            await scheduler.add(HOURLY, by="ada")
            await pass_time(clock, 3 * HOUR + 1, scheduler)
        with closing(sqlite3.connect(office.workspace.database_path)) as other:
            other.execute("DELETE FROM firings WHERE slot LIKE '2026-11-22T14%'")
            other.commit()
        for running in (True, False):
            found = await looked(office, running=running)
            assert found.reason.startswith("1 slot has no answer, the first of hourly at 2026-11-22 14:00 UTC")
