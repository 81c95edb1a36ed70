"""The library: documents in the store, their files in the workspace, and the people who edit them.

A file whose hash is any stored version is ours and may be rewritten. Empty, not UTF-8 or with NUL it is set aside as
`.rejected`. Anything else is a human's version: it is stored, and it wins over what the machine made meanwhile.
"""

from __future__ import annotations

import asyncio
import hashlib
from weakref import WeakValueDictionary

from marketeer.domain.document import CONTEXT_PATH, Author, Document, DocumentKind, tree_path
from marketeer.domain.task import TaskStatus
from marketeer.logs import get_logger
from marketeer.ports import Clock, Store, Workspace

log = get_logger(__name__)

_KIND_BY_FOLDER = {
    "context": DocumentKind.CONTEXT,
    "inputs": DocumentKind.INPUT,
    "outputs": DocumentKind.OUTPUT,
    "reviews": DocumentKind.REVIEW,
    "goals": DocumentKind.REPORT,
    "memory": DocumentKind.LEARNINGS,
}


class Library:
    """Reads what is in force and mirrors what was made. `warnings` collects what a person should hear of."""

    def __init__(self, store: Store, workspace: Workspace, clock: Clock) -> None:
        self._store = store
        self._workspace = workspace
        self._clock = clock
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self.warnings: list[str] = []

    async def in_force(self, path: str, version: int | None = None) -> Document | None:
        """The pinned version (None: the newest), or what a human has put in its place since."""
        await self.look(path)
        found = await self._store.document(path)
        while found is not None and version is not None and found.version > version:
            if found.author is Author.HUMAN:
                break
            found = await self._store.document(path, found.version - 1)
        return found

    async def product_context(self, *, rehearsal: bool) -> Document | None:
        """The product context in force. A rehearsal reads the real one, and its own where there is none."""
        real = await self._approved_context(CONTEXT_PATH)
        if real is not None or not rehearsal:
            return real
        return await self._approved_context(tree_path(CONTEXT_PATH, rehearsal=True))

    async def _approved_context(self, path: str) -> Document | None:
        """The newest version that a human wrote or a review approved: cut, rejected or unread ones bind nobody."""
        await self.look(path)
        found = await self._store.document(path)
        while found is not None and not await self._is_adopted(found, approved=True):
            found = await self._store.document(path, found.version - 1)
        return found

    async def _is_adopted(self, document: Document, *, approved: bool = False) -> bool:
        """Whether its task has taken this version for its output (and, when asked, seen it approved)."""
        if document.truncated:
            return False
        made_by_task = document.kind in (DocumentKind.OUTPUT, DocumentKind.CONTEXT)
        if document.author is Author.HUMAN or not made_by_task or document.task_id is None:
            return True
        task = await self._store.find_task(document.task_id)
        return task.output_version == document.version and (not approved or task.status is TaskStatus.APPROVED)

    async def look(self, path: str) -> bool:
        """Take in a human's edit of the file. True when the file is a human's and must not be overwritten."""
        # Tasks of one phase look at their common inputs at the same moment: an edit is one version all the same.
        lock = self._locks.setdefault(path, asyncio.Lock())
        async with lock:
            return await self._look(path)

    async def _look(self, path: str) -> bool:
        content = await self._workspace.read(path)
        if content is None:
            return False
        if await self._store.is_stored_version(path, hashlib.sha256(content).hexdigest()):
            return await self._is_humans(path, content)
        text = _readable(content)
        if text is None:
            await self._reject(path, content)
            return False
        known = await self._store.document(path)
        stored = await self._store.add_document(
            Document(
                path=path,
                kind=known.kind if known else _kind_of(path),
                content=text,
                author=Author.HUMAN,
                rehearsal=path.startswith("rehearsal/"),
                created_at=self._clock.now(),
                goal_id=known.goal_id if known else None,
                task_id=known.task_id if known else None,
            )
        )
        await self._store.mark_mirrored(path, stored.version)
        log.info("human_version_stored", path=path, version=stored.version)
        return True

    async def _is_humans(self, path: str, content: bytes) -> bool:
        newest = await self._store.document(path)
        same = newest is not None and newest.content.encode() == content
        return same and newest is not None and newest.author is Author.HUMAN

    async def _reject(self, path: str, content: bytes) -> None:
        await self._workspace.write(f"{path}.rejected", content)
        warning = f"{path} was empty or not readable text: kept as {path}.rejected"
        self.warnings.append(warning)
        log.warning("file_rejected", path=path)
        belongs = await self._newest_adopted(path)
        if belongs is not None:
            await self._workspace.write(path, belongs.content.encode())

    async def _newest_adopted(self, path: str) -> Document | None:
        """What the file should hold: a version that no task adopted stays in the store."""
        found = await self._store.document(path)
        while found is not None and not await self._is_adopted(found):
            found = await self._store.document(path, found.version - 1)
        return found

    async def mirror(self, path: str, version: int) -> None:
        """Write a stored version to its file, unless a human's version lies there."""
        if await self.look(path):
            log.info("mirror_skipped", path=path, version=version)
        else:
            document = await self._store.document(path, version)
            if document is not None:
                await self._workspace.write(path, document.content.encode())
        await self._store.mark_mirrored(path, version)

    async def mirror_missing(self) -> None:
        """Whatever an earlier process stored and did not get to write."""
        for path, version in await self._store.unmirrored():
            await self.mirror(path, version)

    async def restore(self, path: str) -> None:
        """Take in an edit, or rewrite a file that is missing or torn."""
        if await self.look(path):
            return
        belongs = await self._newest_adopted(path)
        if belongs is not None and await self._workspace.read(path) != belongs.content.encode():
            await self._workspace.write(path, belongs.content.encode())


def _readable(content: bytes) -> str | None:
    if b"\0" in content or not content.strip():
        return None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _kind_of(path: str) -> DocumentKind:
    parts = path.split("/")
    folder = parts[1] if parts[0] == "rehearsal" and len(parts) > 1 else parts[0]
    return _KIND_BY_FOLDER.get(folder, DocumentKind.INPUT)
