"""What a failed review leads to: exact findings in the next prompt, up to three revisions, a human or a report."""

from __future__ import annotations

from pathlib import Path

import pytest

from marketeer.domain import judging
from marketeer.domain.approval import ApprovalStatus, Decision
from marketeer.domain.errors import UsageError
from marketeer.domain.evidence import used_scores, withheld_scores
from marketeer.domain.goal import Goal, GoalStatus
from marketeer.domain.task import TaskStatus
from marketeer.runtime import Office
from tests.integration.desk import (
    FAN,
    SOLO,
    Clerk,
    again,
    an_office,
    check_books,
    files,
    finish,
    read,
    statuses,
    task_of,
    texts,
    with_secret,
    without_summary,
)

SKILL = "analytics-tracking"


async def test_a_second_answer_is_asked_for_with_the_first_and_exactly_what_was_wrong_with_it(tmp_path: Path) -> None:
    clerk = Clerk()
    clerk.says[SKILL] = [without_summary]
    async with an_office(tmp_path, clerk) as office:
        goal = await finish(office)
        task = await task_of(office, goal, SKILL)
        first, second = await office.store.reviews(goal.goal_id)
        original = await office.store.document(task.output_path or "", 1)
        assert original is not None
        assert (goal.status, task.revision, task.verdict) == (GoalStatus.COMPLETED, 1, "approved")
        assert (task.generation, task.output_version) == (2, 2)
        assert [finding.section for finding in first.findings] == ["Summary"]
        assert second.findings == ()
        asked, asked_again = clerk.calls(SKILL)
        assert "# Your previous output" not in asked.user
        assert f'<external-content source="your previous output">\n{original.content}' in asked_again.user
        assert all(f"- [major] {finding.line()}" in asked_again.user for finding in first.findings)
        assert asked_again.user.index("# Your previous output") < asked_again.user.index("# What must change")
        await check_books(office, goal)


async def test_every_review_is_a_file_and_the_last_output_is_the_one_that_lies_there(tmp_path: Path) -> None:
    clerk = Clerk()
    clerk.says[SKILL] = [without_summary]
    async with an_office(tmp_path, clerk) as office:
        goal = await finish(office)
        task = await task_of(office, goal, SKILL)
        assert files(office, "reviews") == [f"reviews/{task.task_id}-review-{number}.md" for number in (1, 2)]
        first = read(office, f"reviews/{task.task_id}-review-1.md")
        assert "- **Verdict:** REVISE" in first
        assert "## major: Summary" in first
        assert "- **Verdict:** APPROVE" in read(office, f"reviews/{task.task_id}-review-2.md")
        assert "## Summary" in read(office, task.output_path)


async def test_what_a_revision_taught_is_told_to_the_skill_in_the_next_goal(tmp_path: Path) -> None:
    clerk = Clerk()
    clerk.says[SKILL] = [without_summary]
    async with an_office(tmp_path, clerk) as office:
        goal = await finish(office)
        (learning,) = await office.store.learnings(rehearsal=False, agent=SKILL)
        task = await task_of(office, goal, SKILL)
        assert (learning.goal_id, learning.task_id, learning.category) == (goal.goal_id, task.task_id, "measurement")
        assert learning.learning in read(office, "memory/learnings.md")
        assert not any("## Past Learnings" in texts(request) for request in clerk.calls(SKILL))
        second = await finish(office, FAN)
        task = await task_of(office, second, SKILL)
        told = texts(clerk.calls(SKILL)[-1])
        # One half of the tasks is told, the other is what that half is compared with.
        assert (*task.learnings, *task.learnings_withheld) == (learning.learning_id,)
        assert (learning.line() in told) is ("## Past Learnings" in told) is bool(task.learnings)
        assert "## Past Learnings" not in texts(clerk.calls("social-content")[0])
        after = await office.store.find_learning(learning.learning_id)
        counts = used_scores(after.evidence).count, withheld_scores(after.evidence).count
        assert counts == (len(task.learnings), len(task.learnings_withheld))


async def test_major_findings_that_survive_three_revisions_are_approved_and_reported(tmp_path: Path) -> None:
    clerk = Clerk()
    clerk.says[SKILL] = [without_summary] * 4
    async with an_office(tmp_path, clerk) as office:
        goal = await finish(office)
        task = await task_of(office, goal, SKILL)
        findings = (await office.store.reviews(goal.goal_id))[-1].findings
        assert (goal.status, task.status, task.revision) == (GoalStatus.COMPLETED, TaskStatus.APPROVED, 3)
        assert len(clerk.calls(SKILL)) == 4
        assert task.verdict == "approved with findings"
        report = read(office, goal.report_path)
        assert "approved with findings after 3 revisions" in report
        assert findings[0].line() in report
        await check_books(office, goal)


