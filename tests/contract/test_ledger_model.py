"""The ledger against a plain reading of its rules: any order of holding, settling, losing, raising and turning months.

The plain one keeps every call in a list and adds up whenever it is asked. Whatever is done to both, they say the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import ROUND_DOWN, Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from marketeer.adapters.sqlite.store import SqliteStore
from marketeer.domain.advance import begin
from marketeer.domain.budget import BudgetLevel, month_key
from marketeer.domain.goal import Priority
from marketeer.domain.ledger import Call, Reservation, Spend, estimate
from marketeer.domain.usage import MICRO, Usage
from tests.support.builders import NOW, a_call, a_goal, a_reservation

GOALS = ("goal-aaaa", "goal-bbbb", "goal-zzzz")
GOAL_CAPS = {"goal-aaaa": None, "goal-bbbb": Decimal(7), "goal-zzzz": Decimal(0)}
TASK_CAP = Decimal(5)
OWNERS = ("first", "second")
# Behind, before and at the turn of a month, as UTC has it; the clock may jump to any of them at any time.
MOMENTS = (
    datetime(2026, 10, 25, 1, 30, tzinfo=UTC),  # the hour that Europe's clocks run through twice
    datetime(2026, 11, 30, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2026, 12, 1, tzinfo=UTC),
)
MONTHS = sorted({month_key(at) for at in MOMENTS})
SHARES = {
    BudgetLevel.WARNING: (Decimal("0.8"), {Priority.P0, Priority.P1, Priority.P2}),
    BudgetLevel.THROTTLE: (Decimal("0.9"), {Priority.P0, Priority.P1}),
    BudgetLevel.CRITICAL: (Decimal("0.95"), {Priority.P0}),
    BudgetLevel.EXHAUSTED: (Decimal(1), set[Priority]()),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    usd: Decimal
    goal: str
    task: int
    owner: str
    priority: Priority
    at: datetime
    rehearsal: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """Of one of the calls there were, perhaps for a second time. `share` of its worst case; None: never billed."""

    which: int
    share: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Die:
    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    usd: Decimal
    at: datetime
    by_raise: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopen:
    """As after a restart."""


Step = Hold | End | Die | Cap | Reopen

dollars = (st.integers(1, 4_000_000) | st.integers(1, 100_000)).map(lambda micros: Decimal(micros) * MICRO)
caps = st.integers(0, 12).map(Decimal)
moments = st.sampled_from(MOMENTS)
holds = st.builds(
    Hold,
    usd=dollars,
    goal=st.sampled_from(GOALS[:2]),
    task=st.integers(1, 2),
    owner=st.sampled_from(OWNERS),
    priority=st.sampled_from(Priority),
    at=moments,
    rehearsal=st.integers(0, 9).map(lambda n: n == 0),
)
ends = st.builds(
    End, which=st.integers(0, 9), share=st.sampled_from([None, *map(Decimal, ("0", "0.3", "0.97", "1", "1"))])
)
steps: st.SearchStrategy[Step] = st.one_of(
    holds,
    holds,
    ends,
    ends,
    st.builds(Die, owner=st.sampled_from(OWNERS)),
    st.builds(Cap, usd=caps, at=moments, by_raise=st.booleans()),
    st.just(Reopen()),
)


@dataclass(slots=True, kw_only=True)
class Plain:
    """The rules, in the words of the issue and with no thought of speed."""

    held: dict[str, Reservation] = field(default_factory=dict)
    booked: dict[str, Call] = field(default_factory=dict)
    bases: dict[str, Decimal] = field(default_factory=dict)
    raises: dict[str, Decimal] = field(default_factory=dict)

    def cap(self, month: str) -> Decimal:
        before = [known for known in sorted(self.bases) if known <= month] or sorted(self.bases)[:1]
        return (self.bases[before[-1]] if before else Decimal(0)) + self.raises.get(month, Decimal(0))

    def sums(self, scope: str, key: str) -> tuple[Decimal, Decimal]:
        """Settled and reserved."""
        return (
            sum((call.cost_usd for call in self.booked.values() if _counts(call, scope, key)), Decimal(0)),
            sum((one.amount_usd for one in self.held.values() if _counts(one, scope, key)), Decimal(0)),
        )

    def refusal(self, wanted: Reservation) -> str | None:
        if wanted.rehearsal:
            return None
        month = month_key(wanted.reserved_at)
        cap = self.cap(month)
        settled, _ = self.sums("month", month)
        for share, runs in SHARES.values():
            if settled >= cap * share and wanted.priority not in runs:
                return "month"
        goal_cap = GOAL_CAPS[wanted.goal_id]
        goal_cap = (cap / 10).quantize(MICRO, rounding=ROUND_DOWN) if goal_cap is None else goal_cap
        caps = (("month", month, cap), ("goal", wanted.goal_id, goal_cap), ("task", wanted.task_id or "", TASK_CAP))
        return next((scope for scope, key, most in caps if sum(self.sums(scope, key)) + wanted.amount_usd > most), None)


def _counts(one: Reservation | Call, scope: str, key: str) -> bool:
    match scope:
        case "month":
            return month_key(one.reserved_at) == key and not one.rehearsal
        case "goal":
            return one.goal_id == key
        case _:
            return one.task_id == key


class Both:
    """The ledger and the plain one, side by side."""

    def __init__(self, path: Path) -> None:
        self.plain = Plain()
        self._path = path
        self._store = SqliteStore(path)
        self._calls: list[Reservation] = []

    async def open(self) -> None:
        await self._store.open()
        for goal_id in GOALS:
            await self._store.commit(begin(a_goal(goal_id, budget_usd=GOAL_CAPS[goal_id]), NOW))

    async def spend(self, usd: Decimal, at: datetime) -> None:
        """An answer whose reservation nobody remembers, of a goal that nothing else is done to."""
        call = a_call(a_reservation("before", goal_id=GOALS[-1], task_id=None, reserved_at=at), str(usd))
        await self._store.settle(call)
        self.plain.booked[call.call_id] = call

    async def close(self) -> None:
        await self._store.close()

    async def do(self, step: Step) -> None:
        match step:
            case Hold():
                await self._hold(step)
            case End():
                await self._end(step)
            case Die(owner=owner):
                await self._store.book_orphans(now=NOW, owner=owner)
                for held in [one for one in self.plain.held.values() if one.owner == owner]:
                    del self.plain.held[held.call_id]
                    self.plain.booked[held.call_id] = estimate(held, NOW)
            case Cap():
                await self._cap(step)
            case Reopen():
                await self._store.close()
                self._store = SqliteStore(self._path)
                await self._store.open()
        await self.compare()

    async def _hold(self, step: Hold) -> None:
        number = len(self._calls)
        wanted = a_reservation(
            f"call-{number}",
            str(step.usd),
            goal_id=step.goal,
            task_id=f"{step.goal}-{step.task}",
            owner=step.owner,
            priority=step.priority,
            reserved_at=step.at,
            rehearsal=step.rehearsal,
        )
        expected = self.plain.refusal(wanted)
        refused = await self._store.reserve(wanted)
        assert (refused.scope if refused else None) == expected
        event(f"held: {'yes' if refused is None else 'level' if refused.level else refused.scope}")
        if refused is None:
            self._calls.append(wanted)
            self.plain.held[wanted.call_id] = wanted
            return
        settled, reserved = self.plain.sums(refused.scope, _key_of(refused.scope, wanted))
        assert (refused.settled_usd, refused.reserved_usd) == (settled, reserved)
        assert reserved > 0 or not refused.in_flight, "it would wait for nobody"

    async def _end(self, step: End) -> None:
        """The answer may come twice, and after its call was given up as lost: the newest word counts."""
        if not self._calls:
            return
        held = self._calls[step.which % len(self._calls)]
        if step.share is None:
            await self._store.release(held.call_id)
            self.plain.held.pop(held.call_id, None)
            return
        cost = (held.amount_usd * step.share).quantize(MICRO, rounding=ROUND_DOWN)
        if held.call_id not in self.plain.held and held.call_id not in self.plain.booked:
            return  # released: it was never billed, so no answer comes
        call = a_call(held, str(cost), usage=Usage(input_tokens=7, output_tokens=3))
        event(f"settled: {'late' if held.call_id in self.plain.booked else 'in time'}")
        await self._store.settle(call)
        self.plain.held.pop(held.call_id, None)
        self.plain.booked[held.call_id] = call

    async def _cap(self, step: Cap) -> None:
        month = month_key(step.at)
        if step.by_raise and self.plain.bases:
            await self._store.raise_month_cap(month, step.usd, who="ada", now=step.at)
            # A month that is raised keeps the base it had then.
            self.plain.bases[month] = self.plain.cap(month) - self.plain.raises.get(month, Decimal(0))
            self.plain.raises[month] = self.plain.raises.get(month, Decimal(0)) + step.usd
        else:
            known = bool(self.plain.bases) and self.plain.cap(month) - self.plain.raises.get(month, 0) == step.usd
            await self._store.set_month_cap(month, step.usd, who="ada", now=step.at)
            if not known:
                self.plain.bases[month] = step.usd

    async def compare(self) -> None:
        for month in MONTHS:
            spend = await self._store.month_spend(month)
            assert (spend.settled_usd, spend.reserved_usd) == self.plain.sums("month", month)
            budget = await self._store.month_budget(month)
            assert (budget.cap_usd if budget else Decimal(0)) == self.plain.cap(month)
        for goal_id in GOALS:
            goal = await self._store.goal_bill(goal_id)
            assert (goal.total.settled_usd, goal.total.reserved_usd) == self.plain.sums("goal", goal_id)
            for task_id, part in goal.by_task.items():
                assert (part.settled_usd, part.reserved_usd) == self.plain.sums("task", task_id)

    async def compare_cuts(self) -> None:
        for month in MONTHS:
            bill = await self._store.month_bill(month)
            for cut in (bill.by_day, bill.by_goal, bill.by_skill, bill.by_model, bill.by_kind):
                assert _together(cut.values()) == bill.total.settled_usd


def _key_of(scope: str, wanted: Reservation) -> str:
    return {"month": month_key(wanted.reserved_at), "goal": wanted.goal_id, "task": wanted.task_id or ""}[scope]


def _together(parts: Iterable[Spend]) -> Decimal:
    return sum((part.settled_usd for part in parts), Decimal(0))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(first=caps, spent=st.sampled_from([0, 79, 80, 90, 95, 100]), what=st.lists(steps, min_size=8, max_size=25))
def test_the_ledger_says_what_its_rules_say_whatever_is_done_to_it(
    first: Decimal, spent: int, what: Sequence[Step]
) -> None:
    async def play() -> None:
        with TemporaryDirectory() as folder:
            both = Both(Path(folder) / "marketeer.db")
            await both.open()
            await both.spend(first * spent / 100, MOMENTS[-1])
            for step in [Cap(usd=first, at=MOMENTS[0], by_raise=False), *what]:
                await both.do(step)
            await both.compare_cuts()
            await both.close()

    asyncio.run(play())


def test_what_is_held_and_settled_never_passes_a_cap_that_stays() -> None:
    """Of the plain rules: so the ledger, which says the same, keeps the promise too."""

    @settings(max_examples=100, deadline=None)
    @given(what=st.lists(st.one_of(steps).filter(lambda step: not isinstance(step, Cap)), max_size=40))
    def holds(what: Sequence[Step]) -> None:
        plain = Plain(bases={"2026-10": Decimal(9)})
        calls: list[Reservation] = []
        for step in what:
            if isinstance(step, Hold):
                wanted = a_reservation(f"call-{len(calls)}", str(step.usd), goal_id=step.goal, reserved_at=step.at)
                wanted = replace(wanted, task_id=f"{step.goal}-{step.task}", priority=step.priority)
                if plain.refusal(wanted) is None:
                    calls.append(wanted)
                    plain.held[wanted.call_id] = wanted
            elif isinstance(step, End) and calls and step.share is not None:
                held = plain.held.pop(calls[step.which % len(calls)].call_id, None)
                if held is not None:
                    plain.booked[held.call_id] = a_call(held, str(held.amount_usd * step.share))
            assert all(sum(plain.sums("month", month)) <= 9 for month in ("2026-10", "2026-11", "2026-12"))
            assert sum(plain.sums("goal", "goal-bbbb")) <= 7
            assert all(sum(plain.sums("task", f"{goal}-{n}")) <= TASK_CAP for goal in GOALS for n in (1, 2))

    holds()
