"""The Store port's contract: what every store promises, and what the one in a file promises besides."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketeer.adapters.sqlite.doorbell import SqliteDoorbell
from marketeer.adapters.sqlite.migrate import MIGRATIONS
from marketeer.adapters.sqlite.store import SqliteStore
from marketeer.domain.advance import advance, begin
from marketeer.domain.approval import ApprovalKind, ApprovalStatus, Decision
from marketeer.domain.budget import TASK_CAP_USD, BudgetLevel
from marketeer.domain.condition import Condition, ConditionName
from marketeer.domain.document import Author, Document, DocumentKind
from marketeer.domain.errors import ConfigurationError, Conflict, StoreUnavailable, UsageError
from marketeer.domain.evidence import used_scores, withheld_scores
from marketeer.domain.goal import Goal, Priority
from marketeer.domain.journal import BUDGET_JOURNAL
from marketeer.domain.learning import LearningStatus
from marketeer.domain.ledger import Refused, Reservation, Spend
from marketeer.domain.outcome import HandedBack, Looked, PauseAsked
from marketeer.domain.plan import Gate
from marketeer.domain.review import Review, Verdict
from marketeer.domain.snapshot import Change, Snapshot
from marketeer.domain.task import TaskStatus
from marketeer.domain.usage import MICRO, Usage
from marketeer.domain.work import Scope, WorkItem, WorkKind, WorkState
from marketeer.ports import Commit, Store
from marketeer.testing import FakeClock
from tests.support.builders import (
    GOAL_ID,
    MAJOR,
    NOW,
    a_call,
    a_document,
    a_goal,
    a_learning,
    a_plan,
    a_reservation,
    a_task,
    task_id,
)
from tests.support.plans import FOUNDATION
from tests.support.play import Play, ref_of, started
from tests.support.player import Player
from tests.support.waiting import LIMIT_S, wait_until

EVERYTHING = Scope()
MONTH = "2026-11"
# Less than the store waits for a lock, and more than a busy machine keeps a loop waiting.
LOCK_WAIT_S = 4.0


@pytest.fixture(params=["file", "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    opened = SqliteStore(tmp_path / "marketeer.db" if request.param == "file" else None)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "marketeer.db"


async def opened(path: Path | None) -> SqliteStore:
    store = SqliteStore(path)
    await store.open()
    return store


async def keep(store: Store, *plays: Play) -> None:
    """All changes of these plays, each play's in order."""
    for play in plays:
        for change in play.changes:
            await store.commit(change)
        play.changes.clear()


async def new_goal(store: Store, goal: Goal | None = None) -> Goal:
    change = begin(goal or a_goal(), NOW)
    await store.commit(change)
    return change.goal


def one_task(goal_id: str, priority: Priority = Priority.P1, *, rehearsal: bool = False) -> Play:
    """A planned goal with one task."""
    plan = a_plan([a_task(1, goal_id=goal_id)], priority=priority)
    return started(goal=a_goal(goal_id, rehearsal=rehearsal), plan=plan)


def paused(snapshot: Snapshot) -> Change:
    change = advance(snapshot, PauseAsked(by="ana"), NOW)
    assert change is not None
    return change


def sorted_snapshot(snapshot: Snapshot) -> Snapshot:
    items = tuple(sorted(snapshot.items, key=lambda item: item.work_item_id))
    return replace(snapshot, items=items, approvals=tuple(sorted(snapshot.approvals, key=lambda a: a.approval_id)))


# -- goals, tasks, work ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
async def test_a_played_goal_is_read_back_as_it_was_stored(store: Store, seed: int) -> None:
    tasks = [a_task(1), a_task(2, 1, condition="skill-1"), a_task(3, 2), a_task(4, latest=("skill-9",))]
    gate = Gate(kind=ApprovalKind.LEGAL_RISK, question="Is “this” allowed?")
    play = Play(a_plan(tasks, gates=(gate,), before_you_publish=("read it",)), goal=a_goal(budget_usd=Decimal("1.5")))
    player = Player(play, Random(seed))  # noqa: S311 - a game, repeatable by its seed
    play.make_plan()
    for _ in range(60):
        player.step()
    await keep(store, play)
    assert sorted_snapshot(await store.snapshot(GOAL_ID)) == sorted_snapshot(play.snapshot())
    journal = await store.journal(goal_id=GOAL_ID, limit=10_000)
    assert [replace(entry, entry_id=0) for entry in journal] == play.entries
    assert await store.goal(GOAL_ID) == play.goal
    assert list(await store.tasks(GOAL_ID)) == sorted(play.tasks.values(), key=lambda task: task.seq)


async def test_of_two_writers_from_one_snapshot_exactly_one_wins(store: Store) -> None:
    await new_goal(store)
    change = paused(await store.snapshot(GOAL_ID))
    results = await asyncio.gather(store.commit(change), store.commit(change), return_exceptions=True)
    assert [type(result) for result in results if result] == [Conflict]
    assert (await store.goal(GOAL_ID)).version == 2
    assert [entry.what for entry in await store.journal()] == ["goal_created", "goal_paused"]


async def test_a_task_that_moved_meanwhile_is_a_conflict_and_nothing_is_written(store: Store) -> None:
    play = started(a_task(1))
    await keep(store, play)
    play.start(1)
    (change,) = play.changes
    (moved,) = change.tasks
    assert moved.before is not None
    stale = replace(change, tasks=(replace(moved, before=replace(moved.before, generation=7)),))
    before = await store.snapshot(GOAL_ID)
    with pytest.raises(Conflict):
        await store.commit(stale, documents=[a_document()])
    assert await store.snapshot(GOAL_ID) == before
    assert await store.document(a_document().path) is None


async def test_changes_that_follow_one_another_are_committed_together_or_not_at_all(store: Store) -> None:
    play = started(a_task(1), a_task(2))
    await keep(store, play)
    play.start(1)
    play.start(2)
    first, second = play.changes
    before = await store.snapshot(GOAL_ID)
    stale = replace(second, goal=replace(second.goal, version=99))
    with pytest.raises(Conflict):
        await store.commit_all([Commit(change=first, documents=[a_document()]), Commit(change=stale)])
    assert await store.snapshot(GOAL_ID) == before
    assert await store.document(a_document().path) is None
    await store.commit_all([Commit(change=first, documents=[a_document()]), Commit(change=second)])
    assert sorted_snapshot(await store.snapshot(GOAL_ID)) == sorted_snapshot(play.snapshot())
    assert await store.document(a_document().path) == a_document(version=1)
    journal = await store.journal(goal_id=GOAL_ID, limit=10_000)
    assert [replace(entry, entry_id=0) for entry in journal] == play.entries
    assert (await store.examine_journal(GOAL_ID))[1] == []


