"""The event bus: keeps each event before it is answered, and decides once what it starts.

Keeping and deciding are two transactions: whoever was answered can rely on the first, and the second is owed until it
is made, by whatever process runs the bus.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from marketeer.domain.budget import BudgetLevel
from marketeer.domain.condition import ConditionName
from marketeer.domain.errors import ConfigurationError, StoreUnavailable, UsageError
from marketeer.domain.event import INTERNAL_PREFIX, INTERNAL_SOURCE, Event, EventRefused, read_event, wrong_data
from marketeer.domain.event_effect import (
    Circumstances,
    Receipt,
    StoredEvent,
    effect_words,
    foresee,
    receipt_of,
    rule,
)
from marketeer.domain.event_mapping import EventMapping, EventRules, StoredMapping, keys_of, wrong_mapping
from marketeer.domain.plan import Pipeline
from marketeer.domain.submission import check_description
from marketeer.engine.progress import Progress
from marketeer.engine.submit import new_token
from marketeer.logs import get_logger
from marketeer.ports import Clock, Doorbell, EventFiles, Store

SWEEP_EVERY_S = 5.0
STORE_AGAIN_S = 1.0
BATCH = 100

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventBusOptions:
    """`before_goals` is awaited before real goals are begun. With `rehearsal` the goals that events start are such."""

    find_pipeline: Callable[[str], Pipeline]
    budget_level: Callable[[], Awaitable[BudgetLevel]]
    before_goals: Callable[[], Awaitable[None]]
    rehearsal: bool = False


class EventBus:
    """Any process may accept events; those that `run()` decide them."""

    def __init__(
        self,
        *,
        store: Store,
        files: EventFiles,
        progress: Progress,
        doorbell: Doorbell,
        clock: Clock,
        options: EventBusOptions,
    ) -> None:
        self._store = store
        self._files = files
        self._progress = progress
        self._doorbell = doorbell
        self._clock = clock
        self._options = options
        self._of_files: EventRules | None = None
        self._complained = ""

    # -- what holds ------------------------------------------------------------------------------------------

    async def rules(self) -> EventRules:
        """Types and mappings in force. A file that has become wrong is told of, and what it said before holds on.
        Raises ConfigurationError when it never was right."""
        try:
            self._of_files = await self._files.rules()
            self._complained = ""
        except ConfigurationError as exc:
            if self._of_files is None:
                raise
            if str(exc) != self._complained:
                self._complained = str(exc)
                log.warning("event_mappings_unreadable", error=str(exc), effect="what they said before holds on")
        return self._of_files.overlaid(await self._store.event_mappings())

    async def add_mapping(self, mapping: EventMapping, *, by: str) -> None:
        """For every process and from now on, in place of one of the same id. Raises UsageError for a wrong one."""
        rules = await self.rules()
        if mapping.event not in rules.types:
            msg = f"no event type {mapping.event!r}; choose one of {', '.join(rules.types)}"
            raise UsageError(msg)
        found = wrong_mapping(mapping)
        if found is not None:
            msg = f"mapping {mapping.mapping_id!r}: {found}"
            raise UsageError(msg)
        check_description(mapping.goal)
        pipeline = self._options.find_pipeline(mapping.pipeline).name
        kept = replace(mapping, pipeline=pipeline, origin=by)
        await self._put(StoredMapping(mapping_id=mapping.mapping_id, mapping=kept, who=by, at=self._clock.now()))

    async def remove_mapping(self, mapping_id: str, *, by: str) -> None:
        """For every process, also one that a file has; files stay as they are. Raises UsageError for an unknown id."""
        known = [mapping.mapping_id for mapping in (await self.rules()).mappings]
        if mapping_id not in known:
            msg = f"no mapping {mapping_id!r}; there are {', '.join(known) or 'none'}"
            raise UsageError(msg)
        await self._put(StoredMapping(mapping_id=mapping_id, mapping=None, who=by, at=self._clock.now()))

    async def _put(self, stored: StoredMapping) -> None:
        await self._store.put_event_mapping(stored)
        self._doorbell.ring()

    # -- what comes in ---------------------------------------------------------------------------------------

    async def receive(self, raw: object) -> Receipt:
        """Accept an event from outside, as parsed JSON. Raises EventRefused with everything that is wrong with it."""
        return await self.accept(read_event(raw, types=(await self.rules()).types))

    async def emit(self, event_type: str, data: Mapping[str, Any], *, event_id: str | None = None) -> Receipt:
        """Tell of something that happened in here. With an `event_id` it is told once, however often this is called.

        Raises EventRefused for an unknown type or data that no event may have."""
        types = tuple((await self.rules()).types)
        wrong = {"type": f"is {event_type!r}, which is no type of event"} if event_type not in types else {}
        found = wrong_data(dict(data))
        if wrong or found is not None:
            raise EventRefused(wrong | ({"data": found} if found is not None else {}), types)
        name = event_id or new_token()
        event = Event(
            event_id=f"{INTERNAL_PREFIX}{event_type}:{name}",
            type=event_type,
            timestamp=self._clock.now(),
            source=INTERNAL_SOURCE,
            data=dict(data),
        )
        return await self.accept(event)

    async def replay(self, event_id: str, *, source: str) -> Receipt:
        """Send an event again, as a new one that names the old. Raises UsageError for an unknown id."""
        old = (await self._store.event(event_id)).event
        again = replace(
            old,
            event_id=f"replay-{new_token()}",
            timestamp=self._clock.now(),
            source=source,
            replays=old.event_id,
            goal_id=None,
        )
        return await self.accept(again)

    async def accept(self, event: Event) -> Receipt:
        """Keep the event: when this returns it will take effect, whatever happens. One whose id is known changes
        nothing, and gets the answer of the first."""
        now = self._clock.now()
        outlook = await self._outlook(event)
        stored, new = await self._store.accept_event(event, received_at=now, outlook=outlook)
        if new:
            log.info("event_received", event_id=event.event_id, type=event.type, source=event.source)
            self._doorbell.ring()
        return receipt_of(stored, event, duplicate=not new)

    async def _outlook(self, event: Event) -> Sequence[str]:
        try:
            given = await self._circumstances()
        except ConfigurationError as exc:
            return [f"waits until its mappings can be read: {exc}"]
        last = await self._store.cooldowns(keys_of(given.rules, event))
        return foresee(event, last, given, ahead=bool(await self._store.owed_events(limit=1)))

    # -- what becomes of it ----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Decide what is owed, oldest first, and then whatever comes; until cancelled."""
        while True:
            seen = self._doorbell.rings
            try:
                await self.process()
            except StoreUnavailable as exc:
                log.warning("events_wait", error=str(exc))
                await self._clock.sleep(STORE_AGAIN_S)
            await self._doorbell.wait(seen, SWEEP_EVERY_S)

    async def recover(self) -> int:
        """What `process` does, but mappings that cannot be read hold nobody up: `run` meets them again."""
        try:
            return await self.process()
        except ConfigurationError as exc:
            log.warning("events_wait", error=str(exc))
            return 0

    async def process(self) -> int:
        """Decide everything that is owed now; returns how many were. Raises ConfigurationError when the mappings cannot
        be read: then the events wait."""
        decided = 0
        while owed := await self._store.owed_events(limit=BATCH):
            if not self._options.rehearsal:
                await self._options.before_goals()
            for stored in owed:
                decided += await self._decide(stored)
        return decided

    async def _decide(self, stored: StoredEvent) -> bool:
        """False when another process has."""
        given = await self._circumstances()
        done = await self._store.take_effect(
            stored.event.event_id, keys=keys_of(given.rules, stored.event), decide=partial(rule, given=given)
        )
        if done is None:
            return False
        taken, changes = done
        assert taken.effect is not None  # noqa: S101 - it has just got it
        log.info(
            "event_decided",
            event_id=taken.event.event_id,
            type=taken.event.type,
            goals=list(taken.effect.goal_ids),
            why="; ".join(effect_words(taken.effect)),
        )
        for change in changes:
            await self._progress.announce(change)
        self._doorbell.ring()
        return True

    async def _circumstances(self) -> Circumstances:
        conditions = {condition.name: condition for condition in await self._store.conditions()}
        paused = conditions.get(ConditionName.PAUSED)
        return Circumstances(
            rules=await self.rules(),
            now=self._clock.now(),
            token=new_token,
            paused=f"everything is paused by {paused.who}" if paused else None,
            budget=await self._options.budget_level(),
            rehearsal=self._options.rehearsal,
        )
