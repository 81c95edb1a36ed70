"""A till: a ledger over a store in a file, without the rest of the machine. For proofs about money."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from marketeer.adapters.claude import ClaudeModel
from marketeer.adapters.rehearsal import RehearsalModel
from marketeer.adapters.sqlite.doorbell import SqliteDoorbell
from marketeer.adapters.sqlite.store import SqliteStore
from marketeer.adapters.system_clock import SystemClock
from marketeer.adapters.team_files import load_team
from marketeer.domain.advance import advance, begin
from marketeer.domain.budget import month_key
from marketeer.domain.errors import MarketeerError
from marketeer.domain.goal import Goal
from marketeer.domain.outcome import Claimed
from marketeer.domain.submission import Submission, new_goal
from marketeer.domain.usage import CacheTime, ModelSpec, Tier
from marketeer.domain.work import WorkItem
from marketeer.engine.api_state import ApiState
from marketeer.engine.ledger import Ledger, Models
from marketeer.engine.tracing import NoTracer
from marketeer.ports import ModelRequest, PromptBlock

KEY = "sk-ant-proof"
DATABASE = "marketeer.db"
PLENTY_USD = Decimal(1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Till:
    store: SqliteStore
    ledger: Ledger
    clock: SystemClock

    async def buys(self, request: ModelRequest, *, goal: Goal, item: WorkItem, tier: Tier, attempt: int = 1) -> bool:
        """Whether it was answered; what was refused or has failed is what a proof is about."""
        try:
            await self.ledger.buy(
                request, goal=goal, item=item, skill=None, tier=tier, attempt=attempt, to_documents=lambda _: ()
            )
        except MarketeerError:
            return False
        return True


@asynccontextmanager
async def a_till(folder: Path, url: str, *, owner: str, parallel: int) -> AsyncIterator[Till]:
    clock = SystemClock()
    store = SqliteStore(folder / DATABASE)
    await store.open()
    doorbell = SqliteDoorbell(store, clock)
    model = ClaudeModel(api_key=KEY, base_url=url, clock=clock, max_parallel=parallel)
    models = Models(real=model, rehearsal=RehearsalModel(clock))
    ledger = Ledger(store, models, clock, doorbell, api=ApiState(clock), owner=owner, tracer=NoTracer())
    watch = asyncio.create_task(doorbell.watch(), name="doorbell")
    try:
        yield Till(store=store, ledger=ledger, clock=clock)
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        await model.aclose()
        await store.close()


async def opened(folder: Path, cap_usd: Decimal) -> tuple[Goal, WorkItem]:
    """A store with this month's cap, and a goal whose one step is being worked on."""
    store, clock = SqliteStore(folder / DATABASE), SystemClock()
    await store.open()
    now = clock.now()
    asked = Submission(description="Spend it all", rehearsal=False, budget_usd=PLENTY_USD)
    goal = new_goal(asked, token="aaaabbbb", now=now)  # noqa: S106 - an id, not a secret
    change = begin(goal, now)
    await store.commit(change)
    item = change.items[0]
    claim = Claimed(item_id=item.work_item_id, owner="proof", lease_until=now + timedelta(hours=1))
    claimed = advance(await store.snapshot(goal.goal_id), claim, now)
    assert claimed is not None
    await store.commit(claimed)
    await store.set_month_cap(month_key(now), cap_usd, who="proof", now=now)
    await store.close()
    return change.goal, claimed.items[0]


def a_request(
    call_id: str,
    *,
    tier: Tier = Tier.SONNET,
    system: tuple[tuple[str, CacheTime | None], ...] = (("You are part of a proof.", None),),
    max_output_tokens: int = 400,
) -> ModelRequest:
    """The server can tell the call by its last word."""
    return ModelRequest(
        call_id=call_id,
        model=model_of(tier),
        system=tuple(PromptBlock(text=text, cache=cache) for text, cache in system),
        user=f"Say something. call {call_id}",
        max_output_tokens=max_output_tokens,
        timeout_s=60.0,
    )


def model_of(tier: Tier) -> ModelSpec:
    return load_team(None).model(tier)
