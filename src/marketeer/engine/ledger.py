"""The ledger: no call without a reservation, no answer without its booking."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_UP, Decimal
from functools import partial
from typing import Any

from marketeer.domain.budget import BudgetLevel, month_key, next_month, runs_at, tier_at, what_runs
from marketeer.domain.changing import changed
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
from marketeer.domain.ledger import Call, Refused, Reservation, estimate
from marketeer.domain.pace import Pace
from marketeer.domain.usage import CENT, CacheTime, ModelSpec, Tier, dollars
from marketeer.domain.work import WorkItem, WorkState, step_of
from marketeer.engine.api_state import ApiState
from marketeer.engine.patience import PATIENCE_S, keep_trying
from marketeer.engine.warmth import Warmth, cache_time
from marketeer.logs import get_logger
from marketeer.ports import CallLost, Clock, Doorbell, ModelClient, ModelRequest, ModelResponse, Store, Tracer

# Settlements ring. This is only for one whose ring was lost with the process that would have rung.
LOST_RING_S = 60.0
# A process that dies keeps its turns until its calls are booked, and nobody rings for that.
LOST_TURN_S = 2.0
NO_LIMIT = Pace()

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
        super().__init__(_message(refused, ask_usd), scope=refused.scope)
        self.refused = refused
        self.ask_usd = ask_usd
        self.until = until


class Ledger:
    """Buys calls. `owner` names this process; a crash leaves its reservations to be booked as estimates.

    `patience_s` is how long an answer is held for a store out of reach (None: for ever). `at_once` says how many calls
    of all processes may run at once just now, besides what `pace` says for good (None: nothing is the matter)."""

    def __init__(
        self,
        store: Store,
        models: Models,
        clock: Clock,
        doorbell: Doorbell,
        *,
        api: ApiState,
        owner: str,
        tracer: Tracer,
        patience_s: float | None = PATIENCE_S,
        pace: Pace = NO_LIMIT,
        at_once: Callable[[], int | None] = lambda: None,
    ) -> None:
        self._patience_s = patience_s
        self._lasting_pace = pace
        self._at_once = at_once
        self._store = store
        self._tracer = tracer
        self._models = models
        self._clock = clock
        self._doorbell = doorbell
        self._owner = owner
        self._api = api
        self._warmth = Warmth(clock)
        self._latency_s: dict[str, float] = {}

    async def tier(self, wanted: Tier, goal: Goal) -> Tier:
        """The tier the month's budget leaves for a call that wants this one.

        Raises CapReached when it leaves none to work of this priority, before anything is prepared.
        """
        if goal.rehearsal:
            return wanted
        month = month_key(self._clock.now())
        spend = await self._store.month_spend(month)
        budget = await self._store.month_budget(month)
        level = budget.level(spend.settled_usd) if budget is not None else BudgetLevel.EXHAUSTED
        if not runs_at(level, goal.effective_priority):
            cap_usd = budget.cap_usd if budget is not None else Decimal(0)
            refused = Refused(
                scope="month",
                cap_usd=cap_usd,
                settled_usd=spend.settled_usd,
                reserved_usd=spend.reserved_usd,
                level=level,
            )
            raise self._cap_reached(refused, ask_usd=Decimal(0))
        return tier_at(level, wanted)

    def cache_time(self, model: ModelSpec) -> CacheTime:
        """How long to keep what this model's calls share: one after another they begin about so far apart."""
        return cache_time(self._latency_s.get(model.model_id, 0.0))

    async def buy(
        self,
        request: ModelRequest,
        *,
        goal: Goal,
        item: WorkItem,
        skill: str | None,
        tier: Tier,
        attempt: int = 1,
        to_documents: Callable[[ModelResponse], Sequence[Document]],
        on_text: Callable[[int], None] | None = None,
    ) -> Bought:
        """Reserve, call, settle with the documents made of the answer.

        Raises CapReached before the call; after it ApiUnavailable, PermanentError or ConfigurationError, with the call
        booked whenever it may have been billed.
        """
        if goal.rehearsal:
            return await self._buy(request, goal, item, skill, tier, attempt, to_documents, on_text)
        async with self._warmth.turn(request, on_text) as on_begun:
            return await self._buy(request, goal, item, skill, tier, attempt, to_documents, on_begun)

    async def _buy(
        self,
        request: ModelRequest,
        goal: Goal,
        item: WorkItem,
        skill: str | None,
        tier: Tier,
        attempt: int,
        to_documents: Callable[[ModelResponse], Sequence[Document]],
        on_text: Callable[[int], None] | None,
    ) -> Bought:
        model = self._models.of(goal)
        reservation = self._reservation(request, goal=goal, item=item, skill=skill, tier=tier, attempt=attempt)
        try:
            await self._reserve(reservation)
            if not (goal.rehearsal or self._pace().is_free):
                await self._take_turn(reservation)
        except asyncio.CancelledError:
            # The hold may still be carried out, for a call that will never be sent.
            await asyncio.shield(self._release(request.call_id))
            raise
        log.debug("call_started", call_id=request.call_id, model=request.model.model_id, skill=skill)
        try:
            with self._tracer.chat(request, item, goal) as span:
                response = await model.complete(request, on_text)
                span.answered(response)
        except CallLost as exc:
            self._hear(goal, str(exc), lost=True)
            await keep_trying(self._clock, partial(self._book_estimate, reservation, str(exc)), self._patience_s)
            raise (exc.__cause__ if isinstance(exc.__cause__, MarketeerError) else ApiUnavailable(str(exc))) from exc
        except MarketeerError as exc:
            if isinstance(exc, ApiUnavailable):
                self._hear(goal, str(exc), rate_limited=exc.rate_limited)
            await self._release(request.call_id)
            log.warning("call_failed", call_id=request.call_id, error=str(exc), error_type=type(exc).__name__)
            raise
        except BaseException:
            # Cut off in mid-call (shutdown, a bug): it may be billed, so it is booked before anything else happens.
            # With the store out of reach its reservation stands, and the next process books it.
            with contextlib.suppress(StoreUnavailable):
                await asyncio.shield(self._book_estimate(reservation, "interrupted"))
            raise
        if not goal.rehearsal:
            self._api.succeeded()
        self._latency_s[request.model.model_id] = response.latency_s
        documents = to_documents(response)
        # Paid for, and so far in memory only: a disk that is full for a moment must not cost the answer.
        return await keep_trying(
            self._clock,
            lambda: asyncio.shield(self._settle(request, reservation, response, documents)),
            self._patience_s,
        )

    def _hear(self, goal: Goal, why: str, *, rate_limited: bool = False, lost: bool = False) -> None:
        """A rehearsal says nothing of the API."""
        if not goal.rehearsal:
            self._api.failed(why, rate_limited=rate_limited, lost=lost)

    async def _reserve(self, reservation: Reservation) -> None:
        """Hold the money. Waits while it is only held by calls in flight, which mostly settle at less."""
        while True:
            seen = self._doorbell.rings
            refused = await self._store.reserve(reservation)
            if refused is None:
                return
            fits_later = refused.in_flight and refused.settled_usd + reservation.amount_usd <= refused.cap_usd
            if not fits_later:
                raise self._cap_reached(refused, ask_usd=reservation.amount_usd)
            log.debug("call_waits_for_settlements", call_id=reservation.call_id, scope=refused.scope)
            await self._doorbell.wait(seen, LOST_RING_S)
            await self._check_still_wanted(reservation)

    def _pace(self) -> Pace:
        return self._lasting_pace.at_most(self._at_once())

    async def _take_turn(self, reservation: Reservation) -> None:
        """Wait until the pace has room for one more call, holding the money."""
        while True:
            seen, now = self._doorbell.rings, self._clock.now()
            wait = await self._store.take_turn(reservation.call_id, self._pace(), now=now)
            if wait is None:
                return
            log.debug("call_waits_for_its_turn", call_id=reservation.call_id, until=wait.until)
            if wait.until is not None:
                await self._clock.sleep((wait.until - now).total_seconds())
            else:
                await self._doorbell.wait(seen, LOST_TURN_S)
            try:
                await self._check_still_wanted(reservation)
                self._check_still_up()
            except (StaleClaim, ApiUnavailable):
                await self._release(reservation.call_id)
                raise

    def _cap_reached(self, refused: Refused, *, ask_usd: Decimal) -> CapReached:
        until = next_month(self._clock.now()) if refused.scope == "month" else None
        return CapReached(refused, ask_usd=ask_usd.quantize(CENT, rounding=ROUND_UP), until=until)

    async def _release(self, call_id: str) -> None:
        """Whoever waits for room may have it now."""
        await self._store.release(call_id)
        self._doorbell.ring()

    async def _check_still_wanted(self, reservation: Reservation) -> None:
        """Raises StaleClaim when the goal was ended, or the item taken away, while its call waited for room."""
        item = await self._store.work_item(step_of(reservation.work_item_id))
        if item is None or item.state is not WorkState.CLAIMED:
            msg = f"{reservation.work_item_id!r} is no longer wanted: its goal was ended or its lease was lost"
            raise StaleClaim(msg)

    def _check_still_up(self) -> None:
        """Raises ApiUnavailable when the call that went ahead has shown that nobody answers."""
        if self._api.is_down:
            msg = f"the API went down while this call waited for its turn: {self._api.why}"
            raise ApiUnavailable(msg)

    def _reservation(
        self, request: ModelRequest, *, goal: Goal, item: WorkItem, skill: str | None, tier: Tier, attempt: int
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
            priority=goal.effective_priority,
            attempt=attempt,
        )

    async def _settle(
        self,
        request: ModelRequest,
        reservation: Reservation,
        response: ModelResponse,
        documents: Sequence[Document],
    ) -> Bought:
        call = settled(estimate(reservation, self._clock.now()), request.model, response)
        stored = await self._store.settle(call, documents)
        self._doorbell.ring()
        log.info(
            "call_done",
            call_id=call.call_id,
            model=call.model,
            latency_s=round(call.latency_s, 3),
            input_tokens=call.usage.total_input_tokens,
            output_tokens=call.usage.output_tokens,
            cost_usd=str(call.cost_usd),
            stop_reason=call.stop_reason,
            request_id=call.request_id,
        )
        return Bought(response=response, call=call, documents=stored)

    async def _book_estimate(self, reservation: Reservation, why: str) -> None:
        log.warning("call_booked_as_estimate", call_id=reservation.call_id, why=why)
        await self._store.settle(estimate(reservation, self._clock.now()))
        self._doorbell.ring()