async def test_a_goal_that_exists_already_is_a_conflict(store: Store) -> None:
    await new_goal(store)
    with pytest.raises(Conflict):
        await new_goal(store)


async def test_two_hundred_commits_at_once_all_arrive(store: Store) -> None:
    goals = [a_goal(f"goal-{n:06d}") for n in range(200)]
    await asyncio.gather(*(new_goal(store, goal) for goal in goals))
    assert len(await store.goals(limit=1_000)) == 200
    assert await store.journal_end() == 200
    assert len(await store.ready_items(now=NOW, scope=EVERYTHING, limit=1_000)) == 200


async def test_one_failed_write_takes_no_other_with_it(store: Store) -> None:
    await new_goal(store)
    change = paused(await store.snapshot(GOAL_ID))
    stale = replace(change, goal=replace(change.goal, version=9))
    results = await asyncio.gather(
        store.add_document(a_document()), store.commit(stale), store.commit(change), return_exceptions=True
    )
    assert [type(result) for result in results[1:]] == [Conflict, type(None)]
    assert await store.document(a_document().path) is not None


async def test_documents_and_reviews_are_committed_with_the_change(store: Store) -> None:
    play = started(a_task(1))
    play.execute(1)
    review = Review(
        task_id=task_id(1),
        goal_id=GOAL_ID,
        number=1,
        output_version=1,
        verdict=Verdict.REVISE,
        findings=(MAJOR,),
        waived=("no figures known",),
        path="reviews/r.md",
        created_at=NOW,
    )
    *before, last = play.changes
    for change in before:
        await store.commit(change)
    await store.commit(last, documents=[a_document()], reviews=[review])
    assert list(await store.reviews(GOAL_ID)) == [review]
    assert await store.document(a_document().path) == a_document(version=1)


async def test_a_goals_inputs_are_numbered_and_unchanged_ones_stay_the_version_they_are(store: Store) -> None:
    page = a_document("inputs/page.md", kind=DocumentKind.INPUT, author=Author.HUMAN)
    first = await store.commit_goal_inputs(begin(a_goal(), NOW), [page])
    second = await store.commit_goal_inputs(begin(a_goal("other-goal-zzz999"), NOW), [page])
    third = await store.commit_goal_inputs(begin(a_goal("third-goal-yyy888"), NOW), [replace(page, content="new")])
    assert (first.goal.inputs, second.goal.inputs) == (("inputs/page.md@1",), ("inputs/page.md@1",))
    assert (await store.goal("third-goal-yyy888")).inputs == third.goal.inputs == ("inputs/page.md@2",)


async def test_ready_items_come_by_priority_then_kind_then_age(store: Store) -> None:
    urgent = one_task("goal-urgent", Priority.P0)
    working = one_task("goal-working")
    reviewing = one_task("goal-reviewing")
    reviewing.execute(1)
    older = Play(a_plan([]), goal=a_goal("goal-older"))
    newer = Play(a_plan([]), goal=a_goal("goal-newer"))
    newer.items = {name: replace(i, created_at=NOW + timedelta(seconds=1)) for name, i in newer.items.items()}
    newer.changes[0] = replace(newer.changes[0], items=tuple(newer.items.values()))
    await keep(store, newer, working, older, reviewing, urgent)
    ready = await store.ready_items(now=NOW, scope=EVERYTHING, limit=10)
    assert [(item.goal_id, item.kind) for item in ready] == [
        ("goal-urgent", WorkKind.EXECUTE),
        ("goal-reviewing", WorkKind.REVIEW),
        ("goal-older", WorkKind.PLAN),
        ("goal-newer", WorkKind.PLAN),
        ("goal-working", WorkKind.EXECUTE),
    ]
    assert list(await store.ready_items(now=NOW, scope=EVERYTHING, limit=2)) == list(ready[:2])
    assert list(await store.ready_deliveries(now=NOW, scope=EVERYTHING, limit=4)) == deliveries(ready[:4])


async def test_equally_old_items_keep_their_order_when_one_was_handed_back(store: Store) -> None:
    play = started(a_task(1), a_task(2))
    await keep(store, play)
    before = [item.work_item_id for item in await store.ready_items(now=NOW, scope=EVERYTHING, limit=9)]
    ref = play.start(1)
    play.apply(HandedBack(item=ref, reason="shutdown"))
    await keep(store, play)
    assert [i.work_item_id for i in await store.ready_items(now=NOW, scope=EVERYTHING, limit=9)] == before


async def test_what_was_begun_before_goes_ahead_of_what_nobody_has_begun(store: Store) -> None:
    """The dead worker's step has waited for a lease already."""
    play = started(a_task(1), a_task(2))
    ref = play.start(2)
    play.apply(HandedBack(item=ref, reason="its worker's lease ended"))
    await keep(store, play)
    ready = await store.ready_items(now=NOW, scope=EVERYTHING, limit=9)
    assert ready[0].work_item_id == ref.item_id
    assert [item.queue_priority for item in ready] == sorted({item.queue_priority for item in ready})
    assert list(await store.ready_deliveries(now=NOW, scope=EVERYTHING, limit=9)) == deliveries(ready)


def deliveries(items: Sequence[WorkItem]) -> list[tuple[str, int]]:
    return [(item.delivery_id, item.queue_priority) for item in items]


async def test_a_product_context_that_another_process_has_brought_is_seen_at_once(path: Path) -> None:
    """Else two goals would write one: that there was none is no news."""
    context = a_document("context/product-marketing-context.md", kind=DocumentKind.CONTEXT, author=Author.HUMAN)
    here, there = await opened(path), await opened(path)
    assert await here.adopted_document(context.path, approved_only=True) is None
    await there.add_document(context)
    assert await here.adopted_document(context.path, approved_only=True) == replace(context, version=1)
    await here.close()
    await there.close()


async def test_only_due_items_of_live_unpaused_goals_are_ready(store: Store) -> None:
    waiting, stopped, ended = (one_task(goal_id) for goal_id in "ghi")
    waiting.over_budget(1, "month", until=NOW + timedelta(days=1))
    stopped.pause()
    ended.cancel()
    await keep(store, waiting, stopped, ended)
    assert list(await store.ready_items(now=NOW, scope=EVERYTHING, limit=9)) == []
    tomorrow = NOW + timedelta(days=1)
    assert await store.next_due(now=NOW, scope=EVERYTHING) == tomorrow
    assert await store.next_due(now=tomorrow, scope=EVERYTHING) is None
    assert [i.goal_id for i in await store.ready_items(now=tomorrow, scope=EVERYTHING, limit=9)] == ["g"]


