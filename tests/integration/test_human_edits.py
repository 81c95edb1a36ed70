"""People edit files: what they wrote is what is read, reviewed and kept; what cannot be read is set aside."""

from __future__ import annotations

from pathlib import Path

import pytest

from marketeer.adapters.examiner.beside import ExaminerBeside
from marketeer.domain.document import CONTEXT_PATH, Author
from marketeer.domain.examination import Exam, Examined
from marketeer.domain.goal import GoalStatus
from marketeer.runtime import Office
from tests.integration.desk import (
    FAN,
    FOUNDATION,
    SOLO,
    Clerk,
    again,
    an_office,
    at_work,
    check_books,
    finish,
    good_answer,
    read,
    submit,
    task_of,
    texts,
    too_long,
    with_secret,
    without_summary,
)

SKILL = "analytics-tracking"
NOTE = "\nA line that a person added.\n"


def edit(office: Office, path: str | None, text: str | bytes) -> None:
    assert path is not None
    file = office.workspace.root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode() if isinstance(text, str) else text)


async def test_an_output_edited_before_the_next_task_begins_is_what_that_task_reads(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk) as office:
        clerk.hold("copy-editing")
        goal = await submit(office, FAN)
        async with at_work(office, goal) as shift:
            await clerk.busy_with("copy-editing")
            shift.interrupt()
            shift.interrupt()
        clerk.let_go("copy-editing")
        source = await task_of(office, goal, "social-content")
        edit(office, source.output_path, read(office, source.output_path) + NOTE)
        goal = await again(office, goal)
        first, second = clerk.calls("copy-editing")
        assert NOTE not in first.user
        assert NOTE.strip() in second.user
        edited = await task_of(office, goal, "copy-editing")
        document = await office.store.document(edited.output_path or "", edited.output_version)
        assert document is not None
        assert f"{source.output_path}@2" in document.made_from
        assert read(office, source.output_path).endswith(NOTE)
        await check_books(office, goal)


async def test_an_output_is_judged_by_what_it_was_made_from_though_that_was_edited_in_mid_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exams: list[Exam] = []
    examine = ExaminerBeside.examine

    async def seen(self: ExaminerBeside, exam: Exam) -> Examined:
        exams.append(exam)
        return await examine(self, exam)

    monkeypatch.setattr(ExaminerBeside, "examine", seen)
    clerk = Clerk()
    async with an_office(tmp_path, clerk) as office:
        for skill in ("copy-editing", SKILL):
            clerk.hold(skill)
        goal = await submit(office, FAN)
        async with at_work(office, goal):
            for skill in ("copy-editing", SKILL):
                await clerk.busy_with(skill)
            source = await task_of(office, goal, "social-content")
            made = await office.store.document(source.output_path or "", source.output_version)
            assert made is not None
            edit(office, source.output_path, made.content + NOTE)
            for skill in ("copy-editing", SKILL):
                clerk.let_go(skill)
        judged = [exam.sources[made.path] for exam in exams if made.path in exam.sources]
        assert judged == [made.content] * 2
        assert read(office, source.output_path).endswith(NOTE)


@pytest.mark.parametrize("content", [b"", b" \n\t\n", b"caf\xe9 in latin-1", b"with a \0 inside"])
async def test_a_file_that_cannot_be_read_is_set_aside_and_written_again(tmp_path: Path, content: bytes) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk) as office:
        goal = await finish(office, SOLO)
        task = await task_of(office, goal, SKILL)
        original = read(office, task.output_path)
        edit(office, task.output_path, content)
        # The next run of the pipeline reads what the earlier one made.
        goal = await finish(office, SOLO)
        assert goal.status is GoalStatus.COMPLETED
        assert original.strip() in clerk.calls(SKILL)[-1].user
        assert read(office, task.output_path) == original
        assert (office.workspace.root / f"{task.output_path}.rejected").read_bytes() == content


