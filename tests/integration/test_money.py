"""Caps hold whatever happens: what does not fit is not called, waits or asks, and nothing spent is ever forgotten."""

from __future__ import annotations

import random
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from marketeer.adapters.claude import ClaudeModel
from marketeer.adapters.sqlite import ledger as ledger_sql
from marketeer.domain.approval import ApprovalKind, ApprovalStatus, Decision
from marketeer.domain.budget import BudgetLevel, month_key
from marketeer.domain.errors import PermanentError
from marketeer.domain.goal import Goal, GoalStatus, Priority
from marketeer.domain.ledger import Refused, Reservation
from marketeer.domain.task import WAITS_FOR_BUDGET, TaskStatus
from marketeer.engine import ledger as ledger_module
from marketeer.ports import ModelRequest
from marketeer.runtime import Office
from marketeer.testing.answers import Asked, RehearsedAnswers
from marketeer.testing.fake_claude import FakeClaude
from marketeer.testing.faults import Fault, FaultKind, at_random
from tests.integration.desk import (
    FAN,
    FUNNEL,
    KEY,
    START,
    Clerk,
    QuickClock,
    again,
    an_office,
    at_work,
    check_books,
    finish,
    journal_of,
    read,
    response,
    statuses,
    submit,
    task_of,
    with_secret,
    without_summary,
    work,
)
from tests.support.builders import a_call, a_reservation

SKILL = "analytics-tracking"
CENT = Decimal("0.01")
DECEMBER = datetime(2026, 12, 1, tzinfo=UTC)
# So that it is not this goal's own budget that refuses.
RICH = Decimal(1_000)


def worst_case(request: ModelRequest) -> Decimal:
    return request.model.worst_case_usd(request.worst_case())


async def _question(office: Office, goal: Goal) -> str:
    (approval,) = await office.store.approvals(status=ApprovalStatus.OPEN, goal_id=goal.goal_id)
    assert approval.kind is ApprovalKind.BUDGET
    return approval.approval_id


# -- the goal's own cap ----------------------------------------------------------------------------------------


async def test_a_goal_whose_cap_is_too_small_calls_nothing_and_asks(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk) as office:
        goal = await finish(office, budget_usd=CENT)
        assert (goal.status, clerk.seen) == (GoalStatus.BLOCKED, [])
        question = await office.store.approval(await _question(office, goal))
        assert question.amount_usd is not None
        assert question.amount_usd > CENT
        assert question.task_id is None
        await check_books(office, goal)


async def test_one_raised_cap_lets_the_goal_complete_within_it(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk) as office:
        goal = await finish(office, budget_usd=CENT)
        await office.decide(await _question(office, goal), Decision.APPROVE, note=None, by="ada")
        goal = await again(office, goal)
        bill = await office.store.goal_bill(goal.goal_id)
        assert goal.status is GoalStatus.COMPLETED
        assert goal.budget_usd is not None
        assert bill.total.settled_usd <= goal.budget_usd
        await check_books(office, goal)


async def test_tasks_that_run_out_of_a_goals_money_together_ask_once_and_complete_by_raises(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk) as office:
        goal = await finish(office, FUNNEL, budget_usd=CENT)
        asked = 0
        while goal.status is GoalStatus.BLOCKED:
            await office.decide(await _question(office, goal), Decision.APPROVE, note=None, by="ada")
            goal = await again(office, goal)
            asked += 1
            assert asked < 6
        assert goal.status is GoalStatus.COMPLETED
        bill = await office.store.goal_bill(goal.goal_id)
        assert goal.budget_usd is not None
        assert bill.total.settled_usd <= goal.budget_usd
        await check_books(office, goal)


async def test_a_refused_raise_ends_the_goal_as_exhausted_with_what_was_finished_reported(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk, max_parallel_agents=1) as office:
        probe = await finish(office, FAN)
        first = clerk.seen[0].request
        clerk.seen.clear()
        assert probe.status is GoalStatus.COMPLETED
        goal = await finish(office, FAN, budget_usd=worst_case(first) + 2 * CENT)
        assert goal.status is GoalStatus.BLOCKED
        assert [seen.skill for seen in clerk.seen] == ["social-content"]
        await office.decide(await _question(office, goal), Decision.REJECT, note="enough", by="ada")
        goal = await again(office, goal)
        assert goal.status is GoalStatus.BUDGET_EXHAUSTED
        assert await statuses(office, goal) == {
            "social-content": "approved",
            "copy-editing": "cancelled",
            SKILL: "cancelled",
        }
        report = read(office, goal.report_path)
        kept = await task_of(office, goal, "social-content")
        assert f"{kept.task_id}.md" in report
        assert "budget" in report.partition("## What was not made")[2]
        assert "budget" in (goal.error or "")
        await check_books(office, goal)


