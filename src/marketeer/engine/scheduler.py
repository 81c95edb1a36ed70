"""The scheduler: sleeps until the next slot of any schedule and sees to it that every slot gets its one answer.

It sleeps in pieces of a few seconds and looks at the clock after each, so a clock that was put forward or a machine
that slept delays nothing for longer. Any number of schedulers may run on a store: the first answer to a slot stands.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from marketeer.domain.advance import begin
from marketeer.domain.errors import ConfigurationError, Conflict, StoreUnavailable, UsageError
from marketeer.domain.firing import (
    Batch,
    Circumstances,
    Firing,
    Outcome,
    Past,
    Settled,
    SkipReason,
    dropped,
    due,
    settle,
)
from marketeer.domain.plan import Pipeline
from marketeer.domain.schedule import Schedule
from marketeer.domain.snapshot import Change
from marketeer.domain.submission import Submission, new_goal
from marketeer.engine.progress import Progress
from marketeer.engine.racing import race
from marketeer.engine.schedule_book import Book, ScheduleBook
from marketeer.engine.submit import new_token
from marketeer.logs import get_logger
from marketeer.ports import Clock, Doorbell, Store

LOOK_EVERY_S = 5.0
BUNDLE_S = 0.25
RETRY_S = 1.0
# Answers to slots that lie further ahead were given while the clock was wrong.
FUTURE = timedelta(minutes=1)

CONFLICTS = 2

Settle = Callable[[Past, Sequence[datetime]], Settled]

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sleep:
    """`until` is by the monotonic clock. A ring behind `seen` ends it; None: it ends by itself."""

    until: float
    seen: int | None = None


class Scheduler:
    """`start()` makes it ready and `run()` works until `stop()` or cancelled; `run` starts it if nobody has.

    `circumstances` tells how things stand; `mark` is held while it runs, so that others can tell. With `rehearsal` its
    goals are rehearsals. `look_every_s` is the longest it sleeps at a time.
    """

    def __init__(
        self,
        *,
        store: Store,
        book: ScheduleBook,
        progress: Progress,
        doorbell: Doorbell,
        clock: Clock,
        find_pipeline: Callable[[str], Pipeline],
        circumstances: Callable[[], Awaitable[Circumstances]],
        mark: Callable[[], AbstractAsyncContextManager[None]],
        rehearsal: bool = False,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._store = store
        self._book = book
        self._progress = progress
        self._doorbell = doorbell
        self._clock = clock
        self._find_pipeline = find_pipeline
        self._circumstances = circumstances
        self._mark = mark
        self._rehearsal = rehearsal
        self._look_every_s = look_every_s
        self._stopping = asyncio.Event()
        self._schedules: dict[str, Schedule] = {}
        self._after: dict[str, datetime] = {}
        self._next: dict[str, datetime | None] = {}
        self._queued: Sequence[tuple[Firing, bool]] = ()
        self._complaint = ""
        self._asleep: _Sleep | None = None
        self._started = False

    # -- what it is asked ------------------------------------------------------------------------------------

    def active(self) -> Sequence[Schedule]:
        """Those that are enabled."""
        return [schedule for schedule in self._schedules.values() if schedule.enabled]

    def next_firing(self, schedule_id: str) -> datetime | None:
        """The next slot, in UTC; None when it is unknown, disabled or never comes."""
        schedule = self._schedules.get(schedule_id)
        return self._next.get(schedule_id) if schedule is not None and schedule.enabled else None

    @property
    def at_rest(self) -> bool:
        """It sleeps, its time has not come, and it has heard every ring: for tests, which move the clock then."""
        asleep = self._asleep
        heard = asleep is not None and asleep.seen in (None, self._doorbell.rings)
        return asleep is not None and heard and self._clock.monotonic() < asleep.until

    async def add(self, schedule: Schedule, *, own_zone: bool = True, by: str) -> None:
        """UsageError when it is wrong or its id is taken."""
        await self._book.add(schedule, own_zone=own_zone, by=by)
        await self._changed()

    async def remove(self, schedule_id: str, *, by: str) -> None:
        """UsageError for an unknown id."""
        await self._book.remove(schedule_id, by=by)
        await self._changed()

    async def enable(self, schedule_id: str, *, enabled: bool = True, by: str) -> bool:
        """False when it is so already. UsageError for an unknown id."""
        changed = await self._book.enable(schedule_id, enabled=enabled, by=by)
        await self._changed()
        return changed

    async def _changed(self) -> None:
        await self._take(await self._book.read())
        self._doorbell.ring()

    # -- its life --------------------------------------------------------------------------------------------

    async def start(self) -> int:
        """Know all schedules and their next slots; what is new owes nothing for the past. Returns how many answers were
        dropped that only a wrong clock can have given. Raises ConfigurationError when a file is wrong."""
        await self._book.keep_default_zone()
        forgotten = await self._store.forget_firings_after(self._clock.now() + FUTURE)
        if forgotten:
            log.warning("answers_to_future_slots_dropped", firings=forgotten)
        await self._take(await self._book.read())
        self._started = True
        return forgotten

    def stop(self) -> None:
        """`run` returns after what it is just doing."""
        self._stopping.set()

    async def run(self) -> None:
        """A store out of reach is waited out; slots that come meanwhile are late, not lost."""
        async with self._mark():
            if not self._started:
                await self.start()
            log.debug("scheduler_began", schedules=len(self._schedules))
            while not self._stopping.is_set():
                seen = self._doorbell.rings
                try:
                    await self._reread()
                    await self._answer_all()
                except StoreUnavailable as exc:
                    self._complain("scheduler_waits_for_the_store", str(exc))
                    await race(self._clock.sleep(RETRY_S), self._stopping.wait())
                else:
                    await self._sleep(seen)

    async def _sleep(self, seen: int) -> None:
        """Until the next slot, a ring or a few seconds from now. Rings come in flocks: a short while bundles them."""
        wait_s = min(self._look_every_s, self._until_next_s())
        self._asleep = _Sleep(until=self._clock.monotonic() + wait_s, seen=seen)
        await race(self._doorbell.wait(seen, wait_s), self._stopping.wait())
        if self._doorbell.rings != seen:
            bundle_s = min(BUNDLE_S, self._until_next_s())
            self._asleep = _Sleep(until=self._clock.monotonic() + bundle_s)
            await race(self._clock.sleep(bundle_s), self._stopping.wait())
        self._asleep = None

    def _until_next_s(self) -> float:
        coming = [slot for slot in self._next.values() if slot is not None]
        return max(0.0, (min(coming) - self._clock.now()).total_seconds()) if coming else self._look_every_s

    # -- which schedules there are -----------------------------------------------------------------------------

    async def _reread(self) -> None:
        """What files and commands have changed. A file that is wrong changes nothing until it is mended."""
        try:
            book = await self._book.read()
        except ConfigurationError as exc:
            self._complain("schedules_stay_as_they_were", str(exc))
            return
        await self._take(book)
        self._complaint = ""

    async def _take(self, book: Book) -> None:
        now = self._clock.now()
        if _is_news(book):
            await self._store.know_schedules({s.schedule_id: s.timing for s in book.schedules}, now=now)
            book = await self._book.read()
        answered = {firing.schedule_id: firing.slot for firing in await self._store.newest_firings(until=now)}
        self._queued = await self._store.queued_firings()
        before, self._schedules = self._schedules, {s.schedule_id: s for s in book.schedules}
        for schedule_id, schedule in self._schedules.items():
            since = book.states[schedule_id].known_since or now
            after = max(since, answered.get(schedule_id, since))
            if before.get(schedule_id) != schedule or self._after.get(schedule_id) != after:
                self._after[schedule_id] = after
                self._next[schedule_id] = schedule.next_slot(after)
        for gone in self._next.keys() - self._schedules.keys():
            del self._after[gone], self._next[gone]

    def _complain(self, event: str, error: str) -> None:
        """Once for as long as it lasts."""
        if error != self._complaint:
            self._complaint = error
            log.warning(event, error=error)

    # -- answers -----------------------------------------------------------------------------------------------

    async def _answer_all(self) -> None:
        """To every slot that has come, the most urgent schedule first, and to those whose forerunner is done."""
        now = self._clock.now()
        come = [(s.priority.rank, slot, s) for s in self._schedules.values() if (slot := self._next[s.schedule_id])]
        come = sorted((one for one in come if one[1] <= now), key=lambda one: one[:2])
        ripe = [firing for firing, is_ripe in self._queued if is_ripe or not self._is_enabled(firing.schedule_id)]
        if not come and not ripe:
            return
        at = await self._circumstances()
        for firing in ripe:
            await self._release(firing, at)
        late = 0
        for _, _, schedule in come:
            late += await self._answer(schedule, at, late)

    def _is_enabled(self, schedule_id: str) -> bool:
        return schedule_id in self._schedules and self._schedules[schedule_id].enabled

    async def _answer(self, schedule: Schedule, at: Circumstances, late: int) -> int:
        """Returns how many goals began late."""
        schedule_id, began_late, more = schedule.schedule_id, 0, True
        while more and not self._stopping.is_set():
            batch = due(schedule, after=self._after[schedule_id], now=at.now)
            more = batch.more
            if batch.slots:
                settled = await self._settle(schedule, batch, at, late + began_late)
                began_late += sum(firing.began_late for firing in settled.firings)
                self._after[schedule_id] = batch.slots[-1]
        self._next[schedule_id] = schedule.next_slot(self._after[schedule_id])
        return began_late

    async def _release(self, firing: Firing, at: Circumstances) -> None:
        """A slot that waited in the queue."""
        schedule = self._schedules.get(firing.schedule_id)
        if schedule is None:
            await self._store.settle_slots(
                firing.schedule_id, [firing.slot], lambda _, slots: dropped(firing.schedule_id, slots, at.now)
            )
            return
        await self._settle(schedule, Batch(slots=(firing.slot,), made_up=frozenset({firing.slot})), at, 0)

    async def _settle(self, schedule: Schedule, batch: Batch, at: Circumstances, late: int) -> Settled:
        try:
            pipeline = self._find_pipeline(schedule.pipeline).name
        except UsageError as exc:
            pipeline, at = schedule.pipeline, replace(at, no_pipeline=str(exc))
        make = partial(_begun, schedule, pipeline, at.now, self._rehearsal)

        def settled(past: Past, slots: Sequence[datetime]) -> Settled:
            return settle(schedule, replace(batch, slots=tuple(slots)), past, at, make, late_before=late)

        done = await self._settled(schedule.schedule_id, batch.slots, settled)
        _say(done)
        for change in done.changes:
            await self._progress.announce(change)
        return done

    async def _settled(self, schedule_id: str, slots: Sequence[datetime], settled: Settle) -> Settled:
        """Nothing is stored when the id of a new goal happens to be taken: the next one is not."""
        for _ in range(CONFLICTS):
            try:
                return await self._store.settle_slots(schedule_id, slots, settled)
            except Conflict as exc:
                log.warning("goal_id_was_taken", schedule_id=schedule_id, error=str(exc))
        return await self._store.settle_slots(schedule_id, slots, settled)


def _is_news(book: Book) -> bool:
    """Whether a schedule is new, has other times, or is gone."""
    timings = {schedule.schedule_id: schedule.timing for schedule in book.schedules}
    known = {s.schedule_id: s.timing for s in book.states.values() if s.known_since is not None}
    return timings != known


def _begun(
    schedule: Schedule, pipeline: str, now: datetime, rehearsal: bool, slot: datetime, delay: timedelta
) -> Change:
    """The goal of a slot; what is known beforehand comes first."""
    submission = Submission(
        description=f"Run {pipeline}", rehearsal=rehearsal, pipeline=pipeline, priority=schedule.priority
    )
    goal = new_goal(submission, token=new_token(), now=now)
    who = f"schedule {schedule.schedule_id}, slot {slot:%Y-%m-%d %H:%M:%S} UTC"
    return begin(goal, now, who=who, delay=delay)


def _say(done: Settled) -> None:
    """A line for each answer; of the missed, which may be very many, one for all."""
    missed = [firing for firing in done.firings if firing.reason is SkipReason.MISSED]
    if missed:
        first = missed[0]
        log.warning("slots_missed", schedule_id=first.schedule_id, slots=len(missed), first=first.slot.isoformat())
    for firing in done.firings:
        if firing.reason is not SkipReason.MISSED:
            _say_one(firing)


def _say_one(firing: Firing) -> None:
    expected = firing.outcome is Outcome.FIRED or firing.reason is SkipReason.DISABLED
    tell = log.info if expected else log.warning
    tell(
        f"slot_{firing.outcome.value}",
        schedule_id=firing.schedule_id,
        slot=firing.slot.isoformat(),
        goal_id=firing.goal_id,
        reason=firing.reason.value if firing.reason else None,
        why=firing.why,
    )
