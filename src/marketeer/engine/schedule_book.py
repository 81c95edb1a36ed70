"""The schedules in force: what files declare and commands have changed. Commands never rewrite a file."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from marketeer.domain.errors import UsageError
from marketeer.domain.plan import Pipeline
from marketeer.domain.schedule import Schedule, ScheduleState, as_texts, in_force, schedule_entry, schedule_fault
from marketeer.ports import Clock, ScheduleFiles, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """`added` are the ids of those that no file has. `states` is what the store keeps, by id."""

    schedules: tuple[Schedule, ...]
    added: frozenset[str]
    states: dict[str, ScheduleState]

    def find(self, schedule_id: str) -> Schedule:
        """UsageError naming the nearest for an unknown id."""
        found = next((schedule for schedule in self.schedules if schedule.schedule_id == schedule_id), None)
        if found is None:
            raise UsageError(_unknown(schedule_id, [schedule.schedule_id for schedule in self.schedules]))
        return found


class ScheduleBook:
    """`zone` is the one that settings name for the workspace, if they do; `machine_zone` asks the machine for its own,
    once: from then on the store keeps it."""

    def __init__(
        self,
        *,
        store: Store,
        files: ScheduleFiles,
        clock: Clock,
        find_pipeline: Callable[[str], Pipeline],
        zone: str | None,
        machine_zone: Callable[[], str],
    ) -> None:
        self._store = store
        self._files = files
        self._clock = clock
        self._find_pipeline = find_pipeline
        self._zone = zone
        self._machine_zone = machine_zone
        self._read: tuple[object, str, Sequence[Schedule]] | None = None

    async def default_zone(self) -> str:
        """Of schedules that name none."""
        known = self._zone or await self._store.default_zone()
        return known if known else await asyncio.to_thread(self._machine_zone)

    async def keep_default_zone(self) -> str:
        zone = await self.default_zone()
        return zone if self._zone else await self._store.keep_default_zone(zone)

    async def read(self) -> Book:
        """Raises ConfigurationError when a file is wrong."""
        zone = await self.default_zone()
        states = await self._store.schedule_states()
        schedules, added = in_force(await self._of_files(zone), states, zone=zone)
        return Book(schedules=schedules, added=added, states={state.schedule_id: state for state in states})

    async def add(self, schedule: Schedule, *, own_zone: bool, by: str) -> None:
        """UsageError when it is wrong or its id is taken. `own_zone` False: it follows the workspace's zone."""
        fault = schedule_fault(schedule)
        if fault is not None:
            raise UsageError(fault)
        self._find_pipeline(schedule.pipeline)
        book = await self.read()
        if any(known.schedule_id == schedule.schedule_id for known in book.schedules):
            msg = f"there is a schedule {schedule.schedule_id!r} already; choose another id, or remove that one first"
            raise UsageError(msg)
        state = ScheduleState(schedule_id=schedule.schedule_id, added=as_texts(schedule, own_zone=own_zone))
        await self._put(state, "schedule_added", by, why=f"{schedule.pipeline}, {schedule.cron}")

    async def remove(self, schedule_id: str, *, by: str) -> None:
        """UsageError for an unknown id. One that stands in a file comes back with `enable`."""
        book = await self.read()
        book.find(schedule_id)
        await self._put(ScheduleState(schedule_id=schedule_id, removed=True), "schedule_removed", by)

    async def enable(self, schedule_id: str, *, enabled: bool, by: str) -> bool:
        """False when it is so already. UsageError for an unknown id."""
        book = await self.read()
        state = book.states.get(schedule_id) or ScheduleState(schedule_id=schedule_id)
        if state.removed and enabled:
            await self._bring_back(schedule_id, by)
            return True
        if book.find(schedule_id).enabled is enabled:
            return False
        # Enabled again it is new: it owes nothing for the time in which it was not.
        changed = replace(state, enabled=enabled, known_since=None if enabled else state.known_since)
        await self._put(changed, "schedule_enabled" if enabled else "schedule_disabled", by)
        return True

    async def _bring_back(self, schedule_id: str, by: str) -> None:
        known = [schedule.schedule_id for schedule in await self._of_files(await self.default_zone())]
        if schedule_id not in known:
            msg = f"the schedule {schedule_id!r} was removed and stands in no file; add it anew with `schedules add`"
            raise UsageError(msg)
        await self._put(ScheduleState(schedule_id=schedule_id, enabled=True), "schedule_enabled", by)

    async def _put(self, state: ScheduleState, what: str, by: str, *, why: str | None = None) -> None:
        entry = schedule_entry(what, state.schedule_id, who=by, now=self._clock.now(), why=why)
        await self._store.put_schedule(state, entry)

    async def _of_files(self, zone: str) -> Sequence[Schedule]:
        stamp = await asyncio.to_thread(self._files.stamp)
        if self._read is None or self._read[:2] != (stamp, zone):
            self._read = (stamp, zone, await asyncio.to_thread(self._files.read, zone=zone))
        return self._read[2]


def _unknown(schedule_id: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(schedule_id, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(known)}"
    return f"no schedule {schedule_id!r}; {hint}"
