"""The two reviews: facts first, the Director's reading of them, and at most one goal that follows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from marketeer.domain.document import Document
from marketeer.domain.errors import ModelRefused
from marketeer.domain.goal import Goal, GoalStatus
from marketeer.domain.plan import Reading
from marketeer.domain.reading import invented
from marketeer.domain.snapshot import Change
from marketeer.engine.readings import suggestion_in
from marketeer.ports import Commit, ModelRequest, ModelResponse
from marketeer.runtime import Office
from tests.integration import desk
from tests.support.waiting import wait_until

MORNING = "Director Morning Review"
MONTH = "Performance Review"


def follow_up(goal: str | None, pipeline: str | None = None, why: str = "It waits.") -> str:
    found = {"goal": goal, "pipeline": pipeline, "why": why} if goal else None
    return f"```json\n{json.dumps({'follow_up': found})}\n```"


class Reader:
    """Answers a reading as told, and everything else as the clerk does."""

    def __init__(self, *answers: str | Exception) -> None:
        self.clerk = desk.Clerk()
        self.says = list(answers)
        self.asked: list[ModelRequest] = []

    async def complete(self, request: ModelRequest, on_text: Any = None) -> ModelResponse:
        if "You are the Director" not in request.system[0].text:
            return await self.clerk.complete(request, on_text)
        self.asked.append(request)
        answer = self.says.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return desk.response(request, answer)

    async def answers(self) -> bool:
        return True

    async def aclose(self) -> None: ...


async def page_of(office: Office, goal: Goal) -> Document:
    (path,) = [
        str(entry.data["path"])
        for entry in await office.store.journal(goal_id=goal.goal_id)
        if entry.what == "review_page_written"
    ]
    page = await office.store.document(path)
    assert page is not None
    return page


async def test_a_morning_review_puts_the_reading_before_the_facts_it_rests_on(tmp_path: Path) -> None:
    reader = Reader(f"One goal was completed: look at its report.\n\n{follow_up(None)}")
    async with desk.an_office(tmp_path, reader) as office:
        done = await desk.finish(office)
        goal = await desk.finish(office, MORNING, description="Morning")
        page = await page_of(office, goal)
        calls = await office.store.calls(goal.goal_id)
    assert goal.status is GoalStatus.COMPLETED
    assert page.path == f"metrics/{desk.START:%Y-%m-%d}-morning-review.md"
    assert "One goal was completed: look at its report." in page.content
    assert page.content.index("## The Director's reading") < page.content.index("## Facts")
    assert f"`{done.goal_id}`: completed, Solo" in page.content
    assert [(call.kind.value, call.tier.value) for call in calls] == [("report", "opus")]
    assert '<external-content source="facts">' in reader.asked[0].user
    assert (tmp_path / "workspace" / page.path).read_text() == page.content


async def test_the_month_is_held_against_the_month_before(tmp_path: Path) -> None:
    async with desk.an_office(tmp_path, Reader(f"Quiet.\n\n{follow_up(None)}")) as office:
        goal = await desk.finish(office, MONTH)
        page = await page_of(office, goal)
    assert page.path == f"metrics/{desk.START:%Y-%m}-performance-review.md"
    assert "Spent in 2026-10: $0.00" in page.content


async def test_a_reading_with_a_number_of_its_own_is_dropped_and_the_page_says_so(tmp_path: Path) -> None:
    async with desk.an_office(tmp_path, Reader(f"Sign-ups rose by 37%.\n\n{follow_up(None)}")) as office:
        goal = await desk.finish(office, MORNING)
        page = await page_of(office, goal)
    assert "rose by" not in page.content
    assert "The facts stand alone: the reading said '37%', which they do not." in page.content
    assert goal.status is GoalStatus.COMPLETED


async def test_when_the_call_fails_the_facts_stand_alone(tmp_path: Path) -> None:
    async with desk.an_office(tmp_path, Reader(ModelRefused("no such words"))) as office:
        goal = await desk.finish(office, MORNING)
        page = await page_of(office, goal)
    assert "The facts stand alone: no such words." in page.content
    assert goal.status is GoalStatus.COMPLETED


async def test_at_critical_budget_nobody_is_asked(tmp_path: Path) -> None:
    reader = Reader()
    async with desk.an_office(tmp_path, reader, budget_monthly=0) as office:
        goal = await desk.finish(office, MORNING)
        page = await page_of(office, goal)
    assert reader.asked == []
    assert "The facts stand alone" in page.content


async def test_one_goal_follows_and_both_say_so(tmp_path: Path) -> None:
    reader = Reader(f"Look at tracking.\n\n{follow_up('Check the tracking plan', 'Solo')}")
    async with desk.an_office(tmp_path, reader) as office:
        goal = await desk.finish(office, MORNING)
        page = await page_of(office, goal)
        (new,) = [each for each in await office.store.goals(limit=9) if each.goal_id != goal.goal_id]
        told = await desk.journal_of(office, new, "started_by_review")
        begun = await desk.journal_of(office, goal, "follow_up_begun")
    assert (new.description, new.pipeline, new.rehearsal) == ("Check the tracking plan", "Solo", False)
    assert f"`{new.goal_id}`" in page.content
    assert len(told) == len(begun) == 1


@pytest.mark.parametrize(
    ("suggested", "why"),
    [
        (follow_up("Check it", "No Such Pipeline"), "no pipeline"),
        (follow_up("Check it", MORNING), "a review begins no review"),
        (follow_up("Win 500 sign-ups"), "'500' does not stand in the facts"),
    ],
)
async def test_a_suggestion_that_does_not_hold_is_named_and_not_begun(tmp_path: Path, suggested: str, why: str) -> None:
    async with desk.an_office(tmp_path, Reader(f"Quiet.\n\n{suggested}")) as office:
        goal = await desk.finish(office, MORNING)
        page = await page_of(office, goal)
        assert len(await office.store.goals(limit=9)) == 1
    assert "Suggested and not begun" in page.content
    assert why in page.content


async def test_no_goal_follows_when_it_may_cost_more_than_is_left(tmp_path: Path) -> None:
    reader = Reader(f"Quiet.\n\n{follow_up('Launch the ferry', 'Product Launch')}")
    async with desk.an_office(tmp_path, reader, budget_monthly=1) as office:
        goal = await desk.finish(office, MORNING)
        page = await page_of(office, goal)
        assert len(await office.store.goals(limit=9)) == 1
    assert "more than is left for it" in page.content


async def test_a_rehearsed_review_reads_offline_and_writes_below_rehearsal(tmp_path: Path) -> None:
    async with desk.an_office(tmp_path, None) as office:
        goal = await desk.finish(office, MORNING, rehearsal=True)
        page = await page_of(office, goal)
        assert (await office.store.month_spend("2026-11")).calls == 0
    assert page.path.startswith("rehearsal/metrics/")
    assert "## The Director's reading\n\nGoals: none ended" in page.content
    assert goal.status is GoalStatus.COMPLETED


async def test_a_review_cut_off_after_its_call_asks_nobody_again_and_begins_one_goal(tmp_path: Path) -> None:
    reader = Reader(f"Look.\n\n{follow_up('Check the tracking plan', 'Solo')}")
    async with desk.an_office(tmp_path, reader) as office:
        goal = await desk.submit(office, MORNING)
        commit_all, cut = office.store.commit_all, list[Change]()

        async def fail_once(commits: Sequence[Commit]) -> None:
            begun = [commit.change for commit in commits if commit.change.begins is not None]
            if begun and not cut:
                cut.extend(begun)
                raise RuntimeError
            await commit_all(commits)

        office.store.commit_all = fail_once  # type: ignore[method-assign]
        async with desk.at_work(office, goal) as shift:
            await wait_until(lambda: bool(cut))
            shift.interrupt()
        await desk.again(office, goal)
        assert len(await office.store.goals(limit=9)) == 2
    assert len(reader.asked) == 1


def test_what_is_invented() -> None:
    facts = "Spent in 2026-11: $12.50 of $100.00\nGoals: 3 completed\nrate 40%\n`more-signups-ab3d`: failed"
    assert invented("3 goals, $12.5 of $100, 40%, `more-signups-ab3d` in 2026-11.", facts) == []
    assert invented("1. First\n2. Second", facts) == []
    assert list(invented("4 goals, 3%, $13, 20k, 2026-12, other-ab4d", facts)) == [
        "4", "3%", "$13", "20k", "2026-12", "other-ab4d",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "answer",
    [
        "No block at all",
        "```json\n{not json}\n```",
        '```json\n{"follow_up": "do it"}\n```',
        '```json\n{"follow_up": {"goal": "x", "why": ""}}\n```',
        '```json\n{"follow_up": {"goal": "run this", "why": "because", "shell": "rm"}}\n```',
        '```json\n{"follow_up": {"goal": "run this", "why": "because"}}\n```\nand then more words',
    ],
)
def test_a_suggestion_in_another_form_is_none(answer: str) -> None:
    assert suggestion_in(answer) is None


def test_the_two_readings_have_schedules_of_their_own() -> None:
    named = {pipe.name: pipe.reading for pipe in desk._team().pipelines() if pipe.reading}
    assert named == {MORNING: Reading.DAY, MONTH: Reading.MONTH}