async def test_the_report_of_an_exhausted_goal_counts_a_call_that_was_in_flight_when_it_ended(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk) as office:
        for _ in range(2):
            await finish(office, FUNNEL)
        amounts = {seen.skill: worst_case(seen.request) for seen in clerk.seen if seen.skill != "marketing-ideas"}
        # What earlier runs made makes prompts longer: the next to the cheapest of now is just dear enough.
        cheapest, next_one = sorted(amounts, key=lambda skill: amounts[skill])[:2]
        clerk.seen.clear()
        clerk.hold(cheapest)
        goal = await submit(office, FUNNEL, budget_usd=amounts[next_one])
        async with at_work(office):
            await clerk.busy_with(cheapest)
            while not await office.store.approvals(status=ApprovalStatus.OPEN, goal_id=goal.goal_id):
                await office.clock.sleep(1)
            await office.decide(await _question(office, goal), Decision.REJECT, note=None, by="ada")
            ended = await office.store.goal(goal.goal_id)
            assert ended.status is GoalStatus.BUDGET_EXHAUSTED
            assert "for 0 model calls" in read(office, ended.report_path)
            clerk.let_go(cheapest)
        bill = await office.store.goal_bill(goal.goal_id)
        assert bill.total.calls == 1
        assert f"${bill.total.settled_usd} for 1 model call (" in read(office, ended.report_path)


async def test_a_call_that_waits_for_room_is_woken_by_the_settlement_and_not_by_a_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "LOST_RING_S", 1e9)
    clerk = Clerk()
    clerk.says[SKILL] = [PermanentError("no")]  # the second settlement is a release
    async with an_office(tmp_path, clerk) as office:
        asked = await submit(office, budget_usd=RICH)
        clerk.hold(SKILL)
        async with at_work(office):
            await clerk.busy_with(SKILL)
            month = await office.store.month_spend("2026-11")
            await office.store.set_month_cap("2026-11", month.reserved_usd, who="ada", now=START)
            others = [await submit(office, budget_usd=RICH) for _ in range(2)]
            while len([g for g in others if await journal_of(office, g, "task_running")]) < 2:
                await office.clock.sleep(1)
            clerk.let_go(SKILL)
        goals = [await office.store.goal(goal.goal_id) for goal in (asked, *others)]
        assert sorted(goal.status.value for goal in goals) == ["completed", "failed", "waiting"]


async def test_a_tasks_own_limit_asks_and_a_raise_really_raises_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_sql, "TASK_CAP_USD", CENT)
    clerk = Clerk()
    async with an_office(tmp_path, clerk) as office:
        goal = await finish(office)
        approval = await office.store.approval(await _question(office, goal))
        task = await task_of(office, goal, SKILL)
        assert (goal.status, approval.task_id, clerk.seen) == (GoalStatus.BLOCKED, task.task_id, [])
        await office.decide(approval.approval_id, Decision.APPROVE, note=None, by="ada")
        goal = await again(office, goal)
        assert goal.status is GoalStatus.COMPLETED
        bill = await office.store.goal_bill(goal.goal_id)
        assert bill.by_task[task.task_id].settled_usd <= CENT + (approval.amount_usd or 0)


async def test_a_refused_raise_of_a_tasks_limit_fails_that_task_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk, max_parallel_agents=1) as office:
        await finish(office, FAN)
        amounts = {seen.skill: worst_case(seen.request) for seen in clerk.seen}
        dearest = max(amounts, key=lambda skill: amounts[skill])
        assert dearest != "social-content"
        monkeypatch.setattr(ledger_sql, "TASK_CAP_USD", amounts[dearest] - CENT)
        goal = await finish(office, FAN)
        assert goal.status is GoalStatus.BLOCKED
        await office.decide(await _question(office, goal), Decision.REJECT, note=None, by="ada")
        goal = await again(office, goal)
        assert goal.status is GoalStatus.FAILED
        assert await statuses(office, goal) == dict.fromkeys(amounts, "approved") | {dearest: "failed"}


# -- the month's cap -------------------------------------------------------------------------------------------


