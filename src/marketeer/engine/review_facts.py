"""The facts of a review: what the store knows of a day or a month, without a model. Rehearsals are left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

from marketeer.domain.approval import ApprovalStatus
from marketeer.domain.budget import month_key, projected_usd
from marketeer.domain.firing import Outcome
from marketeer.domain.goal import Goal, GoalStatus
from marketeer.domain.plan import Reading
from marketeer.domain.reading import ReviewFacts, Section, bounded
from marketeer.domain.usage import dollars
from marketeer.engine.metrics_view import facts as metric_facts
from marketeer.engine.metrics_view import skill_rows
from marketeer.ports import Store

MANY = 10_000
MOST_ROWS = 1_000
LONGEST_WORDS = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """From `since` up to now; `besides` is the goal that asks, which is left out."""

    kind: Reading
    day: date
    since: datetime
    now: datetime
    zone: tzinfo
    besides: str


def span_of(kind: Reading, *, now: datetime, day: date, zone: tzinfo, besides: str) -> Span:
    """The last 24 hours, or the month of the day, in the workspace's zone."""
    begin = datetime(day.year, day.month, 1, tzinfo=zone).astimezone(UTC)
    since = now - timedelta(days=1) if kind is Reading.DAY else begin
    return Span(kind=kind, day=day, since=since, now=now, zone=zone, besides=besides)


async def gather_facts(store: Store, span: Span) -> ReviewFacts:
    unfinished = await _unfinished(store, span)
    ended = await _ended(store, span)
    waiting = await _questions(store)
    sections = [
        Section(title="Goals that ended", lines=tuple(bounded([await _goal_line(store, goal) for goal in ended]))),
        Section(title="Goals under way", lines=tuple(bounded([await _goal_line(store, goal) for goal in unfinished]))),
        Section(title="Failures", lines=tuple(bounded(await _failures(store, span)))),
        Section(title="Waiting for you", lines=tuple(bounded(waiting))),
        Section(title="Money", lines=tuple(await _money(store, span))),
        Section(title="Work", lines=tuple(await _work(store, span))),
        Section(title="Learned", lines=tuple(bounded(await _learned(store, span)))),
        Section(title="Schedules", lines=tuple(await _schedules(store, span))),
        Section(title="Events", lines=tuple(await _events(store, span))),
        Section(title="State of the workspace", lines=tuple(await _conditions(store))),
    ]
    return ReviewFacts(
        kind=span.kind,
        title=_title(span),
        as_of=span.now.astimezone(span.zone),
        sections=tuple(sections),
        headline=_headline(ended, unfinished, len(waiting)),
    )


def _title(span: Span) -> str:
    return f"Morning review of {span.day}" if span.kind is Reading.DAY else f"Performance review of {span.day:%Y-%m}"


def _headline(ended: Sequence[Goal], unfinished: Sequence[Goal], questions: int) -> str:
    by_status = Counter(goal.status.value for goal in ended)
    told = ", ".join(f"{count} {status}" for status, count in sorted(by_status.items()))
    asks = f"{questions} waiting for you" if questions else "nothing waits for you"
    return f"Goals: {told or 'none ended'}, {len(unfinished)} under way; {asks}."


def _local(moment: datetime, span: Span) -> str:
    return f"{moment.astimezone(span.zone):%Y-%m-%d %H:%M}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_WORDS else f"{line[: LONGEST_WORDS - 1]}…"


# -- goals ---------------------------------------------------------------------------------------------------


async def _unfinished(store: Store, span: Span) -> list[Goal]:
    goals = await store.goals(limit=MANY, unfinished_only=True)
    return [goal for goal in goals if not goal.rehearsal and goal.goal_id != span.besides]


async def _ended(store: Store, span: Span) -> list[Goal]:
    goals = await store.ended_goals(since=span.since, before=span.now, limit=MOST_ROWS)
    return [goal for goal in goals if not goal.rehearsal and goal.goal_id != span.besides]


async def _goal_line(store: Store, goal: Goal) -> str:
    bill = await store.goal_bill(goal.goal_id)
    plan = f", {goal.pipeline}" if goal.pipeline else ""
    trouble = f": {_short(goal.error)}" if goal.error else ""
    waits = " (waits for you)" if goal.status is GoalStatus.BLOCKED else ""
    return f"`{goal.goal_id}`: {goal.status.value}{waits}{plan}, {dollars(bill.total.settled_usd)}{trouble}"