async def test_a_deleted_output_of_a_goal_at_work_is_written_again_when_work_goes_on(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk) as office:
        clerk.says["copy-editing"] = [with_secret] * 4
        goal = await finish(office, FAN)
        assert goal.status is GoalStatus.BLOCKED
        task = await task_of(office, goal, "social-content")
        original = read(office, task.output_path)
        (office.workspace.root / (task.output_path or "")).unlink()
        await again(office, goal)
        assert read(office, task.output_path) == original


async def test_a_file_edited_while_the_machine_writes_its_next_version_stays_the_humans(tmp_path: Path) -> None:
    clerk = Clerk()
    clerk.says[SKILL] = [without_summary]
    async with an_office(tmp_path, clerk) as office:
        goal = await submit(office)
        async with at_work(office, goal):
            await clerk.until(lambda: len(clerk.seen) == 1)
            clerk.hold(SKILL)
            await clerk.until(lambda: len(clerk.seen) == 2)
            task = await task_of(office, goal, SKILL)
            mine = good_answer(clerk.seen[0].request) + NOTE
            edit(office, task.output_path, mine)
            clerk.let_go(SKILL)
        task = await task_of(office, goal, SKILL)
        assert (await office.store.goal(goal.goal_id)).status is GoalStatus.COMPLETED
        assert read(office, task.output_path) == mine
        newest = await office.store.document(task.output_path or "")
        assert newest is not None
        assert (newest.author, newest.content) == (Author.HUMAN, mine)
        # What the machine made meanwhile is kept.
        assert (await office.store.document(task.output_path or "", 2)) is not None


async def test_an_edit_made_before_the_review_is_what_is_reviewed_and_sent_back(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk) as office:
        clerk.hold(SKILL)
        goal = await submit(office)
        async with at_work(office, goal):
            await clerk.busy_with(SKILL)
            task = await task_of(office, goal, SKILL)
            mine = without_summary(clerk.seen[0].request) + NOTE
            edit(office, f"outputs/measure/{SKILL}/{task.task_id}.md", mine)
            clerk.let_go(SKILL)
        first, second = await office.store.reviews(goal.goal_id)
        assert [finding.section for finding in first.findings] == ["Summary"]
        assert second.findings == ()
        assert NOTE.strip() in clerk.calls(SKILL)[1].user


async def test_a_torn_context_file_gives_way_to_the_approved_version_never_to_a_cut_one(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk, context=None) as office:
        goal = await finish(office)
        foundation = await task_of(office, goal, FOUNDATION)
        shipped = read(office, CONTEXT_PATH)
        clerk.says[FOUNDATION] = [too_long, too_long]
        await office.redo(foundation.task_id, note=None, by="ada")
        assert (await again(office, goal)).status is GoalStatus.FAILED
        assert read(office, CONTEXT_PATH) == shipped
        edit(office, CONTEXT_PATH, b"")
        assert (await finish(office)).status is GoalStatus.COMPLETED
        assert shipped.strip() in texts(clerk.seen[-1].request)
        assert read(office, CONTEXT_PATH) == shipped


async def test_an_edited_product_context_is_in_the_next_goals_prompts(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk, context=None) as office:
        await finish(office)
        edit(office, CONTEXT_PATH, read(office, CONTEXT_PATH) + NOTE)
        await finish(office)
        assert NOTE.strip() in clerk.seen[-1].request.system[0].text
        assert NOTE.strip() not in clerk.seen[1].request.system[0].text


async def test_an_edited_report_is_never_overwritten(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk) as office:
        goal = await finish(office)
        edit(office, goal.report_path, read(office, goal.report_path) + NOTE)
        task = await task_of(office, goal, SKILL)
        await office.redo(task.task_id, note=None, by="ada")
        goal = await again(office, goal)
        assert goal.status is GoalStatus.COMPLETED
        assert read(office, goal.report_path).endswith(NOTE)