async def test_a_goal_that_goes_round_too_often_ends_with_its_good_outputs_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "MAX_CYCLES", 1)
    clerk = Clerk()
    clerk.says["copy-editing"] = [without_summary] * 4
    async with an_office(tmp_path, clerk) as office:
        goal = await finish(office, FAN)
        assert (goal.status, goal.cycles) == (GoalStatus.MAX_ITERATIONS, 2)
        kept = await task_of(office, goal, "social-content")
        report = read(office, goal.report_path)
        assert f"{kept.task_id}.md" in report
        assert "more than 1 revisions" in report
        await check_books(office, goal)


async def _blocked(office: Office, clerk: Clerk, pipeline: str, skill: str) -> Goal:
    clerk.says[skill] = [with_secret] * 4
    goal = await finish(office, pipeline)
    assert goal.status is GoalStatus.BLOCKED
    return goal


async def _question(office: Office, goal: Goal) -> str:
    (approval,) = await office.store.approvals(status=ApprovalStatus.OPEN, goal_id=goal.goal_id)
    return approval.approval_id


async def test_a_critical_finding_after_three_revisions_waits_for_a_human_who_may_accept_it(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk) as office:
        goal = await _blocked(office, clerk, SOLO, SKILL)
        task = await task_of(office, goal, SKILL)
        question = await _question(office, goal)
        assert (task.status, task.waits_for, task.revision) == (TaskStatus.BLOCKED, question, 3)
        assert goal.report_path is None
        await office.decide(question, Decision.APPROVE, note="a sample key", by="ada")
        with pytest.raises(UsageError, match="not waiting"):
            await office.decide(question, Decision.REJECT, note=None, by="ada")
        goal = await again(office, goal)
        task = await task_of(office, goal, SKILL)
        assert (goal.status, task.verdict) == (GoalStatus.COMPLETED, "approved by a human")
        assert len(clerk.calls(SKILL)) == 4
        assert "approved by a human" in read(office, goal.report_path)
        await check_books(office, goal)


async def test_a_human_who_asks_for_one_more_revision_is_quoted_in_its_prompt(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk) as office:
        goal = await _blocked(office, clerk, SOLO, SKILL)
        await office.decide(await _question(office, goal), Decision.REVISE, note="Leave the key out", by="ada")
        goal = await again(office, goal)
        prompt = clerk.calls(SKILL)[-1].user
        assert "- [from a human] Leave the key out" in prompt
        assert "The key is sk-" in prompt.partition("# Your previous output")[2]
        assert (await task_of(office, goal, SKILL)).verdict == "approved"
        assert goal.status is GoalStatus.COMPLETED


async def test_a_human_revision_that_is_no_better_asks_the_human_again(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk) as office:
        goal = await _blocked(office, clerk, SOLO, SKILL)
        clerk.says[SKILL] = [with_secret]
        first = await _question(office, goal)
        await office.decide(first, Decision.REVISE, note="Leave the key out", by="ada")
        goal = await again(office, goal)
        assert goal.status is GoalStatus.BLOCKED
        assert await _question(office, goal) != first
        assert len(clerk.calls(SKILL)) == 5


async def test_a_rejected_output_fails_its_task_and_the_good_ones_are_kept_and_reported(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk) as office:
        goal = await _blocked(office, clerk, FAN, "copy-editing")
        await office.decide(await _question(office, goal), Decision.REJECT, note="not like this", by="ada")
        goal = await again(office, goal)
        assert goal.status is GoalStatus.FAILED
        assert await statuses(office, goal) == {
            "social-content": "approved",
            "copy-editing": "failed",
            "analytics-tracking": "approved",
        }
        report = read(office, goal.report_path)
        assert "rejected by a human: not like this" in report
        kept = await task_of(office, goal, "social-content")
        assert f"{kept.task_id}.md" in report
        assert read(office, kept.output_path)
        await check_books(office, goal)


async def test_what_depends_on_a_rejected_output_is_cancelled_with_the_reason(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk) as office:
        goal = await _blocked(office, clerk, FAN, "social-content")
        await office.decide(await _question(office, goal), Decision.REJECT, note=None, by="ada")
        goal = await again(office, goal)
        assert goal.status is GoalStatus.FAILED
        assert set((await statuses(office, goal)).values()) == {"failed", "cancelled"}
        lost = await task_of(office, goal, "copy-editing")
        assert "social-content failed: rejected by a human" in (lost.reason or "")
        assert clerk.calls("copy-editing") == []
        assert "Nothing was finished." in read(office, goal.report_path)
