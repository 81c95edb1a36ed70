"""The ledger: model calls, what they cost, and what the caps leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from marketeer.domain.usage import Tier, Usage
from marketeer.domain.work import WorkKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """The worst case of a call, held from before it is sent until it is settled."""

    call_id: str
    goal_id: str
    task_id: str | None
    work_item_id: str
    kind: WorkKind
    skill: str | None
    model: str
    tier: Tier
    amount_usd: Decimal
    rehearsal: bool
    owner: str
    reserved_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """Spending limits in US dollars. None means this scope has no limit; 0 means nothing may be spent."""

    month_usd: Decimal | None = None
    goal_usd: Decimal | None = None
    task_usd: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Which cap a reservation would have passed, the month named first. `in_flight` tells whether calls now
    running may still make room."""

    scope: str
    cap_usd: Decimal
    settled_usd: Decimal
    reserved_usd: Decimal

    @property
    def in_flight(self) -> bool:
        return self.reserved_usd > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One row of the ledger. `estimated` marks a call whose real usage is not known; `cost_usd` is then its
    reservation. A rehearsal's cost is what it would have cost. `latency_s` is seconds."""

    call_id: str
    goal_id: str
    task_id: str | None
    work_item_id: str
    kind: WorkKind
    skill: str | None
    model: str
    tier: Tier
    usage: Usage
    cost_usd: Decimal
    latency_s: float
    stop_reason: str | None
    request_id: str | None
    rehearsal: bool
    estimated: bool
    reserved_at: datetime
    settled_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """Running totals of one month, goal or task."""

    settled_usd: Decimal = Decimal(0)
    reserved_usd: Decimal = Decimal(0)
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalBill:
    """A goal's spend, in total and by task id."""

    total: Spend
    by_task: Mapping[str, Spend]


def month_key(at: datetime) -> str:
    """The UTC calendar month a call belongs to, `2026-11`."""
    return f"{at:%Y-%m}"


def estimate(reservation: Reservation, now: datetime) -> Call:
    """The row of a call whose usage nobody knows: it is booked at its reservation."""
    return Call(
        call_id=reservation.call_id,
        goal_id=reservation.goal_id,
        task_id=reservation.task_id,
        work_item_id=reservation.work_item_id,
        kind=reservation.kind,
        skill=reservation.skill,
        model=reservation.model,
        tier=reservation.tier,
        usage=Usage(),
        cost_usd=reservation.amount_usd,
        latency_s=0.0,
        stop_reason=None,
        request_id=None,
        rehearsal=reservation.rehearsal,
        estimated=True,
        reserved_at=reservation.reserved_at,
        settled_at=now,
    )
