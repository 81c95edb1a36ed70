"""Budget levels: how much of the month's cap is settled, and which tier that leaves."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from marketeer.domain.usage import Tier


class BudgetLevel(StrEnum):
    NORMAL = "normal"
    WARNING = "warning"
    THROTTLE = "throttle"
    CRITICAL = "critical"
    EXHAUSTED = "exhausted"


# Share of the month's cap from which a level holds.
_FROM = (
    (Decimal("1.00"), BudgetLevel.EXHAUSTED),
    (Decimal("0.95"), BudgetLevel.CRITICAL),
    (Decimal("0.90"), BudgetLevel.THROTTLE),
    (Decimal("0.80"), BudgetLevel.WARNING),
)


def budget_level(*, settled_usd: Decimal, cap_usd: Decimal) -> BudgetLevel:
    """The level at this settled spend. A cap of 0 is exhausted: nothing may be spent."""
    for share, level in _FROM:
        if settled_usd >= cap_usd * share:
            return level
    return BudgetLevel.NORMAL


def tier_at(level: BudgetLevel, wanted: Tier) -> Tier:
    """The tier a call is made at: the wanted one, or haiku when money is nearly gone."""
    return Tier.HAIKU if level in (BudgetLevel.CRITICAL, BudgetLevel.EXHAUSTED) else wanted
