"""Pause, cancel, interrupts and lost leases in mid-call: what is paid for is booked and kept, nothing else moves."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from marketeer.domain.errors import StoreUnavailable
from marketeer.domain.goal import Goal, GoalStatus
from marketeer.domain.outcome import HandedBack, ItemRef
from marketeer.domain.task import TaskStatus
from marketeer.domain.work import WorkItem, WorkState
from marketeer.runtime import Office
from tests.integration.desk import (
    FAN,
    FUNNEL,
    Clerk,
    QuickClock,
    again,
    an_office,
    at_work,
    check_books,
    cut_short,
    files,
    journal_of,
    read,
    refused,
    statuses,
    submit,
    task_of,
    too_long,
)

SKILL = "analytics-tracking"


async def _claimed(office: Office) -> list[WorkItem]:
    return list(await office.store.claimed_items(lease_before=None))


async def _take_lease_away(office: Office) -> None:
    """As the outbox does when a worker's lease has ended."""
    for item in await _claimed(office):
        ref = ItemRef(item_id=item.work_item_id, claim=item.claim)
        await office.progress.apply(item.goal_id, HandedBack(item=ref, reason="its worker's lease ended"))


# -- pause and cancel ------------------------------------------------------------------------------------------


async def test_a_goal_paused_in_mid_call_books_and_keeps_the_answer_and_begins_nothing_new(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk) as office:
        clerk.hold("social-content")
        goal = await submit(office, FAN)
        async with at_work(office, goal):
            await clerk.busy_with("social-content")
            await office.pause(goal.goal_id, paused=True, by="ada")
            clerk.let_go("social-content")
        paused = await office.store.goal(goal.goal_id)
        (call,) = await office.store.calls(goal.goal_id)
        assert (paused.status, call.estimated) == (GoalStatus.PAUSED, False)
        task = await task_of(office, goal, "social-content")
        assert (task.status, task.output_version) == (TaskStatus.COMPLETED, 1)
        assert len(clerk.seen) == 1
        await check_books(office, goal)
        assert (await again(office, goal)).status is GoalStatus.PAUSED
        assert len(clerk.seen) == 1
        await office.pause(goal.goal_id, paused=False, by="ada")
        assert (await again(office, goal)).status is GoalStatus.COMPLETED
        assert len(clerk.seen) == 3
        await check_books(office, goal)


async def test_a_goal_unpaused_while_its_call_still_runs_goes_on_in_the_same_session(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk) as office:
        clerk.hold("social-content")
        goal = await submit(office, FAN)
        async with at_work(office, goal):
            await clerk.busy_with("social-content")
            await office.pause(goal.goal_id, paused=True, by="ada")
            await office.pause(goal.goal_id, paused=False, by="ada")
            clerk.let_go("social-content")
        assert (await office.store.goal(goal.goal_id)).status is GoalStatus.COMPLETED
        assert len(clerk.seen) == 3


async def test_a_goal_cancelled_in_mid_call_books_and_stores_the_answer_and_ships_nothing(tmp_path: Path) -> None:
    clerk = Clerk()
    # Short leases: the call goes on over many heartbeats after the cancel.
    async with an_office(tmp_path, clerk, clock=QuickClock(10), marketeer_lease_s=10) as office:
        clerk.hold("social-content")
        goal = await submit(office, FAN)
        async with at_work(office, goal):
            await clerk.busy_with("social-content")
            await office.cancel(goal.goal_id, by="ada")
            assert (await office.store.goal(goal.goal_id)).status is GoalStatus.CANCELLED
            await office.clock.sleep(15)
            clerk.let_go("social-content")
        (call,) = await office.store.calls(goal.goal_id)
        assert not call.estimated
        task = await task_of(office, goal, "social-content")
        assert (task.status, task.output_path) == (TaskStatus.CANCELLED, None)
        kept = await office.store.document(f"outputs/creative/social-content/{task.task_id}.md")
        assert kept is not None
        assert kept.call_id == call.call_id
        assert files(office, "outputs") == []
        assert len(clerk.seen) == 1
        await check_books(office, goal)


async def test_cancelling_one_goal_leaves_the_others_alone(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk) as office:
        clerk.hold("social-content")
        first, second = await submit(office, FAN), await submit(office, FUNNEL)
        async with at_work(office):
            await clerk.busy_with("social-content")
            await office.cancel(first.goal_id, by="ada")
            clerk.let_go("social-content")
        assert (await office.store.goal(second.goal_id)).status is GoalStatus.COMPLETED
        assert set((await statuses(office, first)).values()) == {"cancelled"}


# -- leases ----------------------------------------------------------------------------------------------------