async def test_a_month_without_money_calls_nothing_and_waits_for_the_next(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk, budget_monthly=Decimal(0)) as office:
        goal = await finish(office, FUNNEL)
        tasks = await office.store.tasks(goal.goal_id)
        assert (goal.status, clerk.seen) == (GoalStatus.WAITING, [])
        waiting = [task for task in tasks if task.status is TaskStatus.DEFERRED]
        assert {task.waits_for for task in waiting} == {WAITS_FOR_BUDGET}
        assert len(waiting) == 3
        due = [item.due_at for item in (await office.store.snapshot(goal.goal_id)).items if item.task_id]
        assert {f"{moment:%Y-%m-%d %H:%M}" for moment in due} == {"2026-12-01 00:00"}
        assert await office.store.approvals(goal_id=goal.goal_id) == []


async def spend_before(office: Office, usd: str) -> None:
    """So much was settled this month, for a goal that was cancelled since."""
    goal = await submit(office)
    await office.cancel(goal.goal_id, by="ada")
    held = a_reservation(f"before-{usd}", usd, goal_id=goal.goal_id, task_id=None, reserved_at=office.clock.now())
    await office.store.settle(a_call(held, usd, settled_at=office.clock.now()))


async def test_a_goal_that_waited_for_the_month_goes_on_in_the_next(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk, budget_monthly=Decimal(10)) as office:
        await spend_before(office, "10")
        goal = await finish(office, budget_usd=RICH)
        assert (goal.status, clerk.seen) == (GoalStatus.WAITING, [])
    later = QuickClock()
    later._began -= 10 * 86_400 / 60
    async with an_office(tmp_path, clerk, clock=later) as office:
        goal = await again(office, goal)
        assert goal.status is GoalStatus.COMPLETED
        (call,) = await office.store.calls(goal.goal_id)
        assert month_key(call.reserved_at) == "2026-12"


async def test_a_worker_that_runs_over_the_turn_of_the_month_does_by_itself_what_was_deferred(tmp_path: Path) -> None:
    clerk, clock = Clerk(), clock_at(DECEMBER - timedelta(hours=6))
    async with an_office(tmp_path, clerk, clock=clock, budget_monthly=Decimal(10), marketeer_lease_s=86_400) as office:
        await spend_before(office, "9")
        goal = await submit(office, priority=Priority.P2, budget_usd=RICH)
        other = await submit(office, FUNNEL, priority=Priority.P0, budget_usd=RICH)
        clerk.hold(SKILL)  # keeps the session from coming to rest
        async with at_work(office):
            while not await journal_of(office, goal, "task_deferred"):
                await office.clock.sleep(1)
            clock._began -= 6 * 3_600 / 60  # told to, and not by waiting: a busy machine would miss the moment
            assert clock.now() >= DECEMBER
            while len(clerk.calls(SKILL)) < 2:
                await office.clock.sleep(1)
            clerk.let_go(SKILL)
        assert (await office.store.goal(other.goal_id)).status is GoalStatus.COMPLETED
        assert (await office.store.goal(goal.goal_id)).status is GoalStatus.COMPLETED
        assert len(await journal_of(office, goal, "task_deferred")) == 1
        (call,) = await office.store.calls(goal.goal_id)
        assert month_key(call.reserved_at) == "2026-12"


def clock_at(moment: datetime) -> QuickClock:
    clock = QuickClock()
    clock._began -= (moment - START).total_seconds() / 60
    return clock


# The last hour of October in Europe's summer and winter time, and of November where the clocks are ten hours behind.
@pytest.mark.parametrize(
    ("turn", "zone"),
    [
        (datetime(2026, 11, 1, tzinfo=UTC), "Europe/Berlin"),
        (datetime(2026, 12, 1, tzinfo=UTC), "Pacific/Honolulu"),
        (datetime(2027, 1, 1, tzinfo=UTC), "Pacific/Kiritimati"),
    ],
    ids=["Berlin", "Honolulu", "Kiritimati"],
)
async def test_a_clock_that_goes_back_over_the_turn_of_the_month_runs_what_was_deferred_once(
    tmp_path: Path, turn: datetime, zone: str
) -> None:
    clerk = Clerk()
    options: dict[str, Any] = {"budget_monthly": Decimal(10), "marketeer_timezone": zone}

    def process(seconds_after_turn: float) -> AbstractAsyncContextManager[Office]:
        return an_office(tmp_path, clerk, clock=clock_at(turn + timedelta(seconds=seconds_after_turn)), **options)

    async with process(-7_200) as office:
        await spend_before(office, "10")
        first = await finish(office, budget_usd=RICH)
        assert (first.status, await office.budget_level()) == (GoalStatus.WAITING, BudgetLevel.EXHAUSTED)
        due = [item.due_at for item in (await office.store.snapshot(first.goal_id)).items if item.task_id]
        assert due == [turn]
    async with process(5) as office:
        assert await office.budget_level() is BudgetLevel.NORMAL
        assert (await again(office, first)).status is GoalStatus.COMPLETED
    async with process(-7_000) as office:  # put back: the old month's level holds again, and nothing is done twice
        assert await office.budget_level() is BudgetLevel.EXHAUSTED
        second = await finish(office, budget_usd=RICH)
        assert second.status is GoalStatus.WAITING
        assert (await again(office, first)).status is GoalStatus.COMPLETED
    async with process(60) as office:
        assert (await again(office, second)).status is GoalStatus.COMPLETED
        for goal in (first, second):
            (call,) = await office.store.calls(goal.goal_id)
            assert month_key(call.reserved_at) == f"{turn:%Y-%m}"
            assert len(await journal_of(office, goal, "task_approved")) == 1
            await check_books(office, goal)
        levels = [e.data["level"] for e in await office.store.journal(goal_id="budget") if "level" in e.data]
        assert levels == ["warning", "throttle", "critical", "exhausted"], "each crossing is told once"
    assert len(clerk.seen) == 2


