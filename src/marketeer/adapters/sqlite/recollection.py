"""What every part of the store stands on: its database, and what was read from it before and is still true."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar

from marketeer.adapters.sqlite.database import Database
from marketeer.adapters.sqlite.remembered import MISSING, Remembered
from marketeer.domain.document import Document

T = TypeVar("T")


class Recollection:
    """To be inherited by the store and by those of its parts that recall, or write documents."""

    _db: Database
    _remembered: Remembered

    async def _recall(
        self, topic: Hashable, question: Hashable, work: Callable[[sqlite3.Connection], T], *, absence: bool = True
    ) -> T:
        """What was read before, if nothing has touched the topic since; else read it. Without `absence` None is never
        what was read before."""
        known = self._remembered.get(topic, question)
        if known is not MISSING:
            return known  # type: ignore[no-any-return]
        changes = self._remembered.changes
        answer = await self._db.read(work)
        if self._remembered.changes == changes and (absence or answer is not None):
            self._remembered.put(topic, question, answer)
        return answer

    def _forget_documents(self, documents: Iterable[Document]) -> None:
        for document in documents:
            self._remembered.forget(document_topic(document.path))
            self._remembered.forget(adopted_topic(document.path))

    def _know_documents(self, stored: Sequence[Document] | None) -> None:
        """They are the newest of their paths."""
        self._forget_documents(stored or ())
        for document in stored or ():
            topic = document_topic(document.path)
            for question in (("version", None), ("version", document.version), ("in force", document.version)):
                self._remembered.put(topic, question, document)


def document_topic(path: str) -> Hashable:
    return ("document", path)


def adopted_topic(path: str) -> Hashable:
    """Which version is adopted depends on the task too that wrote it."""
    return ("adopted", path)
