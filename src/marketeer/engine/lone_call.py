"""A call for no goal, such as `doctor --live` makes: held, made and booked like any other, in the workspace's name."""

from __future__ import annotations

import asyncio
from decimal import ROUND_UP
from functools import partial

from marketeer.domain.errors import MarketeerError
from marketeer.domain.goal import Priority
from marketeer.domain.journal import WORKSPACE_JOURNAL
from marketeer.domain.ledger import Reservation, estimate
from marketeer.domain.usage import CENT, Tier
from marketeer.domain.work import WorkKind
from marketeer.engine.ledger import CapReached, settled
from marketeer.engine.patience import keep_trying
from marketeer.ports import CallLost, Clock, ModelClient, ModelRequest, ModelResponse, Store


async def buy_for_no_goal(
    request: ModelRequest, *, tier: Tier, model: ModelClient, store: Store, clock: Clock, owner: str
) -> ModelResponse:
    """Raises CapReached before the call where the month does not allow it; after it what `ModelClient.complete` raises,
    with the call booked whenever it may have been billed."""
    held = _reservation(request, tier, clock, owner)
    refused = await store.reserve(held)
    if refused is not None:
        raise CapReached(refused, ask_usd=held.amount_usd.quantize(CENT, rounding=ROUND_UP), until=None)
    try:
        response = await model.complete(request)
    except CallLost:
        await keep_trying(clock, lambda: store.settle(estimate(held, clock.now())))
        raise
    except MarketeerError:
        await store.release(held.call_id)
        raise
    except BaseException:
        await asyncio.shield(store.settle(estimate(held, clock.now())))
        raise
    call = settled(estimate(held, clock.now()), request.model, response)
    await keep_trying(clock, partial(store.settle, call))
    return response


def _reservation(request: ModelRequest, tier: Tier, clock: Clock, owner: str) -> Reservation:
    return Reservation(
        call_id=request.call_id,
        goal_id=WORKSPACE_JOURNAL,
        task_id=None,
        work_item_id=request.call_id,
        kind=WorkKind.EXECUTE,
        skill=None,
        model=request.model.model_id,
        tier=tier,
        amount_usd=request.model.worst_case_usd(request.worst_case()),
        rehearsal=False,
        owner=owner,
        reserved_at=clock.now(),
        priority=Priority.P0,
    )