async def test_a_scope_limits_what_is_worked_on(store: Store) -> None:
    await new_goal(store, a_goal("goal-real"))
    await new_goal(store, a_goal("goal-tried", rehearsal=True))
    play = started(a_task(1), a_task(2))
    await keep(store, play)

    async def goals_in(scope: Scope) -> list[str]:
        return [item.goal_id for item in await store.ready_items(now=NOW, scope=scope, limit=9)]

    assert await goals_in(Scope(goal_ids=frozenset({"goal-real"}))) == ["goal-real"]
    assert await goals_in(Scope(goal_ids=frozenset())) == []
    assert await goals_in(Scope(rehearsals_only=True)) == ["goal-tried"]
    assert await goals_in(Scope(goal_ids=frozenset({"goal-real"}), rehearsals_only=True)) == []
    one_task = Scope(goal_ids=frozenset({"goal-real"}), task_ids=frozenset({task_id(2)}))
    assert await goals_in(one_task) == ["goal-real", GOAL_ID]


async def claimed(store: Store) -> tuple[Play, WorkItem]:
    play = started(a_task(1))
    play.start(1)
    await keep(store, play)
    item = await store.work_item(play.open_item(1).work_item_id)
    assert item is not None
    return play, item


async def test_a_heartbeat_extends_the_lease_of_the_claim_in_force_only(store: Store) -> None:
    _, item = await claimed(store)
    later = NOW + timedelta(hours=1)
    assert await store.extend_leases([item], until=later) == []
    assert (await store.claimed_items(lease_before=None))[0].lease_until == later
    other = replace(item, claim=item.claim + 1)
    unknown = replace(item, work_item_id="nobody.plan.1")
    assert await store.extend_leases([item, other, unknown], until=later) == [item.work_item_id, "nobody.plan.1"]


async def test_an_item_done_under_its_own_claim_is_not_reported_as_lost(store: Store) -> None:
    play, item = await claimed(store)
    play.apply(play.executed(ref_of(item)))
    await keep(store, play)
    later = NOW + timedelta(hours=1)
    assert await store.extend_leases([item], until=later) == []
    taken_over = replace(item, claim=item.claim - 1)
    assert await store.extend_leases([taken_over], until=later) == [item.work_item_id]


async def test_a_void_item_is_not_reported_as_lost(store: Store) -> None:
    play, item = await claimed(store)
    play.cancel()
    await store.commit(play.changes[-1])
    assert await store.extend_leases([item], until=NOW + timedelta(hours=1)) == []


async def test_claims_whose_lease_ended_are_found(store: Store) -> None:
    _, item = await claimed(store)
    assert item.lease_until is not None
    assert list(await store.claimed_items(lease_before=item.lease_until)) == []
    assert list(await store.claimed_items(lease_before=item.lease_until + timedelta(seconds=1))) == [item]
    assert list(await store.claimed_items(lease_before=None)) == [item]
    assert await store.work_item("nothing") is None


async def test_goals_whose_foundation_elsewhere_is_final_are_found(store: Store) -> None:
    there = started(goal=a_goal(FOUNDATION.goal_id), plan=a_plan([replace(FOUNDATION, status=TaskStatus.PENDING)]))
    here = started(a_task(1, FOUNDATION.task_id), external=(FOUNDATION,))
    await keep(store, there, here)
    assert (await store.snapshot(GOAL_ID)).external == (there.task(1),)
    assert list(await store.goals_waiting_on_other_goals()) == []
    there.finish(1)
    await keep(store, there)
    assert list(await store.goals_waiting_on_other_goals()) == [GOAL_ID]
    change = advance(await store.snapshot(GOAL_ID), Looked(), NOW)
    assert change is not None
    await store.commit(change)
    assert list(await store.goals_waiting_on_other_goals()) == []


async def test_the_foundation_under_way_is_found_unless_it_stands_still(store: Store) -> None:
    assert await store.foundation_task(rehearsal=False) is None
    there = started(goal=a_goal(FOUNDATION.goal_id), plan=a_plan([replace(FOUNDATION, status=TaskStatus.PENDING)]))
    await keep(store, there)
    assert await store.foundation_task(rehearsal=False) == there.task(1)
    assert await store.foundation_task(rehearsal=True) is None
    there.over_budget(1, "goal")
    await keep(store, there)
    assert await store.foundation_task(rehearsal=False) is None


# -- reading -----------------------------------------------------------------------------------------------------


async def test_goals_are_found_by_start_end_or_whole_id(store: Store) -> None:
    for name in ("seo-audit-aaa111", "seo-audit-bbb222", "seo"):
        await new_goal(store, a_goal(name))
    assert (await store.find_goal("seo-audit-a")).goal_id == "seo-audit-aaa111"
    assert (await store.find_goal("bbb222")).goal_id == "seo-audit-bbb222"
    assert (await store.find_goal("seo")).goal_id == "seo", "the whole id wins over longer ones"
    with pytest.raises(UsageError, match="more than one"):
        await store.find_goal("seo-audit")
    for unknown in ("", "nothing", "%", "seo_audit-aaa111"):
        with pytest.raises(UsageError, match="no goal"):
            await store.find_goal(unknown)
    for read in (store.goal, store.snapshot):
        with pytest.raises(UsageError, match="no goal 'x'"):
            await read("x")


async def test_tasks_and_approvals_are_found_by_their_beginning(store: Store) -> None:
    play = started(a_task(1), a_task(2))
    play.over_budget(1, "task")
    play.over_budget(2, "task")
    await keep(store, play)
    assert (await store.find_task("abc123-01")).task_id == task_id(1)
    assert (await store.approval("abc123-a2")).task_id == task_id(2)
    for find in (store.find_task, store.approval):
        with pytest.raises(UsageError, match="more than one"):
            await find("abc123-")
        for unknown in ("", "nothing", "%"):
            with pytest.raises(UsageError, match="no "):
                await find(unknown)


async def test_goals_are_listed_newest_first(store: Store) -> None:
    for n in range(3):
        await new_goal(store, a_goal(f"goal-{n}", created_at=NOW + timedelta(minutes=n)))
    ended = one_task("goal-9")
    ended.cancel()
    await keep(store, ended)
    assert [goal.goal_id for goal in await store.goals(limit=2)] == ["goal-2", "goal-1"]
    unfinished = await store.goals(limit=9, unfinished_only=True)
    assert [goal.goal_id for goal in unfinished] == ["goal-2", "goal-1", "goal-0"]


