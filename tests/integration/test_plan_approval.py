"""A plan that waits for a human: nothing is spent before, and what they change is what is done."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from marketeer.adapters.team_files.plan_page import read_draft
from marketeer.cli.plan_view import plan_dict
from marketeer.domain.approval import Decision
from marketeer.domain.document import CONTEXT_PATH
from marketeer.domain.errors import MarketeerError, UsageError
from marketeer.domain.goal import Goal, GoalStatus
from marketeer.domain.plan import PlannedBy
from marketeer.domain.plan_draft import PhaseDraft, PlanDraft, TaskDraft, draft_of
from marketeer.domain.plan_page import render_draft
from marketeer.engine.drawing_board import by_rules
from marketeer.ports import ModelRequest
from marketeer.runtime import Office
from marketeer.runtime.plan_desk import shown
from marketeer.testing.plan_answers import plan_for
from tests.integration.desk import (
    CONTEXT,
    FOUNDATION,
    FUNNEL,
    GATED,
    SOLO,
    Clerk,
    again,
    an_office,
    check_books,
    finish,
    journal_of,
    statuses,
    texts,
)
from tests.integration.planning import a_planning_room
from tests.support.builders import NOW


async def waiting(office: Office, pipeline: str = FUNNEL, **values: Any) -> Goal:
    return await finish(office, pipeline, approve_plan=True, **values)


async def page(office: Office, goal: Goal) -> str:
    document = await office.plan_desk().waiting(goal)
    assert document is not None
    return document.content


async def test_a_goal_that_asked_for_it_waits_with_no_tasks_until_its_plan_is_approved(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk) as office:
        goal = await waiting(office)
        assert goal.status is GoalStatus.BLOCKED
        assert await office.store.tasks(goal.goal_id) == []
        assert clerk.seen == []
        assert (await again(office, goal)).status is GoalStatus.BLOCKED, "working on it changes nothing"
        approved = await office.plan_desk().approve(goal, by="ada", note="go")
        assert approved.status is GoalStatus.RUNNING
        done = await again(office, goal)
        assert done.status is GoalStatus.COMPLETED
        assert set((await statuses(office, goal)).values()) == {"approved"}
        await check_books(office, goal)


async def test_only_the_plan_has_been_paid_for_while_it_waits(tmp_path: Path) -> None:
    async with a_planning_room(tmp_path, lambda request: json.dumps(plan_for(request.user))) as room:
        goal = await again(room.office, await room.goal("Cut churn", approve_plan=True))
        assert [call.kind.value for call in await room.office.store.calls(goal.goal_id)] == ["plan"]
        seen = await shown(room.office.store, room.office.workspace, goal)
        assert (seen.waits, seen.draft.made_by) == (True, PlannedBy.MODEL)
        assert plan_dict(seen)["cost_expected_usd"] > 0, "whoever decides knows what it may cost"


async def test_what_a_human_has_changed_is_what_is_done(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk) as office:
        goal = await waiting(office, SOLO)
        text = (await page(office, goal)).replace("**Objective:**", "**Objective:** Look at berths first.", 1)
        await office.plan_desk().edit(goal, text, "plan.yaml")
        await office.plan_desk().approve(goal, by="ada", note=None)
        assert (await again(office, goal)).status is GoalStatus.COMPLETED
        assert "Look at berths first." in texts(clerk.seen[0].request)
        seen = await shown(office.store, office.workspace, await office.store.goal(goal.goal_id))
        assert seen.draft.made_by is PlannedBy.HUMAN


async def test_a_page_edited_in_its_folder_counts_as_much(tmp_path: Path) -> None:
    async with an_office(tmp_path, Clerk()) as office:
        goal = await waiting(office, SOLO)
        file = office.workspace.root / "goals" / goal.goal_id / "plan.yaml"
        file.write_text(file.read_text("utf-8").replace("why: ", 'why: "Because I say so" #', 1), "utf-8")
        assert (await shown(office.store, office.workspace, goal)).draft.why == "Because I say so"
        await office.plan_desk().approve(goal, by="ada", note=None)
        assert "Because I say so" in await journal_of(office, goal, "goal_planned")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('skill: "analytics-tracking"', 'skill: "analytics"', ":LINE: no skill 'analytics' on the team"),
        ("needs: []", 'needs: ["nobody"]', ":LINE: no task 'nobody' in this plan"),
        ("category: ", "categroy: ", "did you mean 'category'?"),
        ("phases:", "phases: []\nrest:", "rest"),
        ("    tasks:", "    tasks: [", "YAML"),
    ],
)
async def test_a_page_with_a_fault_is_refused_with_its_line_and_changes_nothing(
    tmp_path: Path, before: str, after: str, said: str
) -> None:
    async with an_office(tmp_path, Clerk()) as office:
        goal = await waiting(office, SOLO)
        text = await page(office, goal)
        assert before in text
        with pytest.raises(MarketeerError) as refused:
            await office.plan_desk().edit(goal, text.replace(before, after, 1), "plan.yaml")
        assert str(refused.value).startswith("plan.yaml")
        line = text[: text.index(before)].count("\n") + 1
        assert said.replace("LINE", str(line)) in str(refused.value)
        assert await page(office, goal) == text


async def test_to_reject_a_plan_cancels_the_goal_with_the_note(tmp_path: Path) -> None:
    async with an_office(tmp_path, Clerk()) as office:
        goal = await waiting(office)
        question = await office.plan_desk().question(goal)
        ended = await office.decide(question.approval_id, Decision.REJECT, note="too dear", by="ada")
        assert (ended.status, ended.error) == (GoalStatus.CANCELLED, "its plan was rejected by ada: too dear")
        with pytest.raises(UsageError, match="waits for you"):
            await office.plan_desk().approve(ended, by="ada", note=None)


async def test_the_question_can_be_answered_like_any_other(tmp_path: Path) -> None:
    async with an_office(tmp_path, Clerk()) as office:
        goal = await waiting(office, SOLO)
        question = await office.plan_desk().question(goal)
        answered = await office.decide(question.approval_id, Decision.APPROVE, note=None, by="ada")
        assert answered.status is GoalStatus.RUNNING
        with pytest.raises(UsageError, match="waits for you"):
            await office.plan_desk().approve(answered, by="ada", note=None)


async def test_the_questions_of_the_template_are_asked_after_a_plan_was_changed(tmp_path: Path) -> None:
    async with an_office(tmp_path, Clerk()) as office:
        goal = await waiting(office, GATED)
        text = (await page(office, goal)).replace("pipeline: ", "pipeline: null #", 1)
        await office.plan_desk().edit(goal, text, "plan.yaml")
        approved = await office.plan_desk().approve(goal, by="ada", note=None)
        assert approved.status is GoalStatus.BLOCKED
        assert (await again(office, goal)).status is GoalStatus.BLOCKED


# -- the page ------------------------------------------------------------------------------------------------------


async def test_a_page_read_back_is_the_draft_it_was_made_of(tmp_path: Path) -> None:
    async with a_planning_room(tmp_path, []) as room:
        goal = await room.goal()
        for pipeline in room.office.team.pipelines():
            if pipeline.reading is None:
                frame = await room.frame(replace(goal, pipeline=pipeline.name))
                draft = draft_of(by_rules(frame))
                assert read_draft(render_draft(draft, goal, ["Is it\nallowed?"]), "plan.yaml")[0] == draft, (
                    pipeline.name
                )


@pytest.mark.parametrize(
    "text",
    [
        "yes",
        "null",
        "12",
        "a: b",
        '"quoted" \\ back',
        "# no comment",
        "- no list",
        "{no: map}",
        "æ 漢 🙂",
        "%",
        "@x",
        "~",
    ],
)
def test_any_words_survive_the_page(text: str) -> None:
    task = TaskDraft(
        key="a", skill=text, brief=f"  {text}\n\n    {text}\n- {text}\n".strip() + "\n", why=text, condition=text
    )
    draft = PlanDraft(
        category="content",
        pipeline=text,
        why=text,
        phases=(PhaseDraft(name=text, tasks=(task,), review=text),),
        needs_human=(text, text + text),
        learnings=(text,),
    )
    goal = Goal(
        goal_id="g-abcdefgh", description="x", status=GoalStatus.BLOCKED, priority=None, rehearsal=False, created_at=NOW
    )
    assert read_draft(render_draft(draft, goal), "plan.yaml")[0] == draft


async def test_of_two_plans_that_waited_the_one_approved_first_writes_the_product_context(tmp_path: Path) -> None:
    async with an_office(tmp_path, Clerk(), context=None) as office:
        first, second, third = [await waiting(office) for _ in range(3)]
        await office.plan_desk().approve(first, by="ada", note=None)
        await office.plan_desk().approve(second, by="ada", note=None)
        foundation, *_ = await office.store.tasks(first.goal_id)
        assert foundation.skill == FOUNDATION
        begun = await office.store.tasks(second.goal_id)
        assert FOUNDATION not in {task.skill for task in begun}
        assert begun[0].depends_on == (foundation.task_id,)
        await again(office, first)
        assert (await again(office, second)).status is GoalStatus.COMPLETED
        await office.plan_desk().approve(third, by="ada", note=None)
        assert FOUNDATION not in await statuses(office, third), "it is written, and stays as it is"
        assert (await again(office, third)).status is GoalStatus.COMPLETED


async def test_a_context_that_a_person_writes_while_the_plan_is_made_is_kept(tmp_path: Path) -> None:
    offices: list[Office] = []

    def slowly(request: ModelRequest) -> str:
        file = offices[0].workspace.root / CONTEXT_PATH
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(CONTEXT, "utf-8")
        return json.dumps(plan_for(request.user))

    async with a_planning_room(tmp_path, slowly, context=None) as room:
        offices.append(room.office)
        goal = await again(room.office, await room.goal("Cut churn", approve_plan=True))
        draft = (await shown(room.office.store, room.office.workspace, goal)).draft
        assert draft.made_by is PlannedBy.MODEL
        assert draft.tasks()
        assert FOUNDATION not in {task.skill for task in draft.tasks()}
