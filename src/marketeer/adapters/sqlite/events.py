"""Events in the store: kept when they come, and decided once, with the goals they start in the same transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from marketeer.adapters.sqlite import documents as documents_sql
from marketeer.adapters.sqlite import event_rows
from marketeer.adapters.sqlite.codec import json_text, time_of, time_text
from marketeer.adapters.sqlite.goals import write_change
from marketeer.adapters.sqlite.journal import add_entries
from marketeer.adapters.sqlite.recollection import Recollection
from marketeer.domain.document import Document
from marketeer.domain.errors import UsageError
from marketeer.domain.event import INTERNAL_SOURCE, Event
from marketeer.domain.event_effect import Decide, EventEffect, GoalStart, StoredEvent
from marketeer.domain.event_mapping import Key, StoredMapping, mapping_document, mapping_of
from marketeer.domain.journal import WORKSPACE_JOURNAL, JournalEntry
from marketeer.domain.snapshot import Change

T = TypeVar("T")
_MAPPINGS = "event mappings"
_PUT_COOLDOWN = (
    "INSERT INTO event_cooldowns (mapping_id, key, began_at, event_id) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (mapping_id, key) DO UPDATE SET began_at = excluded.began_at, event_id = excluded.event_id"
)
_PUT_MAPPING = (
    "INSERT INTO event_mappings (mapping_id, mapping, who, at) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (mapping_id) DO UPDATE SET mapping = excluded.mapping, who = excluded.who, at = excluded.at"
)
_Taken = tuple[StoredEvent, list[Change]]


class SqliteEvents(Recollection):
    """The part of SqliteStore that keeps events. See ports.EventStore for the contract."""

    async def accept_event(
        self, event: Event, *, received_at: datetime, outlook: Sequence[str]
    ) -> tuple[StoredEvent, bool]:
        return await self._db.write(lambda c: event_rows.accept(c, event, received_at, outlook))

    async def event(self, event_id: str) -> StoredEvent:
        found = await self._db.read_long(lambda c: event_rows.matching(c, event_id)) if event_id else []
        if not found:
            msg = f"no event {event_id!r}: see `marketeer events`"
            raise UsageError(msg)
        if len(found) > 1 and found[0].event.event_id != event_id:
            msg = f"{event_id!r} fits more than one event: {', '.join(one.event.event_id for one in found)}"
            raise UsageError(msg)
        return found[0]

    async def events(
        self, *, limit: int, event_type: str | None = None, owed_only: bool = False
    ) -> Sequence[StoredEvent]:
        return await self._db.read_long(lambda c: event_rows.newest(c, limit, event_type, owed_only))

    async def owed_events(self, *, limit: int) -> Sequence[StoredEvent]:
        return await self._db.read(lambda c: event_rows.owed(c, limit))

    async def internal_events(self, *, after: int, limit: int) -> Sequence[StoredEvent]:
        return await self._db.read(lambda c: event_rows.of_source(c, INTERNAL_SOURCE, after, limit))

    async def cooldowns(self, keys: Sequence[Key]) -> Mapping[Key, datetime]:
        return await self._db.read(lambda c: _cooldowns(c, keys)) if keys else {}

    async def take_effect(
        self, event_id: str, *, keys: Sequence[Key], decide: Decide
    ) -> tuple[StoredEvent, Sequence[Change]] | None:
        documents: list[Document] = []

        def work(connection: sqlite3.Connection) -> _Taken | None:
            documents.clear()  # of a first run that was undone
            return _take_effect(connection, event_id, keys, decide, documents)

        return await self._db.write(work, on_end=lambda _: self._forget_documents(documents))

    async def event_mappings(self) -> Sequence[StoredMapping]:
        return await self._recall(_MAPPINGS, None, _mappings)

    async def put_event_mapping(self, stored: StoredMapping) -> None:
        await self._db.write(lambda c: _put_mapping(c, stored), on_end=lambda _: self._remembered.forget(_MAPPINGS))


def _cooldowns(connection: sqlite3.Connection, keys: Sequence[Key]) -> dict[Key, datetime]:
    found = {}
    for mapping_id, key in keys:
        row = connection.execute(
            "SELECT began_at FROM event_cooldowns WHERE mapping_id = ? AND key = ?", (mapping_id, key)
        ).fetchone()
        if row is not None:
            found[mapping_id, key] = time_of(row["began_at"])
    return found


def _take_effect(
    connection: sqlite3.Connection, event_id: str, keys: Sequence[Key], decide: Decide, documents: list[Document]
) -> _Taken | None:
    stored = event_rows.find(connection, event_id)
    if stored is None or stored.effect is not None:
        return None
    ruling = decide(stored, _cooldowns(connection, keys))
    changes = []
    for start in ruling.starts:
        changes.append(_start(connection, stored, start))
        documents += start.documents
    _close(connection, stored, ruling.effect)
    add_entries(connection, ruling.entries)
    return replace(stored, effect=ruling.effect), changes


def _start(connection: sqlite3.Connection, stored: StoredEvent, start: GoalStart) -> Change:
    numbered = [documents_sql.add(connection, document) for document in start.documents]
    inputs = tuple(f"{document.path}@{document.version}" for document in numbered)
    change = replace(start.change, goal=replace(start.change.goal, inputs=inputs))
    write_change(connection, change)
    event_id = stored.event.event_id
    connection.execute(
        "INSERT INTO event_goals (goal_id, event_id, chain) VALUES (?, ?, ?)",
        (change.goal.goal_id, event_id, stored.chain + 1),
    )
    began_at = time_text(stored.received_at)
    connection.execute(_PUT_COOLDOWN, (*start.decision.place, began_at, event_id))
    return change


def _close(connection: sqlite3.Connection, stored: StoredEvent, effect: EventEffect) -> None:
    connection.execute(
        "UPDATE events SET decided_at = ?, effect = ? WHERE number = ?",
        (time_text(effect.decided_at), event_rows.effect_text(effect), stored.number),
    )


def _mappings(connection: sqlite3.Connection) -> list[StoredMapping]:
    rows = connection.execute("SELECT * FROM event_mappings ORDER BY at, mapping_id")
    return [
        StoredMapping(
            mapping_id=row["mapping_id"],
            mapping=mapping_of(json.loads(row["mapping"])) if row["mapping"] else None,
            who=row["who"],
            at=time_of(row["at"]),
        )
        for row in rows
    ]


def _put_mapping(connection: sqlite3.Connection, stored: StoredMapping) -> None:
    mapping = stored.mapping
    body = json_text(mapping_document(mapping)) if mapping is not None else None
    connection.execute(_PUT_MAPPING, (stored.mapping_id, body, stored.who, time_text(stored.at)))
    entry = JournalEntry(
        goal_id=WORKSPACE_JOURNAL,
        at=stored.at,
        what="event_mapping_added" if mapping else "event_mapping_removed",
        who=stored.who,
        why=f"{stored.mapping_id}: {mapping.event} starts {mapping.pipeline}" if mapping else stored.mapping_id,
        data={"mapping": stored.mapping_id},
    )
    add_entries(connection, [entry])