async def test_the_latest_approved_outputs_of_a_skill_are_found(store: Store) -> None:
    plays = []
    for n, rehearsal in enumerate([False, False, True]):
        play = one_task(f"goal-{n}", rehearsal=rehearsal)
        play.wait(hours=n)
        play.finish(1)
        plays.append(play)
    await keep(store, *plays)

    async def found(**wanted: object) -> list[str]:
        options: dict[str, object] = {"rehearsal": False, "limit": 9} | wanted
        return [task.goal_id for task in await store.latest_approved("skill-1", **options)]  # type: ignore[arg-type]

    assert await found() == ["goal-1", "goal-0"]
    assert await found(limit=1) == ["goal-1"]
    assert await found(before=NOW + timedelta(minutes=30)) == ["goal-0"]
    assert await found(rehearsal=True) == ["goal-2"]
    plays[1].redo(1)
    await keep(store, plays[1])
    assert await found() == ["goal-0"], "a task that is done over is not the latest"


async def test_approvals_are_listed_oldest_first_and_by_status(store: Store) -> None:
    gates = tuple(Gate(kind=ApprovalKind.LEGAL_RISK, question=f"Question {n}?") for n in range(3))
    play = started(plan=a_plan([a_task(1)], gates=gates))
    await keep(store, play)
    play.decide(Decision.APPROVE, which=play.questions()[0])
    await keep(store, play)
    ids = [f"abc123-a{n}" for n in (1, 2, 3)]
    assert [a.approval_id for a in await store.approvals()] == ids
    assert [a.approval_id for a in await store.approvals(status=ApprovalStatus.OPEN, goal_id=GOAL_ID)] == ids[1:]
    assert list(await store.approvals(goal_id="other")) == []
    assert await store.approval(ids[0]) == play.approvals[ids[0]]


async def test_the_journal_is_read_in_order_and_from_any_point(store: Store) -> None:
    assert await store.journal_end() == 0
    play = started(a_task(1))
    play.run()
    await keep(store, play)
    await new_goal(store, a_goal("other-goal"))
    entries = await store.journal()
    assert [entry.entry_id for entry in entries] == sorted({entry.entry_id for entry in entries})
    assert await store.journal_end() == entries[-1].entry_id
    assert list(await store.journal(after=entries[2].entry_id, limit=2)) == list(entries[3:5])
    assert [entry.goal_id for entry in await store.journal(goal_id="other-goal")] == ["other-goal"]


async def test_learnings_are_read_newest_first_and_real_ones_apart_from_rehearsed(store: Store) -> None:
    real, rehearsed = one_task("goal-1"), one_task("goal-2", rehearsal=True)
    for play in (real, rehearsed):
        play.finish(1, MAJOR)
        play.finish(1)
        play.wait(hours=1)
        play.run()
        await keep(store, play)
    assert [learning.agent for learning in await store.learnings(rehearsal=False)] == ["director", "skill-1"]
    assert list(await store.learnings(rehearsal=False, agent="skill-1")) == real.learnings[:1]
    assert list(await store.learnings(rehearsal=True, category="content", limit=1)) == rehearsed.learnings[1:]
    assert list(await store.learnings(rehearsal=False, category="strategic")) == []


async def test_what_is_learned_again_raises_the_one_it_repeats(store: Store) -> None:
    again = a_learning("l-2", learning="The short subject line is opened more often", provenance=("other",))
    assert list(await store.learn([a_learning()], ())) == [a_learning()]
    (stored,) = await store.learn([again], ())
    assert (stored.learning_id, stored.confidence) == ("l-1", 0.625)
    assert list(await store.learnings(rehearsal=False)) == [stored]
    assert await store.learn([a_learning("l-3", rehearsal=True)], ()) == [a_learning("l-3", rehearsal=True)]


async def test_learnings_are_told_to_whom_they_are_for(store: Store) -> None:
    told = {
        "own": a_learning("own", category="strategic"),
        "neighbour": a_learning("neighbour", agent="skill-2", action="Count characters"),
        "elsewhere": a_learning("elsewhere", agent="skill-2", category="strategic", action="Count words"),
        "everybody": a_learning("everybody", agent="team", category=None, learning="Be kind", action="Always"),
        "director": a_learning("director", agent="director", action="Plan the subject lines"),
        "rehearsed": a_learning("rehearsed", rehearsal=True),
        "retired": a_learning("retired", status=LearningStatus.RETIRED),
    }
    await store.put_learnings(list(told.values()), ())

    async def fitting(agent: str, *words: str, rehearsal: bool = False) -> set[str]:
        found = await store.fitting_learnings(agent, category="content", words=words, rehearsal=rehearsal)
        return {one.learning.learning_id for one in found}

    assert await fitting("skill-1", "subjects") == {"own", "neighbour", "everybody"}
    assert await fitting("skill-1", "nothing") == {"own", "everybody"}
    assert await fitting("skill-3", "subject", "lines") == {"neighbour", "everybody"}
    assert await fitting("skill-1") == {"own", "everybody"}
    assert await fitting("director", "subject") == {"director"}
    assert await fitting("skill-1", "subject", rehearsal=True) == {"rehearsed"}
    assert await fitting("skill-3", "subject", rehearsal=True) == {"rehearsed"}


async def test_what_fits_better_is_more_relevant(store: Store) -> None:
    await store.put_learnings(
        [
            a_learning("best", learning="Pricing pages need VAT", action="State prices with VAT", tags=("pricing",)),
            a_learning("some", learning="Pages load slowly", action="Shrink pictures"),
            a_learning("none", learning="Founders skip mails", action="Write less"),
        ],
        (),
    )
    found = await store.fitting_learnings("skill-1", category=None, words=("pricing", "page"), rehearsal=False)
    relevance = {one.learning.learning_id: one.relevance for one in found}
    assert relevance["best"] > relevance["some"] > relevance["none"] == 0


@pytest.mark.parametrize("words", [("AND",), ('"', "*"), ("NEAR(",), ("told:r0call",), ("-", "^a"), ("\U0001f600",)])
async def test_no_word_is_taken_for_a_search_language(store: Store, words: tuple[str, ...]) -> None:
    await store.put_learnings([a_learning()], ())
    for agent in ("skill-1", 'skill"-1 OR told:x', "director"):
        await store.fitting_learnings(agent, category=None, words=words, rehearsal=False)


async def test_a_changed_learning_is_found_by_its_new_words_only(store: Store) -> None:
    await store.put_learnings([a_learning(agent="skill-2")], ())
    await store.put_learnings([a_learning(agent="skill-2", learning="Ask harbours", action="Early", tags=())], ())

    async def found(word: str) -> bool:
        return bool(await store.fitting_learnings("skill-1", category="content", words=(word,), rehearsal=False))

    assert (await found("subject"), await found("harbour")) == (False, True)


async def test_a_learning_is_found_by_the_beginning_of_its_id(store: Store) -> None:
    await store.put_learnings([a_learning("abc-1"), a_learning("abc-2"), a_learning("abc-22")], ())
    assert (await store.find_learning("abc-2")).learning_id == "abc-2"
    for text, said in (("abc", "more than one"), ("x", "no learning"), ("", "no learning")):
        with pytest.raises(UsageError, match=said):
            await store.find_learning(text)


