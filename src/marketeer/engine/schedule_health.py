"""Whether every slot that has come has its answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from marketeer.domain.errors import ConfigurationError
from marketeer.domain.firing import expected
from marketeer.domain.health import Check, check_scheduler
from marketeer.engine.schedule_book import Book, ScheduleBook
from marketeer.ports import Clock, Store

# A scheduler at work answers within seconds.
GRACE = timedelta(minutes=2)


async def look_at_schedules(store: Store, clock: Clock, book: ScheduleBook, *, running: bool) -> Check:
    """`running`: whether a process answers slots now. While none does, slots wait until the next one comes."""
    now = clock.now()
    try:
        found = await book.read()
    except ConfigurationError as exc:
        return check_scheduler(running=running, trouble=str(exc))
    unanswered = await _unanswered(store, found, now, running=running)
    active = sum(schedule.enabled for schedule in found.schedules)
    return check_scheduler(running=running, active=active, unanswered=unanswered)


async def _unanswered(store: Store, book: Book, now: datetime, *, running: bool) -> Sequence[tuple[datetime, str]]:
    """(slot, schedule id), oldest first."""
    newest = {firing.schedule_id: firing.slot for firing in await store.newest_firings(until=now)}
    found: list[tuple[datetime, str]] = []
    for schedule in book.schedules:
        schedule_id = schedule.schedule_id
        state = book.states.get(schedule_id)
        if state is None or state.known_since is None or state.timing != schedule.timing:
            continue  # no scheduler has seen it so yet
        until = now - GRACE if running else newest.get(schedule_id, state.known_since)
        slots = expected(schedule, since=state.known_since, until=until)
        if slots:
            answered = await store.answered_slots(schedule_id, since=slots[0] - GRACE)
            found += [(slot, schedule_id) for slot in slots if slot not in answered]
    return sorted(found)
