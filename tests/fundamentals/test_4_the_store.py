"""Chapter 4: the store is the truth. What it has acknowledged is kept, and nobody overwrites what they did not read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from marketeer.adapters.sqlite.store import SqliteStore
from marketeer.domain.advance import advance, begin
from marketeer.domain.document import Author, Document, DocumentKind
from marketeer.domain.errors import Conflict
from marketeer.domain.goal import Goal
from marketeer.domain.ledger import Reservation
from marketeer.domain.outcome import Claimed, PauseAsked
from marketeer.domain.submission import Submission, new_goal
from marketeer.domain.usage import Tier
from marketeer.domain.work import Scope, WorkKind

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "marketeer.db")
    await store.open()
    yield store
    await store.close()


async def submitted(store: SqliteStore) -> Goal:
    goal = new_goal(
        Submission(description="Plan the launch", rehearsal=False, budget_usd=Decimal(1)), token="abcdefgh", now=NOON
    )
    change = begin(goal, NOON)
    await store.commit(change)
    return change.goal


async def test_a_committed_goal_is_still_there_when_the_store_is_opened_again(tmp_path: Path) -> None:
    first = SqliteStore(tmp_path / "marketeer.db")
    await first.open()
    goal = await submitted(first)
    await first.close()

    second = SqliteStore(tmp_path / "marketeer.db")
    await second.open()
    assert await second.goal(goal.goal_id) == goal
    await second.close()


async def test_what_a_goal_owes_can_be_asked_for(store: SqliteStore) -> None:
    await submitted(store)

    (item,) = await store.ready_items(now=NOON, scope=Scope(), limit=10)

    assert item.work_item_id == "abcdefgh.plan.1"


async def test_of_two_who_read_the_same_state_only_one_can_write(store: SqliteStore) -> None:
    """The goal's version guards the write: the second one's change was made from something that is no longer so."""
    goal = await submitted(store)
    seen = await store.snapshot(goal.goal_id)
    mine = advance(seen, Claimed(item_id="abcdefgh.plan.1", owner="me", lease_until=NOON + timedelta(minutes=1)), NOON)
    yours = advance(seen, PauseAsked(by="ana"), NOON)
    assert mine is not None
    assert yours is not None

    await store.commit(mine)
    with pytest.raises(Conflict):
        await store.commit(yours)

    # Whoever loses reads again and asks again.
    again = advance(await store.snapshot(goal.goal_id), PauseAsked(by="ana"), NOON)
    assert again is not None
    await store.commit(again)
    assert (await store.goal(goal.goal_id)).paused


async def test_a_document_keeps_all_its_versions(store: SqliteStore) -> None:
    def text(content: str) -> Document:
        return Document(
            path="context/product-marketing-context.md",
            kind=DocumentKind.CONTEXT,
            content=content,
            author=Author.HUMAN,
            rehearsal=False,
            created_at=NOON,
        )

    await store.add_document(text("# First\n"))
    newest = await store.add_document(text("# Second\n"))

    assert newest.version == 2
    first = await store.document("context/product-marketing-context.md", 1)
    assert first is not None
    assert first.content == "# First\n"


async def test_money_is_held_before_it_is_spent(store: SqliteStore) -> None:
    goal = await submitted(store)

    def call(call_id: str) -> Reservation:
        return Reservation(
            call_id=call_id,
            goal_id=goal.goal_id,
            task_id=None,
            work_item_id="abcdefgh.plan.1",
            kind=WorkKind.PLAN,
            skill=None,
            model="some-model",
            tier=Tier.SONNET,
            amount_usd=Decimal("0.60"),
            rehearsal=False,
            owner="me",
            reserved_at=NOON,
        )

    await store.set_month_cap("2026-11", Decimal(1), who="ada", now=NOON)
    assert await store.reserve(call("first")) is None
    refused = await store.reserve(call("second"))

    assert refused is not None
    assert (refused.scope, refused.reserved_usd) == ("month", Decimal("0.60"))
