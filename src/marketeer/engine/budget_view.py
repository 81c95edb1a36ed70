"""The month's money as plain JSON-ready data: what the CLI prints and the budget page is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from marketeer.domain.budget import MonthBudget, month_key, projected_usd
from marketeer.domain.forecast import Record, record_of
from marketeer.domain.ledger import MonthBill, Spend
from marketeer.ports import Store

GRADED_GOALS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetView:
    """A month's cap and spend at one moment, and how good the forecasts have been."""

    now: datetime
    budget: MonthBudget
    bill: MonthBill
    forecasts: Record | None

    @property
    def left_usd(self) -> Decimal:
        total = self.bill.total
        return max(Decimal(0), self.budget.cap_usd - total.settled_usd - total.reserved_usd)

    @property
    def projected_usd(self) -> Decimal:
        return projected_usd(self.bill.total.settled_usd, self.now)


async def budget_view(store: Store, now: datetime, *, usual_cap_usd: Decimal) -> BudgetView:
    """Of the month of `now`. `usual_cap_usd` holds where none was ever stored."""
    month = month_key(now)
    return BudgetView(
        now=now,
        budget=await store.month_budget(month) or MonthBudget(month=month, base_usd=usual_cap_usd),
        bill=await store.month_bill(month),
        forecasts=record_of(await store.forecast_errors(limit=GRADED_GOALS)),
    )


def budget_dict(view: BudgetView) -> dict[str, Any]:
    """See the README for the fields. Amounts are US dollars."""
    budget, bill = view.budget, view.bill
    return {
        "month": budget.month,
        "level": budget.level(bill.total.settled_usd).value,
        "cap_usd": float(budget.cap_usd),
        "raised_usd": float(budget.raised_usd),
        "reserved_usd": float(bill.total.reserved_usd),
        "left_usd": float(view.left_usd),
        "projected_usd": float(view.projected_usd),
        **_spend_dict(bill.total),
        "forecasts": _record_dict(view.forecasts),
        "by_day": _cut(bill.by_day, "day"),
        "by_goal": _cut(bill.by_goal, "goal_id"),
        "by_skill": _cut(bill.by_skill, "skill"),
        "by_model": _cut(bill.by_model, "model"),
        "by_kind": _cut(bill.by_kind, "kind"),
    }


def _cut(parts: Mapping[str, Spend], name: str) -> list[dict[str, Any]]:
    return [{name: key or None, **_spend_dict(spend)} for key, spend in parts.items()]


def _spend_dict(spend: Spend) -> dict[str, Any]:
    return {
        "settled_usd": float(spend.settled_usd),
        "estimated_usd": float(spend.estimated_usd),
        "saved_by_cache_usd": float(spend.saved_usd),
        "calls": spend.calls,
        "input_tokens": spend.input_tokens,
        "output_tokens": spend.output_tokens,
    }


def _record_dict(record: Record | None) -> dict[str, Any] | None:
    if record is None:
        return None
    return {"goals": record.goals, "error": float(record.error), "bias": float(record.bias)}
