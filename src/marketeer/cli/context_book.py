"""The product context of a workspace: what is in force, every version there was, and a new one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from marketeer.adapters.sqlite.store import SqliteStore
from marketeer.adapters.workspace import FileWorkspace
from marketeer.cli.common import Call
from marketeer.domain.document import CONTEXT_PATH, Author, Document, DocumentKind
from marketeer.runtime import open_office, open_reader

HUMAN = "you"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One version. `version` is None for a file that was edited and not taken in yet: the next command that works here
    stores it. `who` is `you` or the task that wrote it."""

    content: str
    version: int | None
    who: str
    at: datetime

    @property
    def name(self) -> str:
        return f"version {self.version}" if self.version is not None else "your edited file"


async def versions(call: Call) -> list[Held]:
    """Oldest first; an edited file that is not stored yet comes last. Nothing is written."""
    place = FileWorkspace(call.settings.workspace_dir)
    place.check()
    stored: list[Document] = []
    pending = await _file(place)
    if place.exists:
        async with open_reader(call.settings) as reader:
            stored = await _stored(reader.store)
            if pending and await reader.store.is_stored_version(CONTEXT_PATH, _digest(pending.content)):
                pending = None
    return [*map(_held, stored), *([pending] if pending else [])]


async def in_force(call: Call) -> Held | None:
    """What specialists read: an edited file, else the newest that a human wrote or a review approved."""
    place = FileWorkspace(call.settings.workspace_dir)
    place.check()
    pending = await _file(place)
    if not place.exists:
        return pending
    async with open_reader(call.settings) as reader:
        if pending and not await reader.store.is_stored_version(CONTEXT_PATH, _digest(pending.content)):
            return pending
        document = await reader.store.adopted_document(CONTEXT_PATH, approved_only=True)
        return _held(document) if document else None


async def store_version(call: Call, content: str) -> Held:
    """Store the text as the next version, written by a human, and as the file. An edit of the file that nobody has
    taken in becomes a version of its own first. Makes the workspace when there is none."""
    from marketeer.engine.library import Library

    async with open_office(call.settings) as office:
        office.workspace.make_folders()
        library = Library(office.store, office.workspace, office.clock)
        await library.refresh(CONTEXT_PATH)
        document = await office.store.add_document(
            Document(
                path=CONTEXT_PATH,
                kind=DocumentKind.CONTEXT,
                content=content,
                author=Author.HUMAN,
                rehearsal=False,
                created_at=office.clock.now(),
            )
        )
        await library.mirror(CONTEXT_PATH, document.version)
        return _held(document)


async def _stored(store: SqliteStore) -> list[Document]:
    newest = await store.document(CONTEXT_PATH)
    numbers = range(1, (newest.version if newest else 0) + 1)
    found: Sequence[Document | None] = [await store.document(CONTEXT_PATH, number) for number in numbers]
    return [document for document in found if document is not None]


async def _file(place: FileWorkspace) -> Held | None:
    raw = await place.read(CONTEXT_PATH)
    if raw is None:
        return None
    try:
        content = raw.decode("utf-8")
    except UnicodeDecodeError:
        return None  # set aside as .rejected by whoever works here next
    if not content.strip() or "\0" in content:
        return None
    changed = datetime.fromtimestamp(place.resolve(CONTEXT_PATH).stat().st_mtime, UTC)
    return Held(content=content, version=None, who=HUMAN, at=changed)


def _held(document: Document) -> Held:
    who = HUMAN if document.author is Author.HUMAN else document.task_id or "the team"
    return Held(content=document.content, version=document.version, who=who, at=document.created_at)


def _digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()
