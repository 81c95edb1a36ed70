"""The inbox: events kept before they are answered, and decided once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # a port only names these: who reads must not load all that the others need
    from marketeer.domain.event import Event
    from marketeer.domain.event_effect import Decide, StoredEvent
    from marketeer.domain.event_mapping import EventRules, Key, StoredMapping
    from marketeer.domain.snapshot import Change


class EventStore(Protocol):
    """Part of the Store: see there.

    Events of this program's own are also written by whatever they tell of, in its transaction and once: a budget level
    that is reached, a task that failed for good, a circuit that opened. Rehearsals emit none.
    """

    async def accept_event(
        self, event: Event, *, received_at: datetime, outlook: Sequence[str]
    ) -> tuple[StoredEvent, bool]:
        """Keep the event, unless its id is known. Returns what is kept under that id, and whether it is new."""
        ...

    async def event(self, event_id: str) -> StoredEvent:
        """By id, its beginning or its number. UsageError when there is none or more than one."""
        ...

    async def events(
        self, *, limit: int, event_type: str | None = None, owed_only: bool = False
    ) -> Sequence[StoredEvent]:
        """Newest first."""
        ...

    async def owed_events(self, *, limit: int) -> Sequence[StoredEvent]:
        """Not decided yet, in the order of arrival."""
        ...

    async def internal_events(self, *, after: int, limit: int) -> Sequence[StoredEvent]:
        """Of this program's own those with a larger number, oldest first: what people are to be told of."""
        ...

    async def cooldowns(self, keys: Sequence[Key]) -> Mapping[Key, datetime]:
        """When each of these (mapping id, key) was last triggered, where it ever was."""
        ...

    async def take_effect(
        self, event_id: str, *, keys: Sequence[Key], decide: Decide
    ) -> tuple[StoredEvent, Sequence[Change]] | None:
        """Decide an event: its goals with their plans owed, inputs and cooldowns, its outcome and the journal, in one
        transaction. None when it was decided before, and then nothing changes. `decide` gets the cooldowns of `keys`;
        it changes nothing itself, and may be run on any thread and twice, the first time undone."""
        ...

    async def event_mappings(self) -> Sequence[StoredMapping]:
        """Those that programs added or took away, oldest first."""
        ...

    async def put_event_mapping(self, stored: StoredMapping) -> None:
        """In place of one of the same id. Journaled."""
        ...


class EventFiles(Protocol):
    """The types and mappings of the team's files."""

    async def rules(self) -> EventRules:
        """As the files are now. Raises ConfigurationError naming file, line and remedy."""
        ...
