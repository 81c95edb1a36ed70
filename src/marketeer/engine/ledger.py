"""The ledger: no call without a reservation, no answer without its booking."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import ROUND_UP, Decimal
from functools import partial

from marketeer.domain.approval import ApprovalKind, ApprovalStatus
from marketeer.domain.budget import budget_level, tier_at
from marketeer.domain.document import Document
from marketeer.domain.errors import (
    ApiUnavailable,
    BudgetExceeded,
    ConfigurationError,
    MarketeerError,
    StaleClaim,
    StoreUnavailable,
)
from marketeer.domain.goal import Goal
from marketeer.domain.ledger import Call, Caps, Refused, Reservation, estimate, month_key
from marketeer.domain.usage import CENT, Tier, Usage, dollars
from marketeer.domain.work import WorkItem, WorkState
from marketeer.engine.api_state import ApiState
from marketeer.engine.patience import keep_trying
from marketeer.logs import get_logger
from marketeer.ports import CallLost, Clock, Doorbell, ModelClient, ModelRequest, ModelResponse, Store, Tracer

DEFAULT_TASK_CAP_USD = Decimal(5)
SETTLEMENT_LOOK_S = 5.0

Settle = Callable[[Call, Sequence[Document]], Awaitable[Sequence[Document]]]

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """An answer, its ledger row, and the documents stored with it."""

    response: ModelResponse
    call: Call
    documents: Sequence[Document]


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """Who answers: real goals ask Claude, rehearsals the built-in model, and never the other way round."""

    real: ModelClient | None
    rehearsal: ModelClient

    def of(self, goal: Goal) -> ModelClient:
        """Raises ConfigurationError for a real goal without a key."""
        if goal.rehearsal:
            return self.rehearsal
        if self.real is None:
            msg = f"goal {goal.goal_id!r} needs ANTHROPIC_API_KEY: set it and run `marketeer resume`"
            raise ConfigurationError(msg)
        return self.real


class CapReached(BudgetExceeded):
    """A refused reservation, with what the next decision needs. Money is US dollars."""

    def __init__(self, refused: Refused, *, ask_usd: Decimal, until: datetime | None) -> None:
        what = {
            "month": "this month's budget",
            "goal": "this goal's budget",
            "task": "this task's limit",
        }[refused.scope]
        message = (
            f"the next call may cost up to {dollars(ask_usd)}, but {what} of {dollars(refused.cap_usd)} has "
            f"{dollars(refused.settled_usd)} spent and {dollars(refused.reserved_usd)} reserved"
        )
        super().__init__(message, scope=refused.scope)
        self.refused = refused
        self.ask_usd = ask_usd
        self.until = until


class Ledger:
    """Buys calls. `owner` names this process; a crash leaves its reservations to be booked as estimates."""

    def __init__(
        self,
        store: Store,
        models: Models,
        clock: Clock,
        doorbell: Doorbell,
        *,
        api: ApiState,
        owner: str,
        month_cap_usd: Decimal,
        tracer: Tracer,
    ) -> None:
        self._store = store
        self._tracer = tracer
        self._models = models
        self._clock = clock
        self._doorbell = doorbell
        self._owner = owner
        self._month_cap_usd = month_cap_usd
        self._api = api

    async def tier(self, wanted: Tier, goal: Goal) -> Tier:
        """The tier the month's budget leaves for a call that wants this one."""
        if goal.rehearsal:
            return wanted
        spend = await self._store.month_spend(month_key(self._clock.now()))
        return tier_at(budget_level(settled_usd=spend.settled_usd, cap_usd=self._month_cap_usd), wanted)

    async def buy(
        self,
        request: ModelRequest,
        *,
        goal: Goal,
        item: WorkItem,
        skill: str | None,
        tier: Tier,
        to_documents: Callable[[ModelResponse], Sequence[Document]],
        settle: Settle | None = None,
        on_text: Callable[[int], None] | None = None,
    ) -> Bought:
        """Reserve, call, settle with the documents made of the answer. `settle` records both, and may commit more with
        them; it stands in for the store's own.

        Raises CapReached before the call; after it ApiUnavailable, PermanentError or ConfigurationError, with the call
        booked whenever it may have been billed.
        """
        model = self._models.of(goal)
        reservation = self._reservation(request, goal=goal, item=item, skill=skill, tier=tier)
        try:
            await self._reserve(reservation, goal)
        except asyncio.CancelledError:
            # The hold may still be carried out, for a call that will never be sent.
            await asyncio.shield(self._store.release(request.call_id))
            raise
        log.info("call_started", call_id=request.call_id, model=request.model.model_id, skill=skill)
        try:
            with self._tracer.chat(request, item, goal) as span:
                response = await model.complete(request, on_text)
                span.answered(response)
        except CallLost as exc:
            self._api.failed(item.work_item_id, lost=True)
            await keep_trying(self._clock, partial(self._book_estimate, reservation, str(exc)))
            raise (exc.__cause__ if isinstance(exc.__cause__, MarketeerError) else ApiUnavailable(str(exc))) from exc
        except MarketeerError as exc:
            if isinstance(exc, ApiUnavailable):
                self._api.failed(item.work_item_id, rate_limited=exc.rate_limited)
            await self._store.release(request.call_id)
            log.warning("call_failed", call_id=request.call_id, error=str(exc), error_type=type(exc).__name__)
            raise
        except BaseException:
            # Cut off in mid-call (shutdown, a bug): it may be billed, so it is booked before anything else happens.
            # With the store out of reach its reservation stands, and the next process books it.
            with contextlib.suppress(StoreUnavailable):
                await asyncio.shield(self._book_estimate(reservation, "interrupted"))
            raise
        self._api.succeeded()
        documents = to_documents(response)
        # Paid for, and so far in memory only: a disk that is full for a moment must not cost the answer.
        return await keep_trying(
            self._clock,
            lambda: asyncio.shield(
                self._settle(request, reservation, response, documents, settle or self._store.settle)
            ),
        )

    async def _reserve(self, reservation: Reservation, goal: Goal) -> None:
        caps = Caps(month_usd=self._month_cap_usd, goal_usd=goal.budget_usd, task_usd=DEFAULT_TASK_CAP_USD)
        while (refused := await self._store.reserve(reservation, caps)) is not None:
            granted_usd = await self._granted_usd(reservation) if refused.scope == "task" else Decimal(0)
            if caps.task_usd != DEFAULT_TASK_CAP_USD + granted_usd and refused.scope == "task":
                caps = replace(caps, task_usd=DEFAULT_TASK_CAP_USD + granted_usd)
                continue
            fits_later = refused.in_flight and refused.settled_usd + reservation.amount_usd <= refused.cap_usd
            if not fits_later:
                break
            # Calls in flight hold their worst case and settle at less: wait for one of them.
            await self._doorbell.wait(self._doorbell.rings, SETTLEMENT_LOOK_S)
            await self._check_still_wanted(reservation)
        if refused is None:
            return
        until = next_month(self._clock.now()) if refused.scope == "month" else None
        raise CapReached(refused, ask_usd=reservation.amount_usd.quantize(CENT, rounding=ROUND_UP), until=until)

    async def _check_still_wanted(self, reservation: Reservation) -> None:
        """Raises StaleClaim when the goal was ended, or the item taken away, while its call waited for room."""
        item = await self._store.work_item(reservation.work_item_id)
        if item is None or item.state is not WorkState.CLAIMED:
            msg = f"{reservation.work_item_id!r} is no longer wanted: its goal was ended or its lease was lost"
            raise StaleClaim(msg)

    async def _granted_usd(self, reservation: Reservation) -> Decimal:
        """What humans have added to the task's own limit."""
        approved = await self._store.approvals(status=ApprovalStatus.APPROVED, goal_id=reservation.goal_id)
        raises = [a for a in approved if a.kind is ApprovalKind.BUDGET and a.task_id == reservation.task_id]
        return sum((approval.amount_usd or Decimal(0) for approval in raises), Decimal(0))

    def _reservation(
        self, request: ModelRequest, *, goal: Goal, item: WorkItem, skill: str | None, tier: Tier
    ) -> Reservation:
        amount = request.model.worst_case_usd(request.worst_case())
        return Reservation(
            call_id=request.call_id,
            goal_id=goal.goal_id,
            task_id=item.task_id,
            work_item_id=item.work_item_id,
            kind=item.kind,
            skill=skill,
            model=request.model.model_id,
            tier=tier,
            amount_usd=amount,
            rehearsal=goal.rehearsal,
            owner=self._owner,
            reserved_at=self._clock.now(),
        )

    async def _settle(
        self,
        request: ModelRequest,
        reservation: Reservation,
        response: ModelResponse,
        documents: Sequence[Document],
        settle: Settle,
    ) -> Bought:
        usage = response.usage or Usage()
        call = replace(
            estimate(reservation, self._clock.now()),
            usage=usage,
            latency_s=response.latency_s,
            stop_reason=response.stop_reason,
            request_id=response.request_id,
        )
        if response.usage is not None:
            call = replace(call, cost_usd=request.model.cost_usd(usage), estimated=False)
        stored = await settle(call, documents)
        self._doorbell.ring()
        log.info(
            "call_done",
            call_id=call.call_id,
            model=call.model,
            latency_s=round(call.latency_s, 3),
            input_tokens=usage.total_input_tokens,
            output_tokens=usage.output_tokens,
            cost_usd=str(call.cost_usd),
            stop_reason=call.stop_reason,
            request_id=call.request_id,
        )
        return Bought(response=response, call=call, documents=stored)

    async def _book_estimate(self, reservation: Reservation, why: str) -> None:
        log.warning("call_booked_as_estimate", call_id=reservation.call_id, why=why)
        await self._store.settle(estimate(reservation, self._clock.now()))
        self._doorbell.ring()


def next_month(now: datetime) -> datetime:
    """The first instant of the next UTC calendar month."""
    year, month = (now.year + 1, 1) if now.month == 12 else (now.year, now.month + 1)
    return datetime(year, month, 1, tzinfo=UTC)
