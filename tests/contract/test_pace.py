"""Turns of model calls: what a pace lets through, however many processes ask."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from marketeer.adapters.sqlite.store import SqliteStore
from marketeer.domain.advance import begin
from marketeer.domain.pace import MINUTE, Pace, Wait
from marketeer.ports import Store
from tests.support.builders import NOW, a_goal, a_reservation

SECOND = timedelta(seconds=1)


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[tuple[Store, Store]]:
    """Of two processes."""
    first, second = SqliteStore(tmp_path / "db"), SqliteStore(tmp_path / "db")
    await first.open()
    await second.open()
    await first.commit(begin(a_goal(), NOW))
    yield first, second
    await first.close()
    await second.close()


async def hold(store: Store, *call_ids: str) -> None:
    for call_id in call_ids:
        assert await store.reserve(a_reservation(call_id, rehearsal=True)) is None


async def test_only_so_many_calls_run_at_once_and_one_that_ends_makes_room(stores: tuple[Store, Store]) -> None:
    here, there = stores
    pace = Pace(at_once=2)
    await hold(here, "1", "2", "3")
    asked = ((here, "1"), (there, "2"), (here, "3"))
    turns = await asyncio.gather(*(store.take_turn(call_id, pace, now=NOW) for store, call_id in asked))
    assert sorted(turns, key=str) == [None, None, Wait()]
    waits = "123"[turns.index(Wait())]
    await there.release("1" if waits != "1" else "2")
    assert await here.take_turn(waits, pace, now=NOW) is None


async def test_only_so_many_calls_begin_within_a_minute_and_whoever_waits_is_told_until_when(
    stores: tuple[Store, Store],
) -> None:
    here, there = stores
    pace = Pace(a_minute=2)
    assert await here.take_turn("1", pace, now=NOW) is None
    assert await there.take_turn("2", pace, now=NOW + SECOND) is None
    assert await here.take_turn("3", pace, now=NOW + 2 * SECOND) == Wait(until=NOW + MINUTE)
    assert await there.take_turn("3", pace, now=NOW + MINUTE) is None
    assert await here.take_turn("4", pace, now=NOW + MINUTE) == Wait(until=NOW + MINUTE + SECOND)


async def test_both_limits_hold_together(stores: tuple[Store, Store]) -> None:
    here, _ = stores
    pace = Pace(at_once=1, a_minute=2)
    await hold(here, "1", "2", "3")
    assert await here.take_turn("1", pace, now=NOW) is None
    assert await here.take_turn("2", pace, now=NOW) == Wait()
    await here.release("1")
    assert await here.take_turn("2", pace, now=NOW) is None
    await here.release("2")
    assert await here.take_turn("3", pace, now=NOW) == Wait(until=NOW + MINUTE)
