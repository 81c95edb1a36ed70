"""The part of the Store port that keeps learnings: see ports.LearningStore."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import TypeVar

from marketeer.adapters.sqlite import journal as journal_sql
from marketeer.adapters.sqlite import learnings as learnings_sql
from marketeer.adapters.sqlite.database import Database
from marketeer.adapters.sqlite.remembered import MISSING, Remembered
from marketeer.domain.journal import JournalEntry
from marketeer.domain.learning import Learning
from marketeer.domain.recall import Found
from marketeer.domain.skill import DIRECTOR

T = TypeVar("T")
LEARNINGS_TOPIC = "learnings"


class SqliteLearnings:
    """To be inherited by the store, whose database it is, and whose memory of what it has read."""

    _db: Database
    _remembered: Remembered

    async def learnings(
        self,
        *,
        rehearsal: bool,
        agent: str | None = None,
        category: str | None = None,
        retired: bool | None = None,
        limit: int = 200,
    ) -> Sequence[Learning]:
        return await self._db.read_long(
            lambda c: learnings_sql.newest(
                c, rehearsal=rehearsal, agent=agent, category=category, retired=retired, limit=limit
            )
        )

    async def find_learning(self, prefix: str) -> Learning:
        return await self._db.read(lambda c: learnings_sql.find(c, prefix))

    async def fitting_learnings(
        self, agent: str, *, category: str | None, words: Sequence[str], rehearsal: bool
    ) -> Sequence[Found]:
        if agent != DIRECTOR and not await self._anybody_knows(rehearsal):
            return ()
        return await self._db.read(lambda c: learnings_sql.fitting(c, agent, category, words, rehearsal))

    async def learn(self, learnings: Sequence[Learning], entries: Sequence[JournalEntry]) -> Sequence[Learning]:
        return await self._change_learnings(lambda c: learnings_sql.take_in(c, learnings), entries)

    async def put_learnings(self, learnings: Sequence[Learning], entries: Sequence[JournalEntry]) -> None:
        await self._change_learnings(lambda c: learnings_sql.put(c, learnings), entries)

    async def _change_learnings(self, change: Callable[[sqlite3.Connection], T], entries: Sequence[JournalEntry]) -> T:
        def work(connection: sqlite3.Connection) -> T:
            result = change(connection)
            journal_sql.add_entries(connection, entries)
            return result

        return await self._db.write(work, long=True, on_end=lambda _: self._remembered.forget(LEARNINGS_TOPIC))

    async def _anybody_knows(self, rehearsal: bool) -> bool:
        """Remembered: most of the time nobody does, and every task asks."""
        known = self._remembered.get(LEARNINGS_TOPIC, rehearsal)
        if known is not MISSING:
            return bool(known)
        changes = self._remembered.changes
        answer = await self._db.read(lambda c: learnings_sql.anybody_knows(c, rehearsal))
        if self._remembered.changes == changes:
            self._remembered.put(LEARNINGS_TOPIC, rehearsal, answer)
        return answer