@pytest.mark.parametrize(
    ("spent", "priority", "runs"),
    [
        ("7.9", Priority.P3, True),
        ("8", Priority.P3, False),
        ("8", Priority.P2, True),
        ("9", Priority.P2, False),
        ("9", Priority.P1, True),
        ("9.5", Priority.P1, False),
        ("9.5", Priority.P0, True),
        ("10", Priority.P0, False),
    ],
)
async def test_each_level_defers_what_is_less_urgent(
    tmp_path: Path, spent: str, priority: Priority, runs: bool
) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk, budget_monthly=Decimal(10)) as office:
        await spend_before(office, spent)
        goal = await finish(office, priority=priority, budget_usd=RICH)
        assert goal.status is (GoalStatus.COMPLETED if runs else GoalStatus.WAITING)
        assert bool(clerk.seen) is runs
        tiers = {seen.request.model.model_id for seen in clerk.seen}
        assert tiers <= {"claude-haiku-5-5"} or Decimal(spent) < Decimal("9.5")


async def test_a_raise_of_the_month_lets_what_was_deferred_go_on_in_the_process_that_works(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk, budget_monthly=Decimal(10)) as office:
        await spend_before(office, "9.2")
        goal = await submit(office, priority=Priority.P3, budget_usd=RICH)
        busy = await submit(office, FUNNEL, priority=Priority.P0, budget_usd=RICH)
        clerk.hold(SKILL)
        async with at_work(office), an_office(tmp_path, None) as elsewhere:
            while not await journal_of(office, goal, "task_deferred"):
                await office.clock.sleep(1)
            await elsewhere.raise_month_cap(Decimal(10), by="ada")
            while len(clerk.calls(SKILL)) < 2:
                await office.clock.sleep(1)
            clerk.let_go(SKILL)
        for done in (goal, busy):
            assert (await office.store.goal(done.goal_id)).status is GoalStatus.COMPLETED
        entries = await office.store.journal(goal_id="budget")
        assert [(e.what, e.who) for e in entries] == [
            ("budget_set", "BUDGET_MONTHLY"),
            ("budget_warning", "marketeer"),
            ("budget_warning", "marketeer"),
            ("budget_raised", "ada"),
        ]


async def test_the_cap_of_the_newest_process_that_names_one_holds_for_all(tmp_path: Path) -> None:
    caps = []
    named: tuple[dict[str, Any], ...] = ({}, {"budget_monthly": Decimal(7)}, {}, {"budget_monthly": Decimal(9)})
    for given in named:
        async with an_office(tmp_path, Clerk(), **given) as office:
            await submit(office)
            budget = await office.store.month_budget("2026-11")
            assert budget is not None
            caps.append(budget.cap_usd)
    assert caps == [100, 7, 7, 9]


async def test_a_rehearsal_sets_no_cap(tmp_path: Path) -> None:
    async with an_office(tmp_path, None, budget_monthly=Decimal(7)) as office:
        await finish(office, rehearsal=True)
        assert await office.store.month_budget("2026-11") is None