async def test_a_finished_task_adds_its_score_to_what_it_was_told_and_what_was_withheld(store: Store) -> None:
    await store.put_learnings([a_learning("told"), a_learning("kept"), a_learning("other")], ())
    play = started(a_task(1))
    await keep(store, play)
    play.execute(1, learnings=("told",), learnings_withheld=("kept",))
    play.review(1, MAJOR)
    play.finish(1)
    await keep(store, play)
    assert play.task(1).score == 9.0
    told, kept, other = [await store.find_learning(name) for name in ("told", "kept", "other")]
    assert (used_scores(told.evidence).mean, withheld_scores(told.evidence).count) == (9.0, 0)
    assert (withheld_scores(kept.evidence).mean, used_scores(kept.evidence).count) == (9.0, 0)
    assert other.evidence == ()


# -- money -------------------------------------------------------------------------------------------------------


async def allow(store: Store, usd: str, month: str = MONTH) -> None:
    """So much may be spent from this month on."""
    await store.set_month_cap(month, Decimal(usd), who="ada", now=NOW)


@pytest.mark.parametrize(
    ("month", "goal", "scope", "cap"),
    [
        ("4.5", "9", "month", "4.5"),
        ("45", "4.5", "goal", "4.5"),
        ("45", None, "goal", "4.5"),
        ("99", None, "task", "5"),
    ],
    ids=["month", "goal", "a tenth of the month", "task"],
)
async def test_a_reservation_that_would_pass_a_cap_is_refused_and_says_which(
    store: Store, month: str, goal: str | None, scope: str, cap: str
) -> None:
    await new_goal(store, a_goal(budget_usd=Decimal(goal) if goal else None))
    await allow(store, month)
    cap_usd = Decimal(cap)
    assert await store.reserve(a_reservation("one", "4")) is None
    refused = await store.reserve(a_reservation("two", str(cap_usd - 4 + MICRO)))
    assert refused == Refused(scope=scope, cap_usd=cap_usd, settled_usd=Decimal(0), reserved_usd=Decimal(4))
    assert refused.in_flight
    assert await store.reserve(a_reservation("three", str(cap_usd - 4))) is None, "a cap may be reached exactly"


async def test_when_several_caps_refuse_the_month_is_named_first_and_then_the_goal(store: Store) -> None:
    await new_goal(store, a_goal(budget_usd=Decimal(2)))
    await allow(store, "8")
    refusals = [await store.reserve(a_reservation("call", usd)) for usd in ("9", "6", "2")]
    assert [refused and refused.scope for refused in refusals] == ["month", "goal", None]


async def test_another_month_goal_and_task_have_caps_of_their_own(store: Store) -> None:
    await new_goal(store)
    await new_goal(store, a_goal("other-goal", budget_usd=Decimal(9)))
    await allow(store, "20")
    assert await store.reserve(a_reservation("1")) is None
    assert await store.reserve(a_reservation("2", "4", task_id="t-2", goal_id="other-goal")) is None
    assert await store.reserve(a_reservation("3", "5", task_id="t-3", goal_id="other-goal")) is None
    late = a_reservation("4", task_id="t-4", reserved_at=NOW + timedelta(days=20))
    assert await store.reserve(late) is None
    assert (await store.month_spend("2026-12")).reserved_usd == Decimal(1)


async def test_where_no_cap_was_ever_set_nothing_may_be_spent(store: Store) -> None:
    await new_goal(store)
    refused = await store.reserve(a_reservation(usd="0.000001"))
    assert refused is not None
    assert (refused.scope, refused.cap_usd, refused.in_flight) == ("month", Decimal(0), False)


async def test_a_cap_of_nothing_allows_nothing(store: Store) -> None:
    await new_goal(store)
    await allow(store, "0")
    refused = await store.reserve(a_reservation(usd="0.000001"))
    assert refused is not None
    assert refused.level is BudgetLevel.EXHAUSTED


# -- the month's cap and level -----------------------------------------------------------------------------------


async def spent(store: Store, call_id: str, usd: str, **fields: Any) -> None:
    await store.settle(a_call(a_reservation(call_id, usd, **fields), usd))


async def budget_journal(store: Store) -> list[tuple[str, object]]:
    entries = await store.journal(goal_id=BUDGET_JOURNAL)
    return [(entry.what, entry.data.get("at") or entry.data.get("base_usd")) for entry in entries]


async def test_a_cap_holds_from_its_month_on_and_a_raise_for_its_month_only(store: Store) -> None:
    assert await store.month_budget(MONTH) is None
    await allow(store, "10")
    raised = await store.raise_month_cap(MONTH, Decimal(5), who="ada", now=NOW)
    months = {month: await store.month_budget(month) for month in ("2026-10", MONTH, "2026-12")}
    assert {month: budget and budget.cap_usd for month, budget in months.items()} == {
        "2026-10": 10,  # the clock went back
        MONTH: 15,
        "2026-12": 10,
    }
    assert raised == months[MONTH]


async def test_setting_the_cap_that_holds_already_changes_and_says_nothing(store: Store) -> None:
    assert await store.set_month_cap(MONTH, Decimal(10), who="ada", now=NOW)
    assert not await store.set_month_cap(MONTH, Decimal("10.00"), who="bob", now=NOW)
    assert not await store.set_month_cap("2026-12", Decimal(10), who="bob", now=NOW)
    assert await budget_journal(store) == [("budget_set", "10.000000")]


async def test_each_level_is_journaled_once_when_settled_spend_reaches_it(store: Store) -> None:
    await new_goal(store)
    await allow(store, "100")
    for n, usd in enumerate(["79.999999", "0.000001", "9", "1", "5", "0.5", "4.5", "3"]):
        await spent(store, f"call-{n}", usd)
    assert await budget_journal(store) == [
        ("budget_set", "100.000000"),
        ("budget_warning", "80%"),
        ("budget_warning", "90%"),
        ("budget_critical", "95%"),
        ("budget_critical", "100%"),
    ]


async def test_one_call_that_crosses_several_levels_journals_each(store: Store) -> None:
    await new_goal(store)
    await allow(store, "10")
    await spent(store, "call", "9.6")
    assert [at for _, at in (await budget_journal(store))[1:]] == ["80%", "90%", "95%"]


async def test_a_level_is_not_journaled_again_after_a_smaller_bill_or_in_another_process(path: Path) -> None:
    first, second = await opened(path), await opened(path)
    await new_goal(first)
    await allow(first, "10")
    held = a_reservation("lost", "8", task_id=None, goal_id="rich-goal")
    await new_goal(first, a_goal("rich-goal", budget_usd=Decimal(9)))
    assert await first.reserve(held) is None
    await first.book_orphans(owner_not="another", now=NOW)
    await second.settle(a_call(held, "1"))
    await spent(second, "more", "7.5")
    assert [at for _, at in (await budget_journal(second))[1:]] == ["80%"]
    await first.close()
    await second.close()


