"""The memory at work: who is told what in prompts, what scores do to it, and a person's edits of its page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from marketeer.domain.document import LEARNINGS_PATH
from marketeer.domain.evidence import Evidence, used_scores, with_score, withheld_scores
from marketeer.domain.learning import LearningStatus
from marketeer.runtime import Office
from tests.integration.desk import (
    SOLO,
    Clerk,
    an_office,
    finish,
    journal_of,
    read,
    task_of,
    teach,
    texts,
    with_secret,
    without_summary,
)
from tests.support.builders import a_learning

SKILL = "analytics-tracking"


def edit(office: Office, text: str) -> None:
    (office.workspace.root / LEARNINGS_PATH).write_text(text, encoding="utf-8")


async def test_a_task_is_told_some_and_its_score_counts_for_all_that_fitted(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk) as office:
        await teach(office, SKILL)
        clerk.says[SKILL] = [without_summary]
        goal = await finish(office, SOLO)
        task = await task_of(office, goal, SKILL)
        assert len(task.learnings) + len(task.learnings_withheld) == 24
        assert task.score == 9.0  # one major finding, then none
        for request in clerk.calls(SKILL):
            told = texts(request)
            assert all(f"Heed it {name.removeprefix('taught-')}\n" in f"{told}\n" for name in task.learnings)
        learnings = {one.learning_id: one for one in await office.store.learnings(rehearsal=False, agent=SKILL)}
        assert all(used_scores(learnings[name].evidence).count == 1 for name in task.learnings)
        assert all(withheld_scores(learnings[name].evidence).count == 1 for name in task.learnings_withheld)


async def test_a_task_that_was_cancelled_says_nothing_of_its_learnings(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk) as office:
        await teach(office, SKILL)
        clerk.says[SKILL] = [with_secret] * 4
        goal = await finish(office, SOLO)
        await office.cancel(goal.goal_id, by="somebody")
        assert not any(one.evidence for one in await office.store.learnings(rehearsal=False, agent=SKILL))


async def test_a_learning_that_turns_out_to_harm_is_retired_in_the_journal_of_the_goal_that_showed_it(
    tmp_path: Path,
) -> None:
    evidence: Evidence = ()
    for used, score in [(True, 4.0)] * 7 + [(False, 9.0)] * 40:  # those withheld meanwhile add to them
        evidence = with_score(evidence, 0.5, score, used=used)
    clerk = Clerk()
    async with an_office(tmp_path, clerk) as office:
        await office.store.put_learnings([a_learning("bad", agent=SKILL, evidence=evidence)], ())
        for _ in range(30):  # until the coin lets a task have it
            clerk.says[SKILL] = [with_secret, without_summary]
            goal = await finish(office, SOLO)
            if "bad" in (await task_of(office, goal, SKILL)).learnings:
                break
        bad = await office.store.find_learning("bad")
        assert bad.status is LearningStatus.RETIRED
        assert await journal_of(office, goal, "learning_retired") == [bad.retired_because]
        following = await task_of(office, await finish(office, SOLO), SKILL)
        assert "bad" not in (*following.learnings, *following.learnings_withheld)


async def test_the_director_names_the_learnings_a_plan_was_made_with(tmp_path: Path) -> None:
    async with an_office(tmp_path, Clerk()) as office:
        await finish(office, SOLO)
        (learned,) = await office.store.learnings(rehearsal=False, agent="director")
        goal = await finish(office, SOLO)
        assert f"({learned.learning_id})" in read(office, f"goals/{goal.goal_id}/plan.md")
        entries = await office.store.journal(goal_id=goal.goal_id)
        assert [e.data.get("learnings") for e in entries if e.what == "goal_planned"] == [[learned.learning_id]]


async def test_goals_that_teach_the_same_leave_one_learning(tmp_path: Path) -> None:
    async with an_office(tmp_path, Clerk()) as office:
        for _ in range(3):
            await finish(office, SOLO)
        (learned,) = await office.store.learnings(rehearsal=False)
        assert len(learned.provenance) == 3
        assert learned.confidence > 0.7


async def test_what_a_person_changes_in_the_page_is_taken_in_before_the_next_plan(tmp_path: Path) -> None:
    async with an_office(tmp_path, Clerk()) as office:
        kept, gone = a_learning("kept", agent=SKILL), a_learning("gone", agent=SKILL, action="Send more mails")
        await office.store.put_learnings([kept, gone], ())
        await finish(office, SOLO)
        page = read(office, LEARNINGS_PATH)
        head, _, rest = page.partition("## gone")
        changed = head + rest.partition("\n## ")[1] + rest.partition("\n## ")[2]
        changed = changed.replace("under forty characters", "under thirty characters")
        changed += "\n## VAT\n\n- **Learning:** People ask about VAT\n- **Action:** State it\n- **For:** team\n"
        edit(office, changed + "\n## Broken\n\n- **Learning:** no action\n")
        await finish(office, SOLO)
        assert (await office.store.find_learning("kept")).action == "Keep subject lines under thirty characters"
        assert (await office.store.find_learning("gone")).status is LearningStatus.RETIRED
        told = await office.store.learnings(rehearsal=False, agent="team")
        assert [(one.learning, one.action) for one in told] == [("People ask about VAT", "State it")]
        page = read(office, LEARNINGS_PATH)
        assert "- **Action:** State it" in page
        assert page.count("## Broken") == 1
        assert "## gone" not in page
        assert "learnings_edited" in [entry.what for entry in await office.store.journal(goal_id="workspace")]


async def test_an_edit_made_of_an_older_page_touches_nothing_that_was_learned_since(tmp_path: Path) -> None:
    async with an_office(tmp_path, Clerk()) as office:
        await office.store.put_learnings([a_learning("old", agent=SKILL)], ())
        await finish(office, SOLO)
        page = read(office, LEARNINGS_PATH)
        surer = replace(await office.store.find_learning("old"), confidence=0.9)
        await office.store.put_learnings([surer, a_learning("since", agent=SKILL, action="Ask twice")], ())
        await finish(office, SOLO)
        edit(office, page.replace("**Tags:** mail", "**Tags:** mail, brevity"))
        await finish(office, SOLO)
        old = await office.store.find_learning("old")
        assert old.tags == ("mail", "brevity")
        assert (await office.store.find_learning("since")).status is not LearningStatus.RETIRED
        assert "## since" in read(office, LEARNINGS_PATH)


async def test_rehearsals_have_a_memory_of_their_own(tmp_path: Path) -> None:
    async with an_office(tmp_path, Clerk()) as office:
        await teach(office, SKILL)
        rehearsed = await task_of(office, await finish(office, SOLO, rehearsal=True), SKILL)
        assert (rehearsed.learnings, rehearsed.learnings_withheld) == ((), ())
        assert not any(one.evidence for one in await office.store.learnings(rehearsal=False, agent=SKILL))
