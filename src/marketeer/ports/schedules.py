"""Schedules: the files they stand in, and what the store keeps of them and of their slots."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # a port only names these: who reads must not load all that the others need
    from marketeer.domain.firing import Firing, Past, Settled
    from marketeer.domain.journal import JournalEntry
    from marketeer.domain.schedule import Schedule, ScheduleState


class ScheduleFiles(Protocol):
    """The schedules that files declare, the workspace's own laid over the built-in ones."""

    def stamp(self) -> object:
        """Changes whenever they do. Cheap enough to be asked every few seconds."""
        ...

    def read(self, *, zone: str) -> Sequence[Schedule]:
        """`zone` is that of the schedules that name none. Raises ConfigurationError naming file, line and remedy."""
        ...


class ScheduleStore(Protocol):
    """Each slot of a schedule has one answer, however many processes decide at once."""

    async def schedule_states(self) -> Sequence[ScheduleState]: ...

    async def put_schedule(self, state: ScheduleState, entry: JournalEntry) -> None:
        """What a command has changed, with its word for the journal. Without `known_since` it is new again."""
        ...

    async def know_schedules(self, timings: Mapping[str, str], *, now: datetime) -> None:
        """Note when each schedule was first seen with this timing; whichever process is first decides. Those not named
        are forgotten, and new when they come back."""
        ...

    async def settle_slots(
        self, schedule_id: str, slots: Sequence[datetime], settle: Callable[[Past, Sequence[datetime]], Settled]
    ) -> Settled:
        """Answer those of the slots that have no answer yet, or wait in the queue: firings, goals and entries in one
        transaction. `settle` is pure, is given these slots and may be run on any thread. Returns what was committed."""
        ...

    async def newest_firings(self, *, until: datetime) -> Sequence[Firing]:
        """Of each schedule, the one with its last slot up to that moment."""
        ...

    async def queued_firings(self) -> Sequence[tuple[Firing, bool]]:
        """Those that wait for a forerunner, and whether it is done by now."""
        ...

    async def firings(self, schedule_id: str | None = None, *, limit: int) -> Sequence[Firing]:
        """Newest slot first."""
        ...

    async def answered_slots(self, schedule_id: str, *, since: datetime) -> frozenset[datetime]: ...

    async def forget_firings_after(self, moment: datetime) -> int:
        """Drop the answers to slots behind that moment, but for those that fired: the clock was wrong."""
        ...

    async def default_zone(self) -> str | None: ...

    async def keep_default_zone(self, zone: str) -> str:
        """Keep it unless one is kept already. Returns the one that is."""
        ...
