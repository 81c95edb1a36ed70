"""Two goals in an empty workspace share one product context, whatever becomes of the goal that writes it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from marketeer.domain.approval import ApprovalStatus, Decision
from marketeer.domain.goal import Goal, GoalStatus
from marketeer.domain.outcome import Claimed, HandedBack, ItemRef
from marketeer.domain.task import Task, TaskStatus
from marketeer.domain.work import Scope
from marketeer.engine.director import HANDED_BACK_S
from marketeer.runtime import Office
from tests.integration.desk import (
    FAN,
    FOUNDATION,
    FUNNEL,
    GATED,
    SOLO,
    Clerk,
    again,
    an_office,
    at_work,
    check_books,
    finish,
    read,
    statuses,
    submit,
    task_of,
    too_long,
    with_secret,
    work,
)
from tests.support.waiting import LIMIT_S

SKILL = "analytics-tracking"


async def _planned(office: Office, clerk: Clerk, *pipelines: str) -> list[Goal]:
    """Goals whose plans are made while the first one's product context is being written."""
    clerk.hold(FOUNDATION)
    goals = []
    for pipeline in pipelines:
        goal = await submit(office, pipeline)
        async with at_work(office, goal) as shift:
            await clerk.busy_with(FOUNDATION)
            shift.interrupt()
            shift.interrupt()
        goals.append(goal)
    clerk.let_go(FOUNDATION)
    clerk.seen.clear()
    return goals


async def test_the_second_goal_waits_for_the_firsts_product_context_and_reads_it(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk, context=None) as office:
        first, second = await submit(office, SOLO), await submit(office, FAN)
        await work(office)
        foundation = await task_of(office, first, FOUNDATION)
        assert FOUNDATION not in await statuses(office, second)
        assert (await task_of(office, second, "social-content")).depends_on == (foundation.task_id,)
        assert [seen.skill for seen in clerk.seen].count(FOUNDATION) == 1
        assert clerk.seen[0].skill == FOUNDATION
        context = read(office, "context/product-marketing-context.md").rstrip("\n")
        assert all(context in seen.request.system[0].text for seen in clerk.seen[1:])
        for goal in (first, second):
            assert (await office.store.goal(goal.goal_id)).status is GoalStatus.COMPLETED
            await check_books(office, goal)


@pytest.mark.parametrize("before_it_looks", [True, False])
async def test_a_goal_planned_in_the_moment_in_which_the_firsts_context_is_done_reads_that_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before_it_looks: bool
) -> None:
    clerk = Clerk()
    clerk.hold(FOUNDATION)
    async with an_office(tmp_path, clerk, context=None) as office:
        first = await submit(office, SOLO)
        look = office.store.foundation_task

        async def looks_as_it_ends(*, rehearsal: bool) -> Task | None:
            found = None if before_it_looks else await look(rehearsal=rehearsal)
            clerk.let_go(FOUNDATION)
            async with asyncio.timeout(LIMIT_S):
                while (await statuses(office, first))[FOUNDATION] != "approved":  # noqa: ASYNC110 - seen from outside
                    await asyncio.sleep(0)
            return await look(rehearsal=rehearsal) if before_it_looks else found

        async with at_work(office):
            await clerk.busy_with(FOUNDATION)
            monkeypatch.setattr(office.store, "foundation_task", looks_as_it_ends)
            second = await submit(office, FAN)
        assert (await office.store.goal(second.goal_id)).status is GoalStatus.COMPLETED
        assert FOUNDATION not in await statuses(office, second)
        assert [seen.skill for seen in clerk.seen].count(FOUNDATION) == 1


async def test_a_goal_waits_a_moment_for_an_older_ones_plan_that_was_handed_back_and_not_for_ever(
    tmp_path: Path,
) -> None:
    """Its worker has died: whoever takes it up next must find no product context begun that it would begin too."""
    clerk = Clerk()
    async with an_office(tmp_path, clerk, context=None) as office:
        first = await submit(office, SOLO)
        (owed,) = await office.store.ready_items(now=office.clock.now(), scope=Scope(), limit=9)
        claimed = Claimed(item_id=owed.work_item_id, owner="dead", lease_until=office.clock.now())
        await office.progress.apply(first.goal_id, claimed)
        ref = ItemRef(item_id=owed.work_item_id, claim=1)
        await office.progress.apply(first.goal_id, HandedBack(item=ref, reason="its worker's lease ended"))
        second = await submit(office, SOLO)
        await work(office, second)
        told = {entry.what: entry.at for entry in await office.store.journal(goal_id=second.goal_id)}
        assert (told["goal_planned"] - told["plan_started"]).total_seconds() >= HANDED_BACK_S
        assert (await office.store.goal(second.goal_id)).status is GoalStatus.COMPLETED


