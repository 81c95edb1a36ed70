"""A rehearsal never touches reality: not its models, its money, its files, nor what real goals know."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from marketeer.domain.document import CONTEXT_PATH
from marketeer.domain.goal import GoalStatus
from marketeer.domain.ledger import Spend
from tests.integration.desk import (
    FAN,
    FOUNDATION,
    SOLO,
    Clerk,
    again,
    an_office,
    at_work,
    check_books,
    files,
    finish,
    read,
    statuses,
    submit,
    task_of,
    texts,
    without_summary,
    work,
)

SKILL = "analytics-tracking"


async def test_a_rehearsal_asks_no_model_and_costs_the_month_nothing(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk, context=None, budget_monthly=Decimal(0)) as office:
        goal = await finish(office, FAN, rehearsal=True, budget_usd=Decimal("0.01"))
        assert (goal.status, clerk.seen) == (GoalStatus.COMPLETED, [])
        calls = await office.store.calls(goal.goal_id)
        assert len(calls) == 4
        assert all(call.rehearsal and call.cost_usd > 0 for call in calls)
        month = await office.store.month_spend("2026-11")
        assert month == Spend()
        assert "would have cost" in read(office, goal.report_path)
        await check_books(office, goal)


async def test_all_files_of_a_rehearsal_lie_apart(tmp_path: Path) -> None:
    async with an_office(tmp_path, Clerk(), context=None) as office:
        goal = await finish(office, FAN, rehearsal=True, inputs=(("page.md", "# Page\n\nOld words.\n"),))
        made = files(office)
        assert f"rehearsal/{CONTEXT_PATH}" in made
        assert f"rehearsal/goals/{goal.goal_id}/report.md" in made
        assert "rehearsal/inputs/page.md" in made
        assert [path for path in made if not path.startswith("rehearsal/")] == []


async def test_a_real_goal_reads_nothing_that_a_rehearsal_made(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk, context=None) as office:
        rehearsed = await finish(office, SOLO, rehearsal=True)
        outputs = [task.output_path or "" for task in await office.store.tasks(rehearsed.goal_id)]
        real = await finish(office, SOLO)
        # It writes a product context of its own, and its pipeline's earlier runs are the real ones: none.
        assert [seen.skill for seen in clerk.seen] == [FOUNDATION, SKILL]
        told = "\n".join(texts(seen.request) for seen in clerk.seen)
        assert "rehearsal/" not in told
        assert not any(path in told for path in outputs)
        assert real.status is GoalStatus.COMPLETED
        # The second real run reads the first real one.
        first = await task_of(office, real, SKILL)
        await finish(office, SOLO)
        assert first.output_path is not None
        assert first.output_path in clerk.seen[-1].request.user


async def test_learnings_of_rehearsals_and_of_real_goals_never_mix(tmp_path: Path) -> None:
    clerk = Clerk()
    clerk.says[SKILL] = [without_summary]
    async with an_office(tmp_path, clerk) as office:
        await finish(office, SOLO, rehearsal=True)
        before = await office.store.learnings(rehearsal=True)
        await finish(office, SOLO)
        assert before
        assert not any("## Past Learnings" in texts(request) for request in clerk.calls(SKILL))
        real = await office.store.learnings(rehearsal=False)
        assert {learning.learning_id for learning in real} & {learning.learning_id for learning in before} == set()
        assert await office.store.learnings(rehearsal=True) == before
        shown = read(office, "memory/learnings.md")
        assert all(f"**From:** {learning.goal_id}" not in shown for learning in before)


async def test_a_real_goal_does_not_wait_for_the_product_context_of_a_rehearsal(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk, context=None, marketeer_rehearsal_latency_s=5) as office:
        rehearsed, real = await submit(office, SOLO, rehearsal=True), await submit(office, SOLO)
        await work(office)
        for goal in (rehearsed, real):
            assert (await office.store.goal(goal.goal_id)).status is GoalStatus.COMPLETED
            assert FOUNDATION in await statuses(office, goal)
        assert [seen.skill for seen in clerk.seen] == [FOUNDATION, SKILL]


async def test_a_rehearsal_reads_the_real_product_context(tmp_path: Path) -> None:
    async with an_office(tmp_path, Clerk()) as office:
        goal = await finish(office, SOLO, rehearsal=True)
        assert FOUNDATION not in await statuses(office, goal)
        task = await task_of(office, goal, SKILL)
        document = await office.store.document(task.output_path or "", task.output_version)
        assert document is not None
        assert f"{CONTEXT_PATH}@1" in document.made_from


async def test_a_process_without_a_key_works_on_rehearsals_only(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk) as office:
        real = await submit(office, SOLO)
    async with an_office(tmp_path, None, anthropic_api_key=None) as office:
        rehearsed = await submit(office, SOLO, rehearsal=True)
        await work(office)
        assert (await office.store.goal(rehearsed.goal_id)).status is GoalStatus.COMPLETED
        assert (await office.store.goal(real.goal_id)).status is GoalStatus.PLANNING
    async with an_office(tmp_path, clerk) as office:
        assert (await again(office, real)).status is GoalStatus.COMPLETED


async def test_a_rehearsal_cut_off_in_mid_call_costs_the_month_nothing(tmp_path: Path) -> None:
    async with an_office(tmp_path, Clerk(), marketeer_rehearsal_latency_s=600) as office:
        goal = await submit(office, SOLO, rehearsal=True)
        async with at_work(office, goal) as shift:
            while not (await office.store.goal_bill(goal.goal_id)).total.reserved_usd:
                await office.clock.sleep(1)
            shift.interrupt()
            shift.interrupt()
        assert [call.estimated for call in await office.store.calls(goal.goal_id)] == [True]
        assert (await office.store.month_spend("2026-11")).settled_usd == 0