async def test_a_raised_cap_and_a_new_month_make_every_level_new(store: Store) -> None:
    await new_goal(store)
    await allow(store, "10")
    await spent(store, "a", "9")
    await store.raise_month_cap(MONTH, Decimal(10), who="ada", now=NOW)
    await spent(store, "b", "7")
    await spent(store, "c", "8", reserved_at=NOW + timedelta(days=20))
    assert await budget_journal(store) == [
        ("budget_set", "10.000000"),
        ("budget_warning", "80%"),
        ("budget_warning", "90%"),
        ("budget_raised", "10.000000"),
        ("budget_warning", "80%"),
        ("budget_warning", "80%"),
    ]


async def test_a_cap_lowered_below_what_is_spent_says_so_at_once(store: Store) -> None:
    await new_goal(store)
    await allow(store, "100")
    await spent(store, "a", "9")
    await allow(store, "9.2")
    assert [at for _, at in (await budget_journal(store))[1:]] == ["9.200000", "80%", "90%", "95%"]


@pytest.mark.parametrize(
    ("settled", "runs"),
    [("7.9", "P0 P1 P2 P3"), ("8", "P0 P1 P2"), ("9", "P0 P1"), ("9.5", "P0"), ("10", "")],
)
async def test_a_level_refuses_what_is_less_urgent_whatever_it_costs(store: Store, settled: str, runs: str) -> None:
    await new_goal(store, a_goal(budget_usd=Decimal(99)))
    await allow(store, "10")
    await spent(store, "before", settled)
    for priority in Priority:
        held = a_reservation(f"call-{priority}", "0.000001", priority=priority, task_id="t-2")
        refused = await store.reserve(held)
        assert (refused is None) == (priority.value in runs)
        if refused is not None:
            assert (refused.scope, refused.in_flight) == ("month", False)


# -- what was spent ----------------------------------------------------------------------------------------------


async def test_a_write_that_fails_takes_nothing_with_it_of_those_made_in_the_same_breath(store: Store) -> None:
    await new_goal(store)
    out_of_date = paused(await store.snapshot(GOAL_ID))
    await store.commit(out_of_date)
    first, refused, second, third = await asyncio.gather(
        store.add_document(a_document()),
        store.commit(out_of_date, documents=[a_document()]),
        store.add_document(a_document()),
        store.add_document(a_document()),
        return_exceptions=True,
    )
    assert isinstance(refused, Conflict)
    versions = [document.version for document in (first, second, third) if isinstance(document, Document)]
    assert versions == [1, 2, 3]
    newest = await store.document(a_document().path)
    assert newest is not None
    assert newest.version == 3


async def test_settling_releases_the_reservation_and_books_the_cost_with_its_documents(store: Store) -> None:
    await new_goal(store)
    held = a_reservation(usd="1")
    await allow(store, "100")
    assert await store.reserve(held) is None
    (document,) = await store.settle(a_call(held, "0.25"), [a_document()])
    expected = Spend(settled_usd=Decimal("0.25"), calls=1, input_tokens=100, output_tokens=10, latency_s=1.5)
    assert await store.month_spend(MONTH) == expected
    bill = await store.goal_bill(GOAL_ID)
    assert (bill.total, bill.by_task) == (expected, {task_id(1): expected})
    assert document == await store.document(document.path) == a_document(version=1)
    assert list(await store.calls(GOAL_ID)) == [a_call(held, "0.25")]


async def test_the_real_bill_replaces_an_estimate(store: Store) -> None:
    await new_goal(store)
    held = a_reservation(usd="1")
    await allow(store, "100")
    assert await store.reserve(held) is None
    assert await store.book_orphans(owner_not="worker-1", now=NOW) == 0
    assert await store.book_orphans(owner_not="worker-2", now=NOW) == 1
    (estimate,) = await store.calls(GOAL_ID)
    assert (estimate.cost_usd, estimate.estimated, estimate.usage) == (Decimal(1), True, Usage())
    await store.settle(a_call(held, "0.25"))
    await store.settle(a_call(held, "0.25"))
    assert await store.month_spend(MONTH) == Spend(
        settled_usd=Decimal("0.25"), calls=1, input_tokens=100, output_tokens=10, latency_s=1.5
    )


async def test_a_released_reservation_leaves_nothing_behind(store: Store) -> None:
    await new_goal(store)
    await allow(store, "100")
    assert await store.reserve(a_reservation()) is None
    await store.release("call-1")
    await store.release("call-1")
    assert await store.month_spend(MONTH) == Spend()
    assert list(await store.calls(GOAL_ID)) == []


async def test_a_rehearsal_is_never_refused_and_not_in_the_month(store: Store) -> None:
    await new_goal(store, a_goal(rehearsal=True))
    held = a_reservation(usd="100", rehearsal=True)
    assert await store.reserve(held) is None
    await store.settle(a_call(held, "50"))
    assert await store.month_spend(MONTH) == Spend()
    assert (await store.goal_bill(GOAL_ID)).total.settled_usd == Decimal(50)


async def test_calls_are_read_in_the_order_of_settling(store: Store) -> None:
    await new_goal(store)
    for n in range(3):
        held = a_reservation(f"call-{n}", work_item_id=f"item-{n % 2}")
        await store.settle(a_call(held, "0.1", settled_at=NOW - timedelta(minutes=n)))
    assert [call.call_id for call in await store.calls(GOAL_ID)] == ["call-2", "call-1", "call-0"]
    assert [c.call_id for c in await store.calls(GOAL_ID, work_item_id="item-0")] == ["call-2", "call-0"]


async def test_sums_are_exact_to_the_micro_dollar(store: Store) -> None:
    await new_goal(store)
    for n in range(100):
        await store.settle(a_call(a_reservation(f"call-{n}"), "0.000001"))
    assert (await store.month_spend(MONTH)).settled_usd == Decimal("0.0001")