async def test_working_on_the_second_goal_alone_does_of_the_first_only_what_it_needs(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk, context=None) as office:
        first, second = await _planned(office, clerk, FAN, SOLO)
        second = await again(office, second)
        assert second.status is GoalStatus.COMPLETED
        assert [seen.skill for seen in clerk.seen] == [FOUNDATION, SKILL]
        assert (await task_of(office, first, FOUNDATION)).status is TaskStatus.APPROVED
        assert (await task_of(office, first, "social-content")).status is TaskStatus.QUEUED
        first = await again(office, first)
        assert first.status is GoalStatus.COMPLETED


async def test_when_the_first_goal_is_cancelled_the_second_writes_its_own_context(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk, context=None) as office:
        first, second = await _planned(office, clerk, SOLO, FAN)
        await office.cancel(first.goal_id, by="ada")
        second = await again(office, second)
        assert second.status is GoalStatus.COMPLETED
        own = await task_of(office, second, FOUNDATION)
        lost = await task_of(office, first, FOUNDATION)
        assert (own.status, own.supersedes) == (TaskStatus.APPROVED, lost.task_id)
        assert clerk.seen[0].skill == FOUNDATION
        assert (await task_of(office, second, "social-content")).depends_on == (own.task_id,)
        await check_books(office, second)


async def test_a_first_goal_cancelled_in_mid_call_leaves_the_second_to_write_its_own_context(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk, context=None) as office:
        first, second = await _planned(office, clerk, SOLO, FAN)
        clerk.hold(FOUNDATION)
        async with at_work(office):
            await clerk.busy_with(FOUNDATION)
            await office.cancel(first.goal_id, by="ada")
            clerk.let_go(FOUNDATION)
        assert (await office.store.goal(second.goal_id)).status is GoalStatus.COMPLETED
        assert [seen.skill for seen in clerk.seen].count(FOUNDATION) == 2
        own = await task_of(office, second, FOUNDATION)
        assert own.output_path is not None
        kept = await office.store.document(own.output_path, own.output_version)
        assert kept is not None
        assert read(office, own.output_path) == kept.content


async def test_when_the_firsts_context_fails_the_second_tries_again_and_only_the_first_fails(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk, context=None) as office:
        first, second = await _planned(office, clerk, SOLO, FAN)
        clerk.says[FOUNDATION] = [too_long, too_long]
        await work(office)
        assert (await office.store.goal(first.goal_id)).status is GoalStatus.FAILED
        assert (await office.store.goal(second.goal_id)).status is GoalStatus.COMPLETED


@pytest.mark.parametrize("decision", list(Decision))
async def test_a_second_goal_whose_context_waits_for_a_human_rests_until_the_answer(
    tmp_path: Path, decision: Decision
) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk, context=None) as office:
        first, second = await _planned(office, clerk, SOLO, FAN)
        clerk.says[FOUNDATION] = [with_secret] * 4
        second = await again(office, second)
        assert second.status is GoalStatus.BLOCKED
        (question,) = await office.store.approvals(status=ApprovalStatus.OPEN)
        assert question.goal_id == first.goal_id
        await office.decide(question.approval_id, decision, note=None, by="ada")
        second = await again(office, second)
        assert second.status is GoalStatus.COMPLETED
        assert (FOUNDATION in await statuses(office, second)) is (decision is Decision.REJECT)


async def test_a_goal_that_waits_for_one_that_was_paused_rests_instead_of_hanging(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk, context=None) as office:
        first, second = await _planned(office, clerk, SOLO, FAN)
        await office.pause(first.goal_id, paused=True, by="ada")
        second = await again(office, second)
        assert not second.status.is_final
        assert clerk.seen == []
        await office.pause(first.goal_id, paused=False, by="ada")
        second = await again(office, second)
        assert second.status is GoalStatus.COMPLETED


async def test_a_goal_submitted_while_another_waits_for_its_gate_does_not_hang(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk, context=None) as office:
        gated = await finish(office, GATED)
        assert gated.status is GoalStatus.BLOCKED
        second = await finish(office, FUNNEL)
        assert second.status.is_final or clerk.seen == []
        (question,) = await office.store.approvals(status=ApprovalStatus.OPEN)
        await office.decide(question.approval_id, Decision.APPROVE, note="our own list", by="ada")
        await work(office)
        for goal in (gated, second):
            assert (await office.store.goal(goal.goal_id)).status is GoalStatus.COMPLETED