async def _failures(store: Store, span: Span) -> list[str]:
    lines: list[str] = []
    after = 0
    while page := await store.journal(after=after, since=span.since, limit=MOST_ROWS):
        after = page[-1].entry_id
        for entry in page:
            if entry.what in ("task_failed", "work_failed", "pipeline_blocked"):
                goal = await store.goal(entry.goal_id)
                if not goal.rehearsal:
                    who = entry.data.get("skill") or entry.what.replace("_", " ")
                    lines.append(f"{who} in `{entry.goal_id}`: {_short(entry.why or 'no reason recorded')}")
    return lines


async def _questions(store: Store) -> list[str]:
    return [
        f"`{each.approval_id}` since {each.created_at:%Y-%m-%d %H:%M} UTC: {_short(each.question)}"
        for each in await store.approvals(status=ApprovalStatus.OPEN)
        if not (await store.goal(each.goal_id)).rehearsal
    ]


# -- money and work ------------------------------------------------------------------------------------------


async def _money(store: Store, span: Span) -> list[str]:
    month = month_key(span.now)
    budget, bill = await store.month_budget(month), await store.month_bill(month)
    spent = bill.total.settled_usd
    if budget is None:
        return ["No budget was ever needed: nothing has been spent."]
    left = max(budget.cap_usd - spent - bill.total.reserved_usd, budget.cap_usd * 0)
    lines = [
        f"Spent in {month}: {dollars(spent)} of {dollars(budget.cap_usd)}, level {budget.level(spent).value}",
        f"Left: {dollars(left)}",
        f"If it goes on like this: {dollars(projected_usd(spent, span.now))} by the end of the month",
    ]
    days = {f"{span.now.astimezone(UTC) - timedelta(days=back):%Y-%m-%d}" for back in (0, 1)}
    lines += [f"On {day} (UTC): {dollars(bill.by_day[day].settled_usd)}" for day in sorted(days & bill.by_day.keys())]
    if span.kind is Reading.MONTH:
        dearest = list(bill.by_skill.items())[:10]
        lines += [f"{name or 'Director'}: {dollars(part.settled_usd)}" for name, part in dearest]
    return lines


async def _work(store: Store, span: Span) -> list[str]:
    metrics = await store.metrics(now=span.now, ended_from=span.since, ended_before=span.now)
    lines = [f"{what}: {how_much}" for what, how_much in metric_facts(metrics)]
    if span.kind is Reading.DAY:
        return lines
    lines += [f"{row[0]}: {row[1]} approved, {row[2]} failed, {row[3]} of them approved" for row in skill_rows(metrics)]
    return [*lines, *await _month_before(store, span)]


async def _month_before(store: Store, span: Span) -> list[str]:
    last = (span.since - timedelta(days=1)).astimezone(span.zone)
    begin = datetime(last.year, last.month, 1, tzinfo=span.zone).astimezone(UTC)
    metrics = await store.metrics(now=span.now, ended_from=begin, ended_before=span.since)
    name = f"{last:%Y-%m}"
    wanted = [f"In {name}: {what.lower()} {how_much}" for what, how_much in metric_facts(metrics)][:3]
    spend = await store.month_spend(name)
    return [*wanted, f"Spent in {name}: {dollars(spend.settled_usd)}"]


async def _learned(store: Store, span: Span) -> list[str]:
    found = await store.learnings(rehearsal=False, limit=MOST_ROWS)
    return [f"{each.agent}: {_short(each.learning)}" for each in found if each.created_at >= span.since]


# -- what came by itself -------------------------------------------------------------------------------------


async def _schedules(store: Store, span: Span) -> list[str]:
    found = [each for each in await store.firings(limit=MOST_ROWS) if each.slot >= span.since]
    fired = Counter(each.schedule_id for each in found if each.outcome is Outcome.FIRED)
    held = Counter(
        (each.schedule_id, each.reason.value if each.reason else "no reason")
        for each in found
        if each.outcome is Outcome.SKIPPED
    )
    lines = [f"{name} fired: {count}" for name, count in sorted(fired.items())]
    return [*lines, *(f"{name} skipped ({reason}): {count}" for (name, reason), count in sorted(held.items()))]


async def _events(store: Store, span: Span) -> list[str]:
    found = [each for each in await store.events(limit=MOST_ROWS) if each.received_at >= span.since]
    kinds = Counter(each.event.type for each in found)
    started = Counter(each.event.type for each in found if each.effect is not None and each.effect.goal_ids)
    return [f"{kind}: {count} came, {started[kind]} of them started goals" for kind, count in sorted(kinds.items())]


async def _conditions(store: Store) -> list[str]:
    lines = []
    for each in await store.conditions():
        why = f": {_short(each.why)}" if each.why else ""
        lines.append(f"{each.name.value.replace('_', ' ')} since {each.since:%Y-%m-%d %H:%M} UTC{why}")
    lines += [f"pipeline {name} is blocked after failures" for name in await store.blocked_pipelines()]
    return lines or ["Nothing is out of order."]
