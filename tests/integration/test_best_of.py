"""Best of n: variants side by side, one judged the best in both orders, all of them paid for once."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from marketeer.domain.best_of import BestOf
from marketeer.domain.document import choice_path
from marketeer.domain.errors import ApiUnavailable
from marketeer.domain.goal import Goal, GoalStatus, Priority
from marketeer.ports import ModelRequest
from marketeer.runtime import Office
from tests.integration.desk import (
    JUDGE,
    SOLO,
    Clerk,
    an_office,
    at_work,
    check_books,
    finish,
    good_answer,
    journal_of,
    read,
    submit,
    task_of,
    texts,
    without_summary,
)
from tests.support.builders import a_call, a_reservation

SKILL = "analytics-tracking"
THREE = (BestOf(skill=SKILL, count=3),)


def marked(mark: str) -> Callable[[ModelRequest], str]:
    """A good answer that can be told from others."""
    return lambda request: good_answer(request).replace("\n\n", f"\n\nMark {mark} stands here.\n\n", 1)


def likes(mark: str) -> Callable[[ModelRequest], str]:
    """The judge prefers the draft with this mark, wherever it stands; a tie where neither has it."""

    def judge(request: ModelRequest) -> str:
        first, _, second = texts(request).partition("second draft")
        preferred = "first" if f"Mark {mark}" in first else "second" if f"Mark {mark}" in second else "tie"
        return json.dumps({"preferred": preferred, "reason": f"mark {mark} is the one"})

    return judge


def always_first(_: ModelRequest) -> str:
    return json.dumps({"preferred": "first", "reason": "it stands first"})


async def chosen_page(office: Office, goal: Goal) -> str:
    task = await task_of(office, goal, SKILL)
    return read(office, choice_path(task_id=task.task_id, generation=1, rehearsal=False))


async def test_the_one_that_is_better_in_both_orders_becomes_the_output_and_the_others_stay(tmp_path: Path) -> None:
    clerk = Clerk()
    clerk.says[SKILL] = [marked("A"), marked("B"), marked("C")]
    clerk.says[JUDGE] = [likes("B")] * 4
    async with an_office(tmp_path, clerk) as office:
        goal = await finish(office, SOLO, best_of=THREE)
        task = await task_of(office, goal, SKILL)
        output = read(office, task.output_path)
        assert (goal.status, task.verdict) == (GoalStatus.COMPLETED, "approved")
        assert "Mark B" in output
        page = await chosen_page(office, goal)
        assert "mark B is the one" in page
        assert "mark B is the one" in read(office, f"reviews/{task.task_id}-review-1.md")
        variants = sorted((office.workspace.root / "outputs/measure" / SKILL / "variants").iterdir())
        assert sum(f"Mark {mark}" in file.read_text(encoding="utf-8") for file in variants for mark in "ABC") == 3
        briefs = {
            text for request in clerk.calls(SKILL) for text in texts(request).split("**Angle of this variant:** ")[1:]
        }
        assert len(briefs) == 3
        calls = await office.store.calls(goal.goal_id)
        assert sum(call.task_id == task.task_id for call in calls) == 3 + 4
        assert (await office.store.goal_bill(goal.goal_id)).by_task[task.task_id].calls == 7
        (why,) = await journal_of(office, goal, "variant_chosen")
        assert "in both orders" in (why or "")
        await check_books(office, goal)


async def test_variants_are_made_side_by_side(tmp_path: Path) -> None:
    clerk = Clerk()
    clerk.says[JUDGE] = [likes("-")] * 4
    clerk.hold(SKILL)
    async with an_office(tmp_path, clerk) as office:
        goal = await submit(office, SOLO, best_of=THREE)
        async with at_work(office, goal):
            await clerk.until(lambda: clerk.in_flight[SKILL] == 3)
            clerk.let_go(SKILL)
        ended = await office.store.goal(goal.goal_id)
        assert (ended.status, ended.error) == (GoalStatus.COMPLETED, None)


async def test_what_the_orders_do_not_agree_on_the_contract_decides(tmp_path: Path) -> None:
    clerk = Clerk()
    clerk.says[SKILL] = [without_summary, marked("B")]
    clerk.says[JUDGE] = [always_first] * 2
    async with an_office(tmp_path, clerk) as office:
        goal = await finish(office, SOLO, best_of=(BestOf(skill=SKILL, count=2),))
        task = await task_of(office, goal, SKILL)
        assert "Mark B" in read(office, task.output_path)
        assert task.revision == 0
        assert "each order said something else" in await chosen_page(office, goal)


async def test_a_step_that_is_tried_again_makes_only_what_is_missing(tmp_path: Path) -> None:
    clerk = Clerk()
    clerk.says[SKILL] = [None, ApiUnavailable("overloaded"), None]
    clerk.says[JUDGE] = [likes("-"), ApiUnavailable("overloaded"), likes("-"), likes("-"), likes("-")]
    async with an_office(tmp_path, clerk) as office:
        goal = await finish(office, SOLO, best_of=THREE)
        assert goal.status is GoalStatus.COMPLETED
        assert len(clerk.calls(SKILL)) == 3 + 1
        assert len(clerk.calls(JUDGE)) == 4 + 1
        await check_books(office, goal)


async def test_a_revision_answers_findings_and_is_made_once(tmp_path: Path) -> None:
    clerk = Clerk()
    clerk.says[SKILL] = [without_summary, without_summary]
    clerk.says[JUDGE] = [likes("-")] * 2
    async with an_office(tmp_path, clerk) as office:
        goal = await finish(office, SOLO, best_of=(BestOf(skill=SKILL, count=2),))
        task = await task_of(office, goal, SKILL)
        assert (goal.status, task.revision, len(clerk.calls(SKILL))) == (GoalStatus.COMPLETED, 1, 3)


async def test_a_judge_who_cannot_be_understood_leaves_it_to_the_contract(tmp_path: Path) -> None:
    clerk = Clerk()
    clerk.says[SKILL] = [marked("A"), marked("B")]
    clerk.says[JUDGE] = ["The second one, I think."] * 4
    async with an_office(tmp_path, clerk) as office:
        goal = await finish(office, SOLO, best_of=(BestOf(skill=SKILL, count=2),))
        assert goal.status is GoalStatus.COMPLETED
        assert "no judge could be asked" in await chosen_page(office, goal)


async def test_a_month_that_is_nearly_spent_has_one_variant_and_it_is_said(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk, budget_monthly=Decimal(10)) as office:
        before = await submit(office, SOLO)
        reservation = a_reservation(goal_id=before.goal_id, usd="9.6", reserved_at=office.clock.now())
        await office.store.settle(a_call(reservation, "9.6"))
        await office.cancel(before.goal_id, by="ada")
        goal = await finish(office, SOLO, best_of=THREE, priority=Priority.P0, budget_usd=Decimal(5))
        assert len(clerk.calls(SKILL)) == 1
        (why,) = await journal_of(office, goal, "task_warned")
        assert "best of 3 was left out" in (why or "")
