"""`doctor --live`: one tiny call to the cheapest model, to see that key, server and model answer. It is booked in the
ledger of the workspace, where there is one."""

from __future__ import annotations

import os
import socket
from decimal import Decimal
from uuid import uuid4

from marketeer.adapters.workspace import FileWorkspace
from marketeer.domain.errors import ApiUnavailable, MarketeerError, UsageError
from marketeer.domain.usage import Tier, dollars
from marketeer.engine.lone_call import buy_for_no_goal
from marketeer.ports import CallLost, Clock, ModelClient, ModelRequest, ModelResponse, PromptBlock
from marketeer.runtime import claude_model, load_workspace_team, open_office
from marketeer.settings import Settings

LEAST_BUDGET_USD = Decimal("0.01")
ANSWER_TOKENS = 16
TIMEOUT_S = 30


async def live_call(settings: Settings, clock: Clock) -> str:
    """What came back and what it cost, in words. Raises the MarketeerError that says why nothing did."""
    model = load_workspace_team(settings).model(Tier.HAIKU)
    request = ModelRequest(
        call_id=f"doctor-{uuid4().hex[:8]}",
        model=model,
        system=(PromptBlock(text="You are a connection test."),),
        user="Answer with the single word: ready",
        max_output_tokens=ANSWER_TOKENS,
        timeout_s=TIMEOUT_S,
    )
    response, booked = await _answer(settings, clock, request)
    if response.usage is None:
        return f"{response.model} answered, but the server reported no usage, so the cost is unknown; {booked}"
    usage = response.usage
    return (
        f"{response.model} answered in {response.latency_s:.1f} s: {usage.total_input_tokens} tokens in, "
        f"{usage.output_tokens} out, {dollars(model.cost_usd(usage))}, {booked}"
    )


async def _answer(settings: Settings, clock: Clock, request: ModelRequest) -> tuple[ModelResponse, str]:
    """The answer, and in which books its cost is."""
    client = claude_model(settings, clock)
    try:
        if FileWorkspace(settings.workspace_dir).exists:
            return await _bought(settings, client, request), "booked in the ledger"
        if settings.budget_monthly < LEAST_BUDGET_USD:
            msg = f"less than {dollars(LEAST_BUDGET_USD)} of the month's budget is left: raise BUDGET_MONTHLY"
            raise UsageError(msg)
        return await client.complete(request), "booked nowhere, since there is no workspace here yet"
    except CallLost as exc:
        if isinstance(exc.__cause__, MarketeerError):
            raise exc.__cause__ from exc
        msg = f"the call was sent and no answer came back ({exc}); it may be billed: try again later"
        raise ApiUnavailable(msg) from exc
    finally:
        await client.aclose()


async def _bought(settings: Settings, client: ModelClient, request: ModelRequest) -> ModelResponse:
    async with open_office(settings) as office:
        await office.adopt_month_cap()
        return await buy_for_no_goal(
            request,
            tier=Tier.HAIKU,
            model=client,
            store=office.store,
            clock=office.clock,
            owner=f"{socket.gethostname()}:{os.getpid()}:doctor",
        )