amounts = st.integers(1, 3_000_000).map(lambda micros: Decimal(micros) / 1_000_000)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    wishes=st.lists(st.tuples(amounts, st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=25),
    month=amounts.map(lambda usd: 5 * usd),
    goal=st.none() | amounts.map(lambda usd: 4 * usd),
)
def test_no_cap_is_ever_passed_by_calls_that_run_at_once(
    wishes: list[tuple[Decimal, int, int]], month: Decimal, goal: Decimal | None
) -> None:
    goal_cap = goal if goal is not None else month / 10

    async def buy(store: Store, held: Reservation, end: int) -> None:
        if await store.reserve(held) is None:
            match end:
                case 0:
                    await store.release(held.call_id)
                case 1:
                    await store.settle(a_call(held, str(held.amount_usd / 2)))

    async def check(store: Store) -> None:
        bill = await store.goal_bill(GOAL_ID)
        sums = [
            (await store.month_spend(MONTH), month),
            (bill.total, goal_cap),
            *((s, TASK_CAP_USD) for s in bill.by_task.values()),
        ]
        assert all(spend.settled_usd + spend.reserved_usd <= cap for spend, cap in sums)
        assert all(spend.reserved_usd >= 0 for spend, _ in sums)

    async def play() -> None:
        store = await opened(None)
        await new_goal(store, a_goal(budget_usd=goal))
        await allow(store, str(month))
        calls = [
            buy(store, a_reservation(f"call-{n}", str(usd), task_id=f"task-{which}"), end)
            for n, (usd, which, end) in enumerate(wishes)
        ]
        await asyncio.gather(*(step for call in calls for step in (call, check(store))))
        await check(store)
        await store.close()

    asyncio.run(play())


# -- documents ---------------------------------------------------------------------------------------------------


async def test_each_path_counts_its_own_versions(store: Store) -> None:
    stored = await asyncio.gather(*(store.add_document(a_document("a.md", content=f"{n}")) for n in range(10)))
    assert [document.version for document in stored] == list(range(1, 11))
    assert (await store.add_document(a_document("b.md"))).version == 1
    assert await store.document("a.md") == stored[-1]
    assert await store.document("a.md", 3) == stored[2]
    assert await store.document("a.md", 11) is None
    assert await store.document("c.md") is None


async def test_a_documents_every_word_comes_back(store: Store) -> None:
    document = a_document(content="# Größe\r\n“x” 🎉\n", warnings=("w",), made_from=("a@1",), generation=2, call_id="c")
    assert await store.add_document(document) == replace(document, version=1)
    assert await store.is_stored_version(document.path, document.sha256)
    assert not await store.is_stored_version("other.md", document.sha256)


async def test_the_output_of_an_execution_is_found_again(store: Store) -> None:
    play = started(a_task(1))
    await keep(store, play)
    item = play.open_item(1)
    assert await store.document_of(item) is None
    await store.add_document(a_document(task_id=task_id(1), generation=1, truncated=True))
    await store.add_document(a_document(task_id=task_id(1), generation=2))
    await store.add_document(a_document(task_id=task_id(1), generation=1, author=Author.HUMAN))
    assert await store.document_of(item) is None
    whole = await store.add_document(a_document(task_id=task_id(1), generation=1))
    await store.add_document(a_document("reviews/r.md", task_id=task_id(1), generation=1, kind=DocumentKind.REVIEW))
    assert await store.document_of(item) == whole


async def test_documents_without_a_file_are_found_until_they_are_mirrored(store: Store) -> None:
    plan = a_document("goals/g/plan.md", kind=DocumentKind.PLAN)
    await store.add_document(plan)
    await store.add_document(replace(plan, content="second"))
    assert list(await store.unmirrored()) == [(plan.path, 2)]
    await store.mark_mirrored([(plan.path, 2)])
    assert list(await store.unmirrored()) == []
    await store.add_document(replace(plan, content="third"))
    assert list(await store.unmirrored()) == [(plan.path, 3)]


async def test_an_output_belongs_in_the_workspace_once_a_task_has_adopted_it(store: Store) -> None:
    play = started(a_task(1))
    ref = play.start(1)
    await keep(store, play)
    output = await store.add_document(a_document(task_id=task_id(1), generation=1))
    assert list(await store.unmirrored()) == []
    play.apply(replace(play.executed(ref), output_path=output.path, output_version=output.version))
    await keep(store, play)
    assert list(await store.unmirrored()) == [(output.path, 1)]


# -- the store in a file -----------------------------------------------------------------------------------------


async def test_what_was_stored_is_there_after_closing_and_opening_again(path: Path) -> None:
    store = await opened(path)
    goal = await new_goal(store)
    await store.close()
    store = await opened(path)
    assert await store.goal(GOAL_ID) == goal
    await store.close()


async def test_a_closed_store_says_so(path: Path) -> None:
    store = await opened(path)
    await store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.goal(GOAL_ID)


async def test_two_processes_see_each_others_commits(path: Path) -> None:
    one, other = await opened(path), await opened(path)
    quiet = await other.data_version()
    await new_goal(one)
    assert await other.data_version() != quiet
    assert (await other.goal(GOAL_ID)).version == 1
    heard = await other.data_version()
    await new_goal(other, a_goal("other-goal"))
    assert await other.data_version() == heard, "one's own commits do not count"
    change = paused(await one.snapshot(GOAL_ID))
    results = await asyncio.gather(one.commit(change), other.commit(change), return_exceptions=True)
    assert [type(result) for result in results if result] == [Conflict]
    await one.close()
    await other.close()


async def test_two_processes_write_side_by_side_without_losing_anything(path: Path) -> None:
    stores = [await opened(path), await opened(path)]
    goals = [new_goal(stores[n % 2], a_goal(f"goal-{n:03d}")) for n in range(100)]
    await asyncio.gather(*goals)
    assert len(await stores[0].goals(limit=200)) == len(await stores[1].goals(limit=200)) == 100
    for store in stores:
        await store.close()


async def test_several_processes_may_open_a_new_workspace_at_once(path: Path) -> None:
    stores = [SqliteStore(path) for _ in range(6)]
    await asyncio.gather(*(store.open() for store in stores))
    await new_goal(stores[0])
    assert (await stores[5].goal(GOAL_ID)).version == 1
    for store in stores:
        await store.close()


async def test_a_snapshot_is_consistent_though_another_process_commits_meanwhile(path: Path) -> None:
    store = await opened(path)
    await new_goal(store)

    def read(connection: sqlite3.Connection) -> list[str]:
        seen = []
        for text in ("one", "two"):
            seen += [row["description"] for row in connection.execute("SELECT description FROM goals")]
            with closing(sqlite3.connect(path)) as other_process, other_process:
                other_process.execute("UPDATE goals SET description = ?", (text,))
        return seen

    first, second = await store._db.read(read)
    assert first == second
    assert (await store.goal(GOAL_ID)).description == "two"
    await store.close()


