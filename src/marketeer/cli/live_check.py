"""`doctor --live`: one tiny call to the cheapest model, to see that key, server and model answer."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

from marketeer.domain.errors import ApiUnavailable, MarketeerError
from marketeer.domain.usage import Tier, dollars
from marketeer.ports import CallLost, Clock, ModelRequest, ModelResponse, PromptBlock
from marketeer.runtime import claude_model, load_workspace_team
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
    response = await _answer(settings, clock, request)
    if response.usage is None:
        return f"{response.model} answered, but the server reported no usage, so the cost is unknown"
    usage = response.usage
    return (
        f"{response.model} answered in {response.latency_s:.1f} s: {usage.total_input_tokens} tokens in, "
        f"{usage.output_tokens} out, {dollars(model.cost_usd(usage))}"
    )


async def _answer(settings: Settings, clock: Clock, request: ModelRequest) -> ModelResponse:
    client = claude_model(settings, clock)
    try:
        return await client.complete(request)
    except CallLost as exc:
        if isinstance(exc.__cause__, MarketeerError):
            raise exc.__cause__ from exc
        msg = f"the call was sent and no answer came back ({exc}); it may be billed: try again later"
        raise ApiUnavailable(msg) from exc
    finally:
        await client.aclose()
