"""Ten years of all schedules in three time zones, on a clock that leaps: the slots are cronsim's, each answered."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

from cronsim import CronSim

from marketeer.domain.firing import Firing, Outcome, SkipReason
from marketeer.domain.schedule import Overlap, Schedule
from marketeer.engine.scheduler import Scheduler
from marketeer.runtime import Office
from marketeer.testing import FakeClock, in_memory_office
from proofs.figures import Figure, Options, Proof, quietly
from tests.support.passing import pass_time

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe")
# Besides those that ship: times of day that are skipped and that come twice, and times that follow the clock itself.
HARD = {"skipped": "30 2 * * *", "twice": "45 1 * * 0", "both": "15 1,2,3 1 * *"}
START = datetime(2026, 2, 1, tzinfo=UTC)
YEARS = 10
DAY_S = 86_400.0
# About so often the scheduler is away, for up to three days.
DAYS_AT_WORK = (5, 60)
LONGEST_AWAY_S = 3 * DAY_S
MOST = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """What came of the years. `changes` are the times a zone's clocks were changed in them."""

    slots: int
    fired: int
    missed: int
    outages: int
    changes: int


def run(options: Options) -> Proof:
    quietly()
    lived = asyncio.run(live(options.seed, timedelta(days=round(365.25 * YEARS))))
    return Proof(
        name="slots",
        shows="All schedules that ship, and three whose times fall into the hours that clocks skip and repeat, run in "
        "Europe/Berlin, America/New_York and Australia/Lord_Howe for ten years of a clock that the proof moves; now "
        "and then nobody is there for up to three days. The slots answered are those that cronsim lists, no other and "
        "none twice; each that fired has a goal of its own, and there are no other goals; while somebody was there "
        "each was answered within its second.",
        figures=(
            Figure("slots", f"{lived.slots:,}"),
            Figure("of them fired, missed", f"{lived.fired:,}, {lived.missed:,}"),
            Figure("outages", f"{lived.outages}"),
            Figure("clock changes", f"{lived.changes}"),
        ),
    )


async def live(seed: int, span: timedelta) -> Lived:
    """Raises AssertionError when a slot is missing, doubled or wrong."""
    chance, clock = Random(seed), FakeClock(START)  # noqa: S311 - when nobody is there, repeatable by its seed
    async with in_memory_office(clock=clock) as office:
        schedules = await _schedules(office)
        end, outages = span.total_seconds(), 0
        while clock.monotonic() < end:
            await _work(office, clock, min(end - clock.monotonic(), chance.uniform(*DAYS_AT_WORK) * DAY_S))
            if clock.monotonic() < end - LONGEST_AWAY_S - DAY_S:
                clock.advance(chance.uniform(1, LONGEST_AWAY_S))
                outages += 1
        answers = {each.schedule_id: await _answers(office, each) for each in schedules}
        for schedule in schedules:
            check(schedule, answers[schedule.schedule_id], START, clock.now())
        fired = [f for found in answers.values() for f in found if f.outcome is Outcome.FIRED]
        goals = [goal.goal_id for goal in await office.store.goals(limit=MOST)]
        assert Counter(goals) == Counter(firing.goal_id for firing in fired), "a goal too many, or too few"
        return Lived(
            slots=sum(len(found) for found in answers.values()),
            fired=len(fired),
            missed=sum(f.reason is SkipReason.MISSED for found in answers.values() for f in found),
            outages=outages,
            changes=sum(_clock_changes(zone, START, clock.now()) for zone in ZONES),
        )


async def _schedules(office: Office) -> Sequence[Schedule]:
    """Of each zone its own; the ones that ship, in the machine's zone, are taken off."""
    book = office.schedule_book
    shipped = (await book.read()).schedules
    patterns = [*shipped, *(replace(shipped[0], schedule_id=name, cron=cron) for name, cron in HARD.items())]
    made = [
        replace(each, schedule_id=f"{each.schedule_id}-{number}", zone=zone, overlap=Overlap.ALLOW)
        for number, zone in enumerate(ZONES)
        for each in patterns
    ]
    for each in shipped:
        await book.remove(each.schedule_id, by="proof")
    for each in made:
        await book.add(each, own_zone=True, by="proof")
    return made


async def _work(office: Office, clock: FakeClock, seconds: float) -> None:
    scheduler: Scheduler = office.scheduler(rehearsal=True, look_every_s=10 * DAY_S)
    async with asyncio.TaskGroup() as group:
        group.create_task(scheduler.run(), name="scheduler")
        await pass_time(clock, seconds, scheduler)
        scheduler.stop()


async def _answers(office: Office, schedule: Schedule) -> Sequence[Firing]:
    return list(reversed(await office.store.firings(schedule.schedule_id, limit=MOST)))


def check(schedule: Schedule, answers: Sequence[Firing], start: datetime, end: datetime) -> None:
    """Held against cronsim itself, begun once at the start."""
    told = [firing.slot for firing in answers]
    expected = cronsim_list(schedule, start, end)
    assert told == expected, f"{schedule.schedule_id}: {set(told) ^ set(expected)}"
    for firing in answers:
        on_time = (firing.decided_at - firing.slot) < timedelta(seconds=1)
        made_up = firing.outcome is Outcome.FIRED and firing.why is not None
        assert on_time or made_up or firing.reason is SkipReason.MISSED, f"{firing}"


def cronsim_list(schedule: Schedule, start: datetime, end: datetime) -> list[datetime]:
    found: list[datetime] = []
    for local in CronSim(schedule.cron, start.astimezone(ZoneInfo(schedule.zone))):
        slot = local.astimezone(UTC)
        if slot > end:
            return found
        found.append(slot)
    return found


def _clock_changes(zone: str, start: datetime, end: datetime) -> int:
    days = [start + timedelta(days=n) for n in range((end - start).days)]
    offsets = [day.astimezone(ZoneInfo(zone)).utcoffset() for day in days]
    return sum(before != after for before, after in pairwise(offsets))
