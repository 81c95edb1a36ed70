"""The part of the Store port that keeps schedules and their slots: see ports.ScheduleStore."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from marketeer.adapters.sqlite import schedules as schedules_sql
from marketeer.adapters.sqlite.database import Database
from marketeer.domain.firing import Firing, Settled
from marketeer.domain.journal import JournalEntry
from marketeer.domain.schedule import ScheduleState

# More slots at once are worked through on a thread.
FEW = 8


class SqliteSchedules:
    """To be inherited by the store, whose database it is."""

    _db: Database

    async def schedule_states(self) -> Sequence[ScheduleState]:
        return await self._db.read(schedules_sql.states)

    async def put_schedule(self, state: ScheduleState, entry: JournalEntry) -> None:
        await self._db.write(lambda c: schedules_sql.put_state(c, state, entry))

    async def know_schedules(self, timings: Mapping[str, str], *, now: datetime) -> None:
        await self._db.write(lambda c: schedules_sql.know(c, timings, now))

    async def settle_slots(self, schedule_id: str, slots: Sequence[datetime], settle: schedules_sql.Settle) -> Settled:
        return await self._db.write(
            lambda c: schedules_sql.settle_slots(c, schedule_id, slots, settle), long=len(slots) > FEW
        )

    async def newest_firings(self, *, until: datetime) -> Sequence[Firing]:
        return await self._db.read(lambda c: schedules_sql.newest(c, until))

    async def queued_firings(self) -> Sequence[tuple[Firing, bool]]:
        return await self._db.read(schedules_sql.queued)

    async def firings(self, schedule_id: str | None = None, *, limit: int) -> Sequence[Firing]:
        return await self._db.read_long(lambda c: schedules_sql.firings(c, schedule_id, limit))

    async def answered_slots(self, schedule_id: str, *, since: datetime) -> frozenset[datetime]:
        return await self._db.read_long(lambda c: schedules_sql.answered(c, schedule_id, since))

    async def forget_firings_after(self, moment: datetime) -> int:
        return await self._db.write(lambda c: schedules_sql.forget_after(c, moment), long=True)

    async def default_zone(self) -> str | None:
        return await self._db.read(schedules_sql.default_zone)

    async def keep_default_zone(self, zone: str) -> str:
        return await self._db.write(lambda c: schedules_sql.keep_default_zone(c, zone))
