"""The WorkQueue port's contract."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketeer.adapters.local_queue import LocalQueue
from marketeer.ports import WorkQueue


@pytest.fixture(params=["local"])
def queue(request: pytest.FixtureRequest) -> WorkQueue:
    return LocalQueue()


async def taken(queue: WorkQueue, count: int) -> list[str]:
    async with asyncio.timeout(5):
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


async def test_an_id_that_was_taken_may_be_put_again(queue: WorkQueue) -> None:
    await queue.put([("a", 1)])
    await taken(queue, 1)
    await queue.put([("a", 1)])
    assert await taken(queue, 1) == ["a"]


async def test_whoever_waits_gets_what_is_put_later(queue: WorkQueue) -> None:
    waiting = [asyncio.create_task(queue.get()) for _ in range(3)]
    await asyncio.sleep(0)
    await queue.put([])
    await queue.put([("a", 1), ("b", 2)])
    await queue.put([("c", 3)])
    async with asyncio.timeout(5):
        assert sorted(await asyncio.gather(*waiting)) == ["a", "b", "c"]


async def test_whoever_gives_up_waiting_takes_nothing_along(queue: WorkQueue) -> None:
    waiting = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    waiting.cancel()
    await queue.put([("a", 1)])
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await taken(queue, 1) == ["a"]


@given(entries=st.lists(st.tuples(st.integers(0, 20).map(str), st.integers(0, 15))))
def test_every_id_comes_out_once_and_in_order(entries: list[tuple[str, int]]) -> None:
    async def play() -> list[str]:
        queue = LocalQueue()
        await queue.put(entries)
        return await taken(queue, len(first))

    first: dict[str, int] = {}
    for item_id, priority in entries:
        first.setdefault(item_id, priority)
    assert asyncio.run(play()) == sorted(first, key=lambda item_id: first[item_id])
