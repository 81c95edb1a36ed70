"""A call for no goal is held and booked like any other: nothing that may be billed is missing in the ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from marketeer.adapters.claude import ClaudeModel
from marketeer.adapters.sqlite.store import SqliteStore
from marketeer.adapters.system_clock import SystemClock
from marketeer.domain.budget import month_key
from marketeer.domain.errors import ApiUnavailable
from marketeer.domain.ledger import Call
from marketeer.domain.usage import Tier
from marketeer.engine.ledger import CapReached
from marketeer.engine.lone_call import buy_for_no_goal
from marketeer.ports import CallLost, ModelRequest
from marketeer.testing.answers import plain_answer
from marketeer.testing.fake_claude import FakeClaude
from marketeer.testing.faults import Fault, FaultKind
from proofs.till import a_request

CAP_USD = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """Where one call is bought."""

    server: FakeClaude
    store: SqliteStore
    model: ClaudeModel
    clock: SystemClock

    async def buy(self) -> None:
        await buy_for_no_goal(
            request(), tier=Tier.HAIKU, model=self.model, store=self.store, clock=self.clock, owner="test"
        )

    async def booked(self) -> list[Call]:
        """Of the month; nothing may be held any more."""
        spend = await self.store.month_spend(month_key(self.clock.now()))
        calls = [call for _, call in await self.store.real_calls(after=0, limit=10)]
        assert spend.reserved_usd == 0
        assert spend.settled_usd == sum((call.cost_usd for call in calls), Decimal(0))
        return calls


def request() -> ModelRequest:
    return a_request("lone", tier=Tier.HAIKU)


@asynccontextmanager
async def a_counter(folder: Path, fault: Fault | None = None, cap_usd: Decimal = CAP_USD) -> AsyncIterator[Counter]:
    clock, store = SystemClock(), SqliteStore(folder / "marketeer.db")
    await store.open()
    await store.set_month_cap(month_key(clock.now()), cap_usd, who="test", now=clock.now())
    async with FakeClaude(answer=plain_answer(20), faults=lambda _: fault) as server:
        model = ClaudeModel(api_key="sk-ant-test", base_url=server.base_url, clock=clock, max_parallel=1)
        try:
            yield Counter(server=server, store=store, model=model, clock=clock)
        finally:
            await model.aclose()
            await store.close()


async def test_an_answer_is_booked_at_the_servers_bill_in_the_workspaces_name(tmp_path: Path) -> None:
    async with a_counter(tmp_path) as counter:
        await counter.buy()
        (call,) = await counter.booked()
        assert call.cost_usd == counter.server.total_usd > 0
        assert (call.goal_id, call.task_id, call.estimated) == ("workspace", None, False)


async def test_a_call_that_is_lost_is_booked_at_its_worst_case(tmp_path: Path) -> None:
    async with a_counter(tmp_path, Fault(kind=FaultKind.DISCONNECT_AFTER)) as counter:
        with pytest.raises(CallLost):
            await counter.buy()
        (call,) = await counter.booked()
        assert call.estimated
        assert call.cost_usd == request().model.worst_case_usd(request().worst_case()) >= counter.server.total_usd


async def test_an_error_that_is_not_billed_leaves_nothing(tmp_path: Path) -> None:
    async with a_counter(tmp_path, Fault(kind=FaultKind.STATUS, status=529)) as counter:
        with pytest.raises(ApiUnavailable):
            await counter.buy()
        assert await counter.booked() == []


async def test_what_the_month_does_not_allow_is_not_sent(tmp_path: Path) -> None:
    async with a_counter(tmp_path, cap_usd=Decimal("0.000001")) as counter:
        with pytest.raises(CapReached):
            await counter.buy()
        assert (counter.server.number, await counter.booked()) == (0, [])
