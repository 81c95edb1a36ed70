"""A goal whose outputs contradict each other does the later one over before it is reported, once."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from marketeer.domain.budget import month_key
from marketeer.domain.contradiction import TO_AGREE
from marketeer.domain.errors import ApiUnavailable
from marketeer.domain.goal import Goal, GoalStatus
from marketeer.domain.submission import Submission
from marketeer.domain.task import Task, TaskStatus
from marketeer.ports import ModelRequest
from marketeer.runtime import Office
from marketeer.testing import in_memory_office
from tests.integration.desk import (
    FAN,
    Clerk,
    again,
    an_office,
    at_work,
    check_books,
    finish,
    good_answer,
    read,
    submit,
)
from tests.support.deliverables import CONTEXT as EXAMPLE
from tests.support.waiting import LIMIT_S

COMPARISON = "# Comparison"
EARLIER, LATER = "social-content", "copy-editing"
FORTNIGHT = "Start your 14-day free trial today."
MONTH = "Try Harbourlog free for 30 days."
TWO_WEEKS = "Try Harbourlog free for two weeks."
OTHER_NAME = "HarbourLog is there for you."
SEATS = "Every harbour gets five seats."
MORE_SEATS = "Every harbour gets eight seats."
SOON = "The launch is near."
PLANTED = (FORTNIGHT, MONTH, TWO_WEEKS, OTHER_NAME, SEATS, MORE_SEATS, SOON)


def saying(sentence: str) -> Callable[[ModelRequest], str]:
    """A good document with this sentence in its summary."""

    def answer(request: ModelRequest) -> str:
        # Good answers are kept for all tests: they may not know of this one's sentences.
        user = request.user
        for planted in PLANTED:
            user = user.replace(planted, "")
        good = good_answer(replace(request, user=user))
        return good.replace("\n## Summary\n\n", f"\n## Summary\n\n{sentence}\n\n", 1)

    return answer


def a_clerk(*later: str, earlier: str = FORTNIGHT) -> Clerk:
    clerk = Clerk()
    clerk.says[EARLIER] = [saying(earlier)]
    clerk.says[LATER] = [saying(sentence) for sentence in later]
    return clerk


async def tasks_of(office: Office, goal: Goal, skill: str) -> list[Task]:
    return [task for task in await office.store.tasks(goal.goal_id) if task.skill == skill]


async def test_the_later_of_two_outputs_is_done_over_with_both_quotations(tmp_path: Path) -> None:
    clerk = a_clerk(MONTH, FORTNIGHT)
    async with an_office(tmp_path, clerk) as office:
        goal = await finish(office, FAN)
        first, second = await tasks_of(office, goal, LATER)
        assert (goal.status, goal.pass_number) == (GoalStatus.COMPLETED, 2)
        assert (first.superseded_by, second.supersedes) == (second.task_id, first.task_id)
        assert (second.status, second.pass_number) == (TaskStatus.APPROVED, 2)
        assert len(await tasks_of(office, goal, EARLIER)) == 1
        asked = clerk.calls(LATER)[1].user
        assert all(f'"{quote}"' in asked for quote in (MONTH, FORTNIGHT))
        assert "# Your previous output" in asked
        report = read(office, goal.report_path)
        assert f"{first.task_id} was replaced by {second.task_id}, {TO_AGREE}the free trial" in report
        assert "## Contradictions" not in report
        told = await office.store.journal(goal_id=goal.goal_id)
        (entry,) = [entry for entry in told if entry.what == "contradiction_found"]
        assert (entry.task_id, MONTH in (entry.why or "")) == (first.task_id, True)
        await check_books(office, goal)


async def test_what_still_contradicts_after_that_is_reported_and_not_tried_again(tmp_path: Path) -> None:
    clerk = a_clerk(MONTH, MONTH)
    async with an_office(tmp_path, clerk) as office:
        goal = await finish(office, FAN)
        assert goal.status is GoalStatus.COMPLETED
        assert len(await tasks_of(office, goal, LATER)) == 2
        report = read(office, goal.report_path)
        assert "## Contradictions" in report
        assert "30 days" in report.partition("## Contradictions")[2].partition("## ")[0]
        await check_books(office, goal)


async def test_outputs_that_agree_are_reported_at_once(tmp_path: Path) -> None:
    clerk = a_clerk(TWO_WEEKS)
    async with an_office(tmp_path, clerk) as office:
        goal = await finish(office, FAN)
        assert (goal.status, goal.pass_number) == (GoalStatus.COMPLETED, 1)
        assert len(clerk.seen) == len(await office.store.tasks(goal.goal_id))


async def test_an_output_is_held_against_the_product_context_too(tmp_path: Path) -> None:
    clerk = a_clerk(SOON, earlier=OTHER_NAME)
    async with an_office(tmp_path, clerk) as office:
        goal = await finish(office, FAN)
        assert len(await tasks_of(office, goal, EARLIER)) == 2
        assert "the product context says 'Harbourlog'" in clerk.calls(EARLIER)[1].user


async def test_a_redo_by_hand_is_compared_again_and_never_sent_back_a_second_time(tmp_path: Path) -> None:
    clerk = a_clerk(MONTH, FORTNIGHT, MONTH)
    async with an_office(tmp_path, clerk) as office:
        goal = await finish(office, FAN)
        _, second = await tasks_of(office, goal, LATER)
        await office.redo(second.task_id, note="warmer", by="mira")
        goal = await again(office, goal)
        assert goal.status is GoalStatus.COMPLETED
        assert len(await tasks_of(office, goal, LATER)) == 3
        assert "## Contradictions" in read(office, goal.report_path)


# -- a second look, by a model -----------------------------------------------------------------------------------


def comparing(*pairs: dict[str, str]) -> str:
    usual = {"topic": "promise", "about": "the seats", "earlier_says": "five", "later_says": "eight"}
    return json.dumps({"contradictions": [usual | pair for pair in pairs]})


def a_pair(request: ModelRequest) -> str:
    """What a model says that has read both outputs."""
    ids = {skill: found[0] for skill in (EARLIER, LATER) if (found := re.findall(rf"## (\S+-{skill})\n", request.user))}
    quotes = {"earlier_quote": SEATS, "later_quote": MORE_SEATS}
    return comparing({"earlier": ids[EARLIER], "later": ids[LATER]} | quotes)


def looking(*answers: object) -> Clerk:
    clerk = a_clerk(MORE_SEATS, SEATS, earlier=SEATS)
    clerk.says[COMPARISON] = list(answers)  # type: ignore[arg-type]
    return clerk


async def test_a_model_may_add_what_two_quotations_show(tmp_path: Path) -> None:
    clerk = looking(a_pair)
    async with an_office(tmp_path, clerk, marketeer_review="standard") as office:
        goal = await finish(office, FAN)
        first, second = await tasks_of(office, goal, LATER)
        assert (first.superseded_by, goal.status) == (second.task_id, GoalStatus.COMPLETED)
        assert all(f'"{quote}"' in clerk.calls(LATER)[1].user for quote in (SEATS, MORE_SEATS))
        assert len(clerk.calls(COMPARISON)) == 1, "it is asked once for each goal"
        report = read(office, goal.report_path)
        assert "- **Outputs compared:** by rules and by a model" in report
        await check_books(office, goal)


@pytest.mark.parametrize(
    "answer",
    [
        comparing(),
        comparing({"earlier": "no such task", "earlier_quote": SEATS, "later": "nor this", "later_quote": MORE_SEATS}),
        "I find nothing to say about these.",
        ApiUnavailable("busy"),
    ],
)
async def test_without_such_quotations_nothing_is_done_over(tmp_path: Path, answer: object) -> None:
    clerk = looking(answer)
    async with an_office(tmp_path, clerk, marketeer_review="standard") as office:
        goal = await finish(office, FAN)
        assert (goal.status, goal.pass_number) == (GoalStatus.COMPLETED, 1)
        assert len(await tasks_of(office, goal, LATER)) == 1
        used = isinstance(answer, str) and answer.startswith("{")
        assert ("by rules; no model could be asked" not in read(office, goal.report_path)) is used


async def test_where_the_rules_find_something_no_model_is_asked_before_that_is_mended(tmp_path: Path) -> None:
    clerk = a_clerk(MONTH, FORTNIGHT)
    async with an_office(tmp_path, clerk, marketeer_review="standard") as office:
        goal = await finish(office, FAN)
        (seen,) = [seen for seen in clerk.seen if seen.skill == COMPARISON]
        assert seen is clerk.seen[-1]
        assert goal.pass_number == 2


async def test_a_goal_that_is_reviewed_by_contracts_alone_asks_no_model(tmp_path: Path) -> None:
    clerk = looking()
    async with an_office(tmp_path, clerk) as office:
        goal = await finish(office, FAN)
        assert clerk.calls(COMPARISON) == []
        assert "- **Outputs compared:** by rules\n" in read(office, goal.report_path)


async def test_an_answer_that_was_bought_before_a_crash_is_not_bought_again(tmp_path: Path) -> None:
    clerk = looking(a_pair)
    async with an_office(tmp_path, clerk, marketeer_review="standard") as office:
        goal = await submit(office, FAN)
        async with at_work(office, goal) as shift:
            await clerk.until(lambda: bool(clerk.calls(COMPARISON)))
            shift.interrupt()
        goal = await again(office, goal)
        assert len(clerk.calls(COMPARISON)) == 1
        assert len(await tasks_of(office, goal, LATER)) == 2
        await check_books(office, goal)


# -- people ------------------------------------------------------------------------------------------------------


async def test_what_a_human_has_edited_is_left_as_it_is_and_reported(tmp_path: Path) -> None:
    clerk = a_clerk(FORTNIGHT)
    clerk.hold("analytics-tracking")
    async with an_office(tmp_path, clerk) as office:
        goal = await submit(office, FAN)
        async with at_work(office, goal) as shift:
            await clerk.busy_with("analytics-tracking")
            await approved(office, goal, LATER)
            shift.interrupt()
            shift.interrupt()
        clerk.let_go("analytics-tracking")
        (task,) = await tasks_of(office, goal, LATER)
        file = office.workspace.root / (task.output_path or "")
        file.write_text(file.read_text("utf-8").replace(FORTNIGHT, MONTH), "utf-8")
        goal = await again(office, goal)
        assert goal.status is GoalStatus.COMPLETED
        assert len(await tasks_of(office, goal, LATER)) == 1
        assert "## Contradictions" in read(office, goal.report_path)


async def test_a_month_without_money_reports_them_instead_of_having_the_goal_wait(tmp_path: Path) -> None:
    clerk = a_clerk(MONTH)
    clerk.hold("analytics-tracking")
    async with an_office(tmp_path, clerk) as office:
        goal = await submit(office, FAN)
        async with at_work(office, goal):
            await clerk.busy_with("analytics-tracking")
            await approved(office, goal, LATER)
            now = office.clock.now()
            await office.store.set_month_cap(month_key(now), Decimal("0.01"), who="mira", now=now)
            clerk.let_go("analytics-tracking")
        goal = await office.store.goal(goal.goal_id)
        assert (goal.status, len(await tasks_of(office, goal, LATER))) == (GoalStatus.COMPLETED, 1)
        assert "## Contradictions" in read(office, goal.report_path)


async def approved(office: Office, goal: Goal, skill: str) -> None:
    async with asyncio.timeout(LIMIT_S):
        while any(t.status is not TaskStatus.APPROVED for t in await tasks_of(office, goal, skill)):  # noqa: ASYNC110
            await asyncio.sleep(0)


# -- what is in order --------------------------------------------------------------------------------------------

GOALS = json.loads((Path(__file__).parent.parent / "data" / "goals_unseen.json").read_text(encoding="utf-8"))
SEED = int(os.environ.get("MARKETEER_TEST_SEED", "20261123"))


async def test_rehearsed_goals_of_all_kinds_contradict_nothing() -> None:
    for asked in Random(SEED).sample(GOALS, 3):  # noqa: S311 - repeatable by its seed
        files = {f"{root}context/product-marketing-context.md": EXAMPLE for root in ("", "rehearsal/")}
        async with in_memory_office(files=files) as office:
            goal = await office.submit(Submission(description=asked["goal"], rehearsal=True))
            await office.work(goal.goal_id)
            told = await office.store.journal(goal_id=goal.goal_id, limit=10_000)
            assert not [entry.why for entry in told if entry.what == "contradiction_found"], (SEED, asked["goal"])
