"""Questions over time: an edited output is what is approved, reminders go out, and silence is dealt with by policy."""

from __future__ import annotations

from pathlib import Path

import pytest

from marketeer.domain.approval import Approval, ApprovalStatus, Decision
from marketeer.domain.errors import UsageError
from marketeer.domain.goal import Goal, GoalStatus
from marketeer.domain.notice import notice_of
from marketeer.domain.submission import Submission
from marketeer.runtime import Office
from marketeer.testing.clock import FakeClock
from marketeer.testing.office import in_memory_office
from tests.integration.desk import (
    CONTEXT,
    FAN,
    GATED,
    SOLO,
    Clerk,
    again,
    an_office,
    check_books,
    finish,
    read,
    task_of,
    texts,
    with_secret,
)

FILES = {"context/product-marketing-context.md": CONTEXT}
SKILL = "analytics-tracking"
DAY_S = 86_400


async def question_of(office: Office, goal: Goal) -> Approval:
    (approval,) = await office.store.approvals(status=ApprovalStatus.OPEN, goal_id=goal.goal_id)
    return approval


async def test_what_a_human_has_edited_is_what_is_approved(tmp_path: Path) -> None:
    clerk = Clerk()
    clerk.says[SKILL] = [with_secret] * 4
    async with an_office(tmp_path, clerk) as office:
        goal = await finish(office, SOLO)
        asked = await question_of(office, goal)
        with pytest.raises(UsageError, match="was not edited"):
            await office.decide(asked.approval_id, Decision.APPROVE, note=None, by="ada", edited=True)
        before = await task_of(office, goal, SKILL)
        file = office.workspace.root / (before.output_path or "")
        mended = file.read_text(encoding="utf-8").replace(
            "The key is sk-live-4f9a8b7c6d5e4f3a.", "The key is with Ada."
        )
        file.write_text(mended, encoding="utf-8")
        await office.decide(asked.approval_id, Decision.APPROVE, note="keys go nowhere", by="ada", edited=True)
        goal = await again(office, goal)
        after = await task_of(office, goal, SKILL)
        assert (goal.status, after.verdict) == (GoalStatus.COMPLETED, "approved by a human")
        assert (after.output_version or 0) > (before.output_version or 0)
        stored = await office.store.document(after.output_path or "", after.output_version)
        assert stored is not None
        assert stored.content == mended == read(office, after.output_path)
        await check_books(office, goal)


async def test_what_comes_after_reads_the_edited_version(tmp_path: Path) -> None:
    clerk = Clerk()
    clerk.says["social-content"] = [with_secret] * 4
    async with an_office(tmp_path, clerk) as office:
        goal = await finish(office, FAN)
        path = (await task_of(office, goal, "social-content")).output_path or ""
        file = office.workspace.root / path
        file.write_text(file.read_text(encoding="utf-8") + "\nAda's last word.\n", encoding="utf-8")
        asked = await question_of(office, goal)
        await office.decide(asked.approval_id, Decision.APPROVE, note=None, by="ada", edited=True)
        await again(office, goal)
        assert "Ada's last word." in texts(clerk.calls("copy-editing")[0])


async def test_a_note_with_an_answer_is_told_to_the_skill_in_the_next_goal(tmp_path: Path) -> None:
    clerk = Clerk()
    clerk.says[SKILL] = [with_secret] * 4
    async with an_office(tmp_path, clerk) as office:
        goal = await finish(office, SOLO)
        asked = await question_of(office, goal)
        await office.decide(asked.approval_id, Decision.APPROVE, note="Name no keys in a plan", by="ada")
        await again(office, goal)
        (told,) = [
            one
            for one in await office.store.learnings(rehearsal=False, retired=False, limit=100)
            if one.action == "Name no keys in a plan"
        ]
        assert (told.agent, told.goal_id, "human" in told.tags) == (SKILL, goal.goal_id, True)


async def asked_in_memory(office: Office) -> Goal:
    submission = Submission(description="Write to customers", rehearsal=True, pipeline=GATED)
    goal = await office.submit(submission)
    await office.work(goal.goal_id)
    return await office.store.goal(goal.goal_id)


async def test_a_question_is_put_again_a_day_later_by_whoever_works_then() -> None:
    clock = FakeClock(auto=True)
    async with in_memory_office(clock=clock, files=FILES) as office:
        goal = await asked_in_memory(office)
        assert goal.status is GoalStatus.BLOCKED
        await office.work(None)
        assert (await question_of(office, goal)).reminders == 0
        clock.advance(DAY_S)
        await office.work(None)
        await office.work(None)
        asked = await question_of(office, goal)
        assert asked.reminders == 1
        (entry,) = [e for e in await office.store.journal(goal_id=goal.goal_id) if e.what == "approval_reminded"]
        notice = notice_of(entry, None)
        assert notice is not None
        assert (notice.approval_id, "still waits for you" in notice.text) == (asked.approval_id, True)


async def test_an_expired_question_ends_as_its_policy_says_and_once_only(tmp_path: Path) -> None:
    policy = "legal_risk:\n  expires_after: 2 days\n  on_expiry: reject\n"
    (tmp_path / "workspace" / "team").mkdir(parents=True)
    (tmp_path / "workspace" / "team" / "gates.yaml").write_text(policy, encoding="utf-8")
    clock = FakeClock(auto=True)
    async with an_office(tmp_path, None, clock=clock) as office:
        goal = await asked_in_memory(office)
        clock.advance(2 * DAY_S)
        await office.progress.look_at_questions()
        await office.progress.look_at_questions()
        ended = await office.store.goal(goal.goal_id)
        assert (ended.status, ended.error) == (GoalStatus.CANCELLED, "rejected: no answer within 2 days")
        whats = [entry.what for entry in await office.store.journal(goal_id=goal.goal_id)]
        assert whats.count("approval_expired") == whats.count("approval_rejected") == 1
