"""Who is free for what one commit claims is counted once, also while other commits are under way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from marketeer.adapters.local_queue import LocalQueue
from marketeer.domain.goal import Priority
from marketeer.domain.snapshot import Change
from marketeer.domain.work import WorkItem, WorkKind, WorkState
from marketeer.engine.spare_hands import SpareHands
from tests.support.builders import NOW, a_goal


@asynccontextmanager
async def waiting(queue: LocalQueue, count: int) -> AsyncIterator[list[asyncio.Task[str]]]:
    """So many at the queue."""
    tasks = [asyncio.create_task(queue.get()) for _ in range(count)]
    await asyncio.sleep(0)
    yield tasks
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def a_change(claimed: int) -> Change:
    """One that claims so many steps for us, and some for others."""
    ours = [replace(a_step(number), state=WorkState.CLAIMED, owner="us") for number in range(claimed)]
    return Change(goal=a_goal("goal"), items=(*ours, replace(ours[0], owner="them"), a_step(9)))


def a_step(number: int) -> WorkItem:
    return WorkItem(
        work_item_id=f"step-{number}",
        goal_id="goal",
        kind=WorkKind.EXECUTE,
        priority=Priority.P1,
        due_at=NOW,
        created_at=NOW,
        claim=1,
    )


async def test_no_more_hands_are_free_than_wait_and_than_there_is_room_for() -> None:
    queue = LocalQueue()
    async with waiting(queue, 3):
        spare = SpareHands(queue)
        assert [spare.free(room) for room in (9, 3, 1, 0, -1)] == [3, 3, 1, 0, 0]


async def test_what_one_commit_under_way_has_claimed_is_not_free_for_another() -> None:
    queue = LocalQueue()
    async with waiting(queue, 3):
        spare = SpareHands(queue)
        with spare.claiming("us", lambda: None) as claims:
            assert spare.free(9) == 3
            claims.made(a_change(3))
            assert spare.free(9) == 1
            claims.taker()  # it is made anew
            assert spare.free(9) == 3
            claims.made(a_change(2))
        assert spare.free(9) == 3


async def test_of_what_a_commit_has_claimed_all_but_the_first_is_handed_over() -> None:
    queue = LocalQueue()
    async with waiting(queue, 1) as hands:
        spare, change = SpareHands(queue), a_change(3)
        with spare.claiming("us", lambda: None) as claims:
            claims.made(change)
            claims.committed(change)
            assert spare.free(9) == 0
        assert spare.take(await hands[0]) == change.items[1]
        assert list(claims.left) == [change.items[2]]


async def test_each_of_those_who_wait_gets_one_and_what_nobody_has_a_hand_for_is_told() -> None:
    queue = LocalQueue()
    async with waiting(queue, 2) as hands:
        spare = SpareHands(queue)
        steps = [a_step(number) for number in range(3)]
        assert list(spare.give(steps)) == steps[2:]
        delivered = [await hand for hand in hands]
        assert [spare.take(delivery_id) for delivery_id in delivered] == steps[:2]
        assert [spare.take(delivery_id) for delivery_id in delivered] == [None, None]


async def test_what_nobody_has_begun_is_taken_back_and_not_begun_later() -> None:
    queue = LocalQueue()
    async with waiting(queue, 1) as hands:
        spare = SpareHands(queue)
        step = a_step(1)
        assert list(spare.give([step])) == []
        assert list(spare.take_back()) == [step]
        assert spare.take(await hands[0]) is None
        assert list(spare.take_back()) == []
