"""Reviews by rubric: what a model's scores lead to, what they cost, and what becomes of an output in the end."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from marketeer.domain.approval import Decision
from marketeer.domain.document import Author
from marketeer.domain.errors import ApiUnavailable, PermanentError
from marketeer.domain.goal import Goal
from marketeer.domain.review import Review, Verdict
from marketeer.domain.rubric import ReviewDepth
from marketeer.domain.usage import Tier
from marketeer.ports import Commit, ModelRequest
from marketeer.runtime import Office
from tests.integration.desk import (
    FAN,
    FUNNEL,
    SOLO,
    Clerk,
    QuickClock,
    again,
    an_office,
    at_work,
    check_books,
    finish,
    good_answer,
    journal_of,
    rated,
    read,
    submit,
    task_of,
    texts,
    with_secret,
    without_summary,
    work,
)
from tests.support.waiting import wait_until

SKILL = "analytics-tracking"
REVIEW = f"review of {SKILL}"


def an_office_that_asks(folder: Path, clerk: Clerk, depth: str | None = "standard", **values: Any) -> Any:
    return an_office(folder, clerk, marketeer_review=depth, **values)


async def reviews_of(office: Office, goal: Goal, skill: str = SKILL) -> list[Review]:
    task = await task_of(office, goal, skill)
    return [review for review in await office.store.reviews(goal.goal_id) if review.task_id == task.task_id]


def marked(word: str) -> Callable[[ModelRequest], str]:
    """A good answer that can be told from others."""
    return lambda request: good_answer(request).replace("\n\n", f"\n\nThis is the {word} attempt.\n\n", 1)


# -- approval ----------------------------------------------------------------------------------------------------


async def test_what_a_model_scores_well_is_approved_with_its_scores_reasons_and_cost(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office_that_asks(tmp_path, clerk) as office:
        goal = await finish(office)
        task, (review,) = await task_of(office, goal, SKILL), await reviews_of(office, goal)
        assert (task.verdict, task.score, review.verdict) == ("approved", 8.0, Verdict.APPROVE)
        assert (review.depth, review.total) == (ReviewDepth.STANDARD, 8.0)
        page = read(office, review.path)
        assert "- **Score:** 8 of 10" in page
        assert all(f"| {score.dimension} | {score.weight} | 8 | It says so. |" in page for score in review.scores)
        (call,) = [call for call in await office.store.calls(goal.goal_id) if call.kind.value == "review"]
        assert (call.tier, call.cost_usd, call.task_id) == (Tier.SONNET, review.cost_usd, task.task_id)
        assert review.cost_usd > 0
        await check_books(office, goal)


async def test_the_reviewer_reads_the_output_but_not_the_authors_prompt(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office_that_asks(tmp_path, clerk) as office:
        await finish(office)
        (request,) = clerk.calls(REVIEW)
        told, skill = texts(request), office.team.skill(SKILL)
        assert "Harbourlog keeps every berth" in told
        assert good_answer(clerk.calls(SKILL)[0]).strip() in request.user
        assert skill.body.strip()[:200] not in told
        assert all(dimension.good in request.system[1].text for dimension in skill.rubric)


async def test_a_deep_review_asks_the_best_model_and_shows_it_what_was_taught(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office_that_asks(tmp_path, clerk, "deep") as office:
        goal = await finish(office)
        (request,) = clerk.calls(REVIEW)
        assert office.team.skill(SKILL).body.strip() in request.system[1].text
        assert request.model.model_id == office.team.model(Tier.OPUS).model_id
        assert (await reviews_of(office, goal))[0].depth is ReviewDepth.DEEP


async def test_reviews_of_a_goal_share_the_beginning_of_their_prompt(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office_that_asks(tmp_path, clerk) as office:
        await finish(office, FAN)
        reviews = [seen.request for seen in clerk.seen if seen.skill.startswith("review of ")]
        assert len(reviews) >= 2
        assert len({request.system[0].text for request in reviews}) == 1
        assert all(request.system[0].cache for request in reviews)


async def test_as_each_skill_says_when_nobody_says_otherwise(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office_that_asks(tmp_path, clerk, None) as office:
        goal = await finish(office)
        assert (await reviews_of(office, goal))[0].depth is office.team.skill_info(SKILL).review_depth


async def test_a_rehearsal_and_a_quick_review_ask_no_model(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office_that_asks(tmp_path, clerk) as office:
        goal = await finish(office, rehearsal=True)
        assert clerk.seen == []
        assert (await reviews_of(office, goal))[0].depth is ReviewDepth.QUICK


async def test_what_fails_its_contract_goes_back_without_asking_a_model(tmp_path: Path) -> None:
    clerk = Clerk()
    clerk.says[SKILL] = [without_summary]
    async with an_office_that_asks(tmp_path, clerk) as office:
        goal = await finish(office)
        assert (len(clerk.calls(SKILL)), len(clerk.calls(REVIEW))) == (2, 1)
        first, second = await reviews_of(office, goal)
        assert (first.total, second.total) == (None, 8.0)


# -- revision ----------------------------------------------------------------------------------------------------


async def test_what_scores_too_little_is_revised_with_the_scores_and_requests_as_findings(tmp_path: Path) -> None:
    clerk = Clerk()
    asked = {"section": "Events", "found": "no owner", "wanted": "name who sets it up", "severity": "major"}
    clerk.says[REVIEW] = [rated(6.0, requests=[asked])]
    async with an_office_that_asks(tmp_path, clerk) as office:
        goal = await finish(office)
        first, second = clerk.calls(SKILL)
        assert "- [major] Events: no owner; wanted: name who sets it up" in second.user
        assert "scored 6 of 10: It says so." in second.user
        assert good_answer(first).strip() in second.user
        task = await task_of(office, goal, SKILL)
        assert (task.verdict, task.revision, task.score) == ("approved", 1, 7.0)


async def test_one_weak_dimension_sends_back_what_is_good_on_the_whole(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office_that_asks(tmp_path, clerk) as office:
        weak = office.team.skill(SKILL).rubric[-1].name
        clerk.says[REVIEW] = [rated(10.0, scores={weak: 4.5})]
        goal = await finish(office)
        first, _ = await reviews_of(office, goal)
        assert first.verdict is Verdict.REVISE
        assert first.total is not None
        assert first.total >= 7


async def test_the_best_version_is_kept_and_lies_in_the_file_when_no_revision_was_better(tmp_path: Path) -> None:
    clerk = Clerk()
    clerk.says[SKILL] = [marked("first"), marked("second"), marked("third"), marked("fourth")]
    clerk.says[REVIEW] = [rated(6.0), rated(6.5), rated(5.0), rated(5.5)]
    async with an_office_that_asks(tmp_path, clerk) as office:
        goal = await finish(office)
        task = await task_of(office, goal, SKILL)
        assert (task.status.value, task.verdict) == ("approved", "approved with findings")
        assert task.output_version == 2
        assert "This is the second attempt." in read(office, task.output_path)
        _, _, third, fourth = clerk.calls(SKILL)
        assert "This is the second attempt." in third.user
        assert "This is the second attempt." in fourth.user
        assert "in a later attempt, which was no better" in fourth.user
        await check_books(office, goal)


async def test_the_best_version_is_kept_by_a_process_that_begins_anew(tmp_path: Path) -> None:
    clerk = Clerk()
    clerk.says[SKILL] = [marked("first"), marked("second")]
    clerk.says[REVIEW] = [rated(6.0), rated(5.0), PermanentError("enough"), PermanentError("enough")]
    async with an_office_that_asks(tmp_path, clerk) as office:
        goal = await submit(office)
        clerk.hold(REVIEW)
        async with at_work(office, goal) as shift:
            await clerk.busy_with(REVIEW)
            clerk.let_go(REVIEW)
            await clerk.until(lambda: len(clerk.calls(SKILL)) == 3)
            shift.interrupt()
    async with an_office_that_asks(tmp_path, clerk) as office:
        goal = await again(office, goal)
        third = clerk.calls(SKILL)[2]
        assert "This is the first attempt." in third.user


async def test_a_persons_edit_wins_over_the_best_version(tmp_path: Path) -> None:
    clerk = Clerk()

    def second(request: ModelRequest) -> str:
        clerk.hold(REVIEW)
        return marked("second")(request)

    clerk.says[SKILL] = [marked("first"), second, marked("third"), marked("fourth")]
    clerk.says[REVIEW] = [rated(6.0), rated(5.0), rated(5.0), rated(5.0)]
    async with an_office_that_asks(tmp_path, clerk) as office:
        goal = await submit(office)
        async with at_work(office, goal):
            await clerk.until(lambda: len(clerk.calls(REVIEW)) == 2)
            task = await task_of(office, goal, SKILL)
            file = office.workspace.root / (task.output_path or "")
            # What a person edits lies there: a file is written a moment after its commit.
            await wait_until(lambda: file.exists() and "This is the second attempt." in file.read_text())
            await asyncio.to_thread(lambda: file.write_text(file.read_text() + "\nA person's own line.\n"))
            clerk.let_go(REVIEW)
        task = await task_of(office, goal, SKILL)
        assert "A person's own line." in read(office, task.output_path)
        newest = await office.library.in_force(task.output_path or "", task.output_version)
        assert newest is not None
        assert newest.author is Author.HUMAN


async def test_something_critical_left_after_three_revisions_asks_a_human(tmp_path: Path) -> None:
    clerk = Clerk()
    harm = {"section": "", "found": "promises a cure", "wanted": "no promise", "severity": "critical"}
    clerk.says[REVIEW] = [rated(9.0, requests=[harm])] * 4
    async with an_office_that_asks(tmp_path, clerk) as office:
        goal = await finish(office)
        task = await task_of(office, goal, SKILL)
        assert (task.status.value, task.revision) == ("blocked", 3)
        assert "promises a cure" in (task.reason or "")


# -- rejection ---------------------------------------------------------------------------------------------------


async def test_a_rejected_output_is_begun_anew_one_tier_up_without_being_shown(tmp_path: Path) -> None:
    clerk = Clerk()
    clerk.says[SKILL] = [marked("first")]
    clerk.says[REVIEW] = [rated(3.0)]
    async with an_office_that_asks(tmp_path, clerk) as office:
        goal = await finish(office)
        first, second = clerk.calls(SKILL)
        assert (first.model.model_id, second.model.model_id) == (
            office.team.model(Tier.SONNET).model_id,
            office.team.model(Tier.OPUS).model_id,
        )
        assert "This is the first attempt." not in second.user
        assert "rejected and is not shown" in second.user
        assert "scored 3 of 10" in second.user
        assert (await task_of(office, goal, SKILL)).verdict == "approved"


async def test_a_second_rejection_asks_a_human(tmp_path: Path) -> None:
    clerk = Clerk()
    clerk.says[REVIEW] = [rated(3.0), rated(2.0)]
    async with an_office_that_asks(tmp_path, clerk) as office:
        goal = await finish(office)
        task = await task_of(office, goal, SKILL)
        assert (task.status.value, task.rejections, len(clerk.calls(SKILL))) == ("blocked", 2, 2)
        (question,) = await office.store.approvals()
        assert "rejected 2 times" in question.question
        await office.decide(question.approval_id, Decision.REVISE, note="shorter", by="a test")
        await again(office, goal)
        assert (await task_of(office, goal, SKILL)).verdict == "approved"


# -- answers that cannot be used -----------------------------------------------------------------------------------

UNUSABLE = {
    "prose": lambda _request: "# Answer\n\nA fine piece of work.",
    "a dimension too few": lambda request: json.dumps({"scores": json.loads(rated()(request))["scores"][1:]}),
    "a score beyond ten": rated(11.0),
    "a quotation of its own": rated(quote="words that nobody has ever written in there"),
    "no quotation": rated(quote=""),
    "a refusal to judge": lambda _request: '{"verdict": "APPROVE"}',
}


@pytest.mark.parametrize("name", UNUSABLE)
async def test_an_answer_that_cannot_be_used_leaves_the_contracts_verdict_and_is_said(
    tmp_path: Path, name: str
) -> None:
    clerk = Clerk()
    clerk.says[REVIEW] = [UNUSABLE[name]] * 5
    async with an_office_that_asks(tmp_path, clerk) as office:
        goal = await finish(office)
        assert goal.status.value == "completed"
        (review,) = await reviews_of(office, goal)
        assert (review.verdict, review.total, review.unusable) == (Verdict.APPROVE, None, True)
        assert "judged by its contract alone" in read(office, review.path)
        assert len(await journal_of(office, goal, "review_limited")) == 1
        assert "judged by its contract alone" in read(office, goal.report_path)
        assert len(clerk.calls(REVIEW)) == 1
        await check_books(office, goal)


async def test_in_depth_an_answer_is_put_right_once(tmp_path: Path) -> None:
    clerk = Clerk()
    clerk.says[REVIEW] = [rated(11.0)]
    async with an_office_that_asks(tmp_path, clerk, "deep") as office:
        goal = await finish(office)
        first, second = clerk.calls(REVIEW)
        assert "which is not from 0 to 10" in second.user
        assert (await reviews_of(office, goal))[0].total == 8.0
        assert "which is not from 0 to 10" not in first.user


async def test_after_three_useless_answers_in_a_row_a_goal_asks_for_none_any_more(tmp_path: Path) -> None:
    clerk = Clerk()
    skills = (SKILL, "seo-audit", "ab-test-setup", "marketing-ideas")
    for skill in skills:
        clerk.says[f"review of {skill}"] = ["no"] * 9
    async with an_office_that_asks(tmp_path, clerk, max_parallel_agents=1) as office:
        goal = await finish(office, FUNNEL)
        assert goal.status.value == "completed"
        assert sum(len(clerk.calls(f"review of {skill}")) for skill in skills) == 3
        notes = [review.note or "" for review in await office.store.reviews(goal.goal_id)]
        assert sum("asks for none any more" in note for note in notes) == len(notes) - 3


async def test_an_api_that_is_busy_is_asked_again(tmp_path: Path) -> None:
    clerk = Clerk()
    clerk.says[REVIEW] = [ApiUnavailable("busy")]
    async with an_office_that_asks(tmp_path, clerk) as office:
        goal = await finish(office)
        assert len(clerk.calls(REVIEW)) == 2
        assert (await reviews_of(office, goal))[0].total == 8.0
        await check_books(office, goal)


async def test_an_api_that_does_not_answer_a_review_does_not_hold_the_goal(tmp_path: Path) -> None:
    clerk = Clerk()
    clerk.says[REVIEW] = [ApiUnavailable("gone")] * 20
    async with an_office_that_asks(tmp_path, clerk, clock=QuickClock(600)) as office:
        goal = await finish(office)
        assert goal.status.value == "completed"
        (review,) = await reviews_of(office, goal)
        assert "the API could not be asked" in (review.note or "")
        assert len(clerk.calls(REVIEW)) <= 3


async def test_a_goal_without_money_for_reviews_is_judged_by_its_contracts(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office_that_asks(tmp_path, clerk) as office:
        goal = await finish(office, budget_usd=None)
        spent = (await office.store.goal_bill(goal.goal_id)).total.settled_usd
    async with an_office_that_asks(tmp_path / "poor", clerk, budget_monthly=spent) as office:
        goal = await submit(office)
        await work(office, goal)
        for review in await office.store.reviews(goal.goal_id):
            assert review.total is None
            assert review.note is not None


# -- once bought ---------------------------------------------------------------------------------------------------


async def test_a_review_that_was_bought_before_a_crash_is_not_bought_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clerk = Clerk()
    async with an_office_that_asks(tmp_path, clerk) as office:
        goal = await submit(office)
        commit_all = office.store.commit_all

        died = asyncio.Event()

        async def dies(commits: Sequence[Commit]) -> None:
            if any(commit.reviews for commit in commits):
                died.set()
                msg = "the process has ended here"
                raise RuntimeError(msg)
            await commit_all(commits)

        monkeypatch.setattr(office.store, "commit_all", dies)
        async with at_work(office, goal) as shift:
            await died.wait()
            shift.interrupt()
        assert len(clerk.calls(REVIEW)) == 1
    async with an_office_that_asks(tmp_path, clerk) as office:
        done = await again(office, goal)
        assert done.status.value == "completed"
        assert len(clerk.calls(REVIEW)) == 1
        (review,) = await reviews_of(office, goal)
        assert (review.total, review.cost_usd > 0) == (8.0, True)
        await check_books(office, goal)


# -- the report ----------------------------------------------------------------------------------------------------


async def test_the_report_says_what_the_reviews_cost_and_what_they_changed(tmp_path: Path) -> None:
    clerk = Clerk()
    clerk.says[REVIEW] = [rated(6.0), rated(9.0)]
    async with an_office_that_asks(tmp_path, clerk) as office:
        goal = await finish(office, SOLO)
        report = read(office, goal.report_path)
        cost = sum(review.cost_usd for review in await reviews_of(office, goal))
        assert re.search(rf"\| {SKILL} \| standard \| 2 \| 6 → 9 \| \${cost} \|", report)


async def test_what_the_report_lists_adds_up_to_the_bill_and_its_pages_have_no_holes(tmp_path: Path) -> None:
    clerk = Clerk()
    clerk.says[REVIEW] = [rated(6.0), rated(9.0)]
    async with an_office_that_asks(tmp_path, clerk) as office:
        goal = await finish(office, FAN)
        report = read(office, goal.report_path)
        rows = re.findall(r"^\| (.+?) \| (\d+) \| (\d+) \| (\d+) \| \$([\d.]+) \|$", report, re.MULTILINE)
        assert [name for name, *_ in rows][-2:] == ["the goal's own plan and report", "**Total**"]
        *parts, total = [[Decimal(figure) for figure in figures] for _, *figures in rows]
        assert [sum(column) for column in zip(*parts, strict=True)] == total
        calls = await office.store.calls(goal.goal_id)
        assert total[0] == len(calls)
        assert total[3] == sum(call.cost_usd for call in calls)
        for page in ("plan.md", "report.md"):
            text = read(office, f"goals/{goal.goal_id}/{page}")
            assert "\n\n\n" not in text
            assert text.rstrip() + "\n" == text


async def test_a_critical_finding_of_the_contract_is_not_outweighed_by_a_fooled_model(tmp_path: Path) -> None:
    clerk = Clerk()
    clerk.says[SKILL] = [with_secret] * 4
    clerk.says[REVIEW] = [rated(10.0)] * 4
    async with an_office_that_asks(tmp_path, clerk) as office:
        goal = await finish(office)
        assert (await task_of(office, goal, SKILL)).status.value == "blocked"
        assert clerk.calls(REVIEW) == []
