"""The journal alone tells the stored state of any run, whatever happened in it."""

from __future__ import annotations

import random
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from marketeer.domain.approval import ApprovalStatus, Decision
from marketeer.domain.errors import ApiUnavailable, UsageError
from marketeer.domain.goal import GOAL_TRANSITIONS, Goal, GoalStatus
from marketeer.domain.task import TASK_TRANSITIONS, TaskStatus
from marketeer.ports import CallLost
from marketeer.runtime import Office
from tests.integration.desk import (
    FAN,
    FUNNEL,
    GATED,
    Answer,
    Clerk,
    QuickClock,
    again,
    an_office,
    check_books,
    cut_short,
    empty,
    finish,
    refused,
    submit,
    with_secret,
    without_summary,
)

SKILL = "analytics-tracking"


async def _check_ways(office: Office, goal: Goal) -> None:
    """Every step that the journal tells is one that the machines have."""
    entries = await office.store.journal(goal_id=goal.goal_id, limit=10_000)
    ways: dict[str, list[TaskStatus]] = {}
    for entry in entries:
        if entry.task_id and "status" in entry.data:
            ways.setdefault(entry.task_id, []).append(TaskStatus(entry.data["status"]))
    for way in ways.values():
        assert all(was is now or now in TASK_TRANSITIONS[was] for was, now in pairwise(way))
    states = [GoalStatus(entry.data["goal_status"]) for entry in entries if "goal_status" in entry.data]
    assert all(now in GOAL_TRANSITIONS[was] for was, now in pairwise(states))
    assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)


@pytest.mark.parametrize("seed", range(8))
async def test_the_journal_of_a_troubled_goal_gives_its_stored_state(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - trouble, repeatable by its seed
    troubles: list[Answer] = [
        None, None, without_summary, with_secret, cut_short, refused, empty, ApiUnavailable("busy"), CallLost("cut")
    ]  # fmt: skip
    clerk = Clerk()
    pipeline = chance.choice([FAN, FUNNEL, GATED])
    async with an_office(tmp_path, clerk, clock=QuickClock(2_000), marketeer_lease_s=86_400) as office:
        goal = await submit(office, pipeline, budget_usd=chance.choice([None, Decimal("0.05"), Decimal("0.40")]))
        for _ in range(30):
            for skill in ("social-content", "copy-editing", SKILL, "seo-audit", "cold-email", "ab-test-setup"):
                clerk.says[skill] = [chance.choice(troubles) for _ in range(6)]
            goal = await again(office, goal)
            await check_books(office, goal)
            await _check_ways(office, goal)
            if goal.status.is_final:
                break
            await _decide(office, goal, chance)
        assert goal.status.is_final
        assert goal.report_path is not None or goal.status is GoalStatus.CANCELLED


async def _decide(office: Office, goal: Goal, chance: random.Random) -> None:
    for question in await office.store.approvals(status=ApprovalStatus.OPEN, goal_id=goal.goal_id):
        choice = chance.choice([decision for decision, _ in question.choices])
        try:
            await office.decide(question.approval_id, choice, note=chance.choice([None, "be brief"]), by="ada")
        except UsageError:
            # An earlier answer has ended the goal and with it this question.
            assert (await office.store.goal(goal.goal_id)).status.is_final
        await check_books(office, goal)


async def test_a_task_done_over_leaves_a_journal_of_both_passes(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk) as office:
        clerk.says["social-content"] = [refused]
        goal = await finish(office, FAN)
        assert goal.status is GoalStatus.FAILED
        (failed, *_) = await office.store.tasks(goal.goal_id)
        goal = await office.redo(failed.task_id, note="try again", by="ada")
        assert goal.status is GoalStatus.RUNNING
        goal = await again(office, goal)
        assert (goal.status, goal.pass_number) == (GoalStatus.COMPLETED, 2)
        tasks = await office.store.tasks(goal.goal_id)
        assert len(tasks) == 6
        assert [task.status.value for task in tasks if task.superseded_by is None] == ["approved"] * 3
        await check_books(office, goal)
        await _check_ways(office, goal)


async def test_who_decided_and_why_stands_in_the_journal(tmp_path: Path) -> None:
    async with an_office(tmp_path, Clerk()) as office:
        goal = await finish(office, GATED)
        (question,) = await office.store.approvals(status=ApprovalStatus.OPEN, goal_id=goal.goal_id)
        await office.decide(question.approval_id, Decision.APPROVE, note="our own list", by="ada")
        entries = await office.store.journal(goal_id=goal.goal_id)
        (decided,) = [entry for entry in entries if entry.what == "approval_approved"]
        assert (decided.who, decided.why) == ("ada", "our own list")