async def test_what_another_process_has_written_is_read_although_it_was_read_before(path: Path) -> None:
    here, there = await opened(path), await opened(path)
    await here.add_document(a_document("a.md", content="one"))
    await new_goal(here)
    assert (await here.month_spend(MONTH)).reserved_usd == 0
    assert await here.document("a.md") == await here.document_in_force("a.md", 1)
    await there.add_document(a_document("a.md", content="two", author=Author.HUMAN))
    await allow(there, "100")
    assert await there.reserve(a_reservation(usd="1")) is None
    await here.data_version()
    newest = await here.document("a.md")
    assert newest is not None
    assert (newest.content, await here.document_in_force("a.md", 1)) == ("two", newest)
    assert (await here.month_spend(MONTH)).reserved_usd == Decimal(1)
    await here.close()
    await there.close()


async def test_whose_output_counts_follows_its_task_although_it_was_asked_before(store: Store) -> None:
    play, item = await claimed(store)
    document = await store.add_document(a_document(task_id=task_id(1), generation=1))
    assert await store.adopted_document(document.path) is None
    executed = replace(play.executed(ref_of(item)), output_path=document.path, output_version=document.version)
    play.apply(executed)
    await keep(store, play)
    assert await store.adopted_document(document.path) == document
    assert await store.adopted_document(document.path, approved_only=True) is None
    play.review(1)
    await keep(store, play)
    assert await store.adopted_document(document.path, approved_only=True) == document


@pytest.mark.parametrize("by", ["our file lock", "SQLite's lock"])
async def test_the_loop_goes_on_while_somebody_else_holds_the_write_lock(path: Path, by: str) -> None:
    store = await opened(path)
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as other,
        path.with_name(f"{path.name}-lock").open() as file,
    ):
        if by == "our file lock":
            fcntl.flock(file, fcntl.LOCK_EX)
        else:
            other.execute("BEGIN IMMEDIATE")
        writing = asyncio.create_task(new_goal(store))
        longest = 0.0
        for _ in range(200):
            began = time.monotonic()
            await asyncio.sleep(0.001)
            assert list(await store.goals(limit=5)) == []
            longest = max(longest, time.monotonic() - began)
        assert not writing.done()
        assert longest < LOCK_WAIT_S
        if by == "our file lock":
            fcntl.flock(file, fcntl.LOCK_UN)
        else:
            other.execute("ROLLBACK")
        await writing
    assert [goal.goal_id for goal in await store.goals(limit=5)] == [GOAL_ID]
    await store.close()


async def test_the_doorbell_rings_when_another_process_commits(path: Path) -> None:
    clock = FakeClock()
    here, there = await opened(path), await opened(path)
    bell = SqliteDoorbell(here, clock)
    watching = asyncio.create_task(bell.watch())
    await wait_until(lambda: clock.sleepers == 1)
    waiting = asyncio.create_task(bell.wait(bell.rings, 60))
    await wait_until(lambda: clock.sleepers == 2)
    await new_goal(there)
    clock.advance(0.25)
    assert await waiting == 1
    watching.cancel()
    await here.close()
    await there.close()


async def test_a_doorbell_that_nobody_rings_is_waited_for_no_longer_than_said() -> None:
    clock = FakeClock()
    store = await opened(None)
    bell = SqliteDoorbell(store, clock)
    waiting = asyncio.create_task(bell.wait(0, 5))
    await wait_until(lambda: clock.sleepers == 1)
    clock.advance(5)
    assert await waiting == 0
    bell.ring()
    assert await bell.wait(0, 5) == 1, "a ring that came before is not missed"
    await store.close()


async def test_a_workspace_of_a_newer_program_is_refused(path: Path) -> None:
    await (await opened(path)).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 999")
    with pytest.raises(ConfigurationError, match="newer marketeer"):
        await opened(path)


async def torn(path: Path) -> None:
    """A database whose first page is whole."""
    store = await opened(path)
    await new_goal(store)
    await store.close()
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))


async def use(path: Path) -> None:
    store = await opened(path)
    try:
        await store.goals(limit=1)
    finally:
        await store.close()


@pytest.mark.parametrize("damage", ["no database", "torn"])
async def test_a_damaged_file_is_told_in_one_line_with_the_remedy(path: Path, damage: str) -> None:
    if damage == "torn":
        await torn(path)
    else:
        no_database(path)
    with pytest.raises(ConfigurationError, match=r"damaged.*backup") as caught:
        await use(path)
    assert "\n" not in str(caught.value)


def no_database(path: Path) -> None:
    path.write_bytes(b"these are not the bytes you are looking for" * 100)


async def test_a_table_that_is_missing_is_no_reason_to_wait(path: Path) -> None:
    await (await opened(path)).close()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DROP TABLE conditions")
    store = await opened(path)
    try:
        with pytest.raises(ConfigurationError, match=r"not as this version makes it \(no such table: conditions\)"):
            await store.conditions()
    finally:
        await store.close()


async def test_a_store_that_could_not_be_opened_says_so_and_does_not_hang(path: Path) -> None:
    no_database(path)
    store = SqliteStore(path)
    with pytest.raises(ConfigurationError):
        await store.open()
    async with asyncio.timeout(LIMIT_S):
        with pytest.raises(StoreUnavailable):
            await store.goals(limit=1)
        await store.close()


async def test_a_folder_that_is_missing_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot write marketeer\.db"):
        await opened(tmp_path / "nowhere" / "marketeer.db")


def test_states_of_items_are_told_apart() -> None:
    assert [state for state in WorkState if state.is_open] == [WorkState.READY, WorkState.CLAIMED]


# -- the whole workspace ---------------------------------------------------------------------------------------


async def test_a_condition_holds_once_is_journaled_and_ends(store: Store) -> None:
    condition = Condition(name=ConditionName.PAUSED, since=NOW, who="ada", why="a look")
    assert await store.begin_condition(condition)
    assert not await store.begin_condition(replace(condition, who="bob"))
    assert list(await store.conditions()) == [condition]
    assert await store.end_condition(ConditionName.PAUSED, who="bob", now=NOW)
    assert not await store.end_condition(ConditionName.PAUSED, who="bob", now=NOW)
    assert list(await store.conditions()) == []
    told = await store.journal(goal_id="workspace")
    assert [(entry.what, entry.who) for entry in told] == [("everything_paused", "ada"), ("everything_unpaused", "bob")]


async def test_another_process_sees_a_condition(path: Path) -> None:
    ours, theirs = await opened(path), await opened(path)
    assert list(await theirs.conditions()) == []
    await ours.begin_condition(Condition(name=ConditionName.PAUSED, since=NOW, who="ada"))
    await theirs.data_version()
    assert [condition.who for condition in await theirs.conditions()] == ["ada"]
    await ours.close()
    await theirs.close()


def test_no_two_migrations_have_the_same_number() -> None:
    """Of two, one would never run."""
    numbers = [int(file.name.split("_")[0]) for file in sorted(MIGRATIONS.glob("*.sql"))]
    assert numbers == list(range(1, len(numbers) + 1))