async def test_a_call_that_fits_once_another_has_settled_waits_for_it_and_goes_on(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk) as office:
        await finish(office, FUNNEL)
        largest = max(worst_case(seen.request) for seen in clerk.seen)
        spent = (await office.store.month_spend("2026-11")).settled_usd
    clerk.seen.clear()
    # Room for what two more goals really cost and one worst case: too little to hold six calls at once.
    cap = spent + 2 * spent + largest
    async with an_office(tmp_path, clerk, budget_monthly=cap, max_parallel_agents=6) as office:
        refusals: list[Refused] = []
        reserve = office.store.reserve

        async def watched(reservation: Reservation) -> Refused | None:
            refused = await reserve(reservation)
            month = await office.store.month_spend("2026-11")
            assert month.settled_usd + month.reserved_usd <= cap
            refusals.extend([refused] if refused else [])
            return refused

        office.store.reserve = watched  # type: ignore[method-assign]
        group = (SKILL, "seo-audit", "ab-test-setup")
        clerk.hold(*group)
        goals = [await submit(office, FUNNEL, budget_usd=RICH) for _ in range(2)]
        async with at_work(office):
            while not refusals:
                await office.clock.sleep(1)
            clerk.let_go(*group)
        assert all(refused.in_flight for refused in refusals)
        for goal in goals:
            assert (await office.store.goal(goal.goal_id)).status is GoalStatus.COMPLETED
            assert await journal_of(office, goal, "task_deferred") == []
            await check_books(office, goal)


async def test_a_call_that_waits_for_room_is_not_made_when_its_goal_is_cancelled_meanwhile(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk, budget_monthly=Decimal("0.25")) as office:
        asked: list[str] = []
        reserve = office.store.reserve

        async def counted(reservation: Reservation) -> Refused | None:
            asked.append(reservation.goal_id)
            return await reserve(reservation)

        office.store.reserve = counted  # type: ignore[method-assign]
        clerk.hold(SKILL)
        first, second = [await submit(office, budget_usd=RICH) for _ in range(2)]
        async with at_work(office):
            await clerk.busy_with(SKILL)
            while not {first.goal_id, second.goal_id} <= set(asked):
                await office.clock.sleep(1)
            waiting = first if clerk.seen[0].request.call_id.startswith(second.token) else second
            await office.cancel(waiting.goal_id, by="ada")
            clerk.let_go(SKILL)
        assert len(clerk.seen) == 1
        assert await office.store.calls(waiting.goal_id) == []
        await check_books(office, waiting)


async def test_revisions_and_bad_answers_count_in_every_cap(tmp_path: Path) -> None:
    clerk = Clerk()
    clerk.says[SKILL] = [without_summary, with_secret, lambda r: response(r, "half", "max_tokens")]
    async with an_office(tmp_path, clerk) as office:
        goal = await finish(office)
        task = await task_of(office, goal, SKILL)
        bill = await office.store.goal_bill(goal.goal_id)
        assert bill.total.calls == 4
        assert bill.total.settled_usd == bill.by_task[task.task_id].settled_usd
        assert bill.total.settled_usd == (await office.store.month_spend(month_key(START))).settled_usd


@pytest.mark.parametrize("seeds", [range(first, first + 5) for first in range(0, 15, 5)], ids=str)
async def test_no_cap_is_passed_however_many_work_at_once_and_whatever_breaks(tmp_path: Path, seeds: range) -> None:
    answers = Answers()
    for seed in seeds:
        await _spend_at_random(tmp_path / str(seed), seed, answers)


class Answers:
    """Answers of the fake server: a good one for each skill, made once."""

    def __init__(self) -> None:
        self._write = RehearsedAnswers()
        self._made: dict[str, str] = {}

    async def __call__(self, asked: Asked) -> str:
        skill = asked.system[1].partition("\n")[0]
        if skill not in self._made:
            self._made[skill] = await self._write(asked)
        return self._made[skill]


async def _spend_at_random(folder: Path, seed: int, answers: Answers) -> None:
    chance = random.Random(seed)  # noqa: S311 - caps, repeatable by their seed
    month, goal_cap = (Decimal(chance.randrange(20, 100)) / 100 for _ in range(2))
    faults = at_random(seed, 0.25, [Fault(kind=FaultKind.DISCONNECT_AFTER), Fault(kind=FaultKind.NO_USAGE)])
    async with FakeClaude(faults=faults, answer=answers, latency_s=0.002) as server:
        model = ClaudeModel(api_key=KEY, base_url=server.base_url, clock=QuickClock(1), max_parallel=9)
        options: dict[str, Any] = {
            "budget_monthly": month,
            "max_parallel_agents": chance.randrange(2, 9),
            "marketeer_lease_s": 86_400,
        }
        async with an_office(folder, model, clock=QuickClock(400), **options) as office:
            goals = [await submit(office, FUNNEL, budget_usd=goal_cap if first else RICH) for first in (True, False)]
            await work(office)
            spend = await office.store.month_spend("2026-11")
            assert server.total_usd <= spend.settled_usd <= month, seed
            assert spend.reserved_usd == 0
            assert (await office.store.goal_bill(goals[0].goal_id)).total.settled_usd <= goal_cap, seed
        await model.aclose()
