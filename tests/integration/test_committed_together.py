"""What comes in for a goal while a commit of it is under way is committed together; each is told its own answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from marketeer.domain.errors import StaleClaim, StoreUnavailable
from marketeer.domain.goal import Goal
from marketeer.domain.outcome import Claimed, Failed, FailureKind, ItemRef
from marketeer.domain.work import Scope, WorkItem, WorkState
from marketeer.ports import Commit
from marketeer.runtime import Office
from tests.integration.desk import FUNNEL, Clerk, an_office, at_work, submit

EVERYTHING = Scope()


class _Press:
    """Stands before the store's commits: notes how many changes each has, and holds the first until it is let go."""

    def __init__(self, office: Office) -> None:
        self._commit_all = office.store.commit_all
        office.store.commit_all = self.commit_all  # type: ignore[method-assign]
        self.sizes: list[int] = []
        self.begun = asyncio.Event()
        self.open = asyncio.Event()
        self.fails: Exception | None = None

    async def commit_all(self, commits: Sequence[Commit]) -> None:
        self.sizes.append(len(commits))
        self.begun.set()
        await self.open.wait()
        if self.fails is not None and len(self.sizes) > 1:
            raise self.fails
        await self._commit_all(commits)


@asynccontextmanager
async def three_steps(folder: Path) -> AsyncIterator[tuple[Office, Goal, list[WorkItem]]]:
    """A goal whose plan has made three steps owed, and nobody at work."""
    clerk = Clerk()
    async with an_office(folder, clerk) as office:
        goal = await submit(office, FUNNEL)
        clerk.hold("analytics-tracking", "seo-audit", "ab-test-setup")
        async with at_work(office, goal) as shift:
            await clerk.busy_with("analytics-tracking", "seo-audit", "ab-test-setup")
            shift.interrupt()
            shift.interrupt()
        clerk.let_go("analytics-tracking", "seo-audit", "ab-test-setup")
        steps = await office.store.ready_items(now=office.clock.now(), scope=EVERYTHING, limit=9)
        assert len(steps) == 3
        yield office, goal, list(steps)


def claim_of(office: Office, step: WorkItem) -> Claimed:
    return Claimed(item_id=step.work_item_id, owner="us", lease_until=office.clock.now() + timedelta(hours=9))


async def begun(*coming: asyncio.Task[object]) -> None:
    """Each has asked for its commit, and waits."""
    for _ in range(3):
        await asyncio.sleep(0)
    assert not any(task.done() for task in coming)


async def test_two_that_come_while_a_third_is_committed_share_the_next_commit(tmp_path: Path) -> None:
    async with three_steps(tmp_path) as (office, goal, steps):
        press, version = _Press(office), (await office.store.goal(goal.goal_id)).version
        async with asyncio.TaskGroup() as group:
            coming = [group.create_task(office.progress.apply(goal.goal_id, claim_of(office, step))) for step in steps]
            await press.begun.wait()
            await begun(*coming)
            press.open.set()
        claimed = [[i.work_item_id for i in change.items] for task in coming if (change := task.result())]
        assert claimed == [[step.work_item_id] for step in steps]
        assert press.sizes == [1, 2]
        assert (await office.store.goal(goal.goal_id)).version == version + 3
        held = await office.store.claimed_items(lease_before=None)
        assert {item.work_item_id for item in held} == {step.work_item_id for step in steps}
        assert (await office.store.examine_journal(goal.goal_id))[1] == []


async def test_one_that_is_refused_takes_no_other_with_it(tmp_path: Path) -> None:
    async with three_steps(tmp_path) as (office, goal, steps):
        press, (first, second, third) = _Press(office), steps
        late = Failed(item=ItemRef(item_id=second.work_item_id, claim=7), kind=FailureKind.PERMANENT, error="it broke")
        applied = asyncio.gather(
            office.progress.apply(goal.goal_id, claim_of(office, first)),
            office.progress.apply(goal.goal_id, late),
            office.progress.apply(goal.goal_id, claim_of(office, third)),
            return_exceptions=True,
        )
        await press.begun.wait()
        press.open.set()
        answers = await applied
        assert [isinstance(answer, StaleClaim) for answer in answers] == [False, True, False]
        held = await office.store.claimed_items(lease_before=None)
        assert {item.work_item_id for item in held} == {first.work_item_id, third.work_item_id}


async def test_a_store_out_of_reach_is_told_to_each_of_those_who_share_the_commit(tmp_path: Path) -> None:
    async with three_steps(tmp_path) as (office, goal, steps):
        press = _Press(office)
        press.fails = StoreUnavailable("the disk is full")
        applied = asyncio.gather(
            *(office.progress.apply(goal.goal_id, claim_of(office, step)) for step in steps), return_exceptions=True
        )
        await press.begun.wait()
        press.open.set()
        answers = await applied
        assert [isinstance(answer, StoreUnavailable) for answer in answers] == [False, True, True]
        press.fails = None
        assert await office.progress.apply(goal.goal_id, claim_of(office, steps[1])) is not None
        assert len(await office.store.claimed_items(lease_before=None)) == 2


@pytest.mark.parametrize("cancelled", [1, 2])
async def test_who_is_cancelled_takes_no_other_with_it(tmp_path: Path, cancelled: int) -> None:
    """The second of three goes ahead with the commit that it shares with the third."""
    async with three_steps(tmp_path) as (office, goal, steps):
        press = _Press(office)
        coming = [asyncio.create_task(office.progress.apply(goal.goal_id, claim_of(office, step))) for step in steps]
        await press.begun.wait()
        await begun(*coming)
        press.open.set()
        await coming[0]
        press.open.clear()
        press.begun.clear()
        if len(press.sizes) == 1:
            await press.begun.wait()
        coming[cancelled].cancel()
        await asyncio.sleep(0)
        press.open.set()
        answers = await asyncio.gather(*coming, return_exceptions=True)
        assert [isinstance(answer, asyncio.CancelledError) for answer in answers].index(True) == cancelled
        await office.progress.settled(goal.goal_id)
        assert press.sizes == [1, 2]
        held = await office.store.claimed_items(lease_before=None)
        assert {item.state for item in held} == {WorkState.CLAIMED}
        assert len(held) == 3


async def test_who_is_cancelled_before_its_turn_changes_nothing(tmp_path: Path) -> None:
    async with three_steps(tmp_path) as (office, goal, steps):
        press = _Press(office)
        coming = [asyncio.create_task(office.progress.apply(goal.goal_id, claim_of(office, step))) for step in steps]
        await press.begun.wait()
        await begun(*coming)
        coming[2].cancel()
        await asyncio.sleep(0)
        press.open.set()
        answers = await asyncio.gather(*coming, return_exceptions=True)
        assert [isinstance(answer, asyncio.CancelledError) for answer in answers] == [False, False, True]
        held = await office.store.claimed_items(lease_before=None)
        assert {item.work_item_id for item in held} == {step.work_item_id for step in steps[:2]}
