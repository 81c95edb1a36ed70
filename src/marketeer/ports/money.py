"""The ledger: reservations, calls, caps, bills."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # a port only names these: who reads must not load all that the others need
    from marketeer.domain.budget import MonthBudget
    from marketeer.domain.document import Document
    from marketeer.domain.ledger import Call, GoalBill, MonthBill, Refused, Reservation, Spend, TaskCost
    from marketeer.domain.pace import Pace, Wait


class MoneyStore(Protocol):
    """What calls cost and may cost."""

    async def reserve(self, reservation: Reservation) -> Refused | None:
        """Hold the amount against month, goal and task in one conditional update, or say which cap refuses: the month's
        level or cap first, then the goal's, then the task's, all as stored at that instant. Where no cap was ever set
        for a month, nothing may be spent.

        A rehearsal's reservation is never refused and never counts in the month."""
        ...

    async def take_turn(self, call_id: str, pace: Pace, *, now: datetime) -> Wait | None:
        """Let a call begin that has its reservation, if the pace leaves room for it now; over all processes, in one
        transaction. Its turn ends with its reservation."""
        ...

    async def settle(self, call: Call, documents: Sequence[Document] = ()) -> Sequence[Document]:
        """Book the call (replacing an estimate), release its reservation and store its documents, in one
        transaction, whatever has become of the task. Returns the documents with their versions."""
        ...

    async def release(self, call_id: str) -> None:
        """Drop a reservation whose call is known not to have been billed."""
        ...

    async def book_orphans(self, *, now: datetime, owner_not: str | None = None, owner: str | None = None) -> int:
        """Book the reservations of this dead owner, or of every other than `owner_not`, as estimated calls. The second
        is for the holder of the working lock only."""
        ...

    async def calls(self, goal_id: str, *, work_item_id: str | None = None) -> Sequence[Call]:
        """In the order of settling."""
        ...

    async def goal_bill(self, goal_id: str) -> GoalBill: ...

    async def month_spend(self, month: str) -> Spend: ...

    async def month_bill(self, month: str) -> MonthBill:
        """Each cut dearest first, days in order. Of many goals the dearest 100, and the rest under the empty name."""
        ...

    async def month_budget(self, month: str) -> MonthBudget | None:
        """None when no cap was ever set. A month that has none yet takes over the base of the one before."""
        ...

    async def set_month_cap(self, month: str, base_usd: Decimal, *, who: str, now: datetime) -> bool:
        """From this month on; its raises stay. Journaled, unless it is that already: then False.

        Whatever sets or raises a cap, and whatever settles, also journals each level that is reached: once for each
        month, cap and level, whoever does it."""
        ...

    async def raise_month_cap(self, month: str, by_usd: Decimal, *, who: str, now: datetime) -> MonthBudget:
        """This month only; journaled."""
        ...

    async def real_calls(self, *, after: int, limit: int) -> Sequence[tuple[int, Call]]:
        """(place, call) of the ledger without rehearsals, from behind a place, in the order of booking."""
        ...

    async def skill_costs(self, skill: str, *, limit: int) -> Sequence[TaskCost]:
        """Of this skill's newest approved tasks, rehearsals left out."""
        ...

    async def costs_of_skills(self, skills: Sequence[str], *, limit: int) -> Mapping[str, Sequence[TaskCost]]:
        """The same of several skills at once."""
        ...

    async def forecast_errors(self, *, limit: int) -> Sequence[tuple[Decimal, Decimal]]:
        """(expected, real) cost in US dollars of the newest completed goals, rehearsals left out."""
        ...
