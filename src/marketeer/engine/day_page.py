"""A page of the day in `metrics/`: stored when its words have changed, and mirrored to its file."""

from __future__ import annotations

from datetime import datetime

from marketeer.domain.document import Author, Document, DocumentKind
from marketeer.engine.library import Library
from marketeer.ports import Store


class DayPage:
    """`metrics/<date>-<name>.md`, one for each UTC day."""

    def __init__(self, name: str, store: Store, library: Library) -> None:
        self._name = name
        self._store = store
        self._library = library

    async def is_there(self, at: datetime) -> bool:
        """Whether that day has one."""
        return await self._store.document(self._path(at)) is not None

    async def put(self, content: str, at: datetime) -> None:
        document = Document(
            path=self._path(at),
            kind=DocumentKind.METRICS,
            content=content,
            author=Author.MACHINE,
            rehearsal=False,
            created_at=at,
        )
        newest = await self._store.document(document.path)
        if newest is None or newest.sha256 != document.sha256:
            await self._store.add_document(document)
            await self._library.mirror_missing()

    def _path(self, at: datetime) -> str:
        return f"metrics/{at:%Y-%m-%d}-{self._name}.md"