def settled(booked: Call, model: ModelSpec, response: ModelResponse) -> Call:
    """The row of a call that was answered, made of its estimate; it stays one where the answer names no usage."""
    known: dict[str, Any] = {}
    if response.usage is not None:
        cost_usd = model.cost_usd(response.usage)
        saved_usd = model.uncached_usd(response.usage) - cost_usd
        known = {"usage": response.usage, "cost_usd": cost_usd, "saved_usd": saved_usd, "estimated": False}
    return changed(
        booked,
        latency_s=response.latency_s,
        stop_reason=response.stop_reason,
        request_id=response.request_id,
        **known,
    )


def _message(refused: Refused, ask_usd: Decimal) -> str:
    if refused.level is not None:
        return (
            f"{dollars(refused.settled_usd)} of this month's budget of {dollars(refused.cap_usd)} is spent: "
            f"{what_runs(refused.level)} until the next month or a raise"
        )
    what = {
        "month": "this month's budget",
        "goal": "this goal's budget",
        "task": "this task's limit",
    }[refused.scope]
    return (
        f"the next call may cost up to {dollars(ask_usd)}, but {what} of {dollars(refused.cap_usd)} has "
        f"{dollars(refused.settled_usd)} spent and {dollars(refused.reserved_usd)} reserved"
    )
