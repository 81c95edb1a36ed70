"""Firings: what became of each slot of a schedule, and how that is decided. Every slot gets an answer in writing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice

from marketeer.domain.budget import runs_at, what_runs
from marketeer.domain.condition import Condition
from marketeer.domain.degradation import Facts, degradation, schedules_run_at, what_it_does
from marketeer.domain.journal import JournalEntry
from marketeer.domain.schedule import Overlap, Schedule, schedule_entry
from marketeer.domain.snapshot import Change

# A slot that is answered within this time is not late: a restart takes some of it.
ON_TIME = timedelta(minutes=1)
# Between the goals that begin after a long outage.
STAGGER = timedelta(minutes=2)
# Slots of one schedule in one transaction; more than may be on time or made up for.
BATCH = 500
NOTIFIED_AT = 3
SCHEDULER = "marketeer"


class Outcome(StrEnum):
    FIRED = "fired"
    QUEUED = "queued"  # for `queue-one`: it fires when its forerunner is done
    SKIPPED = "skipped"


class SkipReason(StrEnum):
    STILL_RUNNING = "still running"
    BUDGET = "budget level"
    DEGRADED = "degradation level"
    PAUSED = "paused"
    DISABLED = "disabled"
    MISSED = "missed"
    NO_PIPELINE = "no such pipeline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """The answer to one slot, in UTC. `goal_id` is set exactly when it fired, `reason` when it did not (yet)."""

    schedule_id: str
    slot: datetime
    outcome: Outcome
    decided_at: datetime
    reason: SkipReason | None = None
    why: str | None = None
    goal_id: str | None = None

    @property
    def began_late(self) -> bool:
        return self.outcome is Outcome.FIRED and self.decided_at - self.slot > ON_TIME


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What a decision hangs on, of one schedule: its goals that are live and not blocked (some, newest first), the slot
    that waits for one of them, and how many slots in a row were left out because of them."""

    running: tuple[str, ...] = ()
    queued: datetime | None = None
    held_in_a_row: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """How things stand in the workspace `now`. `no_pipeline`: why the schedule's pipeline cannot be found."""

    now: datetime
    facts: Facts = field(default_factory=Facts)
    paused: Condition | None = None
    no_pipeline: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Slots to be answered together, oldest first, and those of the missed among them that are made up for."""

    slots: tuple[datetime, ...]
    made_up: frozenset[datetime] = frozenset()
    more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """All that follows from some slots of a schedule, to be committed as one transaction."""

    firings: tuple[Firing, ...]
    changes: tuple[Change, ...] = ()
    entries: tuple[JournalEntry, ...] = ()


# Makes the goal of a slot, to be begun after that delay.
Begin = Callable[[datetime, timedelta], Change]


def due(schedule: Schedule, *, after: datetime, now: datetime) -> Batch:
    """The slots that have come since `after`, or the oldest of them when there are very many."""
    found = list(islice(schedule.slots(after, now), 2 * BATCH))
    missed = [slot for slot in found if now - slot > ON_TIME]
    if len(found) == 2 * BATCH:
        # What may be made up for is among the newest, which are not these.
        return Batch(slots=tuple(found[:BATCH]), more=True)
    return Batch(slots=tuple(found), made_up=frozenset(schedule.missed.made_up(missed, now)))


def settle(
    schedule: Schedule, batch: Batch, past: Past, at: Circumstances, begin: Begin, *, late_before: int = 0
) -> Settled:
    """The answer to every slot of the batch. `late_before` counts goals that began late before these."""
    answers = _Answers(schedule, past, at.now, begin, late_before)
    for slot in batch.slots:
        no = _hindrance(schedule, slot, batch, at) or _overlap(schedule, slot, answers.running, answers.queued)
        if no is None:
            answers.fire(slot)
        else:
            answers.refuse(slot, *no)
    entries = (*answers.entries, *_missed_entry(schedule, answers.firings, at.now))
    return Settled(firings=tuple(answers.firings), changes=tuple(answers.changes), entries=entries)


class _Answers:
    """The answers so far: each one may change the next."""

    def __init__(self, schedule: Schedule, past: Past, now: datetime, begin: Begin, late_before: int) -> None:
        self._schedule = schedule
        self._waited = past.queued
        self._now = now
        self._begin = begin
        self._late = late_before
        self._held_in_a_row = past.held_in_a_row
        self.running = list(past.running)
        self.queued = past.queued
        self.firings: list[Firing] = []
        self.changes: list[Change] = []
        self.entries: list[JournalEntry] = []

    def fire(self, slot: datetime) -> None:
        late = self._now - slot > ON_TIME and slot != self._waited
        change = self._begin(slot, STAGGER * self._late if late else timedelta())
        self._late += late
        self._held_in_a_row = 0
        self.changes.append(change)
        self.running.insert(0, change.goal.goal_id)
        why = f"{span(self._now - slot)} late" if late else None
        self._note(slot, Outcome.FIRED, why=why, goal_id=change.goal.goal_id)

    def refuse(self, slot: datetime, outcome: Outcome, reason: SkipReason, why: str) -> None:
        held = outcome is Outcome.SKIPPED and reason is SkipReason.STILL_RUNNING
        self._held_in_a_row = self._held_in_a_row + 1 if held else 0
        if self._held_in_a_row == NOTIFIED_AT:
            schedule_id, text = self._schedule.schedule_id, f"the third slot in a row is left out: {why}"
            self.entries.append(
                schedule_entry("schedule_skipped_again", schedule_id, who=SCHEDULER, now=self._now, why=text)
            )
        self._note(slot, outcome, reason=reason, why=why)

    def _note(
        self,
        slot: datetime,
        outcome: Outcome,
        *,
        reason: SkipReason | None = None,
        why: str | None = None,
        goal_id: str | None = None,
    ) -> None:
        if outcome is Outcome.QUEUED:
            self.queued = slot
        elif slot == self.queued:
            self.queued = None
        self.firings.append(
            Firing(
                schedule_id=self._schedule.schedule_id,
                slot=slot,
                outcome=outcome,
                decided_at=self._now,
                reason=reason,
                why=why,
                goal_id=goal_id,
            )
        )


def dropped(schedule_id: str, slots: Sequence[datetime], now: datetime) -> Settled:
    """Slots that wait in the queue of a schedule that is there no more."""
    why = "the schedule was removed"
    reason, outcome = SkipReason.DISABLED, Outcome.SKIPPED
    return Settled(
        firings=tuple(
            Firing(schedule_id=schedule_id, slot=slot, outcome=outcome, decided_at=now, reason=reason, why=why)
            for slot in slots
        )
    )


def hindrance_now(schedule: Schedule, at: Circumstances) -> tuple[SkipReason, str] | None:
    """What would keep a slot that comes now from firing, and why in words; its forerunners aside."""
    no = _hindrance(schedule, at.now, Batch(slots=()), at)
    return no[1:] if no is not None else None


_No = tuple[Outcome, SkipReason, str]


def _hindrance(schedule: Schedule, slot: datetime, batch: Batch, at: Circumstances) -> _No | None:
    """What keeps a slot from firing, whatever else its schedule has under way."""
    if not schedule.enabled:
        return Outcome.SKIPPED, SkipReason.DISABLED, "the schedule is disabled"
    if at.now - slot > ON_TIME and slot not in batch.made_up:
        return Outcome.SKIPPED, SkipReason.MISSED, f"nobody was at work; noticed {span(at.now - slot)} later"
    if at.paused is not None:
        return Outcome.SKIPPED, SkipReason.PAUSED, f"everything is paused by {at.paused.who}"
    if at.no_pipeline is not None:
        return Outcome.SKIPPED, SkipReason.NO_PIPELINE, at.no_pipeline
    return _held(schedule, at.facts)


def _held(schedule: Schedule, facts: Facts) -> _No | None:
    level = degradation(facts)
    budget = facts.budget
    if not runs_at(budget, schedule.priority) or not schedules_run_at(degradation(Facts(budget=budget))):
        why = f"{budget.value}: schedules are held, {what_runs(budget)}"
        return Outcome.SKIPPED, SkipReason.BUDGET, why
    if not schedules_run_at(level):
        return Outcome.SKIPPED, SkipReason.DEGRADED, f"{level.value}: {what_it_does(level)}"
    return None


def _overlap(schedule: Schedule, slot: datetime, running: Sequence[str], queued: datetime | None) -> _No | None:
    if not running or schedule.overlap is Overlap.ALLOW:
        return None
    if schedule.overlap is Overlap.QUEUE_ONE and queued in (None, slot):
        return Outcome.QUEUED, SkipReason.STILL_RUNNING, f"waits for {running[0]}"
    why = f"{running[0]} is still at work"
    if queued is not None:
        why += f", and the slot of {queued:%Y-%m-%d %H:%M} UTC waits already"
    return Outcome.SKIPPED, SkipReason.STILL_RUNNING, why


def _missed_entry(schedule: Schedule, firings: Sequence[Firing], now: datetime) -> list[JournalEntry]:
    missed = [firing for firing in firings if firing.reason is SkipReason.MISSED]
    if not missed:
        return []
    slots = "1 slot" if len(missed) == 1 else f"{len(missed):,} slots"
    why = f"{slots} missed while nobody was at work, the first {missed[0].slot:%Y-%m-%d %H:%M} UTC"
    return [schedule_entry("slots_missed", schedule.schedule_id, who=SCHEDULER, now=now, why=why)]


def span(time: timedelta) -> str:
    """In words, for people."""
    minutes = max(0, time // timedelta(minutes=1))
    days, hours = minutes // 1_440, minutes // 60 % 24
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


# -- slots without an answer -----------------------------------------------------------------------------------


def expected(schedule: Schedule, *, since: datetime, until: datetime) -> Sequence[datetime]:
    """Some slots of the last hour, day and forty days that must have an answer: all of them unless they are many."""
    found: set[datetime] = set()
    for look_back in (timedelta(hours=1), timedelta(days=1), timedelta(days=40)):
        found.update(islice(schedule.slots(max(since, until - look_back), until), 100))
    return sorted(found)
