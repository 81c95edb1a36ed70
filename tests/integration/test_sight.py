"""What is seen of the machine, and what the levels do to it: kill switch, outage, circuits, disk, metrics, health."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from marketeer.adapters.sqlite.metrics import ended_between
from marketeer.adapters.sqlite.pruning import PruneOrder, prune
from marketeer.adapters.system_clock import SystemClock
from marketeer.domain import metrics as m
from marketeer.domain.approval import Decision
from marketeer.domain.condition import ConditionName
from marketeer.domain.degradation import Disk
from marketeer.domain.errors import ApiUnavailable, PermanentError, StoreUnavailable
from marketeer.domain.goal import GoalStatus, Priority
from marketeer.domain.metrics import Metrics, skill_records
from marketeer.engine.patience import PATIENCE_S
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
    finish,
    journal_of,
    read,
    submit,
    work,
)

SKILL = "analytics-tracking"
NO_API = ApiUnavailable("cannot reach the model API")


async def seen(office: Office) -> Metrics:
    return await office.store.metrics(now=office.clock.now())


# -- the kill switch -------------------------------------------------------------------------------------------


async def test_nothing_is_begun_while_everything_is_paused_and_all_goes_on_afterwards(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk) as office:
        assert await office.pause_everything(paused=True, by="ada", why="a look")
        assert not await office.pause_everything(paused=True, by="bob")
        goal = await submit(office)
        assert (await again(office, goal)).status is GoalStatus.PLANNING
        assert clerk.seen == []
    async with an_office(tmp_path, clerk) as office:  # another process, later
        (condition,) = await office.store.conditions()
        assert (condition.name, condition.who, condition.why) == (ConditionName.PAUSED, "ada", "a look")
        assert (await again(office, goal)).status is GoalStatus.PLANNING
        assert await office.pause_everything(paused=False, by="bob")
        assert (await again(office, goal)).status is GoalStatus.COMPLETED
        told = await office.store.journal(goal_id="workspace")
        assert [(e.what, e.who) for e in told if "paused" in e.what] == [
            ("everything_paused", "ada"),
            ("everything_unpaused", "bob"),
        ]


async def test_the_kill_switch_reaches_a_process_at_work_within_a_second(tmp_path: Path) -> None:
    clock = QuickClock(speed=1)
    clerk = Clerk(clock=clock)
    async with an_office(tmp_path, clerk, clock=clock, max_parallel_agents=1) as office:
        clerk.hold(SKILL)
        held, late = await submit(office), await submit(office)
        async with at_work(office), an_office(tmp_path, None) as elsewhere:
            await clerk.busy_with(SKILL)
            await elsewhere.pause_everything(paused=True, by="ada")
            await clock.sleep(1)
            clerk.let_go(SKILL)
        # The call in flight is booked and kept; its review and everything else is left.
        assert len(clerk.seen) == 1
        assert [call.estimated for call in await office.store.calls(held.goal_id)] == [False]
        assert await journal_of(office, held, "task_in_review") == []
        await office.pause_everything(paused=False, by="ada")
        await work(office)
        for goal in (held, late):
            assert (await office.store.goal(goal.goal_id)).status is GoalStatus.COMPLETED
        assert len(clerk.seen) == 2


# -- the model API ---------------------------------------------------------------------------------------------


async def test_an_outage_is_told_to_every_process_and_ends_with_three_answers_to_free_questions(tmp_path: Path) -> None:
    clock = QuickClock(speed=600)
    clerk = Clerk(clock=clock)
    clerk.says[SKILL] = [NO_API] * 3
    async with an_office(tmp_path, clerk, clock=clock, marketeer_lease_s=86_400) as office:
        goal = await finish(office)
        assert goal.status is GoalStatus.COMPLETED
        told = [e for e in await office.store.journal(goal_id="workspace") if e.what.startswith("api_")]
        assert [entry.what for entry in told] == ["api_declared_down", "api_declared_up"]
        assert (told[1].at - told[0].at).total_seconds() >= 85
        assert await office.store.conditions() == []


async def test_rehearsals_go_on_while_the_api_is_down(tmp_path: Path) -> None:
    clerk = Clerk()
    clerk.says[SKILL] = [NO_API] * 3
    clerk.reachable = False
    async with an_office(tmp_path, clerk) as office:
        await submit(office)
        async with at_work(office) as shift:
            while not await office.store.conditions():
                await office.clock.sleep(1)
            rehearsal = await submit(office, rehearsal=True)
            while not (await office.store.goal(rehearsal.goal_id)).status.is_final:
                await office.clock.sleep(1)
            shift.interrupt()
        assert (await office.store.goal(rehearsal.goal_id)).status is GoalStatus.COMPLETED


# -- levels ----------------------------------------------------------------------------------------------------


async def test_on_a_nearly_full_disk_one_agent_works_and_what_is_least_urgent_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk, max_parallel_agents=3) as office:

        async def nearly_full() -> Disk:
            return Disk(free=9 * 10**9, total=100 * 10**9)

        monkeypatch.setattr(office.workspace, "disk", nearly_full)
        urgent, patient = await submit(office, FUNNEL), await submit(office, priority=Priority.P3)
        await work(office)
        assert (await office.store.goal(urgent.goal_id)).status is GoalStatus.COMPLETED
        assert (await office.store.goal(patient.goal_id)).status is GoalStatus.PLANNING
        assert clerk.peak == 1
        monkeypatch.undo()
        assert (await again(office, patient)).status is GoalStatus.COMPLETED


FULL_DISK = Disk(free=1_000_000, total=100 * 10**9)


async def test_a_disk_that_is_full_holds_everything_until_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk) as office:
        looks = 0

        async def full_at_first() -> Disk | None:
            nonlocal looks
            looks += 1
            return FULL_DISK if looks < 3 else None

        monkeypatch.setattr(office.workspace, "disk", full_at_first)
        goal = await finish(office)
        assert goal.status is GoalStatus.COMPLETED
        assert looks >= 3


async def test_a_disk_that_stays_full_ends_the_work_by_name_when_patience_ends_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk, clock=QuickClock(300)) as office:

        async def full() -> Disk | None:
            return FULL_DISK

        monkeypatch.setattr(office.workspace, "disk", full)
        goal = await submit(office)
        began = office.clock.monotonic()
        with pytest.raises(StoreUnavailable, match=r"is full \(1.0 of 100,000.0 MB free\).*free some space"):
            await work(office, goal)
        assert office.clock.monotonic() - began >= PATIENCE_S
        assert clerk.seen == []
        monkeypatch.undo()
        assert (await again(office, goal)).status is GoalStatus.COMPLETED


# -- circuits --------------------------------------------------------------------------------------------------


async def test_three_failures_in_a_row_of_a_pipeline_pause_the_goal_and_ask_a_human(tmp_path: Path) -> None:
    clerk = Clerk()
    clerk.says[SKILL] = [PermanentError("the model says no")] * 3
    async with an_office(tmp_path, clerk) as office:
        first, second = await finish(office), await finish(office)
        assert {first.status, second.status} == {GoalStatus.FAILED}
        third = await finish(office)
        assert third.status is GoalStatus.PAUSED
        assert await journal_of(office, third, "pipeline_blocked") == ["the model says no"]
        assert await office.store.blocked_pipelines() == [SOLO]
        (question,) = await office.store.approvals(goal_id=third.goal_id)
        await office.decide(question.approval_id, Decision.APPROVE, note="mended", by="ada")
        assert await office.store.blocked_pipelines() == []
        assert (await again(office, third)).status is GoalStatus.FAILED
        clerk.says[SKILL] = [PermanentError("the model says no")]
        assert (await finish(office)).status is GoalStatus.FAILED  # the count has begun anew


# -- metrics ---------------------------------------------------------------------------------------------------


async def test_metrics_are_the_stores_own_sums_and_the_same_after_a_restart(tmp_path: Path) -> None:
    clerk = Clerk()
    clerk.says[SKILL] = [PermanentError("no"), None]
    async with an_office(tmp_path, clerk) as office:
        failed, done = await finish(office), await finish(office, FAN)
        rehearsed = await finish(office, rehearsal=True)
        found = await seen(office)
        calls = [c for g in (failed, done) for c in await office.store.calls(g.goal_id)]
    async with an_office(tmp_path, None) as office:
        assert replace(await seen(office), queue=found.queue) == found
        page = read(office, f"metrics/{office.clock.now():%Y-%m-%d}-report.md")
    assert rehearsed.status is GoalStatus.COMPLETED
    assert found.of(m.GOALS) == {("completed",): 1, ("failed",): 1}
    assert found.total(m.CALLS) == len(calls)
    assert found.total(m.COST) == pytest.approx(float(sum(call.cost_usd for call in calls)))
    assert found.total(m.TOKENS, type="output") == sum(call.usage.output_tokens for call in calls)
    assert found.span(m.GOAL_TIME).count == 2
    execute = found.spans(m.WAIT)[("execute",)]
    assert execute.count == found.spans(m.WORK)[("execute",)].count == len(calls) + 1
    record = next(record for record in skill_records(found) if record.skill == SKILL)
    assert (record.approved, record.failed, record.approval_rate) == (1, 1, 0.5)
    assert record.cost_per_approved_usd == pytest.approx(record.cost_usd)
    assert "1 completed, 1 failed" in page


async def test_metrics_of_a_time_are_those_of_the_goals_that_ended_in_it(tmp_path: Path) -> None:
    clerk = Clerk()
    clerk.says[SKILL] = [PermanentError("no"), None]
    async with an_office(tmp_path, clerk) as office:
        await finish(office)
        between = office.clock.now()
        for pipeline in (FAN, SOLO):
            await finish(office, pipeline)
        await finish(office, rehearsal=True)
        await submit(office)
        now = office.clock.now()
        day = timedelta(days=1)
        early = await office.store.metrics(now=now, ended_from=between - day, ended_before=between)
        late = await office.store.metrics(now=now, ended_from=between, ended_before=now + day)
        everything = await seen(office)
    assert early.of(m.GOALS) == {("failed",): 1}
    assert late.of(m.GOALS) == {("completed",): 2}
    assert early.total(m.COST) + late.total(m.COST) == pytest.approx(everything.total(m.COST))
    for family in (m.TASKS, m.CALLS, m.REVIEWS, m.RETRIES):
        assert (early + late).of(family) == everything.of(family), family.name
    for family in (m.GOAL_TIME, m.CALL_TIME, m.WORK):
        assert (early + late).span(family).counts == everything.span(family).counts, family.name


async def test_what_is_read_for_a_time_grows_with_the_goals_that_ended_in_it_alone(tmp_path: Path) -> None:
    async with an_office(tmp_path, Clerk()) as office:
        await finish(office)
        now, path = office.clock.now(), office.workspace.database_path
    said: list[str] = []
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        connection.set_trace_callback(said.append)
        ended_between(connection, now - timedelta(days=1), now, now)
        connection.set_trace_callback(None)
        asked = [statement for statement in said if "finished_at >=" in statement]
        steps = {row["detail"] for each in asked for row in connection.execute(f"EXPLAIN QUERY PLAN {each}")}
    assert len(asked) == 5
    # "one" is what has been chosen already
    assert [step for step in steps if "AUTOMATIC" in step or ("SCAN" in step and step != "SCAN one")] == []


async def test_revisions_and_retries_are_counted(tmp_path: Path) -> None:
    clerk = Clerk()
    clerk.says[SKILL] = [NO_API, "too short a text", None]
    async with an_office(tmp_path, clerk) as office:
        await finish(office)
        found = await seen(office)
    assert (found.total(m.REVISIONS, skill=SKILL), found.total(m.RETRIES)) == (1, 1)
    assert found.of(m.REVIEWS) == {("APPROVE",): 1, ("REVISE",): 1}


async def test_prune_takes_nothing_from_the_metrics(tmp_path: Path) -> None:
    async with an_office(tmp_path, Clerk()) as office:
        for _ in range(5):
            await finish(office)
        before, now = await seen(office), office.clock.now()
        path = office.workspace.database_path
    order = PruneOrder(before=now + timedelta(days=1), now=now, by="ada")
    pruned = await prune(path, order, clock=SystemClock())
    async with an_office(tmp_path, None) as office:
        after = await seen(office)
    assert pruned.goals > 0
    assert {series: round(value, 6) for series, value in after.numbers.items()} == {
        series: round(value, 6) for series, value in before.numbers.items()
    }
    assert {s: h.counts for s, h in after.histograms.items()} == {s: h.counts for s, h in before.histograms.items()}