async def test_the_result_of_a_worker_whose_lease_was_taken_is_booked_and_used_but_not_committed_by_it(
    tmp_path: Path,
) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk) as office:
        clerk.hold(SKILL)
        goal = await submit(office)
        async with at_work(office, goal) as shift:
            await clerk.busy_with(SKILL)
            shift.interrupt()
            await _take_lease_away(office)
            (item,) = [i for i in (await office.store.snapshot(goal.goal_id)).items if i.task_id]
            assert (item.state, item.claim) == (WorkState.READY, 1)
            clerk.let_go(SKILL)
        (call,) = await office.store.calls(goal.goal_id)
        assert not call.estimated
        assert (await task_of(office, goal, SKILL)).status is TaskStatus.QUEUED
        # Whoever is next finds the answer recorded and buys no other.
        goal = await again(office, goal)
        assert (goal.status, len(clerk.seen)) == (GoalStatus.COMPLETED, 1)
        assert len(await journal_of(office, goal, "task_completed")) == 1
        await check_books(office, goal)


async def test_two_workers_with_the_same_item_complete_it_once_and_both_calls_are_booked(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk, max_parallel_agents=4) as office:
        clerk.hold(SKILL)
        goal = await submit(office)
        async with at_work(office, goal):
            await clerk.busy_with(SKILL)
            await _take_lease_away(office)
            await clerk.until(lambda: clerk.in_flight[SKILL] == 2)
            clerk.let_go(SKILL)
        calls = await office.store.calls(goal.goal_id)
        assert len({call.call_id for call in calls}) == 2
        assert (await office.store.goal(goal.goal_id)).status is GoalStatus.COMPLETED
        assert len(await journal_of(office, goal, "task_completed")) == 1
        task = await task_of(office, goal, SKILL)
        kept = await office.store.document(task.output_path or "", task.output_version)
        assert kept is not None
        assert read(office, task.output_path) == kept.content
        await check_books(office, goal)


async def test_a_worker_that_hears_that_its_lease_is_gone_stops_and_books_what_it_may_have_spent(
    tmp_path: Path,
) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk, clock=QuickClock(10), marketeer_lease_s=3) as office:
        clerk.hold(SKILL)
        goal = await submit(office)
        async with at_work(office, goal) as shift:
            await clerk.busy_with(SKILL)
            shift.interrupt()
            await _take_lease_away(office)
            await clerk.until(lambda: not clerk.in_flight[SKILL])
        (call,) = await office.store.calls(goal.goal_id)
        assert call.estimated
        clerk.let_go(SKILL)
        assert (await again(office, goal)).status is GoalStatus.COMPLETED


async def test_a_worker_that_cannot_extend_its_lease_in_time_stops_its_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk, clock=QuickClock(10), marketeer_lease_s=3) as office:

        async def fails(*_: object, **__: object) -> bool:
            msg = "disk full"
            raise StoreUnavailable(msg)

        clerk.hold(SKILL)
        goal = await submit(office)
        with monkeypatch.context() as patch:
            patch.setattr(office.store, "extend_leases", fails)
            async with at_work(office, goal) as shift:
                await clerk.busy_with(SKILL)
                shift.interrupt()
                await clerk.until(lambda: not clerk.in_flight[SKILL])
        assert [call.estimated for call in await office.store.calls(goal.goal_id)] == [True]
        clerk.let_go(SKILL)
        assert (await again(office, goal)).status is GoalStatus.COMPLETED
        await check_books(office, goal)


@pytest.mark.parametrize(("answer", "said"), [(refused, "declined"), (too_long, "did not fit")])
async def test_a_paid_answer_that_is_no_document_is_not_bought_again_after_a_lost_lease(
    tmp_path: Path, answer: object, said: str
) -> None:
    clerk = Clerk()
    clerk.says[SKILL] = [cut_short, answer, None, None]  # type: ignore[list-item]
    async with an_office(tmp_path, clerk) as office:
        goal = await submit(office)
        async with at_work(office, goal) as shift:
            await clerk.until(lambda: len(clerk.seen) == 1)
            clerk.hold(SKILL)
            await clerk.until(lambda: len(clerk.seen) == 2)
            shift.interrupt()
            await _take_lease_away(office)
            clerk.let_go(SKILL)
        goal = await again(office, goal)
        assert (goal.status, len(clerk.seen)) == (GoalStatus.FAILED, 2)
        assert said in (goal.error or "")


# -- interrupts ------------------------------------------------------------------------------------------------


def _loose_ends() -> set[str]:
    tasks = {task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()}
    return tasks | {thread.name for thread in threading.enumerate() if "marketeer" in thread.name}


async def test_an_interrupt_lets_calls_in_flight_finish_and_starts_nothing_more(tmp_path: Path) -> None:
    clerk = Clerk()
    skills = (SKILL, "seo-audit", "ab-test-setup")
    async with an_office(tmp_path, clerk, clock=QuickClock(1)) as office:
        clerk.hold(*skills)
        goal = await submit(office, FUNNEL)
        async with at_work(office, goal) as shift:
            await clerk.busy_with(*skills)
            shift.interrupt()
            clerk.let_go(*skills)
        calls = await office.store.calls(goal.goal_id)
        assert [call.estimated for call in calls] == [False] * 3
        assert len(clerk.seen) == 3
        assert await _claimed(office) == []
        assert (await again(office, goal)).status is GoalStatus.COMPLETED
        assert len(clerk.seen) == 4
        await check_books(office, goal)


