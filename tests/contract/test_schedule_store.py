"""What a store promises of schedules: one answer for each slot, whoever gives it, in one transaction with its goal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from marketeer.adapters.sqlite.store import SqliteStore
from marketeer.domain.advance import advance, begin
from marketeer.domain.firing import Firing, Outcome, Past, Settled, SkipReason
from marketeer.domain.goal import GoalStatus
from marketeer.domain.journal import WORKSPACE_JOURNAL
from marketeer.domain.outcome import CancelAsked
from marketeer.domain.schedule import ScheduleState, schedule_entry
from marketeer.domain.snapshot import Change
from marketeer.ports import Store
from tests.support.builders import NOW, a_goal

HOUR = timedelta(hours=1)
DAILY = "daily"
Settle = Callable[[Past, Sequence[datetime]], Settled]


@pytest.fixture(params=["file", "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    opened = SqliteStore(tmp_path / "marketeer.db" if request.param == "file" else None)
    await opened.open()
    yield opened
    await opened.close()


def an_answer(slot: datetime, outcome: Outcome, *, goal_id: str | None = None, schedule_id: str = DAILY) -> Firing:
    reason = None if outcome is Outcome.FIRED else SkipReason.STILL_RUNNING
    return Firing(
        schedule_id=schedule_id, slot=slot, outcome=outcome, decided_at=NOW, reason=reason, why="so", goal_id=goal_id
    )


def firing(goal_id: str, seen: list[Past] | None = None, *, schedule_id: str = DAILY) -> Settle:
    """Fires every slot it is given, with goals of that name."""

    def settle(past: Past, slots: Sequence[datetime]) -> Settled:
        if seen is not None:
            seen.append(past)
        changes = [begin(a_goal(f"{goal_id}-{slot:%H}{number}x"), NOW) for number, slot in enumerate(slots)]
        answers = [
            an_answer(slot, Outcome.FIRED, goal_id=change.goal.goal_id, schedule_id=schedule_id)
            for slot, change in zip(slots, changes, strict=True)
        ]
        entry = schedule_entry("slots_missed", DAILY, who="test", now=NOW)
        return Settled(firings=tuple(answers), changes=tuple(changes), entries=(entry,))

    return settle


def refusing(outcome: Outcome, seen: list[Past] | None = None) -> Settle:
    def settle(past: Past, slots: Sequence[datetime]) -> Settled:
        if seen is not None:
            seen.append(past)
        return Settled(firings=tuple(an_answer(slot, outcome) for slot in slots))

    return settle


# -- answers ---------------------------------------------------------------------------------------------------


async def test_an_answer_is_kept_with_its_goal_the_work_it_owes_and_what_the_journal_is_told(store: Store) -> None:
    done = await store.settle_slots(DAILY, [NOW], firing("run"))
    (kept,) = await store.firings(DAILY, limit=10)
    assert [kept] == list(done.firings)
    snapshot = await store.snapshot(kept.goal_id or "")
    assert (snapshot.goal.status, len(snapshot.items)) == (GoalStatus.PLANNING, 1)
    assert [e.what for e in await store.journal(goal_id=WORKSPACE_JOURNAL)] == ["slots_missed"]


async def test_a_slot_that_has_an_answer_is_never_asked_about_again(store: Store) -> None:
    await store.settle_slots(DAILY, [NOW], firing("run"))
    again = await store.settle_slots(DAILY, [NOW], firing("again"))
    assert again == Settled(firings=())
    both = await store.settle_slots(DAILY, [NOW, NOW + HOUR], firing("again"))
    assert [answer.slot for answer in both.firings] == [NOW + HOUR]
    assert len(await store.goals(limit=10)) == 2


async def test_what_cannot_be_stored_leaves_neither_answer_nor_goal(store: Store) -> None:
    taken = begin(a_goal("run-taken"), NOW)
    await store.commit(taken)

    def settle(past: Past, slots: Sequence[datetime]) -> Settled:
        answer = an_answer(slots[0], Outcome.FIRED, goal_id="run-taken")
        return Settled(firings=(answer,), changes=(begin(a_goal("run-other"), NOW), taken))

    with pytest.raises(Exception, match="run-taken"):
        await store.settle_slots(DAILY, [NOW], settle)
    assert await store.firings(limit=10) == []
    assert [goal.goal_id for goal in await store.goals(limit=10)] == ["run-taken"]


async def test_of_many_who_answer_at_once_one_does(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        stores = []
        for _ in range(4):
            each = SqliteStore(tmp_path / "marketeer.db")
            await each.open()
            stack.push_async_callback(each.close)
            stores.append(each)
        slots = [NOW + number * HOUR for number in range(5)]
        asked = [
            each.settle_slots(DAILY, [slot], firing(f"run-{number}-{round_}"))
            for slot in slots
            for number, each in enumerate(stores)
            for round_ in range(3)
        ]
        done = await asyncio.gather(*asked)
        fired = [answer.slot for settled in done for answer in settled.firings]
        assert sorted(fired) == slots
        assert len(await stores[0].goals(limit=100)) == len(slots)


# -- what a decision hangs on ----------------------------------------------------------------------------------


async def test_the_past_has_the_live_goals_of_this_schedule_that_are_not_blocked(store: Store) -> None:
    seen: list[Past] = []
    await store.settle_slots(DAILY, [NOW], firing("run"))
    await store.settle_slots("other", [NOW], firing("other", schedule_id="other"))
    await store.settle_slots(DAILY, [NOW + HOUR], firing("next", seen))
    (first, *_) = [g.goal_id for g in await store.goals(limit=10) if g.goal_id.startswith("run")]
    assert seen[-1].running == (first,)
    snapshot = await store.snapshot(first)
    blocked = replace(snapshot.goal, status=GoalStatus.BLOCKED, version=2)
    await store.commit(Change(goal=blocked, goal_before=snapshot.goal))
    await store.settle_slots(DAILY, [NOW + 2 * HOUR], refusing(Outcome.SKIPPED, seen))
    assert first not in seen[-1].running


async def test_slots_left_out_in_a_row_are_counted_from_the_newest_back(store: Store) -> None:
    seen: list[Past] = []
    for hour in range(5):
        await store.settle_slots(DAILY, [NOW + hour * HOUR], refusing(Outcome.SKIPPED, seen))
    await store.settle_slots(DAILY, [NOW + 5 * HOUR], firing("run", seen))
    await store.settle_slots(DAILY, [NOW + 6 * HOUR], refusing(Outcome.SKIPPED, seen))
    assert [past.held_in_a_row for past in seen] == [0, 1, 2, 3, 3, 3, 0]


async def test_a_queued_slot_is_open_until_it_fires_and_ripe_when_its_forerunner_is_done(store: Store) -> None:
    seen: list[Past] = []
    await store.settle_slots(DAILY, [NOW], firing("run"))
    await store.settle_slots(DAILY, [NOW + HOUR], refusing(Outcome.QUEUED))
    ((waiting, ripe),) = await store.queued_firings()
    assert (waiting.slot, ripe) == (NOW + HOUR, False)
    (goal,) = await store.goals(limit=1)
    change = advance(await store.snapshot(goal.goal_id), CancelAsked(by="ada"), NOW)
    assert change is not None
    await store.commit(change)
    assert [is_ripe for _, is_ripe in await store.queued_firings()] == [True]
    await store.settle_slots(DAILY, [waiting.slot], firing("next", seen))
    assert seen[-1].queued == waiting.slot
    assert await store.queued_firings() == []
    assert (await store.settle_slots(DAILY, [waiting.slot], firing("third"))).firings == ()


# -- reading ---------------------------------------------------------------------------------------------------


async def test_answers_are_read_newest_first_of_one_schedule_or_of_all(store: Store) -> None:
    await store.know_schedules({DAILY: "a", "other": "b"}, now=NOW)
    for hour in range(3):
        await store.settle_slots(DAILY, [NOW + hour * HOUR], refusing(Outcome.SKIPPED))
    await store.settle_slots("other", [NOW + HOUR / 2], firing("run", schedule_id="other"))
    assert [f.slot for f in await store.firings(DAILY, limit=2)] == [NOW + 2 * HOUR, NOW + HOUR]
    assert len(await store.firings(limit=10)) == 4
    newest = {f.schedule_id: f.slot for f in await store.newest_firings(until=NOW + HOUR)}
    assert newest == {DAILY: NOW + HOUR, "other": NOW + HOUR / 2}
    assert await store.answered_slots(DAILY, since=NOW) == {NOW + HOUR, NOW + 2 * HOUR}


async def test_answers_to_slots_that_have_not_come_are_dropped_but_for_those_that_fired(store: Store) -> None:
    await store.know_schedules({DAILY: "a"}, now=NOW + 5 * HOUR)
    await store.settle_slots(DAILY, [NOW], refusing(Outcome.SKIPPED))
    await store.settle_slots(DAILY, [NOW + HOUR], refusing(Outcome.SKIPPED))
    await store.settle_slots(DAILY, [NOW + 2 * HOUR], firing("run"))
    assert await store.forget_firings_after(NOW) == 1
    assert [f.slot for f in await store.firings(DAILY, limit=9)] == [NOW + 2 * HOUR, NOW]
    assert [state.known_since for state in await store.schedule_states()] == [NOW]


# -- schedules ---------------------------------------------------------------------------------------------------


async def test_a_schedule_is_known_since_it_was_first_seen_with_these_times(store: Store) -> None:
    await store.know_schedules({DAILY: "6:00", "other": "x"}, now=NOW)
    await store.know_schedules({DAILY: "6:00", "other": "y"}, now=NOW + HOUR)
    known = {s.schedule_id: s.known_since for s in await store.schedule_states()}
    assert known == {DAILY: NOW, "other": NOW + HOUR}
    await store.know_schedules({"other": "y"}, now=NOW + 2 * HOUR)
    await store.know_schedules({DAILY: "6:00", "other": "y"}, now=NOW + 3 * HOUR)
    known = {s.schedule_id: s.known_since for s in await store.schedule_states()}
    assert known == {DAILY: NOW + 3 * HOUR, "other": NOW + HOUR}


async def test_what_a_command_changed_is_kept_and_journaled(store: Store) -> None:
    state = ScheduleState(schedule_id=DAILY, added={"cron": "0 6 * * *"}, enabled=False)
    await store.put_schedule(state, schedule_entry("schedule_added", DAILY, who="ada", now=NOW))
    assert await store.schedule_states() == [state]
    await store.know_schedules({DAILY: "x"}, now=NOW)
    assert await store.schedule_states() == [replace(state, timing="x", known_since=NOW)]
    (entry,) = await store.journal(goal_id=WORKSPACE_JOURNAL)
    assert (entry.what, entry.who, entry.why) == ("schedule_added", "ada", DAILY)


async def test_the_first_default_zone_stays(store: Store) -> None:
    assert await store.default_zone() is None
    assert await store.keep_default_zone("Europe/Berlin") == "Europe/Berlin"
    assert await store.keep_default_zone("America/New_York") == "Europe/Berlin"
    assert await store.default_zone() == "Europe/Berlin"
