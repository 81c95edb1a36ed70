"""The ledger: model calls, what they cost, and what the caps leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from marketeer.domain.budget import BudgetLevel
from marketeer.domain.goal import Priority
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
    priority: Priority = Priority.P1
    attempt: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Which cap a reservation would have passed, the month named first. `in_flight` tells whether calls now
    running may still make room. `level` is set when it is not the sum that refuses, but the month's budget level."""

    scope: str
    cap_usd: Decimal
    settled_usd: Decimal
    reserved_usd: Decimal
    level: BudgetLevel | None = None

    @property
    def in_flight(self) -> bool:
        return self.level is None and self.reserved_usd > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One row of the ledger. `goal_id` is WORKSPACE_JOURNAL where it was made for none. `estimated` marks a call whose
    real usage is not known; `cost_usd` is then its reservation. A rehearsal's cost is what it would have cost.
    `saved_usd` is what the prompt cache has spared, less than 0 when writing it cost more than reading brought.
    `latency_s` is seconds; `attempt` counts the calls of a work item."""

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
    attempt: int = 1
    saved_usd: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """Running totals of a month, a goal, a task, or a part of a month. `estimated_usd` is the share of `settled_usd`
    that nobody knows exactly; `latency_s` adds up over all calls."""

    settled_usd: Decimal = Decimal(0)
    reserved_usd: Decimal = Decimal(0)
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    estimated_usd: Decimal = Decimal(0)
    saved_usd: Decimal = Decimal(0)
    latency_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthBill:
    """A month's real spend: in total, and cut by UTC day, goal, skill, model and kind. Each cut adds up to the total.
    What was done for no skill is under the empty name."""

    total: Spend
    by_day: Mapping[str, Spend]
    by_goal: Mapping[str, Spend]
    by_skill: Mapping[str, Spend]
    by_model: Mapping[str, Spend]
    by_kind: Mapping[str, Spend]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCost:
    """What one approved task has come to, over all its calls; `calls` leaves out those of its reviews."""

    cost_usd: Decimal
    latency_s: float
    calls: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalBill:
    """A goal's spend, in total and by task id."""

    total: Spend
    by_task: Mapping[str, Spend]


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
        attempt=reservation.attempt,
    )
