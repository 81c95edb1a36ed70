"""The month's budget: its cap, the level that settled spend has reached, and what a level allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from enum import StrEnum

from marketeer.domain.goal import Priority
from marketeer.domain.journal import BUDGET_JOURNAL, JournalEntry
from marketeer.domain.usage import MICRO, Tier, dollars

# Of the month's cap, for a goal that was given no budget of its own.
GOAL_SHARE = Decimal("0.1")
TASK_CAP_USD = Decimal(5)


class BudgetLevel(StrEnum):
    NORMAL = "normal"
    WARNING = "warning"
    THROTTLE = "throttle"
    CRITICAL = "critical"
    EXHAUSTED = "exhausted"

    @property
    def rank(self) -> int:
        """Rises with what is spent."""
        return _RANK[self]

    @property
    def from_share(self) -> Decimal:
        """The share of the month's cap from which it holds."""
        return _FROM[self]


_FROM = {
    BudgetLevel.NORMAL: Decimal(0),
    BudgetLevel.WARNING: Decimal("0.80"),
    BudgetLevel.THROTTLE: Decimal("0.90"),
    BudgetLevel.CRITICAL: Decimal("0.95"),
    BudgetLevel.EXHAUSTED: Decimal("1.00"),
}
_RANK = {level: rank for rank, level in enumerate(_FROM)}
_DOWNWARDS = tuple(reversed(_FROM.items()))
_RUNS = {
    BudgetLevel.NORMAL: frozenset(Priority),
    BudgetLevel.WARNING: frozenset({Priority.P0, Priority.P1, Priority.P2}),
    BudgetLevel.THROTTLE: frozenset({Priority.P0, Priority.P1}),
    BudgetLevel.CRITICAL: frozenset({Priority.P0}),
    BudgetLevel.EXHAUSTED: frozenset[Priority](),
}
_EVENTS = {
    BudgetLevel.WARNING: "budget_warning",
    BudgetLevel.THROTTLE: "budget_warning",
    BudgetLevel.CRITICAL: "budget_critical",
    BudgetLevel.EXHAUSTED: "budget_critical",
}


def budget_level(*, settled_usd: Decimal, cap_usd: Decimal) -> BudgetLevel:
    """The level at this settled spend. A cap of 0 is exhausted: nothing may be spent."""
    return level_at(settled_usd, cap_usd)


def level_at(settled: Decimal | int, cap: Decimal | int) -> BudgetLevel:
    """The same of any two amounts in one unit, such as micro-dollars."""
    return next(level for level, share in _DOWNWARDS if settled >= cap * share)


def goal_share(cap: int) -> int:
    """What a goal without a budget of its own may spend of a month's cap, in micro-dollars."""
    return int(cap * GOAL_SHARE)


def tier_at(level: BudgetLevel, wanted: Tier) -> Tier:
    """The tier a call is made at: the wanted one, or haiku when money is nearly gone."""
    return Tier.HAIKU if level.rank >= BudgetLevel.CRITICAL.rank else wanted


def runs_at(level: BudgetLevel, priority: Priority) -> bool:
    """Whether work of this priority goes on; what does not waits for the next month or a raise."""
    return priority in _RUNS[level]


def what_runs(level: BudgetLevel) -> str:
    """In words, for people who wait."""
    allowed = sorted(_RUNS[level])
    if not allowed:
        return "nothing goes on"
    together = " and ".join(filter(None, [", ".join(allowed[:-1]), allowed[-1]]))
    return f"only {together} goals go on"


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthBudget:
    """A month's cap in US dollars: what is set for every month, and what this one was raised by.

    `announced` is the highest level that the journal has been told of under this cap.
    """

    month: str
    base_usd: Decimal
    raised_usd: Decimal = Decimal(0)
    announced: BudgetLevel = BudgetLevel.NORMAL

    @property
    def cap_usd(self) -> Decimal:
        return self.base_usd + self.raised_usd

    def level(self, settled_usd: Decimal) -> BudgetLevel:
        return budget_level(settled_usd=settled_usd, cap_usd=self.cap_usd)

    @property
    def goal_cap_usd(self) -> Decimal:
        """For a goal that was given no budget of its own."""
        return (self.cap_usd * GOAL_SHARE).quantize(MICRO, rounding=ROUND_DOWN)


def crossed(budget: MonthBudget, settled_usd: Decimal) -> Sequence[BudgetLevel]:
    """The levels reached that the journal does not know of yet, lowest first."""
    reached = budget.level(settled_usd)
    if reached is budget.announced:
        return ()
    return [level for level in BudgetLevel if budget.announced.rank < level.rank <= reached.rank]


def crossing_entry(budget: MonthBudget, level: BudgetLevel, settled_usd: Decimal, now: datetime) -> JournalEntry:
    """What the journal is told, once for each month, cap and level."""
    share = f"{level.from_share:.0%}"
    why = f"{dollars(settled_usd)} of {dollars(budget.cap_usd)} spent in {budget.month}: {what_runs(level)}"
    return JournalEntry(
        goal_id=BUDGET_JOURNAL,
        at=now,
        what=_EVENTS[level],
        why=why,
        data={"month": budget.month, "level": level.value, "at": share, "settled_usd": str(settled_usd)},
    )


def cap_entry(before: MonthBudget | None, after: MonthBudget, *, who: str, now: datetime) -> JournalEntry:
    """What the journal is told when a cap is set or raised."""
    raised = before is not None and after.raised_usd != before.raised_usd
    was = f" (it was {dollars(before.cap_usd)})" if before is not None else ""
    return JournalEntry(
        goal_id=BUDGET_JOURNAL,
        at=now,
        what="budget_raised" if raised else "budget_set",
        who=who,
        why=f"{dollars(after.cap_usd)} for {after.month}{was}",
        data={
            "month": after.month,
            "base_usd": str(after.base_usd.quantize(MICRO)),
            "raised_usd": str(after.raised_usd.quantize(MICRO)),
        },
    )


def month_key(at: datetime) -> str:
    """The UTC calendar month a call belongs to, `2026-11`."""
    utc = at if at.tzinfo is UTC else at.astimezone(UTC)
    return f"{utc.year:04}-{utc.month:02}"


def next_month(now: datetime) -> datetime:
    """The first instant of the next UTC calendar month."""
    utc = now.astimezone(UTC)
    year, month = (utc.year + 1, 1) if utc.month == 12 else (utc.year, utc.month + 1)
    return datetime(year, month, 1, tzinfo=UTC)


def projected_usd(settled_usd: Decimal, now: datetime) -> Decimal:
    """What the month comes to if it goes on as so far. The first day counts as whole: it tells little."""
    end = next_month(now)
    begin = datetime.fromisoformat(f"{month_key(now)}-01T00:00:00+00:00")
    elapsed = max(now - begin, timedelta(days=1))
    share = Decimal(elapsed // timedelta(seconds=1)) / Decimal((end - begin) // timedelta(seconds=1))
    return (settled_usd / share).quantize(MICRO)
