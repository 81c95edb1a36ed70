"""The WorkQueue port's contract, over the embedded queue and over BullMQ on a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketeer.adapters.bullmq_queue import BullmqQueue, RedisLink
from marketeer.adapters.local_queue import LocalQueue
from marketeer.adapters.system_clock import SystemClock
from marketeer.ports import WorkQueue
from marketeer.testing import RedisServer
from tests.support.waiting import LIMIT_S


@pytest.fixture(params=["local", "bullmq"])
async def queue(request: pytest.FixtureRequest) -> AsyncIterator[WorkQueue]:
    if request.param == "local":
        yield LocalQueue()
        return
    server: RedisServer = request.getfixturevalue("redis_server")
    async with a_bullmq(server) as queue:
        yield queue
        await queue.close()


@asynccontextmanager
async def a_bullmq(server: RedisServer) -> AsyncIterator[BullmqQueue]:
    """At work, and gone with its connections however the block ends."""
    link = RedisLink(server.url, SystemClock())
    try:
        await link.open()
        await link.enter("test", uuid4().hex)
        queue = BullmqQueue(link, SystemClock())
        async with asyncio.TaskGroup() as group:
            loops = group.create_task(queue.run())
            try:
                yield queue
            finally:
                loops.cancel()
    finally:
        await link.close()


async def taken(queue: WorkQueue, count: int) -> list[str]:
    async with asyncio.timeout(LIMIT_S):
        return [await queue.get() for _ in range(count)]


async def test_the_smaller_priority_goes_first_and_equal_ones_in_the_order_they_were_put(queue: WorkQueue) -> None:
    await queue.put([("c", 5), ("a", 1), ("d", 5)])
    await queue.put([("b", 1), ("first", 0)])
    assert await taken(queue, 5) == ["first", "a", "b", "c", "d"]


async def test_the_most_urgent_is_the_smallest_priority_that_waits_or_unknown(queue: WorkQueue) -> None:
    assert queue.most_urgent is None
    await queue.put([("c", 5), ("a", 1)])
    assert queue.most_urgent in (1, None)
    await taken(queue, 1)
    assert queue.most_urgent in (5, None)


async def test_an_id_that_is_waiting_is_left_where_it_is(queue: WorkQueue) -> None:
    await queue.put([("a", 5), ("b", 5)])
    await queue.put([("b", 0), ("a", 5), ("c", 9)])
    assert await taken(queue, 3) == ["a", "b", "c"]


async def test_an_id_that_is_given_twice_at_once_waits_once_under_its_first_priority(queue: WorkQueue) -> None:
    await queue.put([("a", 5), ("b", 4), ("a", 0), ("c", 6)])
    assert await taken(queue, 3) == ["b", "a", "c"]


async def test_an_id_that_was_taken_and_done_with_may_be_put_again(queue: WorkQueue) -> None:
    await queue.put([("a", 1)])
    await taken(queue, 1)
    await queue.done("a")
    await queue.put([("a", 1)])
    assert await taken(queue, 1) == ["a"]


async def test_done_with_an_id_that_was_never_brought_is_nothing(queue: WorkQueue) -> None:
    await queue.put([("a", 1)])
    await queue.done("a")
    await queue.done("b")
    assert await taken(queue, 1) == ["a"]


async def test_whoever_waits_gets_what_is_put_later(queue: WorkQueue) -> None:
    waiting = [asyncio.create_task(queue.get()) for _ in range(3)]
    await asyncio.sleep(0)
    await queue.put([])
    await queue.put([("a", 1), ("b", 2)])
    await queue.put([("c", 3)])
    async with asyncio.timeout(LIMIT_S):
        assert sorted(await asyncio.gather(*waiting)) == ["a", "b", "c"]


async def test_whoever_gives_up_waiting_takes_nothing_along(queue: WorkQueue) -> None:
    waiting = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    waiting.cancel()
    await queue.put([("a", 1)])
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await taken(queue, 1) == ["a"]


async def test_what_is_handed_goes_to_one_who_waits_here_and_to_nobody_when_none_does(queue: WorkQueue) -> None:
    assert (queue.idle, queue.hand("a@1")) == (0, False)
    waiting = [asyncio.create_task(queue.get()) for _ in range(2)]
    await asyncio.sleep(0)
    assert queue.idle == 2
    assert [queue.hand(f"{name}@1") for name in "bcd"] == [True, True, False]
    assert (queue.idle, queue.most_urgent) == (0, None)
    async with asyncio.timeout(30):
        assert sorted(await asyncio.gather(*waiting)) == ["b@1", "c@1"]
    await queue.done("b@1")


async def test_whoever_is_about_to_get_what_was_put_has_no_hand_free(queue: WorkQueue) -> None:
    waiting = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    await queue.put([("a", 1)], ours=True)
    assert (queue.idle, queue.hand("b@1")) == (0, False)
    async with asyncio.timeout(30):
        assert await waiting == "a"


async def test_what_is_handed_goes_before_what_is_put(queue: WorkQueue) -> None:
    waiting = [asyncio.create_task(queue.get()) for _ in range(2)]
    await asyncio.sleep(0)
    assert queue.hand("b@1")
    await queue.put([("a", 0)], ours=True)
    async with asyncio.timeout(30):
        assert await asyncio.gather(*waiting) == ["b@1", "a"]


@pytest.mark.parametrize("where", ["local", "bullmq"])
def test_every_id_comes_out_once_and_in_order(where: str, redis_server: RedisServer) -> None:
    @given(entries=st.lists(st.tuples(st.integers(0, 20).map(str), st.integers(0, 15))))
    def check(entries: list[tuple[str, int]]) -> None:
        first: dict[str, int] = {}
        for item_id, priority in entries:
            first.setdefault(f"{item_id}@0", priority)
        assert asyncio.run(play(entries, len(first))) == sorted(first, key=lambda item_id: first[item_id])

    async def play(entries: list[tuple[str, int]], count: int) -> list[str]:
        named = [(f"{item_id}@0", priority) for item_id, priority in entries]
        if where == "local":
            queue = LocalQueue()
            await queue.put(named)
            return await taken(queue, count)
        async with a_bullmq(redis_server) as bullmq:
            await bullmq.put(named)
            return await taken(bullmq, count)

    check()