async def test_a_second_interrupt_cuts_calls_off_books_estimates_and_resume_completes(tmp_path: Path) -> None:
    clerk = Clerk()
    skills = (SKILL, "seo-audit", "ab-test-setup")
    async with an_office(tmp_path, clerk, clock=QuickClock(1)) as office:
        clerk.hold(*skills)
        goal = await submit(office, FUNNEL)
        async with at_work(office, goal) as shift:
            await clerk.busy_with(*skills)
            shift.interrupt()
            shift.interrupt()
        calls = await office.store.calls(goal.goal_id)
        assert [call.estimated for call in calls] == [True] * 3
        assert await _claimed(office) == []
        assert {(await task_of(office, goal, skill)).status for skill in skills} == {TaskStatus.QUEUED}
        assert {(await task_of(office, goal, skill)).attempts for skill in skills} == {1}
        await check_books(office, goal)
        clerk.let_go(*skills)
        goal = await again(office, goal)
        assert (goal.status, len(clerk.seen)) == (GoalStatus.COMPLETED, 7)
        assert "3 of these calls could not be observed" in read(office, goal.report_path)
        await check_books(office, goal)


async def test_a_grace_that_runs_out_cuts_calls_off_as_a_second_interrupt_does(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk, shutdown_grace_s=3) as office:
        clerk.hold(SKILL)
        goal = await submit(office)
        async with at_work(office, goal) as shift:
            await clerk.busy_with(SKILL)
            shift.interrupt()
        assert [call.estimated for call in await office.store.calls(goal.goal_id)] == [True]
        clerk.let_go(SKILL)
        assert (await again(office, goal)).status is GoalStatus.COMPLETED


@pytest.mark.parametrize("twice", [False, True], ids=["once", "twice"])
async def test_an_interrupt_at_any_moment_leaves_nothing_behind_and_resume_completes(
    tmp_path: Path, twice: bool
) -> None:
    clerk = Clerk()
    before = _loose_ends()
    async with an_office(tmp_path, clerk, clock=QuickClock(20)) as office:
        goal = await submit(office, FUNNEL)
        steps = 0
        while not (await office.store.goal(goal.goal_id)).status.is_final:
            steps += 1
            await _interrupted_at(office, goal, steps, twice=twice)
            assert await _claimed(office) == []
            await _check_only_paid_for(office, goal)
            assert steps < 90
        assert (await office.store.goal(goal.goal_id)).status is GoalStatus.COMPLETED
        assert steps > 5
        await check_books(office, goal)
    assert _loose_ends() <= before


async def _interrupted_at(office: Office, goal: Goal, moment: int, *, twice: bool) -> None:
    """A session that is interrupted before its first write, after it, before its second one, and so on. Counted, so
    that a busy machine has the same moments."""
    database = office.store._db
    write, passed = database.write, 0

    def interrupt_when_due() -> None:
        nonlocal passed
        passed += 1
        if passed == moment and shift.session is not None:
            shift.interrupt()
            if twice:
                shift.interrupt()

    async def counted(*given: Any, **more: Any) -> Any:
        interrupt_when_due()
        answer = await write(*given, **more)
        interrupt_when_due()
        return answer

    database.write = counted  # type: ignore[method-assign]
    try:
        async with at_work(office, goal) as shift:
            pass
    finally:
        database.write = write  # type: ignore[method-assign]


async def _check_only_paid_for(office: Office, goal: Goal) -> None:
    bill = await office.store.goal_bill(goal.goal_id)
    assert bill.total.reserved_usd == 0
    assert bill.total.settled_usd == sum(call.cost_usd for call in await office.store.calls(goal.goal_id))


async def test_a_call_that_was_never_sent_is_never_booked_however_it_is_interrupted(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk) as office:
        goal = await submit(office, FUNNEL)
        async with at_work(office, goal) as shift:
            reserve = office.store.reserve

            async def interrupted(*args: object) -> object:
                shift.interrupt()
                shift.interrupt()
                return await reserve(*args)  # type: ignore[arg-type]

            office.store.reserve = interrupted  # type: ignore[method-assign,assignment]
        office.store.reserve = reserve  # type: ignore[method-assign]
        sent = len(clerk.seen)
        assert len(await office.store.calls(goal.goal_id)) == sent
        assert (await office.store.goal_bill(goal.goal_id)).total.reserved_usd == 0
        goal = await again(office, goal)
        assert goal.status is GoalStatus.COMPLETED
        assert len(await office.store.calls(goal.goal_id)) == len(clerk.seen)
